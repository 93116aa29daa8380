"""A watch's daily counters (FIT monitoring files) -> steps in quarter hours of UTC.

A watch writes, for each kind of movement, how much it has counted since its own midnight. The wire
has steps for walking and running: the profile's `cycles` are half of it, which are strides (the
file says 1.512 m for one; a step has half of that). A file that begins in the middle of a day
begins with what was counted before: its first count of a day stands for the whole day up to then.
Source: Garmin FIT profile 21, messages `monitoring` and `monitoring_info` (`timestamp_16` has the
low bits of the last full time).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.devices.fit_frames import Frames
from pipelines.devices.fit_messages import FIRST_CLOCK_S, UNIX_OF_FIT_EPOCH, in_order
from pipelines.devices.slot_shares import shares
from pipelines.devices.utc_slots import SLOT_S, SLOT_SCHEMA
from pipelines.errors import DeliveryRefused

MONITORING = 55  # global message number of the FIT profile
_WALKING, _RUNNING = 6, 1
_DAY_S, _EPOCH_S = 86_400, 60
_SILENT_S = 6 * 3600  # a watch at rest is silent for hours; what is further apart was not recorded
_MISSING = 0xFFFFFFFF


def step_slots(
    data: bytes, frames: Frames, where: str
) -> tuple[pl.DataFrame, tuple[tuple[int, str], ...]]:
    """Rows of SLOT_SCHEMA and findings; `epochs_n` are the minutes that the messages lie around.

    Findings: `clock_not_set` (seconds since power-up: not used), `clock_jump` (time goes back).
    """
    notes, findings = _notes(data, frames, where)
    if notes.is_empty():
        raise DeliveryRefused(
            "no_activity",
            "the file has no daily counter with a time",
            where=where,
            remedy="check the watch's clock, let it synchronise, and export the files of the days",
        )
    jumped = notes.filter(pl.col("at_s") < pl.col("at_s").shift())
    findings += [(row_no, "clock_jump") for row_no in jumped["row_no"]]
    return _slots(notes, _deltas(notes)), tuple(sorted(findings))


def _notes(data: bytes, frames: Frames, where: str) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    """Number, UTC time, the watch's own day, kind and count of every monitoring message."""
    rows, findings = [], []
    clock_s, ahead_s = 0, 0
    for number, name, fields in in_order(data, frames, where):
        stamp, low_bits = _whole(fields.get("timestamp")), _whole(fields.get("timestamp_16"))
        if stamp is not None:
            clock_s = stamp
        elif low_bits is not None:
            clock_s += (low_bits - clock_s) & 0xFFFF
        if name == "monitoring_info" and stamp is not None:
            local_s = _whole(fields.get("local_timestamp"))
            is_near = local_s is not None and abs(local_s - stamp) <= _DAY_S
            ahead_s = local_s - stamp if is_near else 0
        if name != "monitoring":
            continue
        if not FIRST_CLOCK_S <= clock_s < _MISSING:
            findings.append((number, "clock_not_set"))
            continue
        at_s = clock_s + UNIX_OF_FIT_EPOCH
        # the count at midnight is still of the day that ends
        rows.append((number, at_s, (at_s - 1 + ahead_s) // _DAY_S, *_count(fields)))
    schema = dict.fromkeys(("row_no", "at_s", "day", "kind", "counted"), pl.Int64)
    return pl.DataFrame(rows, schema=schema, orient="row"), findings


def _count(fields: dict[str, object]) -> tuple[int | None, int | None]:
    """Kind of movement and steps so far; None for what is not on foot, or not counted."""
    kind = _whole(fields.get("activity_type"))
    packed = fields.get("current_activity_type_intensity")
    if kind is None and isinstance(packed, tuple) and packed:
        kind = (_whole(packed[0]) or 0) & 0x1F
    counted = next(
        (
            fields[name]
            for name in ("cycles", "steps", "cycles_16")
            if _whole(fields.get(name)) is not None
        ),
        None,
    )
    return (kind, counted) if kind in (_WALKING, _RUNNING) and counted is not None else (None, None)


def _deltas(notes: pl.DataFrame) -> pl.DataFrame:
    """Steps since the count before, of the same day and kind; a lower count begins from 0 again."""
    before = pl.col("counted").shift().over("day", "kind")
    more = pl.col("counted") - before
    return notes.filter(pl.col("counted").is_not_null()).with_columns(
        steps_n=pl.when(more >= 0).then(more).otherwise("counted")
    )


def _slots(notes: pl.DataFrame, counts: pl.DataFrame) -> pl.DataFrame:
    """The quarter hours between messages, with the steps whose count was written in them."""
    at_s = notes["at_s"].to_numpy()
    # a message tells of the time up to it: on the quarter hour it belongs to the one that ends
    own = notes.select("row_no", slot=(pl.col("at_s") - 1) // SLOT_S)
    steps = counts.select("steps_n", slot=(pl.col("at_s") - 1) // SLOT_S)
    told = np.flatnonzero((np.diff(at_s) > 0) & (np.diff(at_s) <= _SILENT_S))
    which, slot, seconds = shares(at_s[told], at_s[told + 1])
    between = pl.DataFrame(
        {"slot": slot, "seconds": seconds, "row_no": notes["row_no"].to_numpy()[told + 1][which]},
        schema={"slot": pl.Int64, "seconds": pl.Int64, "row_no": pl.Int64},
    )
    minutes = (pl.col("seconds").sum() / _EPOCH_S).round().clip(1, SLOT_S // _EPOCH_S)
    return (
        pl.concat([between, own.with_columns(seconds=pl.lit(0, pl.Int64))], how="diagonal")
        .group_by("slot")
        .agg(pl.col("row_no").min(), minutes.alias("epochs_n"))
        .join(steps.group_by("slot").agg(pl.col("steps_n").sum()), on="slot", how="left")
        .sort("slot")
        .with_columns(
            slot_utc=(pl.col("slot") * (SLOT_S * 1_000_000)).cast(pl.Datetime("us")),
            epoch_s=pl.lit(_EPOCH_S),
            steps_n=pl.col("steps_n").fill_null(0),
        )
        .select(pl.col(name).cast(kind) for name, kind in SLOT_SCHEMA.items())
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
