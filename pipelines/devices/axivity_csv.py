"""Axivity samples as OmGui and its converters export them (CSV): a time and x, y, z in g a line.

Times are seconds since 1970 or year-first stamps, and in both the wall clock of the device: it was
set to the computer that configured it. The file names neither device nor rate nor range; the rate is
measured and the nearest one that the device has is taken. Findings carry the number of the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.contracts.shapes import SignalChunk, SignalFile
from pipelines.devices.format import HEAD_BYTES, Format
from pipelines.devices.sample_runs import Clock, Samples, chunks_of
from pipelines.devices.stamps import stamps_us
from pipelines.devices.table_blocks import Block, Head, csv_blocks
from pipelines.errors import DeliveryRefused

MAX_BYTES = 32 << 30  # a week at 100 Hz has 3 GB
_HEADER = re.compile(rb"Time,\s*Accel-X \(g\),\s*Accel-Y \(g\),\s*Accel-Z \(g\)")
_UNIX = rb"\d{9,10}\.\d{1,6}"
_STAMP = rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"
_VALUE = rb",-?\d{1,2}\.\d{6}"  # other tables of numbers are not written with just six decimals
_LINE = re.compile(rb"(?:" + _UNIX + rb"|" + _STAMP + rb")(?:" + _VALUE + rb"){3}(?:,|\r?\n)")
_GYRO = re.compile(rb"[^,]+(?:" + _VALUE + rb"){3}(?:,-?\d{1,4}\.\d{6}){3}(?:,|\r?$)")
_WRITTEN = "YYYY-MM-DD hh:mm:ss.fff"
_RATES_HZ = tuple(6.25 * 2**k for k in range(10))
_NEAR = 0.03
_MOST_G, _MOST_DPS = 100.0, 10_000.0
_LATEST_S = 7_258_118_400  # the year 2200
_AXES, _TURNS = ("x", "y", "z"), ("gx", "gy", "gz")
_REMEDY = "export the recording again with OmGui, or better send the .cwa file itself"


@dataclass(frozen=True)
class _Set:
    """How the lines are laid out, and how often they come."""

    head: Head
    has_stamps: bool
    has_gyro: bool
    rate_hz: float


def recognise(head: bytes) -> bool:
    """Whether the first bytes are the lines, or the header and the lines, of such an export."""
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _HEADER.match(text):
        return True
    lines = text[:1024].split(b"\n")
    whole = (lines[:-1] or lines)[:2]
    return all(_LINE.match(line + b"\n") for line in whole)


def read(path: Path, *, date_order: str | None = None) -> SignalFile:
    """The recording of one file; its first lines are read at once, the rest by `chunks()`."""
    n_bytes = path.stat().st_size
    if not 0 < n_bytes <= MAX_BYTES:
        reason = "too_large" if n_bytes else "empty"
        raise _refused(reason, f"the file has {n_bytes} bytes", path)
    opened = _open(path)
    if not any(len(chunk.acc_g) for chunk in _chunks(path, opened, n_blocks=4)):
        raise _refused("truncated", "no line is a sample", path)
    return SignalFile(
        maker="axivity",
        model=None,
        device_serial=None,
        rate_hz=opened.rate_hz,
        range_g=None,
        is_utc=False,
        chunks=partial(_chunks, path, opened),
        is_slow=True,
    )


def _open(path: Path) -> _Set:
    with path.open("rb") as file:
        data = file.read(4 * HEAD_BYTES)
    mark = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    if not recognise(data[:HEAD_BYTES]):
        raise _refused("unreadable", "the first lines are no samples of an Axivity export", path)
    lines = data[mark:].split(b"\n")
    n_above = 1 if _HEADER.match(lines[0]) else 0
    rows = [line for line in lines[n_above:-1] if line.strip()] or lines[n_above : n_above + 1]
    example = rows[0].strip() if rows else b""
    has_gyro = b"Gyro-X (d/s)" in lines[0] if n_above else bool(_GYRO.match(example))
    n_columns = max(example.count(b",") + 1, 4 + 3 * has_gyro)
    if n_columns > 32:
        raise _refused("columns_missing", f"a line has {n_columns} cells", path)
    names = ("time", *_AXES, *(_TURNS if has_gyro else ()))
    names += tuple(f"more_{i}" for i in range(n_columns - len(names)))
    head = Head(
        names=names,
        above=(),
        begins_at=mark + (len(lines[0]) + 1 if n_above else 0),
        first_line=1 + n_above,
        line_bytes=max(sum(map(len, rows)) / max(len(rows), 1) + 1, 8.0),
        is_quoted=False,
    )
    has_stamps = bool(re.match(_STAMP, example))
    return _Set(head, has_stamps, has_gyro, _rate_hz(path, head, has_stamps))


def _rate_hz(path: Path, head: Head, has_stamps: bool) -> float:
    """The rate of the device that the times of the first lines come closest to."""
    blocks = csv_blocks(path, head, {"time": _time_type(has_stamps)}, 4000)
    first = next((block.frame["time"] for block in blocks if block.frame.height), None)
    us = np.zeros(0) if first is None else _times_us(first, has_stamps)
    us = us[us >= 0]
    steps = np.diff(us)
    steps = steps[steps > 0]
    if not len(steps):
        raise _refused("truncated", "fewer than two lines have a time, so there is no rate", path)
    usual = steps[np.abs(steps - np.median(steps)) <= 0.5 * np.median(steps)]
    measured = 1e6 / float(usual.mean())  # steps rounded to the millisecond come in two lengths
    nearest = min(_RATES_HZ, key=lambda rate: abs(np.log(rate / measured)))
    rate = nearest if abs(measured / nearest - 1) <= _NEAR else round(measured, 1)
    if not 1 <= rate <= 5000:
        raise _refused("unreadable", "the lines are not as far apart as samples are", path)
    return float(rate)


def _time_type(has_stamps: bool) -> pl.DataType:
    return pl.String if has_stamps else pl.Float64


def _times_us(time: pl.Series, has_stamps: bool) -> np.ndarray:
    """Microseconds since 1970, -1 where the cell is no time."""
    if has_stamps:
        return stamps_us(time, _WRITTEN)
    seconds = time.fill_null(-1).fill_nan(-1).to_numpy()
    fits = (seconds > 0) & (seconds < _LATEST_S)
    return np.where(fits, np.round(np.where(fits, seconds, 0) * 1e6), -1).astype(np.int64)


def _chunks(path: Path, opened: _Set, n_blocks: int | None = None) -> Iterator[SignalChunk]:
    return chunks_of(_blocks(path, opened, n_blocks), Clock(opened.rate_hz, path.name), None)


def _blocks(path: Path, opened: _Set, n_blocks: int | None) -> Iterator[Samples]:
    columns = [*_AXES, *(_TURNS if opened.has_gyro else ())]
    types = {"time": _time_type(opened.has_stamps), **dict.fromkeys(columns, pl.Float32)}
    blocks = csv_blocks(path, opened.head, types, round(3600 * opened.rate_hz))
    for number, block in enumerate(blocks):
        if number == n_blocks:
            return
        values = block.frame.select(columns).fill_null(np.nan).to_numpy()
        times = _times_us(block.frame["time"], opened.has_stamps)
        good = (times >= 0) & (np.abs(values[:, :3]) < _MOST_G).all(axis=1)
        good &= (np.abs(values[:, 3:]) < _MOST_DPS).all(axis=1)
        yield Samples(
            row_no=block.first_row + np.arange(block.frame.height),
            time_us=times,
            is_good=good,
            acc_g=np.ascontiguousarray(values[:, :3]),
            gyro_dps=np.ascontiguousarray(values[:, 3:]) if opened.has_gyro else None,
            findings=_cut(block),
        )


def _cut(block: Block) -> tuple[tuple[int, str], ...]:
    return ((block.first_row + block.frame.height, "truncated_end"),) if block.is_cut else ()


def _refused(reason: str, what: str, path: Path) -> DeliveryRefused:
    return DeliveryRefused(reason, what, where=path.name, remedy=_REMEDY)


FORMAT = Format(name="axivity_csv", makers=("Axivity",), recognise=recognise, read=read)
