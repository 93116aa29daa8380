"""Movella (Xsens) DOT recordings as its app and exporter write them (CSV).

Times come from SampleTimeFine, a counter of microseconds of 32 bits that starts again every 71.6
minutes; the first sample is at the header's start time. Where the file says the zone (GMT+8), times
are UTC. Assumes: the start time is that of the first row (phones are some 20 ms off).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.contracts.shapes import SignalChunk, SignalFile
from pipelines.devices.format import Format
from pipelines.devices.placement import placement_of
from pipelines.devices.sample_runs import Clock, Samples, chunks_of
from pipelines.devices.table_blocks import Block, Head, csv_blocks, csv_head
from pipelines.errors import DeliveryRefused

MAX_BYTES = 8 << 30  # a day at 120 Hz has 1.5 GB
RANGE_G = 16.0
_G = 9.80665
_COUNTER, _FINE = "PacketCounter", "SampleTimeFine"
_ACC, _GYRO = ("Acc_X", "Acc_Y", "Acc_Z"), ("Gyr_X", "Gyr_Y", "Gyr_Z")
_FREE = ("FreeAcc_X", "FreeAcc_Y", "FreeAcc_Z")
_TURN = ("Quat_W", "Quat_X", "Quat_Y", "Quat_Z")
_WRAP, _COUNTER_WRAP = 1 << 32, 1 << 16
_RATES_HZ = (1, 4, 10, 12, 15, 20, 30, 60, 120)
_START = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[ _T](\d{1,2}):(\d{2}):(\d{2})(?:[_.:,](\d{1,3}))?"
    r"(?:\s*(?:GMT|UTC)\s*(?:([+-])\s*(\d{1,2})(?::?(\d{2}))?)?|(?P<bare>))\s*$"
)
_REMEDY = (
    "export the recording again from the DOT app or the DOT data exporter, and send it unopened"
)


def recognise(head: bytes) -> bool:
    """Whether the first bytes hold the columns of a DOT export, and are no MT Manager text."""
    text = head.decode("utf-8-sig", errors="replace")
    return not text.startswith("//") and bool(
        re.search(r"^\"?PacketCounter\"?[,;]\"?SampleTimeFine\"?[,;]", text, re.MULTILINE)
    )


@dataclass(frozen=True)
class _Set:
    """What the header says, and which columns carry the acceleration."""

    head: Head
    delimiter: str
    start_us: int
    rate_hz: float
    columns: tuple[str, ...]


def read(path: Path, *, date_order: str | None = None) -> SignalFile:
    """The recording of one sensor; findings carry the number of the line.

    A mode that exports free acceleration and quaternions instead of acceleration gives it back by
    turning free acceleration plus gravity into the sensor's axes. Source: DOT user manual, the
    quaternion turns the sensor's axes into the earth's, whose Z points up.
    """
    n_bytes = path.stat().st_size
    if not 0 < n_bytes <= MAX_BYTES:
        reason = "too_large" if n_bytes else "empty"
        raise _refused(reason, f"the file has {n_bytes} bytes", path)
    with path.open("rb") as file:
        first = file.readline(100).decode("utf-8-sig", errors="replace").strip()
        is_semicolon = first == "sep=;" or b"PacketCounter;" in first.encode() + file.read(4096)
    delimiter = ";" if is_semicolon else ","
    head = csv_head(path, (_COUNTER, _FINE), delimiter, '"', "utf-8")
    said = _said(head.above, delimiter)
    start_us, is_utc = _start(said.get("starttime", ""), path)
    columns = _columns(head.names, path)
    rate = _rate_hz(said.get("outputrate", ""), head, delimiter, path)
    opened = _Set(head, delimiter, start_us, rate, columns)
    chunks = partial(_chunks, path, opened)
    if not any(len(chunk.acc_g) for chunk in _chunks(path, opened, n_blocks=4)):
        raise _refused("truncated", "no line below the header is a sample", path)
    return SignalFile(
        maker="movella",
        model="DOT",
        device_serial=said.get("macaddress") or said.get("serialnumber") or None,
        rate_hz=rate,
        range_g=RANGE_G,
        is_utc=is_utc,
        chunks=chunks,
        placement=placement_of(said.get("devicetag")),
        is_slow=True,
    )


def _said(above: tuple[str, ...], delimiter: str) -> dict[str, str]:
    """The lines `Key:,value` above the columns; keys without spaces and in lower case."""
    pairs = (line.partition(":") for line in above)
    return {
        re.sub(r"[^a-z]", "", key.lower()): text.strip(f' "\t{delimiter}')
        for key, colon, text in pairs
        if colon
    }


def _start(text: str, path: Path) -> tuple[int, bool]:
    """Start as microseconds since 1970, in UTC where the text says the offset from it."""
    found = _START.search(text)
    try:
        if not found:
            raise ValueError
        fraction = int((found[7] or "0").ljust(3, "0")) * 1000
        local = dt.datetime(*(int(found[i]) for i in range(1, 7)), fraction)
        offset = dt.timedelta(hours=int(found[9] or 0), minutes=int(found[10] or 0))
    except ValueError:
        raise _refused("no_start_time", "the header has no readable StartTime", path) from None
    is_utc = found["bare"] is None
    if found[8] == "-":
        offset = -offset
    if abs(offset) > dt.timedelta(hours=14) or not 1990 <= local.year <= 2199:
        raise _refused("no_start_time", "the StartTime in the header is absurd", path)
    since = (local - offset if is_utc else local) - dt.datetime(1970, 1, 1)
    return since // dt.timedelta(microseconds=1), is_utc


def _columns(names: tuple[str, ...], path: Path) -> tuple[str, ...]:
    if set(_ACC) <= set(names):
        return (*_ACC, *(_GYRO if set(_GYRO) <= set(names) else ()))
    if set(_FREE) | set(_TURN) <= set(names):
        return (*_FREE, *_TURN, *(_GYRO if set(_GYRO) <= set(names) else ()))
    raise _refused(
        "columns_missing", "neither acceleration, nor free acceleration with quaternions", path
    )


def _rate_hz(text: str, head: Head, delimiter: str, path: Path) -> float:
    """The rate in the header, or where it has none the device's rate that the counter shows."""
    found = re.match(r"(\d{1,4}(?:\.\d{1,3})?)\s*Hz", text, re.IGNORECASE)
    if found and 1 <= float(found[1]) <= 1000:
        return float(found[1])
    blocks = csv_blocks(path, head, {_FINE: pl.Int64}, 1000, delimiter=delimiter)
    fine = next((block.frame[_FINE].drop_nulls().to_numpy() for block in blocks), np.zeros(0))
    steps = np.diff(fine)
    steps = steps[steps > 0]
    measured = 1e6 / float(np.median(steps)) if len(steps) else 0.0
    nearest = min(_RATES_HZ, key=lambda rate: abs(rate - measured))
    if abs(measured / nearest - 1) > 0.02:
        raise _refused("unreadable", "neither OutputRate nor the counter tells the rate", path)
    return float(nearest)


