"""A participant's bouts as the export of one account, and hours of samples as the file of one sensor."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from pipelines.synthetic import fitbit_text, polar_text, withings_text
from pipelines.synthetic.cwa_bytes import cwa_bytes
from pipelines.synthetic.geneactiv_bytes import geneactiv_bytes
from pipelines.synthetic.gt3x_bytes import gt3x_bytes
from pipelines.synthetic.worn_day import RATE_HZ

_SECOND_US = 1_000_000
_PAGE = 300  # samples of a GENEActiv page
Row = dict[str, Any]


def account_bytes(device: str, bouts: pl.DataFrame, time_zone: str) -> bytes:
    """The bouts, in time order, as this account exports them. ONE_BOUT formats hold the last of them."""
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


def _local(utc: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    return utc.replace(tzinfo=dt.UTC).astimezone(zone)


_WRITERS: dict[str, Callable[[list[Row], ZoneInfo], bytes]] = {
    "fitbit": _fitbit, "polar_csv": _polar, "withings_csv": _withings,
}  # fmt: skip
