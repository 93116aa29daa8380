"""Writes made-up activities the way Garmin Connect exports them (TCX)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<TrainingCenterDatabase\n'
    '  xmlns:ns3="http://www.garmin.com/xmlschemas/ActivityExtension/v2"\n'
    '  xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"\n'
    '  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n  <Activities>\n'
)
_TAIL = "  </Activities>\n</TrainingCenterDatabase>\n"


@dataclass(frozen=True)
class Point:
    """One sample; what is None is left out."""

    at_utc: dt.datetime
    lat: float | None = None
    lon: float | None = None
    distance_m: float | None = None
    hr_bpm: int | None = None
    strides_per_min: int | None = None


@dataclass(frozen=True)
class Lap:
    """One lap: its own totals, and its points in tracks, between which the watch was paused."""

    start_utc: dt.datetime
    tracks: Sequence[Sequence[Point]]
    timer_s: float | None = None
    distance_m: float | None = None
    hr_mean_bpm: int | None = None
    hr_max_bpm: int | None = None
    strides_per_min: int | None = None
    steps: int | None = None


def activity_xml(
    laps: Sequence[Lap], *, sport: str = "Other", device: str | None = None, unit_id: int = 0
) -> str:
    """One activity, of the device named or of none."""
    start = _stamp(laps[0].start_utc)
    creator = ""
    if device is not None:
        creator = (
            f'<Creator xsi:type="Device_t"><Name>{escape(device)}</Name><UnitId>{unit_id}</UnitId>'
            "<ProductID>2337</ProductID></Creator>\n"
        )
    return (
        f"<Activity Sport={quoteattr(sport)}>\n<Id>{start}</Id>\n"
        + "".join(_lap(lap) for lap in laps)
        + creator
        + "</Activity>\n"
    )


def tcx_bytes(activities: Sequence[str]) -> bytes:
    """A file of activities as `activity_xml` writes them."""
    return (_HEAD + "".join(activities) + _TAIL).encode()


def _lap(lap: Lap) -> str:
    tracks = "".join(
        "<Track>\n" + "".join(_point(point) for point in track) + "</Track>\n"
        for track in lap.tracks
    )
    extensions = _tag("ns3:AvgRunCadence", lap.strides_per_min) + _tag("ns3:Steps", lap.steps)
    return (
        f'<Lap StartTime="{_stamp(lap.start_utc)}">\n'
        + _tag("TotalTimeSeconds", lap.timer_s)
        + _tag("DistanceMeters", lap.distance_m)
        + _heart("AverageHeartRateBpm", lap.hr_mean_bpm)
        + _heart("MaximumHeartRateBpm", lap.hr_max_bpm)
        + "<Intensity>Active</Intensity>\n<TriggerMethod>Manual</TriggerMethod>\n"
        + tracks
        + (f"<Extensions><ns3:LX>{extensions}</ns3:LX></Extensions>\n" if extensions else "")
        + "</Lap>\n"
    )


def _point(point: Point) -> str:
    place = ""
    if point.lat is not None and point.lon is not None:
        place = (
            f"<Position><LatitudeDegrees>{point.lat:.9f}</LatitudeDegrees>"
            f"<LongitudeDegrees>{point.lon:.9f}</LongitudeDegrees></Position>"
        )
    cadence = _tag("ns3:RunCadence", point.strides_per_min)
    return (
        f"<Trackpoint><Time>{_stamp(point.at_utc)}</Time>{place}"
        + _tag("DistanceMeters", point.distance_m)
        + _heart("HeartRateBpm", point.hr_bpm)
        + (f"<Extensions><ns3:TPX>{cadence}</ns3:TPX></Extensions>" if cadence else "")
        + "</Trackpoint>\n"
    )


def _heart(name: str, bpm: int | None) -> str:
    return "" if bpm is None else f"<{name}><Value>{bpm}</Value></{name}>\n"


def _tag(name: str, value: float | None) -> str:
    return "" if value is None else f"<{name}>{value}</{name}>"


def _stamp(at_utc: dt.datetime) -> str:
    return f"{at_utc:%Y-%m-%dT%H:%M:%S}.{at_utc.microsecond // 1000:03d}Z"
