"""Points of a recorded track, and the walking bout they add up to.

Distance between points is by the haversine formula on a sphere of the Earth's mean radius: up to
0.3 % from the ellipsoid, and less than what the noise of positions adds.
Source: IUGG mean radius 6371008.8 m; Garmin's schemas ActivityExtension v2 (`RunCadence`) and
TrackPointExtension v1 (`cad`): turns a minute, which on foot are strides of one leg.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pipelines.devices.export_cells import BOUT_SCHEMA
from pipelines.devices.time_means import heart_rate, time_mean

EARTH_M = 6_371_008.8
MAX_POINTS = 400_000  # four days of seconds
_STEPS_PER_STRIDE = 2
_MOST_STRIDES = 110.0  # a minute: 220 steps; above it a file counts both legs, or nonsense
_STAMP = (
    r"^\s*((?:19[7-9]|20\d|21\d)\d-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?\s*$"
)


@dataclass
class RawPoints:
    """Texts of points as they are read, and the part of the track (between pauses) each is in."""

    time: list[str | None] = field(default_factory=list)
    lat: list[str | None] = field(default_factory=list)
    lon: list[str | None] = field(default_factory=list)
    distance: list[str | None] = field(default_factory=list)
    hr: list[str | None] = field(default_factory=list)
    strides: list[str | None] = field(default_factory=list)
    part: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Points:
    """Columns of points with a readable time, in the order of the file; NaN where missing."""

    at_s: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    distance_m: np.ndarray
    hr_bpm: np.ndarray
    strides_per_min: np.ndarray
    part: np.ndarray
    n_unreadable: int
    goes_back: bool  # the clock goes back within a part

    def between(self, first: int, stop: int) -> Points:
        """The points from one number up to another."""
        columns = ("at_s", "lat", "lon", "distance_m", "hr_bpm", "strides_per_min", "part")
        return Points(*(getattr(self, name)[first:stop] for name in columns), 0, self.goes_back)


def points_of(raw: RawPoints, *, no_zone_is_utc: bool) -> Points:
    """The points as numbers; those without a readable time are counted and left out."""
    at_s = seconds(raw.time, no_zone_is_utc=no_zone_is_utc)
    good = ~np.isnan(at_s)
    at_s, part = at_s[good], np.array(raw.part, dtype=np.int64)[good]
    lat, lon = numbers(raw.lat, -90, 90)[good], numbers(raw.lon, -180, 180)[good]
    step = np.diff(at_s)[np.diff(part) == 0]
    return Points(
        at_s=at_s,
        lat=lat,
        lon=lon,
        distance_m=numbers(raw.distance, 0, 1e7)[good],
        hr_bpm=heart_rate(numbers(raw.hr, 0, 255)[good]),
        strides_per_min=numbers(raw.strides, 0, 1000)[good],
        part=part,
        n_unreadable=int((~good).sum()),
        goes_back=bool((step < 0).any()),
    )


def seconds(texts: list[str | None], *, no_zone_is_utc: bool) -> np.ndarray:
    """Seconds since 1970 of ISO times; NaN where unreadable, or without a zone that is needed."""
    cells = pl.Series("t", texts, dtype=pl.String).str.extract_groups(_STAMP).struct.unnest()
    told = cells.select(
        stamp=pl.col("1").str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False).dt.epoch("s"),
        fraction=pl.col("2").cast(pl.Float64, strict=False).fill_null(0.0),
        sign=pl.when(pl.col("3").str.starts_with("-")).then(-1).otherwise(1),
        zone=pl.when(pl.col("3") == "Z").then(pl.lit("+0000")).otherwise("3").str.replace(":", ""),
    )
    ahead_s = pl.col("sign") * (
        pl.col("zone").str.slice(1, 2).cast(pl.Int64) * 3600
        + pl.col("zone").str.slice(3, 2).cast(pl.Int64) * 60
    )
    if no_zone_is_utc:
        ahead_s = ahead_s.fill_null(0)
    at_s = told.select(
        (pl.col("stamp") - ahead_s).cast(pl.Float64) + pl.col("fraction")
    ).to_series()
    return at_s.fill_null(np.nan).to_numpy()


def numbers(texts: list[str | None], least: float, most: float) -> np.ndarray:
    """Plain decimal numbers within a range; NaN for everything else."""
    text = pl.Series("n", texts, dtype=pl.String).str.strip_chars()
    value = pl.col("n").cast(pl.Float64, strict=False)
    plain = pl.col("n").str.contains(
        r"^[+-]?(\d{1,12}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,2})?$"
    )
    kept = text.to_frame().select(pl.when(plain & value.is_between(least, most)).then(value))
    return kept.to_series().fill_null(np.nan).to_numpy()


def path_m(points: Points) -> float:
    """Metres along the points of each part; pauses between parts are not bridged. NaN if no line."""
    there = ~(np.isnan(points.lat) | np.isnan(points.lon))
    part, lat, lon = (
        points.part[there],
        np.radians(points.lat[there]),
        np.radians(points.lon[there]),
    )
    joined = np.diff(part) == 0
    if not joined.any():
        return np.nan
    half = np.sin(np.diff(lat) / 2) ** 2
    half += np.cos(lat[1:]) * np.cos(lat[:-1]) * np.sin(np.diff(lon) / 2) ** 2
    return float((2 * EARTH_M * np.arcsin(np.sqrt(half.clip(0, 1))))[joined].sum())


def travelled_m(points: Points) -> float:
    """Metres by the file's own running distance, else along the points."""
    told = points.distance_m[~np.isnan(points.distance_m)]
    return float(told.max() - told.min()) if len(told) > 1 else path_m(points)


