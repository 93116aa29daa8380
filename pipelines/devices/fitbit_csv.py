"""Google Health's (Fitbit's) CSV exports: steps by time, and exercises. Every time is UTC.

A steps file mixes the recorders of one account: the tracker, the phone's own sensor, and what other
apps handed in (`... Health Connect`, `... Health Kit`), which repeats steps counted elsewhere. They
are never summed.
Source: the export's own readme (`steps_YYYY-MM-DD.csv`: timestamp, steps) and headers of public
2026 exports (`steps_*.csv`, `UserExercises_*.csv`).
"""

from __future__ import annotations

import polars as pl

from pipelines.contracts.shapes import DeviceFile
from pipelines.devices.export_cells import (
    BOUT_SCHEMA,
    ON_FOOT,
    label,
    lines_below,
    positive,
    ratio,
    sport,
    table,
    whole,
)
from pipelines.devices.utc_slots import slots
from pipelines.errors import DeliveryRefused

STEPS_HEADERS = ("timestamp,steps,data source", "timestamp,steps")
EXERCISES_BEGIN = "exercise_id,exercise_start,exercise_end,utc_offset,"
_STAMP = "%Y-%m-%dT%H:%M:%S%.fZ"
_MAX_EXERCISES = 20_000
_MAX_LINES = 300_000  # a month of several recorders has 150,000
_MAX_STEPS = 2000  # in one entry; some phones write several minutes at once
_EPOCH_S, _DAY_S, _LATEST_S = 60, 86_400, 4_000_000_000
_MAX_SOURCES = 20
_PHONE = "MobileTrack"
_HANDED_IN = r"(?i) health (connect|kit)$"


def steps_by_source(text: str, where: str) -> tuple[DeviceFile, ...]:
    """Steps in quarter hours of UTC, one `DeviceFile` per recorder; `row_no` is the line.

    Lines of other apps, and of the phone beside a tracker, have finding `other_source`. Refused
    where two trackers counted on the same day: which of them was the study's is not in the file.
    """
    lines = _lines(text, where)
    read = pl.col("at_s").is_between(0, _LATEST_S) & pl.col("steps_n").is_between(0, _MAX_STEPS)
    good = lines.filter(read)
    if len(good) * 2 < len(lines) or good.is_empty():
        raise DeliveryRefused(
            "no_epochs",
            f"{len(lines) - len(good)} of {len(lines)} lines cannot be read",
            where=where,
            remedy="export it again, and send it unopened",
        )
    own = _own_sources(good, where)
    first = good.filter(pl.struct("at_s", "source").is_first_distinct())
    findings = [
        *_noted(lines.filter(~read.fill_null(False)), "unreadable_epoch"),
        *_noted(good.filter(~pl.col("source").is_in(own)), "other_source"),
        *_noted(
            good.filter(pl.col("source").is_in(own)).join(first, on="row_no", how="anti"),
            "repeated_epoch",
        ),
    ]
    found = []
    for source in own:
        kept = first.filter(pl.col("source") == source)
        found.append(
            DeviceFile(
                table="wear_day",
                maker="fitbit",
                model=label(source),
                device_serial=None,
                records=slots(
                    kept["row_no"].to_numpy(),
                    kept["at_s"].to_numpy(),
                    kept["steps_n"].to_numpy(),
                    _EPOCH_S,
                ),
                findings=() if found else tuple(sorted(findings)),
            )
        )
    return tuple(found)


def _lines(text: str, where: str) -> pl.DataFrame:
    """Line number, time, steps and source of every line below the header; null where unreadable."""
    cells = pl.col("line").str.splitn(",", 3)
    return lines_below(text, where, _MAX_LINES).with_columns(
        at_s=cells.struct.field("field_0").str.to_datetime(_STAMP, strict=False).dt.epoch("s"),
        steps_n=pl.when("is_whole").then(
            cells.struct.field("field_1").cast(pl.Int64, strict=False)
        ),
        source=cells.struct.field("field_2").str.strip_chars(' "').fill_null(""),
    )


