"""Sessions and records of a watch's activity file -> walking bouts in study units.

Watches count strides of one leg: a walk and a run of a fenix 5 have 61.2 and 83.7 a minute, beside
speeds and step lengths that need 135 and 171 steps a minute. On foot, cadence and cycles are
therefore doubled; in other sports they count pedal turns or strokes and are left out.
Source: Garmin FIT profile 21 (fields, units; `total_strides`, `avg_running_cadence` in strides).
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from pipelines.devices.export_cells import BOUT_SCHEMA, ON_FOOT
from pipelines.devices.fit_frames import Frames
from pipelines.devices.fit_messages import (
    FIRST_CLOCK_S,
    UNIX_OF_FIT_EPOCH,
    Columns,
    first_of,
    name_of,
)
from pipelines.devices.time_means import heart_rate, time_mean
from pipelines.errors import DeliveryRefused

_STEPS_PER_STRIDE = 2


def bouts(read_messages: dict[str, Columns], frames: Frames, where: str) -> pl.DataFrame:
    """One bout per session, or one over all records where the file has no session.

    `row_no` is the number of the session message among the file's data messages (of the first
    record message where there is no session). A start that is only seconds since power-up is left
    empty.
    """
    return pl.DataFrame(_rows(read_messages, frames, where), schema=BOUT_SCHEMA)


def _rows(read_messages: dict[str, Columns], frames: Frames, where: str) -> list[dict]:
    session, record = read_messages["session"], read_messages["record"]
    n_sessions = len(session["start_time"])
    if n_sessions != len(frames.session_nos):
        raise DeliveryRefused(
            "bad_structure",
            f"{len(frames.session_nos)} sessions are in the file and {n_sessions} can be read",
            where=where,
            remedy="export the activity again",
        )
    if n_sessions:
        return [
            _of_session(
                {name: float(column[i]) for name, column in session.items()}, record, row_no
            )
            for i, row_no in enumerate(frames.session_nos)
        ]
    if frames.first_record_no is None or not len(record["timestamp"]):
        raise DeliveryRefused(
            "no_activity",
            "the file has neither a session nor a record",
            where=where,
            remedy="check that the watch recorded, and export the activity again",
        )
    return [_of_records(record, first_of(read_messages["sport"]["sport"]), frames.first_record_no)]


def _of_session(session: dict[str, float], record: Columns, row_no: int) -> dict:
    """The bout of one session; what it leaves out comes from the records between its ends."""
    start_s = session["start_time"]
    # `timestamp` is when the message was written, seconds after the end in the samples
    end_s = _coalesce(start_s + session["total_elapsed_time"], session["timestamp"])
    inside = (record["timestamp"] >= start_s) & (record["timestamp"] <= end_s)
    of_records = _summary({name: column[inside] for name, column in record.items()})
    duration_s = _coalesce(session["total_timer_time"], session["total_elapsed_time"])
    distance_m = _coalesce(session["total_distance"], of_records["distance_m"])
    strides_per_min = session["avg_cadence"] + np.nan_to_num(session["avg_fractional_cadence"])
    strides = session["total_cycles"] + np.nan_to_num(session["total_fractional_cycles"])
    return _bout(
        row_no=row_no,
        start_s=start_s,
        end_s=end_s,
        duration_s=duration_s,
        distance_m=distance_m,
        speed_mean_mps=_coalesce(
            session["enhanced_avg_speed"], session["avg_speed"], _ratio(distance_m, duration_s)
        ),
        hr_mean_bpm=_coalesce(heart_rate(session["avg_heart_rate"]), of_records["hr_mean_bpm"]),
        hr_max_bpm=_coalesce(heart_rate(session["max_heart_rate"]), of_records["hr_max_bpm"]),
        strides_per_min=_coalesce(strides_per_min, of_records["strides_per_min"]),
        strides=strides,
        sport=name_of("sport", session["sport"]),
    )


def _of_records(record: Columns, sport: float, row_no: int) -> dict:
    """The bout from first to last record. It includes pauses: only a session knows them."""
    start_s, end_s = _least(record["timestamp"]), -_least(-record["timestamp"])
    summary = _summary(record)
    return _bout(
        row_no=row_no,
        start_s=start_s,
        end_s=end_s,
        duration_s=end_s - start_s,
        distance_m=summary["distance_m"],
        speed_mean_mps=_ratio(summary["distance_m"], end_s - start_s),
        hr_mean_bpm=summary["hr_mean_bpm"],
        hr_max_bpm=summary["hr_max_bpm"],
        strides_per_min=summary["strides_per_min"],
        strides=np.nan,
        sport=name_of("sport", sport),
    )


def _bout(
    *,
    start_s: float,
    end_s: float,
    strides_per_min: float,
    strides: float,
    sport: str | None,
    **plain,
) -> dict:
    """One record of BOUT_SCHEMA; cadence and steps only where the sport is on foot."""
    on_foot = sport in ON_FOOT
    steps = strides * _STEPS_PER_STRIDE if on_foot else np.nan
    cadence_spm = strides_per_min * _STEPS_PER_STRIDE if on_foot else np.nan
    has_clock = start_s >= UNIX_OF_FIT_EPOCH + FIRST_CLOCK_S  # False for NaN
    return {
        **{name: _or_none(value) for name, value in plain.items()},
        "start_utc": _utc(start_s) if has_clock else None,
        "end_utc": _utc(end_s) if has_clock and not np.isnan(end_s) else None,
        "cadence_mean_spm": _or_none(cadence_spm),
        "steps_n": None if np.isnan(steps) else round(steps),
        "sport": sport,
    }


def _summary(record: Columns) -> dict[str, float]:
    """Distance, heart rate and strides a minute of some records; NaN where none has the field."""
    bpm = heart_rate(record["heart_rate"])
    strides = record["cadence"] + np.nan_to_num(record["fractional_cadence"])
    # standing still is left out, as it is from the average that the watch writes into a session
    strides = np.where(strides == 0, np.nan, strides)
    return {
        "distance_m": -_least(-record["distance"]) - _least(record["distance"]),
        "hr_mean_bpm": time_mean(bpm, record["timestamp"]),
        "hr_max_bpm": -_least(-bpm),
        "strides_per_min": time_mean(strides, record["timestamp"]),
    }


def _least(values: np.ndarray) -> float:
    there = values[~np.isnan(values)]
    return float(there.min()) if len(there) else np.nan


def _coalesce(*values: float) -> float:
    return next((float(value) for value in values if not np.isnan(value)), np.nan)


def _ratio(distance_m: float, duration_s: float) -> float:
    return distance_m / duration_s if duration_s > 0 else np.nan


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def _utc(unix_s: float) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(seconds=unix_s)
