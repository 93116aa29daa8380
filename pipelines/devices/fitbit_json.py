"""Fitbit's JSON exports: minutes of steps, and logged exercises.

Times are written without a zone. Steps and exercises are taken for UTC: owners of public exports
found that so for exercises in Australia (2023) and for steps in India (2026), where calories and
sleep were local. Other readers, GGIRread among them, take all for local; the file cannot tell.
A series says nowhere what it counts, so that is told from its values: distance is centimetres a
minute (a single step has 30 at least), calories have decimals, floors come in tens, daily
totals are a day apart. A file that fits several of them is refused.
Source: record layouts and units in danlsn/fitport (README); readFitbit of wadpac/GGIRread.
"""

from __future__ import annotations

import json
import re

import numpy as np
import polars as pl

from pipelines.contracts.shapes import DeviceFile
from pipelines.devices.export_cells import (
    BOUT_SCHEMA,
    ON_FOOT,
    label,
    number,
    positive,
    ratio,
    sport,
    whole,
)
from pipelines.devices.utc_slots import slots
from pipelines.errors import DeliveryRefused

_STAMP = "%m/%d/%y %H:%M:%S"
_STAMP_AT = r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d"
_OBJECTS = r"\s*\[\s*\{\s*"
_SERIES = re.compile(_OBJECTS + rf'"dateTime"\s*:\s*"{_STAMP_AT}"\s*,\s*"value"\s*:\s*(["\d{{])')
_LOG = re.compile(_OBJECTS + r'"logId"\s*:\s*\d+\s*,')
# a month of minutes has 43,200 objects, a file of 100 exercises about 3,000
_MAX_OBJECTS, _MAX_COMMAS, _MAX_DIGITS = 150_000, 400_000, 20
_MAX_LOGS = 5000
_MOST_STEPS_A_MINUTE = 300
_LEAST_CM = 30  # the shortest step; less than this in a minute cannot be a distance
_DAY_S, _EPOCH_S = 86_400, 60
_METRES = {"kilometer": 1000.0, "mile": 1609.344, "meter": 1.0}
_MAX_MS = 86_400_000.0


def kind_of(head: str) -> str | None:
    """`series`, `nested` (one object per time), `sleep` or `exercise`; None for other JSON."""
    series = _SERIES.match(head)
    if series:
        return "nested" if series[1] == "{" else "series"
    if not _LOG.match(head):
        return None
    logs = ("sleep", '"dateOfSleep"'), ("exercise", '"activityName"')
    return next((kind for kind, name in logs if name in head), None)


def entries(text: str, where: str) -> list:
    """The list that the file holds; refused where it breaks off, nests or swells."""
    if not text.rstrip().endswith("]"):
        raise DeliveryRefused(
            "truncated", "the list does not end", where=where, remedy="export or copy it again"
        )
    if text.count("{") + text.count("[") > _MAX_OBJECTS or text.count(",") > _MAX_COMMAS:
        raise DeliveryRefused(
            "too_large", f"more than {_MAX_OBJECTS} entries", where=where,
            remedy="send the files of the export one by one",
        )  # fmt: skip
    try:
        found = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=lambda digits: int(digits) if len(digits) <= _MAX_DIGITS else None,
            parse_constant=lambda name: None,
        )
    except (ValueError, RecursionError):
        raise DeliveryRefused(
            "unreadable", "the file is not JSON all through", where=where,
            remedy="export it again, and send it without opening it in another program",
        ) from None  # fmt: skip
    if not isinstance(found, list):
        raise DeliveryRefused(
            "unreadable", "the file is no list", where=where, remedy="export it again"
        )
    return found


def _object(pairs: list[tuple[str, object]]) -> dict | None:
    # with a name twice, nobody can say which of the two values was meant
    made = dict(pairs)
    return made if len(made) == len(pairs) else None


def step_slots(found: list, where: str) -> DeviceFile:
    """The steps of one series in quarter hours of UTC; refused where it counts something else.

    `row_no` is the number of the entry in the file. A minute without an entry stays absent.
    """
    fields = [
        (entry.get("dateTime"), entry.get("value")) if isinstance(entry, dict) else (None, None)
        for entry in found
    ]
    frame = (
        pl.DataFrame(
            {
                "stamp": [at if isinstance(at, str) and at.isascii() else None for at, _ in fields],
                "value": [number(value) for _, value in fields],
            },
            schema={"stamp": pl.String, "value": pl.Float64},
        )
        .with_row_index("row_no", offset=1)
        .with_columns(
            pl.col("row_no").cast(pl.Int64),
            at_s=pl.col("stamp").str.to_datetime(_STAMP, strict=False).dt.epoch("s"),
        )
    )
    read = frame.filter(pl.col("at_s").is_not_null() & pl.col("value").is_not_null())
    if len(read) * 2 < len(frame) or read.is_empty():
        raise DeliveryRefused(
            "no_epochs", f"{len(frame) - len(read)} of {len(frame)} entries cannot be read",
            where=where, remedy="export it again, and send it unopened",
        )  # fmt: skip
    _check_that_steps(read["at_s"].to_numpy(), read["value"].to_numpy(), where)
    fault = (
        pl.when(pl.col("at_s").is_null() | (pl.col("value") % 1 != 0) | pl.col("value").is_null())
        .then(pl.lit("unreadable_epoch"))
        .when(pl.col("at_s") % _EPOCH_S != 0)
        .then(pl.lit("off_grid_epoch"))
    )
    frame = frame.with_columns(fault=fault)
    good = pl.col("fault").is_null()
    frame = frame.with_columns(
        fault=pl.when(good & ~pl.struct("at_s", good).is_first_distinct())
        .then(pl.lit("repeated_epoch"))
        .otherwise("fault")
    )
    kept = frame.filter(good)
    if kept.is_empty():
        raise DeliveryRefused(
            "no_epochs", "no entry stands on a whole minute", where=where, remedy="export it again"
        )
    return DeviceFile(
        table="wear_day",
        maker="fitbit",
        model=None,
        device_serial=None,
        records=slots(
            kept["row_no"].to_numpy(), kept["at_s"].to_numpy(), kept["value"].to_numpy(), _EPOCH_S
        ),
        findings=tuple(frame.filter(~good).select("row_no", "fault").rows()),
    )


