"""Knee load of the index knee in the gait lab: peaks of the adduction moment and its impulse, by way of walking."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale
from pipelines.measures.rows import FORM, as_outcomes

_WAYS = {"forward": "FW", "backward": "BW"}
_NUMBERS = {
    "first_peak": ("ekam_first_peak_nm_per_kg", "Nm_per_kg"),
    "second_peak": ("ekam_second_peak_nm_per_kg", "Nm_per_kg"),
    "kaai": ("kaai_nms_per_kg", "Nms_per_kg"),
}

MEASURE = Measure(
    name="knee_load",
    title="Knee load in the gait lab, index knee",
    unit="Nm_per_kg",
    better="lower",
    licence="free to use",
    source=(
        "external knee adduction moment by inverse dynamics as the clinic's lab computes it; mean over stances of the "
        "index knee (this study's choice); impulse over seconds of stance"
    ),
    reads="knee_load",
    scales={
        f"{name}_{way}": Scale(unit, "lower", (0.0 if name != "kaai" else -5.0, None))
        for name, (_, unit) in _NUMBERS.items()
        for way in _WAYS
    },
)


def score(stances: pl.LazyFrame) -> pl.LazyFrame:
    """One row per visit, number and way of walking: the mean over stances that have the number.

    A stance that runs backward in time or whose trial missed its set speed is left out.
    Assumes: columns of core_knee_load and `assessed_date`.
    """
    used = stances.filter("is_index_knee", ~pl.col("is_turned"), pl.col("speed_state") != "missed")
    used = used.sort(*FORM, "trial_no", "stance_no")
    scored = [
        used.filter(pl.col("lab_direction_code") == code, pl.col(column).is_not_null())
        .group_by(FORM, maintain_order=True)
        .agg(pl.col(column).mean().alias("value"), pl.col("delivery_id", "row_no").first())
        .with_columns(scale=pl.lit(f"{name}_{way}"))
        for name, (column, _) in _NUMBERS.items()
        for way, code in _WAYS.items()
    ]
    return as_outcomes(pl.concat(scored), MEASURE)
