"""Writes made-up steps and exercises the way Fitbit and Google Health exports write them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence

import numpy as np

_EXERCISES = (
    "exercise_id,exercise_start,exercise_end,utc_offset,exercise_created,exercise_last_updated,"
    "activity_name,log_type,tracker_total_calories,tracker_total_steps,tracker_total_distance_mm,"
    "tracker_avg_heart_rate,tracker_peak_heart_rate,tracker_avg_speed_mm_per_second,"
    "manually_logged_total_steps,manually_logged_total_distance_mm,activity_type_probabilities"
)


def series_json(start_utc: dt.datetime, values: Sequence[object], key: str = "value") -> bytes:
    """A value a minute from `start_utc` (naive UTC); None leaves its minute out, as the maker does."""
    entries = [
        {"dateTime": f"{start_utc + dt.timedelta(minutes=i):%m/%d/%y %H:%M:%S}", key: str(value)}
        for i, value in enumerate(values)
        if value is not None
    ]
    return _pretty(entries)


def heart_rate_json(start_utc: dt.datetime, bpm: Sequence[int], every_s: int = 5) -> bytes:
    """Heart rates as the export nests them."""
    return _pretty(
        [
            {
                "dateTime": f"{start_utc + dt.timedelta(seconds=i * every_s):%m/%d/%y %H:%M:%S}",
                "value": {"bpm": int(value), "confidence": 2},
            }
            for i, value in enumerate(bpm)
        ]
    )


def exercise_log(
    start_utc: dt.datetime,
    *,
    active_s: float,
    elapsed_s: float | None = None,
    name: str = "Walk",
    distance_km: float | None = None,
    steps: int | None = None,
    hr_mean_bpm: int | None = None,
    tracker: tuple[str, str] | None = ("31739289", "Charge HR"),
    log_type: str = "tracker",
    by_hand: Sequence[str] = (),
) -> dict:
    """One log of an exercise file; `tracker` is its id and model."""
    log: dict[str, object] = {
        "logId": int((start_utc - dt.datetime(2000, 1, 1)).total_seconds()),
        "activityName": name,
        "activityTypeId": 90013,
        "activityLevel": [{"minutes": 9, "name": "sedentary"}],
        "calories": 335,
        "duration": round(1000 * (active_s if elapsed_s is None else elapsed_s)),
        "activeDuration": round(1000 * active_s),
        "logType": log_type,
        "manualValuesSpecified": {
            value: value in by_hand for value in ("calories", "distance", "steps")
        },
        "startTime": f"{start_utc:%m/%d/%y %H:%M:%S}",
        "hasGps": False,
    }
    if distance_km is not None:
        log |= {"distance": distance_km, "distanceUnit": "Kilometer"}
    if steps is not None:
        log["steps"] = steps
    if hr_mean_bpm is not None:
        log["averageHeartRate"] = hr_mean_bpm
    if tracker is not None:
        log["source"] = {"type": "tracker", "name": tracker[1], "id": tracker[0]}
    return log


def exercises_json(logs: Sequence[dict]) -> bytes:
    """A file of exercise logs."""
    return _pretty(logs)


def steps_csv(start_utc: dt.datetime, steps: Sequence[int], source: str = "Charge 6") -> bytes:
    """Steps a minute, in the export's CSV of one recorder."""
    lines = ["timestamp,steps,data source"]
    stamps = np.datetime64(start_utc, "s") + 60 * np.arange(len(steps)).astype("m8[s]")
    lines += [f"{at}Z,{n},{source}" for at, n in zip(stamps, steps, strict=True)]
    return ("\n".join(lines) + "\n").encode()


def exercises_csv(bouts: Sequence[dict]) -> bytes:
    """A `UserExercises` file; each bout has start_utc, end_utc, and the columns it fills by name."""
    names = _EXERCISES.split(",")
    lines = [_EXERCISES]
    for i, bout in enumerate(bouts):
        own = {
            "exercise_id": str(1_000_000_000 + i),
            "exercise_start": f"{bout['start_utc']:%Y-%m-%dT%H:%M:%SZ}",
            "exercise_end": f"{bout['end_utc']:%Y-%m-%dT%H:%M:%SZ}",
            "utc_offset": "+02:00",
            "activity_name": "Outdoor Walk",
            "log_type": "AUTO_DETECTED",
            "activity_type_probabilities": '"WALK: 0.9, RUN: 0.1"',
        } | {name: str(value) for name, value in bout.items() if name in names}
        lines.append(",".join(own.get(name, "") for name in names))
    return ("\n".join(lines) + "\n").encode()


def _pretty(entries: Sequence[dict]) -> bytes:
    # the export puts a space before the colon and the next object on the brace of the last
    text = json.dumps(entries, indent=2, separators=(",", " : "))
    return text.replace("[\n  {", "[{", 1).replace("},\n  {", "},{").encode()
