"""Records and workouts of an Apple Health export, collected as it streams by.

Every stamp carries its offset and becomes UTC by it. Where a record comes from is told by the
hardware that the phone names; the name that a person gave to a device is not kept.
Source: the document type that exports carry (Record, Workout, WorkoutStatistics, Correlation: "any
Records that appear as children of a correlation also appear as top-level records").
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from lxml import etree

from pipelines.devices.xml_stream import elements
from pipelines.errors import DeliveryRefused

STEPS, DISTANCE, SPEED, HEART = "steps", "distance", "speed", "heart"
WATCH, PHONE, OTHER = 0, 1, 2
_KINDS = {
    "HKQuantityTypeIdentifierStepCount": STEPS,
    "HKQuantityTypeIdentifierDistanceWalkingRunning": DISTANCE,
    "HKQuantityTypeIdentifierWalkingSpeed": SPEED,
    "HKQuantityTypeIdentifierHeartRate": HEART,
}
METRES = {"m": 1.0, "km": 1000.0, "mi": 1609.344, "ft": 0.3048, "yd": 0.9144, "cm": 0.01}
_FACTORS = {
    STEPS: {"count": 1.0},
    DISTANCE: METRES,
    SPEED: {"m/s": 1.0, "km/hr": 1 / 3.6, "mi/hr": 0.44704},
    HEART: {"count/min": 1.0, "count/s": 60.0},
}
# the most that one record can hold, and the longest it can last; a phone writes up to an hour
_MOST = {STEPS: 200_000, DISTANCE: 300_000, SPEED: 10, HEART: 300}
_LONGEST_S = 26 * 3600
_LATEST_S = 7_258_118_399  # the end of 2199
_STAMP = "%Y-%m-%d %H:%M:%S"
_TAGS = ("Record", "Workout", "ExportDate", "Location")
_MAX_RECORDS, _MAX_WORKOUTS, _MAX_SOURCES = 12_000_000, 20_000, 200
_BATCH = 50_000
_HARDWARE = re.compile(r"hardware:((?:Watch|iPhone)\d{1,3},\d{1,3})")
_SOFTWARE = re.compile(r"software:([\d.]+)")
_SCHEMA = {
    "row_no": pl.Int64, "startDate": pl.String, "endDate": pl.String, "value": pl.String,
    "unit": pl.String, "source": pl.Int32, "by_hand": pl.Boolean,
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """What writes records: a watch, a phone (its hardware) or another app, told by its own name."""

    rank: int
    name: str  # hardware, or an app's name; the latter is never handed on


@dataclass
class Export:
    """What is collected: by kind a frame row_no, start_s, end_s, value, source, in study units."""

    records: dict[str, pl.DataFrame] = field(default_factory=dict)
    workouts: list[tuple[int, dict]] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    findings: list[tuple[int, str]] = field(default_factory=list)  # of records of steps


def collect(pieces: Iterable[bytes], where: str) -> Export:
    """Everything of use in an export; `row_no` counts its records and workouts from 1.

    Findings: `unreadable_epoch`, `entered_by_hand` (not used).
    """
    export, known, row_no = Export(), {}, 0
    waiting: dict[str, list[tuple]] = {kind: [] for kind in _FACTORS}
    read: dict[str, list[pl.DataFrame]] = {kind: [] for kind in _FACTORS}
    for element in elements(pieces, _TAGS, where):
        if element.tag == "Record":
            if element.getparent().tag != "HealthData":
                continue  # in a correlation: it stands outside of it too
            row_no += 1
            if row_no > _MAX_RECORDS:
                raise _too_large(where)
            get = element.get
            kind = _KINDS.get(get("type"))
            if kind is None:
                continue
            key = (get("sourceName"), get("sourceVersion"), get("device"))
            source = known.get(key)
            if source is None:
                source = _source_of(key, export.sources, known)
            by_hand = len(element) > 0 and _by_hand(element)
            told = (get("startDate"), get("endDate"), get("value"), get("unit"))
            waiting[kind].append((row_no, *told, source, by_hand))
            if len(waiting[kind]) >= _BATCH:
                read[kind].append(_converted(kind, waiting[kind], export.findings, where))
                waiting[kind] = []
        elif element.tag == "Workout":
            row_no += 1
            key = tuple(element.get(name) for name in ("sourceName", "sourceVersion", "device"))
            source = _source_of(key, export.sources, known)
            export.workouts.append((row_no, {**_workout(element), "source": source}))
            if len(export.workouts) > _MAX_WORKOUTS:
                raise _too_large(where)
    for kind, rows in waiting.items():
        read[kind].append(_converted(kind, rows, export.findings, where))
        export.records[kind] = pl.concat(read[kind])
    return export


def _too_large(where: str) -> DeliveryRefused:
    return DeliveryRefused(
        "too_large",
        f"more than {_MAX_RECORDS} records or {_MAX_WORKOUTS} workouts",
        where=where,
        remedy="send the export of one participant",
    )


def stamps_s(stamps: pl.Series) -> pl.Series:
    """Seconds since 1970 in UTC; null where a stamp is not `2026-03-02 08:30:00 +0100`."""
    local = stamps.str.slice(0, 19).str.to_datetime(_STAMP, strict=False, time_unit="us")
    zones = stamps.str.slice(19).alias("zone")
    known = zones.unique()
    parts = known.str.extract_groups(r"^ ([+-])([01]\d)([0-5]\d)$").struct.unnest()
    ahead_s = parts.select(
        pl.when(pl.col("1") == "-").then(-1).otherwise(1)
        * (pl.col("2").cast(pl.Int64) * 3600 + pl.col("3").cast(pl.Int64) * 60)
    ).to_series()
    ahead = zones.replace_strict(known, ahead_s, default=None, return_dtype=pl.Int64)
    at_s = pl.DataFrame({"at_s": local.dt.epoch("s") - ahead})
    return at_s.select(pl.when(pl.col("at_s").is_between(0, _LATEST_S)).then("at_s")).to_series()


def _converted(
    kind: str, rows: list[tuple], findings: list[tuple[int, str]], where: str
) -> pl.DataFrame:
    """A batch of records in study units; those that cannot be read, or were typed in, are left out."""
    factor = pl.col("unit").replace_strict(_FACTORS[kind], default=None, return_dtype=pl.Float64)
    plain = pl.col("value").str.contains(r"^\d{1,12}(\.\d{0,20})?([eE]-?\d{1,2})?$")
    columns = zip(*rows, strict=True) if rows else [()] * len(_SCHEMA)
    texts = pl.DataFrame(dict(zip(_SCHEMA, columns, strict=True)), schema=_SCHEMA)
    frame = texts.select(
        "row_no",
        "by_hand",
        start_s=stamps_s(texts["startDate"]),
        end_s=stamps_s(texts["endDate"]),
        value=pl.when(plain).then(pl.col("value").cast(pl.Float64, strict=False)) * factor,
        source=pl.col("source").cast(pl.Int16),
    )
    lasts = (pl.col("end_s") - pl.col("start_s")).is_between(0, _LONGEST_S)
    good = (lasts & (pl.col("value") <= _MOST[kind])).fill_null(False)
    if kind == STEPS:
        faults = frame.filter(~good | pl.col("by_hand")).select(
            "row_no",
            pl.when(good).then(pl.lit("entered_by_hand")).otherwise(pl.lit("unreadable_epoch")),
        )
        findings += faults.rows()
        if len(findings) > 100_000:
            raise DeliveryRefused(
                "no_epochs", f"{len(findings)} records of steps cannot be read", where=where,
                remedy="export the health data on the phone again",
            )  # fmt: skip
    return frame.filter(good & ~pl.col("by_hand")).drop("by_hand")


def _by_hand(element: etree._Element) -> bool:
    return any(
        child.get("key") == "HKWasUserEntered" and child.get("value") == "1" for child in element
    )


def _source_of(key: tuple, sources: list[Source], known: dict[tuple, int]) -> int:
    """The number in `sources` of what has this name, version and description."""
    source = _source(*(text or "" for text in key))
    if source not in sources and len(sources) < _MAX_SOURCES:
        sources.append(source)
    if len(known) > 10_000:  # descriptions hold addresses that change from day to day
        known.clear()
    known[key] = sources.index(source) if source in sources else len(sources) - 1
    return known[key]


def _source(name: str, version: str, device: str) -> Source:
    """Watch and phone write under the version of their own software; an app under the app's."""
    hardware, software = _HARDWARE.search(device), _SOFTWARE.search(device)
    if hardware and software and software[1].rstrip(".") == version:
        return Source(WATCH if hardware[1].startswith("Watch") else PHONE, hardware[1])
    if not device and "Watch" in name:
        return Source(WATCH, "Watch")
    if not device and "iPhone" in name:
        return Source(PHONE, "iPhone")
    return Source(OTHER, name[:60])


def _workout(element: etree._Element) -> dict:
    """Attributes, own statistics by type, and whether it was typed in."""
    stats = {
        child.get("type"): dict(child.attrib)
        for child in element
        if child.tag == "WorkoutStatistics"
    }
    return {**dict(element.attrib), "stats": stats, "by_hand": _by_hand(element)}


def overlapped(frame: pl.DataFrame, start_s: float, end_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a frame sorted by `start_s` that lie at least partly between, and their share there."""
    starts, ends = frame["start_s"].to_numpy(), frame["end_s"].to_numpy()
    first = np.searchsorted(starts, start_s - _LONGEST_S)
    stop = np.searchsorted(starts, end_s, side="right")
    rows = np.arange(first, stop)
    inside = np.minimum(ends[rows], end_s) - np.maximum(starts[rows], start_s)
    lasts = ends[rows] - starts[rows]
    share = np.where(lasts > 0, inside / np.maximum(lasts, 1), (inside == 0).astype(float))
    return rows[share > 0], share[share > 0]
