"""Workouts of an Apple Health export as bouts.

Distance, steps and heart rate are those that the watch wrote for the workout; where an older export
has none, steps and heart rate come from the records that the same device made meanwhile.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.devices.apple_records import (
    HEART,
    METRES,
    OTHER,
    STEPS,
    Export,
    overlapped,
    stamps_s,
)
from pipelines.devices.export_cells import ON_FOOT, number, positive, ratio, sport
from pipelines.devices.time_means import time_mean
from pipelines.devices.tracks import bout_frame, bout_row

_ACTIVITY = "HKWorkoutActivityType"
_QUANTITY = "HKQuantityTypeIdentifier"
_SECONDS = {"min": 60.0, "s": 1.0, "hr": 3600.0}
_LONGEST_S = 86_400


def bouts_by_device(
    export: Export,
) -> list[tuple[str, str | None, pl.DataFrame, list[tuple[int, str]]]]:
    """Maker, model, rows of BOUT_SCHEMA and findings per device or app; `row_no` as in `collect`.

    A workout whose times cannot be read keeps its row, without a start. Finding: `entered_by_hand`.
    """
    stamps = pl.DataFrame(
        [(told.get("startDate"), told.get("endDate")) for _, told in export.workouts],
        schema={"start": pl.String, "end": pl.String},
        orient="row",
    )
    stamps = stamps.select(start_s=stamps_s(stamps["start"]), end_s=stamps_s(stamps["end"]))
    records = {kind: _by_source(export.records[kind]) for kind in (STEPS, HEART)}
    found: dict[tuple[str, str | None], tuple[list[dict], list[tuple[int, str]]]] = {}
    for (row_no, told), (start_s, end_s) in zip(export.workouts, stamps.rows(), strict=True):
        source = export.sources[told["source"]]
        device = ("unknown", None) if source.rank == OTHER else ("apple", source.name)
        rows, findings = found.setdefault(device, ([], []))
        own = {kind: frames.get(told["source"]) for kind, frames in records.items()}
        rows.append(_bout(row_no, told, start_s, end_s, own))
        if told["by_hand"]:
            findings.append((row_no, "entered_by_hand"))
    return [
        (maker, model, bout_frame(rows), findings)
        for (maker, model), (rows, findings) in sorted(
            found.items(), key=lambda each: (each[0][0], each[0][1] or "")
        )
    ]


def _by_source(records: pl.DataFrame) -> dict[int, pl.DataFrame]:
    return {
        key[0]: own for key, own in records.sort("start_s").partition_by(
            "source", as_dict=True, include_key=False
        ).items()
    }  # fmt: skip


def _bout(
    row_no: int, told: dict, start_s: int | None, end_s: int | None, own: dict[str, pl.DataFrame]
) -> dict:
    kind = sport((told.get("workoutActivityType") or "").removeprefix(_ACTIVITY))
    has_times = start_s is not None and end_s is not None and 0 <= end_s - start_s <= _LONGEST_S
    lasts = number(told.get("duration"), _LONGEST_S)
    unit = _SECONDS.get(told.get("durationUnit"))
    duration_s = lasts * unit if lasts is not None and unit else None
    if duration_s is None and has_times:
        duration_s = float(end_s - start_s)
    on_foot = kind in ON_FOOT
    steps = _statistic(told, "StepCount", "sum", {"count": 1.0})
    heart = {
        name: _statistic(told, "HeartRate", name, {"count/min": 1.0})
        for name in ("average", "maximum")
    }
    if has_times and steps is None and on_foot:
        steps = _steps_within(own[STEPS], start_s, end_s)
    if has_times and heart["average"] is None:
        heart = _heart_within(own[HEART], start_s, end_s)
    steps_n = round(steps) if steps is not None and on_foot else None
    cadence = ratio(steps_n, duration_s)
    distance_m = _distance_m(told)
    return bout_row(
        row_no,
        start_s=float(start_s) if has_times else np.nan,
        end_s=float(end_s) if has_times else np.nan,
        duration_s=np.nan if duration_s is None else duration_s,
        distance_m=np.nan if distance_m is None else distance_m,
        hr_mean_bpm=heart["average"],
        hr_max_bpm=heart["maximum"],
        cadence_mean_spm=cadence and cadence * 60,
        steps_n=steps_n,
        sport=kind,
    )


def _statistic(told: dict, kind: str, name: str, units: dict[str, float]) -> float | None:
    stats = told["stats"].get(_QUANTITY + kind, {})
    value, factor = positive(stats.get(name)), units.get(stats.get("unit"))
    return value * factor if value is not None and factor else None


def _distance_m(told: dict) -> float | None:
    own = [
        _statistic(told, kind.removeprefix(_QUANTITY), "sum", METRES)
        for kind in told["stats"]
        if kind and kind.startswith(_QUANTITY + "Distance")
    ]
    value, factor = positive(told.get("totalDistance")), METRES.get(told.get("totalDistanceUnit"))
    whole = value * factor if value is not None and factor else None
    return next((metres for metres in own if metres is not None), whole)


def _steps_within(steps: pl.DataFrame | None, start_s: int, end_s: int) -> float | None:
    """Steps of the same device, those of a record that only partly lies within by its share."""
    if steps is None:
        return None
    rows, share = overlapped(steps, start_s, end_s)
    return float((steps["value"].to_numpy()[rows] * share).sum()) if len(rows) else None


def _heart_within(heart: pl.DataFrame | None, start_s: int, end_s: int) -> dict[str, float | None]:
    """Mean over time and highest heart rate that the same device noted."""
    if heart is None:
        return {"average": None, "maximum": None}
    at_s = heart["start_s"].to_numpy()
    rows = slice(*np.searchsorted(at_s, [start_s, end_s + 1]))
    bpm = heart["value"].to_numpy()[rows]
    if not len(bpm):
        return {"average": None, "maximum": None}
    return {"average": time_mean(bpm, at_s[rows].astype(float)), "maximum": float(bpm.max())}
