"""Numeric pain rating, 0 none to 10 worst, of four moments."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale, Threshold
from pipelines.measures.rows import answers_by_scale, as_outcomes

_MSK = "pmc.ncbi.nlm.nih.gov/articles/PMC7990728/table/tbl0005"
_MOMENTS = ("average_7d", "walking", "worst_24h", "now")


def _relative(moment: str) -> Threshold:
    return Threshold(
        scale=moment,
        purpose="mcid",
        value=30.0,
        unit="pct",
        population="chronic pain, moderate improvement",
        source="commonly used 30 % of baseline",
        relative=True,
        verified=False,
    )


MEASURE = Measure(
    name="pain",
    title="Numeric pain rating scale",
    unit="points",
    better="lower",
    licence="free to use",
    source="one 0 to 10 rating per moment, reported as given",
    reads="answer",
    scales={
        moment: Scale("points", "lower", (0.0, 10.0), (moment,), item_top=10.0, least_answered=1)
        for moment in _MOMENTS
    },
    thresholds=(
        *(
            Threshold(moment, "mcid", 2.0, "points", "chronic musculoskeletal pain", _MSK)
            for moment in _MOMENTS
        ),
        *(_relative(moment) for moment in _MOMENTS),
    ),
)


def score(answers: pl.LazyFrame) -> pl.LazyFrame:
    """Each moment's rating as it was given."""
    return (
        answers_by_scale(answers, MEASURE)
        .with_columns(value=pl.col("total"))
        .pipe(as_outcomes, MEASURE)
    )
