"""A participant's bouts as the export of one account, and hours of samples as the file of one sensor."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from pipelines.synthetic import (
    apple_health_text,
    fitbit_text,
    gpx_text,
    polar_text,
    tcx_text,
    withings_text,
)
from pipelines.synthetic.cwa_bytes import cwa_bytes
from pipelines.synthetic.geneactiv_bytes import geneactiv_bytes
from pipelines.synthetic.gt3x_bytes import gt3x_bytes
from pipelines.synthetic.worn_day import RATE_HZ

_SECOND_US = 1_000_000
_POINT_S, _M_PER_DEGREE = 5, 111_195.0  # of latitude, on a sphere of 6371 km
_PAGE = 300  # samples of a GENEActiv page
Row = dict[str, Any]


def account_bytes(device: str, bouts: pl.DataFrame, time_zone: str) -> bytes:
    """The bouts, in time order, as this account exports them; Polar's file holds one session, the last."""
    rows = bouts.sort("start_utc").rows(named=True)
    return _WRITERS[device](rows, ZoneInfo(time_zone))


def sensor_bytes(
    device: str, start_local: dt.datetime, acc_g: np.ndarray, serial: str,
    gaps_s: tuple[tuple[int, int], ...] = (), *, rate_hz: float = RATE_HZ, clock_offset_s: float | None = None,
) -> bytes:  # fmt: skip
    """The recording in this sensor's format, its clock set to the wall clock.

    `gaps_s` are seconds from the start, from and up to, that the device did not record. Axivity and GENEActiv may run
    at a `rate_hz` a little off; only a GENEActiv's file says how far its clock was off when it was read out.
    Assumes: a GENEActiv's gap begins with a page, every six seconds of what was recorded.
    """
    start_us = round((start_local - dt.datetime(1970, 1, 1)).total_seconds()) * _SECOND_US
    if device == "gt3x":
        return gt3x_bytes(start_us, RATE_HZ, acc_g, serial, lost=gaps_s)
    kept, breaks = _without(acc_g, gaps_s)
    if device == "cwa":
        return cwa_bytes(start_us, rate_hz, kept, int(serial), breaks=breaks)
    if device == "geneactiv":
        first = np.arange(0, len(kept), _PAGE)
        page_us = start_us + np.round(first * _SECOND_US / rate_hz).astype(np.int64)
        for sample, gap_us in breaks:
            page_us[first >= sample] += gap_us
        return geneactiv_bytes(
            start_us, RATE_HZ, kept, serial, location="lower back", page_start_us=page_us,
            drift_s=clock_offset_s,
        )  # fmt: skip
    raise ValueError(f"no sensor writes {device}")


def _without(
    acc_g: np.ndarray, gaps_s: tuple[tuple[int, int], ...]
) -> tuple[np.ndarray, tuple[tuple[int, int], ...]]:
    """The samples outside of the gaps, and where in them how much time is left out."""
    keep, breaks = np.ones(len(acc_g), bool), []
    for begin_s, end_s in gaps_s:
        first, last = round(begin_s * RATE_HZ), round(end_s * RATE_HZ)
        breaks.append((int(keep[:first].sum()), (end_s - begin_s) * _SECOND_US))
        keep[first:last] = False
    return acc_g[keep], tuple(breaks)


def _polar(rows: list[Row], zone: ZoneInfo) -> bytes:
    bout = rows[-1]
    return polar_text.session_csv(
        _local(bout["start_utc"], zone).replace(tzinfo=None),
        duration_s=int(bout["duration_s"]),
        distance_km=round(bout["distance_m"] / 1000, 4),
        hr_bpm=[int(bout["hr_mean_bpm"])] * int(bout["duration_s"]),
        hr_mean_bpm=int(bout["hr_mean_bpm"]),
        speed_kmh=round(bout["speed_mean_mps"] * 3.6, 2),
        strides_per_min=round(bout["cadence_mean_spm"] / 2),
    )


def _withings(rows: list[Row], zone: ZoneInfo) -> bytes:
    def measured(bout: Row) -> dict[str, float]:
        return {
            "distance": bout["distance_m"], "steps": bout["steps_n"],
            "hr_average": bout["hr_mean_bpm"], "hr_max": bout["hr_max_bpm"],
        }  # fmt: skip

    return withings_text.activities_csv([
        (_local(bout["start_utc"], zone), _local(bout["end_utc"], zone), "Walking", measured(bout))
        for bout in rows
    ])  # fmt: skip