def _own_sources(good: pl.DataFrame, where: str) -> list[str]:
    """The recorders to use: trackers, or else the phone."""
    sources = good["source"].unique().sort()
    own = sources.filter(~sources.str.contains(_HANDED_IN)).to_list()
    trackers = [source for source in own if source != _PHONE]
    own = trackers or own
    if len(own) > _MAX_SOURCES:
        raise DeliveryRefused(
            "too_large", f"more than {_MAX_SOURCES} devices", where=where,
            remedy="send the export of one participant",
        )  # fmt: skip
    if not own:
        raise DeliveryRefused(
            "no_device_data", "all steps were handed in by other apps", where=where,
            remedy="send the export of the app that belongs to the device",
        )  # fmt: skip
    walked = good.filter(pl.col("source").is_in(own), pl.col("steps_n") > 0)
    together = walked.group_by(pl.col("at_s").floordiv(_DAY_S)).agg(pl.col("source").n_unique())
    if (together["source"] > 1).any():
        raise DeliveryRefused(
            "overlapping_sources", f"{len(own)} devices counted steps on the same day", where=where,
            remedy="say which of them is the study's, and send its steps alone",
        )  # fmt: skip
    return own


def _noted(lines: pl.DataFrame, rule: str) -> list[tuple[int, str]]:
    return [(row_no, rule) for row_no in lines["row_no"].to_list()]


def exercises(text: str, where: str) -> DeviceFile:
    """The exercises that a tracker measured; `row_no` is the line on which one begins.

    Values typed in by hand are left out; an exercise logged by hand has finding `entered_by_hand`.
    """
    header, rows = table(text, where, _MAX_EXERCISES)
    if len(set(header)) != len(header) or "activity_name" not in header:
        raise DeliveryRefused(
            "unknown_columns", "a column of exercises is missing or there twice", where=where,
            remedy="export it again, and send it unopened",
        )  # fmt: skip
    if not rows:
        raise DeliveryRefused(
            "no_activity", "the table has no exercise", where=where, remedy="nothing need be sent"
        )
    logs = [
        (row_no, dict(zip(header, cells, strict=True)) if len(cells) == len(header) else {})
        for row_no, cells in rows
    ]
    frame = pl.DataFrame(
        [{"row_no": row_no, **_bout(log)} for row_no, log in logs],
        schema={**BOUT_SCHEMA, "start": pl.String, "end": pl.String},
    )
    start, end = (
        pl.when(pl.col(name).str.contains(r"^[12]\d{3}-")).then(
            pl.col(name).str.to_datetime(_STAMP, time_unit="us", strict=False)
        )
        for name in ("start", "end")
    )
    lasted_s = (end - start).dt.total_milliseconds() / 1000
    records = frame.with_columns(
        start_utc=start,
        end_utc=end,
        duration_s=lasted_s,
        speed_mean_mps=pl.coalesce("speed_mean_mps", pl.col("distance_m") / lasted_s),
        cadence_mean_spm=pl.when(pl.col("sport").is_in(list(ON_FOOT)) & (lasted_s > 0)).then(
            60 * pl.col("steps_n") / lasted_s
        ),
    )
    return DeviceFile(
        table="wear_bout",
        maker="fitbit",
        model=None,
        device_serial=None,
        records=records.select(pl.col(name).cast(kind) for name, kind in BOUT_SCHEMA.items()),
        findings=tuple(
            (row_no, "entered_by_hand") for row_no, log in logs if log.get("log_type") == "MANUAL"
        ),
    )


def _bout(log: dict) -> dict:
    return {
        "start": label(log.get("exercise_start")),
        "end": label(log.get("exercise_end")),
        "distance_m": ratio(positive(log.get("tracker_total_distance_mm")), 1000),
        "speed_mean_mps": ratio(positive(log.get("tracker_avg_speed_mm_per_second")), 1000),
        "hr_mean_bpm": positive(log.get("tracker_avg_heart_rate")),
        "hr_max_bpm": positive(log.get("tracker_peak_heart_rate")),
        "steps_n": whole(positive(log.get("tracker_total_steps"))),
        "sport": sport(log.get("activity_name")),
    }
