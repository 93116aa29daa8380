"""A table of acceleration samples (CSV or Parquet) that a clinic declares under `imu` of a file kind.

Nothing in such a file says what it is, so there is no FORMAT: the caller has the declaration. The
first rows must bear it out: with the declared unit, acceleration at rest is about 1 g.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.contracts.imu import ImuStart, ImuTable
from pipelines.contracts.shapes import Layout, SignalChunk, SignalFile
from pipelines.devices.sample_runs import Clock, Samples, chunks_of
from pipelines.devices.stamps import stamps_us
from pipelines.devices.table_blocks import (
    MAX_BYTES,
    Block,
    Head,
    csv_blocks,
    csv_head,
    is_parquet,
    parquet_blocks,
)
from pipelines.errors import DeliveryRefused

_TO_G = {"g": 1.0, "mg": 1e-3, "m/s2": 1 / 9.80665}
_TO_DPS = {"deg/s": 1.0, "rad/s": 180 / np.pi}
_US_PER = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}
_LATEST_US = 7_258_118_400_000_000  # the year 2200
_FIRST_ROWS = 5000
_CHUNK_ROWS = 1_000_000
_ABOUT_ONE_G = (0.3, 3.0)  # median of the magnitude; another unit is further off
_REMEDY = "compare the file with its `imu` under schemas/clinics, and export it again if it differs"


@dataclass(frozen=True)
class _Table:
    """A file, its declaration and what was found at its top."""

    path: Path
    imu: ImuTable
    layout: Layout
    decimal: str
    head: Head | None  # of a CSV
    start_us: int | None = None
    first_count: float = 0.0  # of a column that counts samples
    device_serial: str | None = None


def read_declared(
    path: Path,
    imu: ImuTable,
    *,
    layout: Layout | None = None,
    decimal: str = ".",
    start_text: str | None = None,
    placement: str | None = None,
) -> SignalFile:
    """The recording of a declared table; findings carry the line (CSV) or row (Parquet).

    `start_text` is the group `start` of the file's name where the declaration says the start is
    there. Refused where a declared column is not there, no row is a sample, or the values of the
    first rows cannot be in the declared unit.
    """
    n_bytes = path.stat().st_size
    if not 0 < n_bytes <= MAX_BYTES:
        reason = "too_large" if n_bytes else "empty"
        raise _refused(reason, f"the file has {n_bytes} bytes", path)
    layout = layout or Layout()
    head = (
        None
        if is_parquet(path)
        else csv_head(path, imu.columns, layout.delimiter, layout.quote, layout.encoding)
    )
    table = _Table(path, imu, layout, decimal, head)
    first = next((block.frame for block in _blocks(table, _FIRST_ROWS)), pl.DataFrame())
    if not len(first):
        raise _refused("no_samples", "there is no row below the header", path)
    table = _opened(table, first, start_text)
    _check_unit(first, table)
    chunks = partial(_chunks, table)
    if not any(len(chunk.acc_g) for chunk in itertools.islice(chunks(), 2)):
        raise _refused("no_samples", "no row near the top is a sample", path)
    return SignalFile(
        maker=imu.maker,
        model=imu.model,
        device_serial=table.device_serial,
        rate_hz=imu.rate_hz,
        range_g=imu.range_g,
        is_utc=imu.clock == "utc",
        chunks=chunks,
        placement=placement,
        is_slow=True,
    )


def _opened(table: _Table, first: pl.DataFrame, start_text: str | None) -> _Table:
    """The table with what its first rows and the lines above them say."""
    imu = table.imu
    above = _above(table)
    serial = imu.serial
    start_us, count = None, 0.0
    if imu.start is not None:
        start_us = _start_us(imu.start, table, first, above, start_text)
    if imu.time is not None and imu.time.unit == "samples":
        counts = first[imu.time.column].drop_nulls()
        if not len(counts):
            raise _refused("no_samples", "no row near the top has a sample number", table.path)
        count = float(counts[0])
    said = None
    if serial is not None:
        said = serial.constant or above.get(serial.preamble or "")
        if serial.column:
            said = next((text for text in first[serial.column] if text), None)
    return _Table(
        table.path, imu, table.layout, table.decimal, table.head, start_us, count, said or None
    )


def _above(table: _Table) -> dict[str, str]:
    """The texts above the header row that the layout names, by our key."""
    lines = table.head.above if table.head else ()
    strip = f" \t{table.layout.delimiter}{table.layout.quote}"
    return {
        key: line.strip(strip).removeprefix(label).strip(strip)
        for key, label in table.layout.preamble.items()
        for line in reversed(lines)
        if line.strip(strip).startswith(label)
    }


def _start_us(
    start: ImuStart,
    table: _Table,
    first: pl.DataFrame,
    above: dict[str, str],
    start_text: str | None,
) -> int:
    if start.file_name:
        text, place = start_text, "the file's name"
    elif start.column:
        text, place = first[start.column][0], f"the first row of column `{start.column}`"
    else:
        text, place = above.get(start.preamble or ""), f"the line for `{start.preamble}`"
    us = int(stamps_us(pl.Series([text or ""]), start.written)[0])
    if us < 0:
        what = f"{place} has no start written {start.written}"
        raise _refused("no_start_time", what, table.path)
    return us


def _check_unit(first: pl.DataFrame, table: _Table) -> None:
    acc = table.imu.acc
    length = np.linalg.norm(first.select(acc.columns).to_numpy().astype(float), axis=1)
    length = length[np.isfinite(length) & (length > 0)] * _TO_G[acc.unit]
    if len(length) < 20:
        return
    low, high = _ABOUT_ONE_G
    if not low <= float(np.median(length)) <= high:
        raise _refused(
            "unit_contradicted",
            f"acceleration in {acc.unit} is typically {np.median(length):.3g} g in the first rows; "
            "worn or lying, it is about 1 g",
            table.path,
        )


def _types(imu: ImuTable) -> dict[str, pl.DataType | None]:
    """How the cells of each column are read; None for time stamps that Parquet has as such."""
    types: dict[str, pl.DataType | None] = dict.fromkeys(imu.acc.columns, pl.Float32)
    if imu.gyro:
        types |= dict.fromkeys(imu.gyro.columns, pl.Float32)
    if imu.serial and imu.serial.column:
        types[imu.serial.column] = pl.String
    if imu.start and imu.start.column:
        types[imu.start.column] = pl.String
    if imu.time:
        by_unit = {None: pl.String, "ns": pl.Int64, "timestamp": None}
        types[imu.time.column] = by_unit.get(imu.time.unit, pl.Float64)
    return types


def _blocks(table: _Table, n_rows: int) -> Iterator[Block]:
    types = _types(table.imu)
    if table.head is None:
        return parquet_blocks(table.path, types, n_rows)
    if None in types.values():
        what = "the time is declared as a time stamp of Parquet, and the file is text"
        raise _refused("wrong_type", what, table.path)
    layout = table.layout
    return csv_blocks(
        table.path,
        table.head,
        types,
        n_rows,
        delimiter=layout.delimiter,
        quote=layout.quote,
        decimal=table.decimal,
    )


def _chunks(table: _Table) -> Iterator[SignalChunk]:
    rows = min(max(round(3600 * table.imu.rate_hz), 1000), _CHUNK_ROWS)
    samples = (_samples(block, table) for block in _blocks(table, rows))
    return chunks_of(samples, Clock(table.imu.rate_hz, table.path.name), table.imu.range_g)


def _samples(block: Block, table: _Table) -> Samples:
    imu, frame = table.imu, block.frame
    acc = frame.select(imu.acc.columns).to_numpy() * np.float32(_TO_G[imu.acc.unit])
    good = np.isfinite(acc).all(axis=1)
    gyro = None
    if imu.gyro:
        gyro = frame.select(imu.gyro.columns).to_numpy() * np.float32(_TO_DPS[imu.gyro.unit])
        good &= np.isfinite(gyro).all(axis=1)
    if imu.serial and imu.serial.column:
        _check_serial(frame[imu.serial.column], table)
    row_no = block.first_row + np.arange(len(frame))
    first_row = table.head.first_line if table.head else 1
    time_us, loss = _times(frame, row_no - first_row, table)
    good &= (time_us >= 0) & (time_us < _LATEST_US)
    findings = ((block.first_row + len(frame), "truncated_end"),) if block.is_cut else ()
    return Samples(row_no, time_us, good, acc, gyro, loss, findings)


def _check_serial(serials: pl.Series, table: _Table) -> None:
    if serials.drop_nulls().n_unique() > 1 or (serials != table.device_serial).any():
        raise _refused("two_devices", "the rows name more than one device", table.path)


def _times(
    frame: pl.DataFrame, place: np.ndarray, table: _Table
) -> tuple[np.ndarray, np.ndarray | None]:
    """Microseconds since 1970 of each row, -1 where unreadable; which rows follow absent ones."""
    imu, time = table.imu, table.imu.time
    start = table.start_us or 0
    if time is None:
        return start + np.round(place * (1e6 / imu.rate_hz)).astype(np.int64), None
    cells = frame[time.column]
    if time.written:
        return stamps_us(cells, time.written), None
    if time.unit == "timestamp":
        return cells.fill_null(-1).to_numpy(), None
    if time.unit == "ns":
        whole = cells.to_numpy() if cells.null_count() == 0 else cells.fill_null(-1000).to_numpy()
        us = whole // 1000
        return np.where(us < 0, -1, us + (start if time.since == "start" else 0)), None
    numbers = cells.fill_null(np.nan).to_numpy()
    if time.unit == "samples":
        us = (numbers - table.first_count) * (1e6 / imu.rate_hz)
        loss = np.diff(numbers, prepend=numbers[:1]) > 1
    else:
        us, loss = numbers * _US_PER[time.unit], None
    known = np.abs(us) < _LATEST_US
    us = np.round(np.where(known, us, 0)).astype(np.int64) + start
    return np.where(known, us, -1), loss


def _refused(reason: str, what: str, path: Path) -> DeliveryRefused:
    return DeliveryRefused(reason, what, where=path.name, remedy=_REMEDY)
