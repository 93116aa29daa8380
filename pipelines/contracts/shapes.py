"""Shapes that readers hand on: what a file is, and its rows as text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
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
    decimal: str = "."  # XLSX: the mark that numbers get, which have none in a sheet


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


@dataclass(frozen=True)
class SignalChunk:
    """Samples in a row, without a gap, of one recording: at most about an hour of them.

    Sample `knot_index[i]` was taken at `knot_us[i]` (microseconds since 1970 on the device's clock);
    between two knots time is linear. A gap, a clock jump or a change of range starts a new chunk.
    `acc_g` is (n, 3) float32 in g on the device's own axes; `gyro_dps` the same in degrees per second.
    `findings` are (block number in the file from 1, rule) seen since the chunk before; the last chunk
    of a file may have no samples and only findings.
    """

    knot_index: np.ndarray
    knot_us: np.ndarray
    acc_g: np.ndarray
    gyro_dps: np.ndarray | None = None
    temperature_c: np.ndarray | None = None  # one per knot
    findings: tuple[tuple[int, str], ...] = ()

    def times_us(self) -> np.ndarray:
        """The time of every sample: (n,) int64, microseconds since 1970 on the device's clock."""
        from pipelines.contracts.sample_times import (
            between,
        )  # only readers of samples wait for numba

        times_us = np.empty(len(self.acc_g), np.int64)
        between(self.knot_index.astype(np.int64), self.knot_us.astype(np.int64), times_us)
        return times_us


@dataclass(frozen=True)
class SignalFile:
    """What a file of raw samples says of itself, and its samples, decoded as they are asked for.

    `chunks()` starts from the beginning every time, holds one chunk in memory, and raises nothing
    but `DeliveryRefused`. `is_utc` says whether the device's clock is UTC; else it is the wall clock
    of the place where the device was set up, without a zone.
    """

    maker: str
    model: str | None
    device_serial: str | None
    rate_hz: float  # as set up; what was measured follows from the knots
    range_g: float | None
    is_utc: bool
    chunks: Callable[[], Iterator[SignalChunk]]
    clock_offset_s: float | None = None  # device minus computer at download, where the file says it
    placement: str | None = None  # where it was worn, if the file says so
    is_slow: bool = False  # what was decoded is cheaper to keep than to decode anew
