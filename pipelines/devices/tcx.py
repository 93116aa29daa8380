"""TCX files (Garmin Training Center, and what other makers export as such): one bout per activity.

A lap says how long it was in motion, how far it went and how many steps it had; what it leaves out
comes from its points. `RunCadence` counts strides of one leg. Plain `Cadence` is of a bicycle in
Garmin's schema; other makers put steps or strides of a walk into it and do not say which.
Source: Garmin's schemas TrainingCenterDatabase v2 and ActivityExtension v2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from lxml import etree

from pipelines.contracts.shapes import DeviceFile
from pipelines.devices.export_cells import label, sport
from pipelines.devices.format import Format
from pipelines.devices.tracks import (
    MAX_POINTS,
    Points,
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
    points_of,
    seconds,
    travelled_m,
)
from pipelines.devices.xml_stream import (
    elements,
    ends_with,
    pieces_of,
    require_size,
    root_name,
)
from pipelines.errors import DeliveryRefused

MAX_BYTES = 64 << 20  # a day of seconds has 28 MB
_MAX_ACTIVITIES, _MAX_LAPS = 500, 20_000
_TAGS = ("Trackpoint", "Track", "Lap", "Creator", "Activity")
_LEAVES = frozenset(
    ("TotalTimeSeconds", "DistanceMeters", "AverageHeartRateBpm", "MaximumHeartRateBpm", "LX",
     "Extensions", "Cadence")
)  # fmt: skip
_POINT = {
    "Time": "time", "LatitudeDegrees": "lat", "LongitudeDegrees": "lon",
    "DistanceMeters": "distance", "Value": "hr", "RunCadence": "strides",
}  # fmt: skip
_LAP = {
    "TotalTimeSeconds": 1e6, "DistanceMeters": 1e7, "Steps": 120_000, "AvgRunCadence": 1000,
    "AverageHeartRateBpm": 255, "MaximumHeartRateBpm": 255,
}  # fmt: skip
_RIDING = "cycling"
_SPORTS = {"biking": _RIDING}  # as FIT says it
_MAKERS = re.compile(r"(?i)\b(polar|suunto|coros|tomtom|wahoo|fitbit|amazfit|huawei|samsung|sigma)")


def recognise(head: bytes) -> bool:
    """Whether the root element is that of a Training Center database."""
    return root_name(head) == "TrainingCenterDatabase"


def read(path: Path, *, date_order: str | None = None) -> DeviceFile | tuple[DeviceFile, ...]:
    """The activities as bouts, one `DeviceFile` per device; `date_order` does not matter.

    `row_no` is the number of the activity. Findings: `unreadable_epoch` (points without a readable
    time), `no_times`, `clock_jump`, `cadence_unclear`, `truncated_end` (what stands before it is
    used).
    """
    require_size(path, MAX_BYTES)
    is_cut = not ends_with(path, "TrainingCenterDatabase")
    activities = _activities(path, is_cut)
    if not activities:
        raise DeliveryRefused(
            "no_activity",
            "the file has no activity, only courses, workouts or nothing",
            where=path.name,
            remedy="export the recorded activity itself",
        )
    devices: dict[tuple, list[tuple[dict, list[str]]]] = {}
    for row_no, activity in enumerate(activities, start=1):
        row, rules = _bout(row_no, activity)
        if is_cut and row_no == len(activities):
            rules.append("truncated_end")
        devices.setdefault(activity.device, []).append((row, rules))
    found = tuple(
        DeviceFile(
            table="wear_bout",
            maker=maker,
            model=model,
            device_serial=serial,
            records=bout_frame([row for row, _ in own]),
            findings=tuple((row["row_no"], rule) for row, rules in own for rule in rules),
        )
        for (maker, model, serial), own in devices.items()
    )
    return found[0] if len(found) == 1 else found


@dataclass
class _Activity:
    """What is read of one activity: its points, numbered by track, and its laps."""

    points: RawPoints = field(default_factory=RawPoints)
    lap_of_track: list[int] = field(default_factory=list)
    laps: list[dict[str, str | None]] = field(default_factory=list)
    lap_starts: list[str | None] = field(default_factory=list)
    sport: str | None = None
    device: tuple[str, str | None, str | None] = ("unknown", None, None)


def _activities(path: Path, is_cut: bool) -> list[_Activity]:
    found: list[_Activity] = []
    now = _Activity()
    names: dict[str, str | None] = {}
    pieces, n_points, n_laps = pieces_of(path), 0, 0
    for element in elements(pieces, _TAGS, path.name, keep=_LEAVES, may_be_cut=is_cut):
        tag = element.tag.rpartition("}")[2]
        if tag == "Trackpoint":
            if not now.points.time:  # known now, in case the end of the activity is missing
                now.sport = _sport(next(element.iterancestors("{*}Activity"), None))
            _add_point(now, element, names)
        elif tag == "Track":
            now.lap_of_track.append(len(now.laps))
        elif tag == "Lap":
            now.laps.append(_lap(element))
            now.lap_starts.append(element.get("StartTime"))
        elif tag == "Creator":
            now.device = _device(element)
        else:
            now.sport = _sport(element)
            found.append(now)
            now = _Activity()
        n_points += tag == "Trackpoint"
        n_laps += tag == "Lap"
        if len(found) > _MAX_ACTIVITIES or n_laps > _MAX_LAPS or n_points > MAX_POINTS:
            raise DeliveryRefused(
                "too_large",
                f"more than {_MAX_ACTIVITIES} activities, {_MAX_LAPS} laps or {MAX_POINTS} points",
                where=path.name, remedy="export a shorter time",
            )  # fmt: skip
    if now.points.time or now.laps:  # of an activity whose end is missing
        found.append(now)
    return found


def _sport(activity: etree._Element | None) -> str | None:
    name = None if activity is None else sport(activity.get("Sport"))
    return _SPORTS.get(name, name)


def _add_point(now: _Activity, element: etree._Element, names: dict[str, str | None]) -> None:
    found: dict[str, str | None] = dict.fromkeys(_POINT.values())
    for child in element.iterdescendants():
        name = names.get(child.tag, "")
        if name == "":
            name = _POINT.get(child.tag.rpartition("}")[2])
            if len(names) < 1000:
                names[child.tag] = name
        if name and found[name] is None:
            found[name] = child.text
    for name, text in found.items():
        getattr(now.points, name).append(text)
    now.points.part.append(len(now.lap_of_track))


def _lap(element: etree._Element) -> dict[str, str | None]:
    """The totals of a lap, as they are written."""
    told: dict[str, str | None] = {}
    for child in element.iterdescendants():
        name = child.tag.rpartition("}")[2]
        if name in ("AverageHeartRateBpm", "MaximumHeartRateBpm"):
            told[name] = next((value.text for value in child), None)
        elif name in _LAP:
            told.setdefault(name, child.text)
    return told


def _device(element: etree._Element) -> tuple[str, str | None, str | None]:
    """Maker, model and serial number; units with a number and no other maker's name are Garmin's."""
    told = {child.tag.rpartition("}")[2]: child.text for child in element}
    model, serial = label(told.get("Name")), label(told.get("UnitId"))
    if serial is None or not serial.isdecimal() or int(serial) == 0:
        serial = None
    maker = _MAKERS.search(model or "")
    own = "garmin" if serial or "garmin" in (model or "").lower() else "unknown"
    return (maker[1].lower() if maker else own), model, serial


def _bout(row_no: int, activity: _Activity) -> tuple[dict, list[str]]:
    """The bout of one activity and the rules that it breaks."""
    points = points_of(activity.points, no_zone_is_utc=False)
    starts = seconds(activity.lap_starts, no_zone_is_utc=False)
    laps = _laps(activity, points)
    walks = activity.sport != _RIDING
    cadence, in_doubt = cadence_spm(
        first_known(
            _over_laps(laps, "AvgRunCadence", all_of_them=True),
            mean_strides(points),
            _over_laps(laps, "AvgRunCadence"),
        )
    )
    ends = starts + laps["TotalTimeSeconds"][: len(starts)]
    start_s = _least(np.append(starts, _least(points.at_s)))
    row = bout_row(
        row_no,
        start_s=start_s,
        end_s=largest([*ends, largest(points.at_s)]),
        duration_s=_sum(laps["lasted_s"]),
        distance_m=_sum(laps["went_m"]),
        hr_mean_bpm=first_known(
            _over_laps(laps, "AverageHeartRateBpm", all_of_them=True),
            mean_hr(points),
            _over_laps(laps, "AverageHeartRateBpm"),
        ),
        hr_max_bpm=largest([*laps["MaximumHeartRateBpm"], largest(points.hr_bpm)]),
        cadence_mean_spm=cadence if walks else np.nan,
        steps_n=_count(laps["Steps"]) if walks else None,
        sport=activity.sport,
    )
    rules = {
        "no_times": np.isnan(start_s),
        "unreadable_epoch": points.n_unreadable > 0,
        "clock_jump": points.goes_back,
        "cadence_unclear": walks and in_doubt,
    }
    return row, [rule for rule, breaks in rules.items() if breaks]


def _laps(activity: _Activity, points: Points) -> dict[str, np.ndarray]:
    """Columns over the laps: their own totals, and time and distance with what points fill in."""
    # the track that the file broke off in has no end, and is of the lap that has none
    lap_of_track = np.array([*activity.lap_of_track, len(activity.laps)])
    lap_of_point = lap_of_track[points.part]
    n_laps = max(len(activity.laps), 1 + int(lap_of_point.max(initial=-1)))
    own = [*activity.laps, *[{}] * (n_laps - len(activity.laps))]
    laps = {name: numbers([lap.get(name) for lap in own], 0, most) for name, most in _LAP.items()}
    edges = np.searchsorted(lap_of_point, np.arange(n_laps + 1))  # laps follow each other
    parts = [points.between(edges[lap], edges[lap + 1]) for lap in range(n_laps)]
    of_points = np.array([(moving_s(part), travelled_m(part)) for part in parts]).reshape(-1, 2)
    for name, told, derived in zip(
        ("lasted_s", "went_m"), ("TotalTimeSeconds", "DistanceMeters"), of_points.T, strict=True
    ):
        laps[name] = np.where(np.isnan(laps[told]), derived, laps[told])
    return laps


def _over_laps(laps: dict[str, np.ndarray], name: str, *, all_of_them: bool = False) -> float:
    """The laps' own means, by how long each lasted; NaN if a lap has none and all must have one.

    A watch averages every second, its points are those at which something changed.
    """
    there = ~(np.isnan(laps[name]) | np.isnan(laps["lasted_s"])) & (laps[name] > 0)
    if all_of_them and (~there & ~(laps["lasted_s"] == 0)).any():
        return np.nan
    weights = laps["lasted_s"][there]
    return float(np.average(laps[name][there], weights=weights)) if weights.sum() > 0 else np.nan


def _sum(values: np.ndarray) -> float:
    return np.nan if np.isnan(values).all() else float(np.nansum(values))


def _count(values: np.ndarray) -> int | None:
    return None if np.isnan(values).all() else round(np.nansum(values))


def _least(values: np.ndarray) -> float:
    return -largest(-values)


FORMAT = Format(
    name="tcx", makers=("Garmin", "Polar", "TomTom", "Suunto"), recognise=recognise, read=read
)
