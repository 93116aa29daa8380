"""Writes made-up walks as real Garmin FIT bytes: what a watch's activity file holds, nothing more.

Source: Garmin FIT protocol (header, definition and data messages, checksums) and profile 21 (field
numbers, scales).
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.devices.fit_frames import crc16
from pipelines.files import write_bytes_atomic

RECORD_COLUMNS = ("t_s", "distance_m", "speed_mps", "hr_bpm", "cadence_rpm")
FENIX_5 = 2697
WALKING = 11
_GARMIN, _ACTIVITY_FILE = 1, 4
_FIT_EPOCH = dt.datetime(1989, 12, 31)
_PROTOCOL, _PROFILE = 0x20, 2100
_EVENT_SESSION, _EVENT_LAP, _EVENT_ACTIVITY, _STOP = 8, 9, 26, 1

# base type: number on the wire, numpy type, value that means "missing"
ENUM, U8, U16, U32 = (
    (0x00, "u1", 0xFF),
    (0x02, "u1", 0xFF),
    (0x84, "<u2", 0xFFFF),
    (0x86, "<u4", 0xFFFFFFFF),
)
U32Z = (0x8C, "<u4", 0)
Field = tuple[int, tuple[int, str, int], float, object]  # number, base type, scale, value or values


def write_activity(
    path: Path,
    *,
    serial: int,
    start_utc: dt.datetime,
    records: pl.DataFrame | Sequence[Sequence[float | None]],
    product: int = FENIX_5,
    sport: int = WALKING,
) -> None:
    """Writes one activity of one session and one lap; the same arguments give the same bytes.

    `records` has the columns RECORD_COLUMNS in that order, missing values as None: seconds since
    the start (whole, rising), metres so far, and strides (not steps) a minute. `start_utc` is naive
    UTC, on a whole second.
    """
    write_bytes_atomic(path, activity_bytes(serial, start_utc, records, product, sport))


def activity_bytes(
    serial: int,
    start_utc: dt.datetime,
    records: pl.DataFrame | Sequence[Sequence[float | None]],
    product: int = FENIX_5,
    sport: int = WALKING,
) -> bytes:
    """The bytes of `write_activity`."""
    table = records.to_numpy() if isinstance(records, pl.DataFrame) else np.array(records, object)
    columns = table.astype(np.float64).reshape(-1, len(RECORD_COLUMNS)).T
    start_s = int((start_utc - _FIT_EPOCH).total_seconds())
    t_s, distance_m, speed_mps, hr_bpm, cadence_rpm = columns
    end_s = start_s + int(t_s[-1])
    body = b"".join(
        (
            messages(0, 0, _file_id(serial, product, start_s)),
            messages(1, 23, _device_info(serial, product, start_s)),
            messages(
                2,
                20,
                [
                    (253, U32, 1, start_s + t_s),
                    (5, U32, 100, distance_m),
                    (6, U16, 1000, speed_mps),
                    (3, U8, 1, hr_bpm),
                    (4, U8, 1, np.floor(cadence_rpm)),
                    (53, U8, 128, cadence_rpm - np.floor(cadence_rpm)),
                ],
            ),
            messages(3, 19, _totals(start_s, end_s, columns, _LAP_FIELDS, sport)),
            messages(4, 18, _totals(start_s, end_s, columns, _SESSION_FIELDS, sport)),
            messages(5, 34, _activity(end_s, end_s - start_s)),
        )
    )
    return fit_file(body)


def fit_file(body: bytes) -> bytes:
    """One FIT file around definition and data messages: header, messages, both checksums."""
    header = struct.pack("<BBHI4s", 14, _PROTOCOL, _PROFILE, len(body), b".FIT")
    header += struct.pack("<H", crc16(header))
    return header + body + struct.pack("<H", crc16(header + body))


_SESSION_FIELDS = {
    "event": 0, "event_type": 1, "start": 2, "sport": 5, "elapsed": 7, "timer": 8, "distance": 9,
    "cycles": 10, "speed_mean": 14, "speed_max": 15, "hr_mean": 16, "hr_max": 17, "cadence": 18,
    "cadence_fraction": 92,
}  # fmt: skip
_LAP_FIELDS = {
    "event": 0, "event_type": 1, "start": 2, "sport": 25, "elapsed": 7, "timer": 8, "distance": 9,
    "cycles": 10, "speed_mean": 13, "speed_max": 14, "hr_mean": 15, "hr_max": 16, "cadence": 17,
    "cadence_fraction": 80,
}  # fmt: skip


def _totals(
    start_s: int, end_s: int, columns: np.ndarray, number: dict[str, int], sport: int
) -> list[Field]:
    """The fields of a lap or session: sums and means over the records."""
    _, distance_m, speed_mps, hr_bpm, cadence_rpm = columns
    elapsed_s = end_s - start_s
    total_m = _over(np.nanmax, distance_m) - _over(np.nanmin, distance_m)
    moving = np.where(cadence_rpm > 0, cadence_rpm, np.nan)
    cadence = _over(np.nanmean, moving)
    cadence = np.round(cadence * 128) / 128
    strides = np.nan_to_num(cadence_rpm).mean() * elapsed_s / 60
    event = _EVENT_SESSION if number is _SESSION_FIELDS else _EVENT_LAP
    return [
        (253, U32, 1, end_s),
        (number["start"], U32, 1, start_s),
        (number["elapsed"], U32, 1000, elapsed_s),
        (number["timer"], U32, 1000, elapsed_s),
        (number["distance"], U32, 100, total_m),
        (number["cycles"], U32, 1, np.nan if np.isnan(cadence) else strides),
        (number["speed_mean"], U16, 1000, total_m / elapsed_s if elapsed_s else np.nan),
        (number["speed_max"], U16, 1000, _over(np.nanmax, speed_mps)),
        (number["event"], ENUM, 1, event),
        (number["event_type"], ENUM, 1, _STOP),
        (number["sport"], ENUM, 1, sport),
        (number["hr_mean"], U8, 1, _over(np.nanmean, hr_bpm)),
        (number["hr_max"], U8, 1, _over(np.nanmax, hr_bpm)),
        (number["cadence"], U8, 1, np.floor(cadence)),
        (number["cadence_fraction"], U8, 128, cadence - np.floor(cadence)),
    ]


def _file_id(serial: int, product: int, start_s: int) -> list[Field]:
    return [
        (3, U32Z, 1, serial),
        (4, U32, 1, start_s),
        (1, U16, 1, _GARMIN),
        (2, U16, 1, product),
        (0, ENUM, 1, _ACTIVITY_FILE),
    ]


def _device_info(serial: int, product: int, start_s: int) -> list[Field]:
    creator = 0
    return [
        (253, U32, 1, start_s),
        (3, U32Z, 1, serial),
        (2, U16, 1, _GARMIN),
        (4, U16, 1, product),
        (0, U8, 1, creator),
    ]


def _activity(end_s: int, timer_s: int) -> list[Field]:
    return [
        (253, U32, 1, end_s),
        (0, U32, 1000, timer_s),
        (1, U16, 1, 1),
        (2, ENUM, 1, 0),
        (3, ENUM, 1, _EVENT_ACTIVITY),
        (4, ENUM, 1, _STOP),
    ]


def messages(local: int, kind: int, fields: list[Field]) -> bytes:
    """One definition, then one data message per value of the longest field."""
    n_rows = max(np.size(value) for *_, value in fields)
    row_type = [("header", "u1"), *((f"f{i}", base[1]) for i, (_, base, *_) in enumerate(fields))]
    rows = np.empty(n_rows, dtype=row_type)
    rows["header"] = local
    definition = struct.pack("<BBBHB", 0x40 | local, 0, 0, kind, len(fields))
    for i, (number, base, scale, value) in enumerate(fields):
        rows[f"f{i}"] = _encoded(value, scale, base)
        definition += struct.pack("BBB", number, np.dtype(base[1]).itemsize, base[0])
    return definition + rows.tobytes()


def _encoded(value: object, scale: float, base: tuple[int, str, int]) -> np.ndarray:
    """Values as whole numbers of the wire type; missing as its own mark, too large as an error."""
    _, type_name, missing = base
    scaled = np.round(np.asarray(value, dtype=np.float64) * scale)
    there = ~np.isnan(scaled)
    if np.any((scaled[there] < 0) | (scaled[there] > np.iinfo(type_name).max)):
        raise ValueError(f"a value does not fit into {type_name} at scale {scale}")
    return np.where(there, scaled, missing).astype(type_name)


def _over(function, values: np.ndarray) -> float:
    """`function` over the values that are there; NaN, without a warning, where none is."""
    return np.nan if np.isnan(values).all() else float(function(values))
