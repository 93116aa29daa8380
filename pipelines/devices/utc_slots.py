"""Steps whose times are UTC, in quarter hours that a clinic's time zone turns into local days.

A reader does not know the zone in which its file was worn, and every zone in use is a whole number
of quarter hours from UTC: a quarter hour always lies in one local day, whatever the zone.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines import clock

SLOT_S = 900
SLOT_SCHEMA = {
    "row_no": pl.Int64,
    "slot_utc": pl.Datetime("us"),
    "epoch_s": pl.Int64,
    "epochs_n": pl.Int64,
    "steps_n": pl.Int64,
}


def slots(row_no: np.ndarray, at_s: np.ndarray, steps: np.ndarray, epoch_s: int) -> pl.DataFrame:
    """One row of SLOT_SCHEMA per quarter hour that has an entry, in order of time.

    `at_s` are seconds since 1970 in UTC; an epoch that has several entries counts once in `epochs_n`.
    """
    entries = pl.DataFrame({"row_no": row_no, "at_s": at_s, "steps_n": steps})
    start_us = pl.col("at_s").floordiv(SLOT_S) * (SLOT_S * 1_000_000)
    return (
        entries.group_by(slot_utc=start_us.cast(pl.Datetime("us")))
        .agg(
            pl.col("row_no").min(),
            pl.col("at_s").floordiv(epoch_s).n_unique().alias("epochs_n"),
            pl.col("steps_n").sum(),
        )
        .sort("slot_utc")
        .with_columns(epoch_s=pl.lit(epoch_s, pl.Int64))
        .select(pl.col(name).cast(kind) for name, kind in SLOT_SCHEMA.items())
    )


def local_days(records: pl.DataFrame, time_zone: str) -> pl.DataFrame:
    """One row per local day: quarter hours of `slots` summed, `wear_date` in place of `slot_utc`.

    Where the reader has them, `distance_m` is summed and `speed_mean_mps` averaged over the seconds
    `speed_s` that it is a mean of.
    """
    day = {
        "row_no": pl.col("row_no").min(),
        "epoch_s": pl.col("epoch_s").first(),
        "epochs_n": pl.col("epochs_n").sum(),
        "steps_n": pl.col("steps_n").sum(),
    }
    if "distance_m" in records.columns:
        known = pl.col("distance_m").count() > 0
        day["distance_m"] = pl.when(known).then(pl.col("distance_m").sum())
    if "speed_mean_mps" in records.columns:
        walked = pl.col("speed_mean_mps") * pl.col("speed_s")
        day["speed_mean_mps"] = pl.when(pl.col("speed_s").sum() > 0).then(
            walked.sum() / pl.col("speed_s").sum()
        )
    return (
        records.sort("slot_utc")
        .group_by(wear_date=clock.local_date(pl.col("slot_utc"), time_zone))
        .agg(**day)
        .sort("wear_date")
        .select("row_no", "wear_date", *[name for name in day if name != "row_no"])
    )
