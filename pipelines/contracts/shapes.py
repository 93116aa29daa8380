"""Shapes that readers hand on: what a file is, and its rows as text."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

BROKEN_SCHEMA = {"row_no": pl.Int64, "rule": pl.String, "sent": pl.String}


@dataclass(frozen=True)
class Layout:
    """How one kind of file is laid out, as its clinic declares it. Never guessed per value."""

    encoding: str = (
        "utf-8"  # declared; a BOM in the file must agree with it (utf-8-sig is accepted)
    )
    delimiter: str = ","
    quote: str = '"'
    header: tuple[str, ...] = ()  # column names that must all be in the header row; finds that row
    sheet: str | None = None  # XLSX: the worksheet
    preamble: dict[str, str] = field(default_factory=dict)  # our key -> label that starts the line
    footer: str | None = None  # a line starting with this text ends the table
    trailer_count: bool = False  # the footer carries the row count; a mismatch means truncated


@dataclass(frozen=True)
class RawTable:
    """One batch of text rows. See docs/architecture.md, Shapes."""

    rows: pl.DataFrame
    broken: pl.DataFrame
    skipped: dict[str, int]
    preamble: dict[str, str]


@dataclass(frozen=True)
class Delivery:
    """One received file, known by its content."""

    delivery_id: str
    clinic_id: str
    file_name: str
    file_kind: str
    sha256: str
    n_bytes: int
    received_utc: dt.datetime
    sent_date: dt.date | None
    revision: int
    scope_key: str
    raw_path: Path
    participant_id: str | None = None


@dataclass(frozen=True)
class DeviceFile:
    """What one wearable or lab file says of itself, and its records in study units.

    `records` has `row_no` (1-based message, line or day number in the file) and the fields of the
    contract table named by `table`, with times either `*_utc` (device knows UTC) or `*_local` text
    that the clinic's time zone must resolve. `findings` are (row_no, rule) pairs: good parts are kept.
    """

    table: str
    maker: str
    model: str | None
    device_serial: str | None
    records: pl.DataFrame
    findings: tuple[tuple[int, str], ...] = ()