def moving_s(points: Points) -> float:
    """Seconds from first to last point of each part, summed; NaN where there is no point."""
    if not len(points.at_s):
        return np.nan
    step = np.diff(points.at_s)
    return float(step[(np.diff(points.part) == 0) & (step > 0)].sum())


def cadence_spm(strides_per_min: float) -> tuple[float, bool]:
    """Steps a minute of both legs, and whether the unit of the strides is in doubt (then NaN)."""
    if strides_per_min > _MOST_STRIDES:
        return np.nan, True
    return strides_per_min * _STEPS_PER_STRIDE, False


def mean_strides(points: Points) -> float:
    """Strides a minute while moving; standing still is left out, as watches do."""
    moving = np.where(points.strides_per_min == 0, np.nan, points.strides_per_min)
    return time_mean(moving, points.at_s)


def mean_hr(points: Points) -> float:
    """Mean heart rate over time, NaN where there is none."""
    return time_mean(points.hr_bpm, points.at_s)


def first_known(*values: float) -> float:
    """The first value that is not NaN, or NaN."""
    return next((float(value) for value in values if not np.isnan(value)), np.nan)


def largest(values: np.ndarray | list[float]) -> float:
    """The largest of the values that are not NaN, or NaN."""
    there = np.asarray(values, dtype=np.float64)
    there = there[~np.isnan(there)]
    return float(there.max()) if len(there) else np.nan


def bout_row(
    row_no: int, start_s: float, end_s: float, duration_s: float, distance_m: float, **more: object
) -> dict:
    """One row of BOUT_SCHEMA; NaN is missing, and so are ends before 1970 or after 2199."""
    row = {
        "start_utc": _utc(start_s),
        "end_utc": _utc(end_s),
        "duration_s": duration_s,
        "distance_m": distance_m,
        "speed_mean_mps": distance_m / duration_s if duration_s > 0 else np.nan,
        **more,
    }
    row = {
        name: None if isinstance(value, float) and np.isnan(value) else value
        for name, value in row.items()
    }
    return {"row_no": row_no, **row}


def bout_frame(rows: list[dict]) -> pl.DataFrame:
    """The rows as BOUT_SCHEMA."""
    return pl.DataFrame(rows, schema=BOUT_SCHEMA)


def _utc(at_s: float) -> dt.datetime | None:
    if not 0 <= at_s < 7_258_118_400:  # 2200-01-01; False for NaN
        return None
    return dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=round(at_s * 1e6))