def _chunks(path: Path, opened: _Set, n_blocks: int | None = None) -> Iterator[SignalChunk]:
    blocks = _blocks(path, opened, n_blocks)
    return chunks_of(blocks, Clock(opened.rate_hz, path.name), RANGE_G)


def _blocks(path: Path, opened: _Set, n_blocks: int | None) -> Iterator[Samples]:
    """Blocks of samples with their times; the counters go on from block to block."""
    types = {_COUNTER: pl.Int64, _FINE: pl.Int64, **dict.fromkeys(opened.columns, pl.Float32)}
    rows = round(3600 * opened.rate_hz)
    blocks = csv_blocks(path, opened.head, types, rows, delimiter=opened.delimiter)
    fine, counter, time_us = None, None, opened.start_us
    for number, block in enumerate(blocks):
        if number == n_blocks:
            return
        frame = block.frame
        values = frame.select(opened.columns).to_numpy().astype(np.float64)
        ticks = frame[_FINE].fill_null(-1).to_numpy()
        packets = frame[_COUNTER].fill_null(-1).to_numpy()
        good = np.isfinite(values).all(axis=1) & (ticks >= 0) & (packets >= 0)
        good &= (np.abs(values) < 1e5).all(axis=1) & (ticks < 1 << 52)
        at = np.flatnonzero(good)
        times = np.zeros(len(frame), np.int64)
        after_loss = np.zeros(len(frame), np.bool_)
        if len(at):
            steps = np.diff(ticks[at], prepend=ticks[at[0]] if fine is None else fine)
            if ticks[at].max() < _WRAP:  # the way round that is shorter
                steps = (steps + _WRAP // 2) % _WRAP - _WRAP // 2
            times[at] = time_us + np.cumsum(steps)
            ahead = np.diff(packets[at], prepend=packets[at[0]] - 1 if counter is None else counter)
            after_loss[at] = ahead % _COUNTER_WRAP > 1
            good[at[(ahead == 0) & (steps == 0)]] = False  # the same packet once more
            fine, counter, time_us = int(ticks[at[-1]]), int(packets[at[-1]]), int(times[at[-1]])
        yield Samples(
            row_no=block.first_row + np.arange(len(frame)),
            time_us=times,
            is_good=good,
            acc_g=_acc_g(values, opened.columns),
            gyro_dps=values[:, -3:].astype(np.float32) if _GYRO[0] in opened.columns else None,
            is_after_loss=after_loss,
            findings=_cut(block),
        )


def _cut(block: Block) -> tuple[tuple[int, str], ...]:
    return ((block.first_row + block.frame.height, "truncated_end"),) if block.is_cut else ()


def _acc_g(values: np.ndarray, columns: tuple[str, ...]) -> np.ndarray:
    if columns[0] == _ACC[0]:
        return (values[:, :3] / _G).astype(np.float32)
    earth = values[:, :3] / _G + np.array([0.0, 0.0, 1.0])
    length = np.linalg.norm(values[:, 3:7], axis=1, keepdims=True)
    turn = np.divide(values[:, 3:7], length, out=np.zeros_like(values[:, 3:7]), where=length > 0)
    w, axis = (
        turn[:, :1],
        -turn[:, 1:],
    )  # the other way round: from the earth's axes to the sensor's
    across = 2 * np.cross(axis, earth)
    return (earth + w * across + np.cross(axis, across)).astype(np.float32)


def _refused(reason: str, what: str, path: Path) -> DeliveryRefused:
    return DeliveryRefused(reason, what, where=path.name, remedy=_REMEDY)


FORMAT = Format(name="xsens_dot", makers=("Movella", "Xsens"), recognise=recognise, read=read)
