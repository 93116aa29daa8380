"""Figures drawn here are held against the schema of Vega-Lite, which a night leaves out for its time."""

from __future__ import annotations

import pytest

from pipelines.reports.layout import svg


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(svg, "VALIDATED", True)
