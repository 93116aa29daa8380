"""Walking speed of daily life, from a lower-back sensor over the days around a visit."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale
from pipelines.measures.rows import as_outcomes

_SPEEDS_OF = {  # scale: class of bout length in study.yaml, and what of its speeds
    "speed_10_to_30": ("10_to_30", "speed_mean_mps"),
    "speed_over_10_median": ("over_10", "speed_p50_mps"),
    "speed_over_30_p90": ("over_30", "speed_p90_mps"),
}
LEAST_BOUTS = 10  # fewer bouts of a class say nothing of a week; our choice, no source

MEASURE = Measure(
    name="rwg",
    title="real-world gait",
    unit="mps",
    better="higher",
    licence="free to use",
    source=(
        "walking speed in shorter bouts (10 to 30 s) and its 90th percentile in longer ones, as Mobilise-D aggregates "
        "them; forward walking only, method in signals/; from 10 bouts of the class on"
    ),
    reads="wear_window",
    scales={name: Scale("mps", "higher", (0.0, None)) for name in _SPEEDS_OF},
)


def score(windows: pl.LazyFrame) -> pl.LazyFrame:
    """One row per visit and scale whose window has enough valid days and bouts.

    Assumes: columns of core_wear_window, `assessed_date` being the visit's own day.
    """
    scored = [
        windows.filter(
            pl.col("is_valid"),
            pl.col("bout_class") == bout_class,
            pl.col("speeds_n") >= LEAST_BOUTS,
        ).with_columns(scale=pl.lit(scale), value=pl.col(speed))
        for scale, (bout_class, speed) in _SPEEDS_OF.items()
    ]
    return as_outcomes(pl.concat(scored), MEASURE)
