"""Backstep: the nightly data pipeline of a multi-site rehabilitation study."""

__version__ = "0.1.0"