def _fitbit(rows: list[Row], zone: ZoneInfo) -> bytes:
    return fitbit_text.exercises_json([
        fitbit_text.exercise_log(
            bout["start_utc"],
            active_s=bout["duration_s"],
            distance_km=round(bout["distance_m"] / 1000, 5),
            steps=bout["steps_n"],
            hr_mean_bpm=int(bout["hr_mean_bpm"]),
            tracker=None,
            log_type="auto_detected",
        )
        for bout in rows
    ])  # fmt: skip


def _tcx(rows: list[Row], zone: ZoneInfo) -> bytes:
    """Every walk; Garmin's site, from which they come, leaves out whose watch it was."""
    activities = []
    for bout in rows:
        points = [
            tcx_text.Point(
                bout["start_utc"] + dt.timedelta(seconds=second),
                distance_m=round(bout["speed_mean_mps"] * second, 2),
                hr_bpm=int(bout["hr_mean_bpm"]),
            )
            for second in _seconds(bout)
        ]
        lap = tcx_text.Lap(
            bout["start_utc"], [points], timer_s=bout["duration_s"], distance_m=bout["distance_m"],
            hr_mean_bpm=int(bout["hr_mean_bpm"]), hr_max_bpm=int(bout["hr_max_bpm"]),
            strides_per_min=round(bout["cadence_mean_spm"] / 2), steps=int(bout["steps_n"]),
        )  # fmt: skip
        activities.append(tcx_text.activity_xml([lap], device="Garmin Connect"))
    return tcx_text.tcx_bytes(activities)


def _gpx(rows: list[Row], zone: ZoneInfo) -> bytes:
    """Every walk, due north from where no clinic is."""
    tracks = []
    for bout in rows:
        points = [
            gpx_text.Point(
                bout["speed_mean_mps"] * second / _M_PER_DEGREE, -30.0,
                bout["start_utc"] + dt.timedelta(seconds=second), int(bout["hr_mean_bpm"]),
            )
            for second in _seconds(bout)
        ]  # fmt: skip
        tracks.append(gpx_text.track_xml([points]))
    return gpx_text.gpx_bytes(tracks, creator="StravaGPX")


def _apple_health(rows: list[Row], zone: ZoneInfo) -> bytes:
    """Workouts, and the steps of their minutes, zipped as a phone does it."""
    entries = []
    for bout in rows:
        start, end = (_local(bout[name], zone) for name in ("start_utc", "end_utc"))
        minutes = int(bout["duration_s"]) // 60
        measured = {
            "StepCount": {"sum": bout["steps_n"], "unit": "count"},
            "DistanceWalkingRunning": {"sum": bout["distance_m"] / 1000, "unit": "km"},
            "HeartRate": {
                "average": bout["hr_mean_bpm"], "maximum": bout["hr_max_bpm"], "unit": "count/min",
            },
        }  # fmt: skip
        statistics = [
            {"type": f"HKQuantityTypeIdentifier{kind}"} | {k: str(v) for k, v in told.items()}
            for kind, told in measured.items()
        ]
        begun = [start + dt.timedelta(minutes=minute) for minute in range(minutes)]
        entries += [
            apple_health_text.record_xml(
                "StepCount", at, at + dt.timedelta(minutes=1), bout["steps_n"] // minutes, "count"
            )
            for at in begun
        ]
        entries.append(
            apple_health_text.workout_xml(
                "Walking", start, end, duration_min=bout["duration_s"] / 60, statistics=statistics
            )
        )
    exported = _local(rows[-1]["end_utc"], zone) + dt.timedelta(days=1)
    return apple_health_text.export_zip(apple_health_text.export_xml(entries, exported))


def _seconds(bout: Row) -> range:
    return range(0, int(bout["duration_s"]) + 1, _POINT_S)


def _local(utc: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    return utc.replace(tzinfo=dt.UTC).astimezone(zone)


_WRITERS: dict[str, Callable[[list[Row], ZoneInfo], bytes]] = {
    "apple_health": _apple_health, "fitbit": _fitbit, "gpx": _gpx, "polar_csv": _polar, "tcx": _tcx,
    "withings_csv": _withings,
}  # fmt: skip
