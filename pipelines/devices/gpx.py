"""GPX tracks: one bout per track, segments are what lies between pauses.

Times are UTC, as GPX says of them, also where the zone is not written. A track without times (or
with times on less than half of its points) cannot be matched to a day or to a session. It keeps its
row without a start, with finding `no_times`; a file in which no track has times is a planned route,
or was stripped, and is refused.
Way points and routes are no activity. Distance is the file's own where the device wrote one
(TrackStatsExtension), else along the points, which holds the noise of positions.
Source: GPX 1.0 and 1.1; Garmin's TrackPointExtension (hr, cad) and TrackStatsExtension.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from lxml import etree

from pipelines.contracts.shapes import DeviceFile
from pipelines.devices.export_cells import ON_FOOT, label, sport
from pipelines.devices.format import Format
from pipelines.devices.tracks import (
    MAX_POINTS,
    RawPoints,
    bout_frame,
    bout_row,
    cadence_spm,
    first_known,
    largest,
    mean_hr,
    mean_strides,
    moving_s,
    numbers,
    path_m,
    points_of,
)
from pipelines.devices.xml_stream import (
    elements,
    ends_with,
    pieces_of,
    require_size,
    root_name,
)
from pipelines.errors import DeliveryRefused

MAX_BYTES = 64 << 20  # a day of seconds has 20 MB
_MAX_TRACKS = 500
_TAGS = ("trkpt", "trkseg", "trk", "type", "TrackStatsExtension")
_FIELDS = {"time": "time", "hr": "hr", "heartrate": "hr", "cad": "strides", "cadence": "strides"}
_MAKERS = re.compile(
    r"(?i)\b(garmin|polar|suunto|coros|strava|runkeeper|komoot|wahoo|fitbit|amazfit|huawei|samsung|"
    r"apple|withings|adidas|mapmyrun|nike|sigma|bryton|tomtom)"
)
_COUNTS_ONE_LEG = ("garmin",)  # others write steps or strides into `cad`, and do not say which


def recognise(head: bytes) -> bool:
    """Whether the root element is `gpx`."""
    return root_name(head) == "gpx"


def read(path: Path, *, date_order: str | None = None) -> DeviceFile:
    """The tracks as bouts; `row_no` is the number of the track, `date_order` does not matter.

    Findings: `unreadable_epoch` (points without a readable time among others), `no_times`,
    `clock_jump`, `cadence_unclear`, `truncated_end` (the points before it are used).
    """
    require_size(path, MAX_BYTES)
    is_cut = not ends_with(path, "gpx")
    tracks, creator = _tracks(path, is_cut)
    if not tracks:
        raise DeliveryRefused(
            "no_activity",
            "the file has no track, only way points, routes or nothing",
            where=path.name,
            remedy="export the recorded activity itself, not the planned route",
        )
    maker = _MAKERS.search(creator or "")
    maker = maker[1].lower() if maker else "unknown"
    rows, findings = [], []
    for row_no, track in enumerate(tracks, start=1):
        row, rules = _bout(row_no, track, maker)
        rows.append(row)
        findings += [(row_no, rule) for rule in rules]
    if all(row["start_utc"] is None for row in rows):
        raise DeliveryRefused(
            "no_times",
            "no track has times, so nobody can say when it was walked",
            where=path.name,
            remedy="export the recorded activity with its times, or as FIT or TCX",
        )
    if is_cut:
        findings.append((len(rows), "truncated_end"))
    return DeviceFile(
        table="wear_bout",
        maker=maker,
        model=None,
        device_serial=None,
        records=bout_frame(rows),
        findings=tuple(findings),
    )


@dataclass
class _Track:
    """What is read of one track."""

    points: RawPoints = field(default_factory=RawPoints)
    sport: str | None = None
    n_segments: int = 0
    distance_m: float = np.nan  # as the device itself counted
    timer_s: float = np.nan


def _tracks(path: Path, is_cut: bool) -> tuple[list[_Track], str | None]:
    """The tracks of the file and what the root says wrote it."""
    tracks: list[_Track] = []
    track, creator = _Track(), None
    names: dict[str, str | None] = {}
    n_points = 0
    for element in elements(pieces_of(path), _TAGS, path.name, may_be_cut=is_cut):
        tag = element.tag.rpartition("}")[2]
        if tag == "trkpt":
            _add_point(track, element, names)
        elif tag == "trkseg":
            track.n_segments += 1
        elif tag == "type":
            if _parent(element) == "trk":
                track.sport = sport(element.text)
        elif tag == "TrackStatsExtension":
            track.distance_m, track.timer_s = _stats(element)
        else:
            tracks.append(track)
            track = _Track()
        if creator is None:
            creator = label(element.getroottree().getroot().get("creator")) or ""
        n_points += tag == "trkpt"
        if len(tracks) > _MAX_TRACKS or n_points > MAX_POINTS:
            raise DeliveryRefused(
                "too_large", f"more than {_MAX_TRACKS} tracks or {MAX_POINTS} points",
                where=path.name, remedy="export a shorter time",
            )  # fmt: skip
    if track.points.time:  # of a track whose end is missing
        tracks.append(track)
    return tracks, creator


def _add_point(track: _Track, element: etree._Element, names: dict[str, str | None]) -> None:
    found = dict.fromkeys(("time", "hr", "strides"))
    for child in element.iterdescendants():
        name = names.get(child.tag, "")
        if name == "":
            name = _FIELDS.get(child.tag.rpartition("}")[2])
            if len(names) < 1000:
                names[child.tag] = name
        if name and found[name] is None:
            found[name] = child.text
    points = track.points
    points.time.append(found["time"])
    points.lat.append(element.get("lat"))
    points.lon.append(element.get("lon"))
    points.distance.append(None)
    points.hr.append(found["hr"])
    points.strides.append(found["strides"])
    points.part.append(track.n_segments)


def _stats(element: etree._Element) -> tuple[float, float]:
    """Metres and seconds in motion that the device itself wrote for the track."""
    told = {child.tag.rpartition("}")[2]: child.text for child in element}
    distance, timer = numbers([told.get("Distance"), told.get("TimerTime")], 0, 1e7).tolist()
    return distance, timer


def _parent(element: etree._Element) -> str:
    parent = element.getparent()
    return "" if parent is None else parent.tag.rpartition("}")[2]


def _bout(row_no: int, track: _Track, maker: str) -> tuple[dict, list[str]]:
    """The bout of one track and the rules that it breaks."""
    points = points_of(track.points, no_zone_is_utc=True)
    # a few times among many points without one say nothing of the whole track
    has_times = len(points.at_s) > points.n_unreadable
    rules = []
    if not has_times:
        rules.append("no_times")
    elif points.n_unreadable:
        rules.append("unreadable_epoch")
    if points.goes_back:
        rules.append("clock_jump")
    cadence = np.nan
    strides = mean_strides(points)
    if track.sport in ON_FOOT and not np.isnan(strides):
        cadence, in_doubt = cadence_spm(strides)
        if in_doubt or maker not in _COUNTS_ONE_LEG:
            cadence = np.nan
            rules.append("cadence_unclear")
    row = bout_row(
        row_no,
        start_s=float(points.at_s.min()) if has_times else np.nan,
        end_s=float(points.at_s.max()) if has_times else np.nan,
        duration_s=first_known(track.timer_s, moving_s(points) if has_times else np.nan),
        distance_m=first_known(track.distance_m, path_m(points) if has_times else np.nan),
        hr_mean_bpm=mean_hr(points),
        hr_max_bpm=largest(points.hr_bpm),
        cadence_mean_spm=cadence,
        steps_n=None,
        sport=track.sport,
    )
    return row, rules


FORMAT = Format(
    name="gpx", makers=("Garmin", "Strava", "Komoot", "Polar"), recognise=recognise, read=read
)
