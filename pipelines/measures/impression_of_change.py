"""Patient's global impression of change: one of seven steps, 1 very much improved."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale
from pipelines.measures.rows import answers_by_scale, as_outcomes

MEASURE = Measure(
    name="pgic",
    title="Patient's impression of change",
    unit="points",
    better="lower",
    licence="free to use",
    source="seven steps, 4 is no change; asked after baseline only",
    reads="answer",
    form="patient_rating",
    scales={
        "change": Scale("points", "lower", (1.0, 7.0), ("change",), item_top=7.0, least_answered=1)
    },
)


def score(answers: pl.LazyFrame) -> pl.LazyFrame:
    """The rating as it was given; at baseline there is nothing to compare with, so none there counts."""
    return (
        answers_by_scale(answers.filter(pl.col("visit_code") != "BL"), MEASURE)
        .with_columns(value=pl.col("total"))
        .pipe(as_outcomes, MEASURE)
    )
