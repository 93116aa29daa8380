"""Writes made-up tracks the way watches and route services export them (GPX 1.1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

_GARMIN = "http://www.garmin.com/xmlschemas/TrackPointExtension/v1"
_STATS = "http://www.garmin.com/xmlschemas/TrackStatsExtension/v1"


@dataclass(frozen=True)
class Point:
    """One position; what is None is left out."""

    lat: float
    lon: float
    at_utc: dt.datetime | None = None
    hr_bpm: int | None = None
    cadence: int | None = None


def track_xml(
    segments: Sequence[Sequence[Point]],
    *,
    kind: str | None = "walking",
    name: str = "Made up",
    stats: tuple[float, float] | None = None,
) -> str:
    """One track; `stats` are metres and seconds in motion as the device itself counted them."""
    extensions = ""
    if stats is not None:
        extensions = (
            f"<extensions><gpxtrkx:TrackStatsExtension><gpxtrkx:Distance>{stats[0]}"
            f"</gpxtrkx:Distance><gpxtrkx:TimerTime>{stats[1]}</gpxtrkx:TimerTime>"
            "</gpxtrkx:TrackStatsExtension></extensions>\n"
        )
    points = "".join(
        "<trkseg>\n" + "".join(_point(point) for point in segment) + "</trkseg>\n"
        for segment in segments
    )
    kind_xml = f"<type>{escape(kind)}</type>\n" if kind is not None else ""
    return f"<trk>\n<name>{escape(name)}</name>\n{kind_xml}{extensions}{points}</trk>\n"


def gpx_bytes(tracks: Sequence[str], *, creator: str = "Garmin Connect") -> bytes:
    """A file of tracks as `track_xml` writes them."""
    head = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="1.1" creator={quoteattr(creator)}\n'
        f'  xmlns="http://www.topografix.com/GPX/1/1" xmlns:gpxtpx="{_GARMIN}"\n'
        f'  xmlns:gpxtrkx="{_STATS}">\n'
    )
    return (head + "".join(tracks) + "</gpx>\n").encode()


def _point(point: Point) -> str:
    time = "" if point.at_utc is None else f"<time>{_stamp(point.at_utc)}</time>"
    own = "" if point.hr_bpm is None else f"<gpxtpx:hr>{point.hr_bpm}</gpxtpx:hr>"
    own += "" if point.cadence is None else f"<gpxtpx:cad>{point.cadence}</gpxtpx:cad>"
    if own:
        own = (
            "<extensions><gpxtpx:TrackPointExtension>"
            f"{own}</gpxtpx:TrackPointExtension></extensions>"
        )
    return (
        f'<trkpt lat="{point.lat:.9f}" lon="{point.lon:.9f}"><ele>279.0</ele>{time}{own}</trkpt>\n'
    )


def _stamp(at_utc: dt.datetime) -> str:
    return f"{at_utc:%Y-%m-%dT%H:%M:%S}.{at_utc.microsecond // 1000:03d}Z"
