"""Withings' account export (CSV): minutes of steps, steps by day, activities.

Every measure has the same columns and no name in the file, so steps are told from their values:
they are whole, begin on whole minutes, and a minute with a few of them occurs. Distance and
calories have decimals, heart rates begin at any second, sleep states and pool laps stay small; what
may be several of them is refused. Times carry their offset from UTC. Headers of activities are in
the language of the account, so columns are known by their place beside `Data,GPS`.
The export repeats whole rows, and phone and watch share one file, minute by minute: a minute counts
once. On a public export of 86 days of 2020, minutes so summed equal Withings' own daily totals on 65
days, and are 149 steps off at most.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import polars as pl

from pipelines.contracts.shapes import DeviceFile
from pipelines.devices.export_cells import (
    BOUT_SCHEMA,
    ON_FOOT,
    number,
    positive,
    ratio,
    read_text,
    sport,
    table,
    whole,
)
from pipelines.devices.format import Format
from pipelines.devices.withings_steps import RAW_BEGIN, daily_totals, step_days
from pipelines.errors import DeliveryRefused

MAX_BYTES = 16 << 20  # ten years of minutes walked have 8 MB
_DAYS_BEGIN = "date,value"
_MAX_ACTIVITIES = 50_000
_MAX_DATA = 4000


def recognise(head: bytes) -> bool:
    """Whether the first line is one of the three headers, with a first row that fits it."""
    return _kind(head.decode("utf-8-sig", errors="replace")) is not None


def read(path: Path, *, date_order: str | None = None) -> DeviceFile:
    """Days or activities; `date_order` does not matter, dates are year first."""
    text = read_text(path, MAX_BYTES)
    kind = _kind(text[:4096])
    if kind == "minutes":
        records, findings = step_days(text, path.name)
    elif kind == "days":
        records, findings = daily_totals(text, path.name)
    elif kind == "activities":
        records, findings = _activities(text, path.name), ()
    else:
        raise DeliveryRefused(
            "unknown_format", "no table of steps or activities of a Withings export",
            where=path.name, remedy="send the files of the export as they are, unopened",
        )  # fmt: skip
    return DeviceFile(
        table="wear_bout" if kind == "activities" else "wear_day",
        maker="withings",
        model=None,
        device_serial=None,
        records=records,
        findings=tuple(findings),
    )


def _kind(text: str) -> str | None:
    first, _, rest = text.partition("\n")
    first = first.rstrip("\r")
    if first == RAW_BEGIN:
        return "minutes" if not rest or rest[4:5] == "-" and rest[10:11] == "T" else None
    if first == _DAYS_BEGIN:
        return "days" if not rest or rest[4:5] == "-" and rest[10:11] == "," else None
    cells = [cell.strip('"') for cell in first.split(",")]
    is_activities = "Data" in cells and cells[cells.index("Data") + 1 :][:1] == ["GPS"]
    return "activities" if is_activities and cells.index("Data") >= 4 else None


def _activities(text: str, where: str) -> pl.DataFrame:
    """One bout per line with measured values; a line that only holds a position is none."""
    header, rows = table(text, where, _MAX_ACTIVITIES)
    data_at = header.index("data") if "data" in header else 0
    if data_at < 4:
        raise DeliveryRefused(
            "unknown_columns", "the columns of an activity are missing", where=where,
            remedy="export again, and send it unopened",
        )  # fmt: skip
    bouts = [
        {"row_no": row_no, **(_bout(cells, data_at) if len(cells) == len(header) else {})}
        for row_no, cells in rows
    ]
    bouts = [bout for bout in bouts if not bout.pop("only_position", False)]
    if not bouts:
        raise DeliveryRefused(
            "no_activity", "the table has no activity", where=where, remedy="nothing need be sent"
        )
    return pl.DataFrame(bouts, schema=BOUT_SCHEMA)


def _bout(cells: list[str], data_at: int) -> dict:
    """Measured values of one activity; what was typed in (`manual_...`) is left out."""
    data = _data(cells[data_at])
    start, end = _utc(cells[0]), _utc(cells[1])
    elapsed_s = (end - start).total_seconds() if start and end else None
    paused_s = number(data.get("pause_duration")) or 0.0
    active_s = elapsed_s - paused_s if elapsed_s is not None else None
    active_s = active_s if active_s is not None and active_s >= 0 else None
    distance_m, steps_n = positive(data.get("distance")), whole(positive(data.get("steps")))
    kind = sport(cells[data_at - 1])
    cadence = ratio(steps_n, active_s) if kind in ON_FOOT else None
    return {
        "only_position": data == {} and cells[data_at].strip() == "{}",
        "start_utc": start,
        "end_utc": end,
        "duration_s": active_s,
        "distance_m": distance_m,
        "speed_mean_mps": ratio(distance_m, active_s),
        "hr_mean_bpm": positive(data.get("hr_average")),
        "hr_max_bpm": positive(data.get("hr_max")),
        "cadence_mean_spm": 60 * cadence if cadence else None,
        "steps_n": steps_n,
        "sport": kind,
    }


def _data(text: str) -> dict:
    if len(text) > _MAX_DATA:
        return {}
    try:
        data = json.loads(text, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _utc(text: str) -> dt.datetime | None:
    """UTC of a time with its offset; None for all else."""
    try:
        at = dt.datetime.fromisoformat(text)
        return at.astimezone(dt.UTC).replace(tzinfo=None) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


FORMAT = Format(name="withings_csv", makers=("Withings",), recognise=recognise, read=read)