def _check_that_steps(at_s: np.ndarray, value: np.ndarray, where: str) -> None:
    """Refuses a series that is, or may be, something else than steps a minute."""
    counted = value[value > 0]
    if not len(counted):
        raise DeliveryRefused(
            "no_activity", "nothing but zeros, which every kind of series has", where=where,
            remedy="send a time in which the device was worn",
        )  # fmt: skip
    whole_days = (np.diff(at_s) % _DAY_S == 0).all()
    if (counted % 1 != 0).mean() > 0.5 or counted.max() > _MOST_STEPS_A_MINUTE or whole_days:
        raise DeliveryRefused(
            "not_used",
            "a series of distance, calories or daily totals, not of steps a minute",
            where=where,
            remedy="send the files whose names begin with steps",
        )
    if not ((counted < _LEAST_CM) & (counted % 10 != 0)).any():
        raise DeliveryRefused(
            "unknown_measure", "the values may be steps, but also floors or distance", where=where,
            remedy="send a longer time of the files whose names begin with steps",
        )  # fmt: skip


def exercises(found: list, where: str) -> tuple[DeviceFile, ...]:
    """The logged exercises, one `DeviceFile` per device that logged some.

    `row_no` is the number of the log in the file. A log that cannot be read keeps its row, empty.
    What the person typed in is left out, and a log typed in whole has finding `entered_by_hand`.
    """
    if len(found) > _MAX_LOGS:
        raise DeliveryRefused(
            "too_large", f"more than {_MAX_LOGS} exercises", where=where,
            remedy="send the files of the export one by one",
        )  # fmt: skip
    logs = [
        (row_no, log if isinstance(log, dict) else {}) for row_no, log in enumerate(found, start=1)
    ]
    devices: dict[tuple[str, str], list[tuple[int, dict]]] = {}
    for row_no, log in logs:
        devices.setdefault(_device(log), []).append((row_no, log))
    return tuple(
        DeviceFile(
            table="wear_bout",
            maker="fitbit",
            model=model or None,
            device_serial=serial or None,
            records=_bouts(own),
            findings=tuple(
                (row_no, "entered_by_hand") for row_no, log in own if log.get("logType") == "manual"
            ),
        )
        for (serial, model), own in sorted(devices.items())
    )


def _device(log: dict) -> tuple[str, str]:
    """Serial and model as the log names them; empty texts where a phone or nobody logged it."""
    source = log.get("source")
    if not isinstance(source, dict) or source.get("type") != "tracker":
        return "", ""
    return label(source.get("id")) or "", label(source.get("name")) or ""


def _bouts(logs: list[tuple[int, dict]]) -> pl.DataFrame:
    rows = [
        {"row_no": row_no, "stamp": label(log.get("startTime")), **_bout(log)}
        for row_no, log in logs
    ]
    frame = pl.DataFrame(rows, schema={**BOUT_SCHEMA, "stamp": pl.String, "lasted_ms": pl.Float64})
    start = pl.col("stamp").str.to_datetime(_STAMP, strict=False)
    lasted = pl.duration(milliseconds=pl.col("lasted_ms").cast(pl.Int64))
    return frame.with_columns(start_utc=start, end_utc=start + lasted).select(
        pl.col(name).cast(kind) for name, kind in BOUT_SCHEMA.items()
    )


def _bout(log: dict) -> dict:
    by_hand = log.get("manualValuesSpecified")
    by_hand = by_hand if isinstance(by_hand, dict) else {}
    lasted_ms = number(log.get("duration"), _MAX_MS)
    active_ms = number(log.get("activeDuration"), _MAX_MS)
    active_s = ratio(lasted_ms if active_ms is None else active_ms, 1000)
    metres = _METRES.get((label(log.get("distanceUnit")) or "").lower())
    distance = positive(log.get("distance")) if metres and not by_hand.get("distance") else None
    distance_m = distance * metres if distance else None
    steps_n = None if by_hand.get("steps") else whole(positive(log.get("steps")))
    kind = sport(log.get("activityName"))
    cadence = ratio(steps_n, active_s) if kind in ON_FOOT else None
    return {
        "lasted_ms": lasted_ms,
        "duration_s": active_s,
        "distance_m": distance_m,
        "speed_mean_mps": ratio(distance_m, active_s),
        "hr_mean_bpm": positive(log.get("averageHeartRate")),
        "cadence_mean_spm": cadence and cadence * 60,
        "steps_n": steps_n,
        "sport": kind,
    }
