"""Training sessions as Polar Flow exports them (CSV): one bout per file.

A line of totals under its header, then a second header and a line per second. The first header also
names the person, with height, weight and heart rates of their own: those cells are never looked at.
Times are the wall clock of the place of training. The cadence counts strides of one leg: a run of
8.9 km/h with 73 a minute needs 146 steps of 1.02 m; on foot it is therefore doubled.
Source: headers and a running session published with the reader is_Polar_CSV_file of the TRIMP
study; Polar Flow exports of 2018 to 2026 quoted in public readers (dates day-month-year).
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from pipelines.contracts.shapes import DeviceFile
from pipelines.devices.export_cells import (
    ON_FOOT,
    label,
    number,
    positive,
    ratio,
    read_text,
    sport,
    table,
)
from pipelines.devices.format import Format
from pipelines.errors import DeliveryRefused

MAX_BYTES = 16 << 20  # a day of seconds has 6 MB
_TOTALS_BEGIN = "Name,Sport,Date,Start time,Duration,"
_SAMPLES_BEGIN = "Sample rate,Time,HR (bpm),"
_MAX_LINES = 200_000
_HR = range(30, 251)
_MPS = {"average speed (km/h)": 1 / 3.6, "average speed (mph)": 0.44704}
_METRES = {"total distance (km)": 1000.0, "total distance (mi)": 1609.344}
_DATES = {r"\d\d-\d\d-[12]\d{3}": "%d-%m-%Y", r"[12]\d{3}-\d\d-\d\d": "%Y-%m-%d"}
SCHEMA = {
    "row_no": pl.Int64,
    "start_local": pl.String,
    "duration_s": pl.Float64,
    "distance_m": pl.Float64,
    "speed_mean_mps": pl.Float64,
    "hr_mean_bpm": pl.Float64,
    "hr_max_bpm": pl.Float64,
    "cadence_mean_spm": pl.Float64,
    "sport": pl.String,
}


def recognise(head: bytes) -> bool:
    """Whether the first bytes are the header of a session's totals."""
    return head.decode("utf-8-sig", errors="replace").startswith(_TOTALS_BEGIN)


def read(path: Path, *, date_order: str | None = None) -> DeviceFile:
    """The session as one bout; `date_order` does not matter, days are written as 31-12-2026.

    `row_no` is the line of the totals. The end is left open: it depends on the clock changes of a
    zone that the file does not name. Without totals of heart rate, those of the seconds are used.
    """
    text = read_text(path, MAX_BYTES)
    if not text.startswith(_TOTALS_BEGIN):
        raise DeliveryRefused(
            "unknown_format", "no training session of Polar Flow", where=path.name,
            remedy="export the session from Polar Flow as CSV, and send it unopened",
        )  # fmt: skip
    totals_text, samples = _parts(text, path.name)
    header, rows = table(totals_text, path.name, max_rows=16)
    named = [name for name in header if name]
    if len(rows) != 1 or len(rows[0][1]) != len(header) or len(set(named)) != len(named):
        raise _cut(path.name)
    row_no, cells = rows[0]
    hr = _heart_rates(samples)
    return DeviceFile(
        table="wear_bout",
        maker="polar",
        model=None,
        device_serial=None,
        records=pl.DataFrame(
            [{"row_no": row_no, **_bout(dict(zip(header, cells, strict=True)), hr)}], schema=SCHEMA
        ),
    )


def _parts(text: str, where: str) -> tuple[str, str]:
    """The totals (a note in them may run over lines) and the lines of the seconds."""
    if text.count("\n") > _MAX_LINES:
        raise DeliveryRefused(
            "too_large", f"more than {_MAX_LINES} lines", where=where,
            remedy="send one session per file",
        )  # fmt: skip
    at = text.find("\n" + _SAMPLES_BEGIN)
    if at >= 0:
        return text[: at + 1], text[at + 1 :]
    if not text.endswith("\n"):  # a session without a sensor ends with the line of its totals
        raise _cut(where)
    return text, ""


def _cut(where: str) -> DeliveryRefused:
    return DeliveryRefused(
        "truncated",
        "the line of totals is not whole",
        where=where,
        remedy="export the session again, and send it unopened",
    )


def _heart_rates(samples: str) -> pl.Series:
    """The plausible heart rates of the seconds; the third cell of each line."""
    lines = pl.Series("line", samples.split("\n")[1:-1], dtype=pl.String)
    hr = lines.str.splitn(",", 4).struct.field("field_2").cast(pl.Int32, strict=False)
    return hr.filter(hr.is_between(_HR.start, _HR.stop - 1).fill_null(False))


def _bout(totals: dict[str, str], hr: pl.Series) -> dict:
    kind = sport(totals.get("sport"))
    duration_s = _seconds(totals.get("duration", ""))
    distance_m = _scaled(totals, _METRES)
    cadence = positive(totals.get("average cadence (rpm)")) if kind in ON_FOOT else None
    return {
        "start_local": _start(totals),
        "duration_s": duration_s,
        "distance_m": distance_m,
        "speed_mean_mps": _scaled(totals, _MPS) or ratio(distance_m, duration_s),
        "hr_mean_bpm": positive(totals.get("average heart rate (bpm)")) or hr.mean(),
        "hr_max_bpm": positive(totals.get("max heart rate (bpm)")) or hr.max(),
        "cadence_mean_spm": 2 * cadence if cadence else None,
        "sport": kind,
    }


def _scaled(totals: dict[str, str], units: dict[str, float]) -> float | None:
    """The first of the columns that has a value, in the unit of the study."""
    for name, factor in units.items():
        value = positive(totals.get(name))
        if value:
            return value * factor
    return None


def _start(totals: dict[str, str]) -> str | None:
    """Wall-clock start; None where date or time is not written as Polar Flow writes it."""
    stamp = f"{label(totals.get('date'))} {label(totals.get('start time'))}"
    for pattern, form in _DATES.items():
        if re.fullmatch(pattern + r" \d\d:\d\d:\d\d", stamp, re.ASCII):
            read = pl.Series([stamp]).str.to_datetime(form + " %H:%M:%S", strict=False)[0]
            return None if read is None else read.isoformat(sep=" ")
    return None


def _seconds(text: str) -> float | None:
    """Seconds of `HH:MM:SS`, with or without a fraction."""
    parts = [number(part) for part in text.split(":")]
    if len(parts) != 3 or None in parts:
        return None
    hours, minutes, seconds = parts
    return hours * 3600 + minutes * 60 + seconds if minutes < 60 and seconds < 60 else None


FORMAT = Format(name="polar_csv", makers=("Polar",), recognise=recognise, read=read)
