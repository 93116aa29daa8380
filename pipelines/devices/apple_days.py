"""Steps, distance and walking speed of an Apple Health export in quarter hours of UTC.

A watch and a phone on one person count the same steps, so they are never added up. They are taken
in order: watches, then phones, each kind by how much it recorded. A record counts only if no
quarter hour that it touches has a record of one taken before; where the watch is off, the phone
fills in. That gives up at most what the second device saw in the quarter hour of a change. What
other apps hand in repeats one of the two (or is a daily total), and is used only where the export
has no records of a watch or phone at all; then the app with the most records is used.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.devices.apple_records import DISTANCE, OTHER, SPEED, STEPS, Export
from pipelines.devices.slot_shares import shares, whole_counts
from pipelines.devices.utc_slots import SLOT_S

_EPOCH_S = 60
SCHEMA = {
    "row_no": pl.Int64,
    "slot_utc": pl.Datetime("us"),
    "epoch_s": pl.Int64,
    "epochs_n": pl.Int64,
    "steps_n": pl.Int64,
    "distance_m": pl.Float64,
    "speed_mean_mps": pl.Float64,
    "speed_s": pl.Float64,
}


def day_slots(export: Export) -> tuple[pl.DataFrame, str | None, list[tuple[int, str]]]:
    """Rows of SCHEMA, the hardware they are of, and findings.

    `epochs_n` are minutes that step records cover; `speed_s` is the time that `speed_mean_mps` is a
    mean over. Findings: `repeated_epoch` (a record word for word twice), `other_source`.
    """
    steps, used, findings = _of_one_person(export, STEPS)
    distance, _, _ = _of_one_person(export, DISTANCE)
    frame = _steps(steps)
    frame = frame.join(_summed(distance, "distance_m"), on="slot", how="full", coalesce=True)
    frame = frame.join(_speed(export), on="slot", how="full", coalesce=True)
    row_no = pl.min_horizontal("row_no", "row_no_right", "row_no_speed")
    frame = frame.sort("slot").select(
        row_no.alias("row_no"),
        (pl.col("slot") * (SLOT_S * 1_000_000)).cast(pl.Datetime("us")).alias("slot_utc"),
        pl.lit(_EPOCH_S).alias("epoch_s"),
        *[pl.col(name) for name in SCHEMA if name not in ("row_no", "slot_utc", "epoch_s")],
    )
    return frame.cast(SCHEMA), " + ".join(used) or None, findings


def _of_one_person(
    export: Export, kind: str
) -> tuple[pl.DataFrame, list[str], list[tuple[int, str]]]:
    """Records without those that another device has counted already, and the hardware they are of."""
    records = export.records[kind]
    kept = records.unique(
        ["start_s", "end_s", "value", "source"], keep="first", maintain_order=True
    )
    findings = [
        (row_no, "repeated_epoch")
        for row_no in records.join(kept, on="row_no", how="anti")["row_no"]
    ]
    parts, names = [], []
    taken = np.array([], dtype=np.int64)
    for number in _order(export, kept):
        source = export.sources[number]
        own = kept.filter(pl.col("source") == number)
        if source.rank == OTHER and parts:
            findings.append((own["row_no"].min(), "other_source"))
            continue
        which, slot, _ = _laid_out(own)
        free = np.ones(len(own), dtype=bool)
        free[which[np.isin(slot, taken)]] = False
        taken = np.union1d(taken, slot[free[which]])
        parts.append(own.filter(free))
        if free.any() and source.rank != OTHER and source.name not in names[:3]:
            names.append(source.name)
    return pl.concat(parts) if parts else kept.clear(), names[:3], sorted(findings)


def _order(export: Export, records: pl.DataFrame) -> list[int]:
    """Sources with records, watches first, and of each kind the one with most records first."""
    found = records.group_by("source").len().sort("len", "source", descending=[True, False])
    return sorted(found["source"].to_list(), key=lambda number: export.sources[number].rank)


def _laid_out(records: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return shares(records["start_s"].to_numpy(), records["end_s"].to_numpy())


def _summed(records: pl.DataFrame, name: str) -> pl.DataFrame:
    """`row_no`, sum of the values and seconds covered per quarter hour; a record is spread evenly."""
    which, slot, seconds = _laid_out(records)
    lasts = (records["end_s"] - records["start_s"]).to_numpy()[which]
    value = records["value"].to_numpy()[which] * np.where(
        lasts > 0, seconds / np.maximum(lasts, 1), 1.0
    )
    return (
        pl.DataFrame(
            {"row_no": records["row_no"].to_numpy()[which], "slot": slot, name: value,
             "seconds": seconds},
            schema={"row_no": pl.Int64, "slot": pl.Int64, name: pl.Float64, "seconds": pl.Int64},
        )
        .group_by("slot")
        .agg(pl.col("row_no").min(), pl.col(name).sum(), pl.col("seconds").sum())
        .sort("slot")
    )  # fmt: skip


def _steps(records: pl.DataFrame) -> pl.DataFrame:
    summed = _summed(records, "steps_n")
    minutes = (pl.col("seconds") / _EPOCH_S).round().clip(1, SLOT_S // _EPOCH_S)
    return summed.select(
        "slot",
        "row_no",
        epochs_n=minutes.cast(pl.Int64),
        steps_n=pl.Series(whole_counts(summed["steps_n"].to_numpy())),
    )


def _speed(export: Export) -> pl.DataFrame:
    """Mean over the seconds walked: only phones measure it, so nothing is counted twice."""
    records = export.records[SPEED].with_columns(
        slot=pl.col("start_s") // SLOT_S,
        seconds=(pl.col("end_s") - pl.col("start_s")).clip(1).cast(pl.Float64),
    )
    return records.group_by("slot").agg(
        row_no_speed=pl.col("row_no").min(),
        speed_mean_mps=(pl.col("value") * pl.col("seconds")).sum() / pl.col("seconds").sum(),
        speed_s=pl.col("seconds").sum(),
    )
