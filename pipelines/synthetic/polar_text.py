"""Writes a made-up training session the way Polar Flow exports it (CSV)."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Sequence

_TOTALS = (
    "Name,Sport,Date,Start time,Duration,Total distance (km),Average heart rate (bpm),"
    "Average speed (km/h),Max speed (km/h),Average pace (min/km),Max pace (min/km),Calories,"
    "Fat percentage of calories(%),Average cadence (rpm),Average stride length (cm),Running index,"
    "Training load,Ascent (m),Descent (m),Average power (W),Max power (W),Notes,Height (cm),"
    "Weight (kg),HR max,HR sit,VO2max,"
)
_SAMPLES = (
    "Sample rate,Time,HR (bpm),Speed (km/h),Pace (min/km),Cadence,Altitude (m),Stride length (m),"
    "Distances (m),Temperatures (C),Power (W),"
)


def session_csv(
    start_local: dt.datetime,
    *,
    duration_s: int,
    sport: str = "WALKING",
    distance_km: float | None = None,
    hr_bpm: Sequence[int | None] = (),
    hr_mean_bpm: int | None = None,
    speed_kmh: float | None = None,
    strides_per_min: int | None = None,
    note: str = "",
    person: str = "Made Up",
) -> bytes:
    """One session with a line per second of `hr_bpm` (None leaves the cell empty)."""
    totals = {
        "Name": person,
        "Sport": sport,
        "Date": f"{start_local:%d-%m-%Y}",
        "Start time": f"{start_local:%H:%M:%S}",
        "Duration": _clock(duration_s),
        "Total distance (km)": distance_km,
        "Average heart rate (bpm)": hr_mean_bpm,
        "Average speed (km/h)": speed_kmh,
        "Average cadence (rpm)": strides_per_min,
        "Notes": note,
        "Height (cm)": "180.0",
        "Weight (kg)": "77.0",
        "HR max": "195",
    }
    out = io.StringIO(newline="")
    out.write(_TOTALS + "\n")
    csv.writer(out, lineterminator="\n").writerow(
        ["" if totals.get(name) is None else totals[name] for name in _TOTALS.split(",")]
    )
    out.write(_SAMPLES + "\n")
    for second, bpm in enumerate(hr_bpm):
        out.write(f"1,{_clock(second)},{'' if bpm is None else bpm},4.0,15:00,50,,,,,,\n")
    return out.getvalue().encode()


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
