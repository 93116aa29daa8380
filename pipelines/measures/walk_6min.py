"""6-minute walk test: metres walked while the clock runs for 360 s, rests included."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale, Threshold
from pipelines.measures.rows import as_outcomes, in_trial_order, per_assessment

_NAYLOR = (
    "Naylor 2014, BMC Musculoskelet Disord 15:235, biomedcentral.com/1471-2474/15/235/abstract"
)
_PERERA = "Perera 2006, scilit.net/publications/d68e386fffbd2cf0525912b412bab333"

MEASURE = Measure(
    name="6mwt",
    title="6-minute walk test",
    unit="m",
    better="higher",
    licence="free to use",
    source="distance in six minutes; the longest of the trials (this study's choice). A shorter lap costs distance: lap_length_m",
    reads="walk_test",
    scales={"distance": Scale("m", "higher", (0.0, None))},
    thresholds=(
        Threshold("distance", "mdc95", 79.0, "m", "awaiting knee replacement", _NAYLOR),
        Threshold("distance", "mcid", 20.0, "m", "older adults, small change", _PERERA),
        Threshold("distance", "mcid", 50.0, "m", "older adults, substantial change", _PERERA),
    ),
)


def score(trials: pl.LazyFrame) -> pl.LazyFrame:
    """The longest distance of an assessment's trials."""
    return (
        trials.filter(pl.col("walk_test_code") == "6mwt", pl.col("timed_distance_m") > 0)
        .pipe(in_trial_order)
        .pipe(per_assessment, "distance", pl.col("timed_distance_m").max())
        .pipe(as_outcomes, MEASURE)
    )
