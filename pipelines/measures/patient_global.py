"""Patient's global assessment on a 100 mm line, 0 best to 100 worst."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale
from pipelines.measures.rows import answers_by_scale, as_outcomes

MEASURE = Measure(
    name="pga",
    title="Patient's global assessment",
    unit="mm",
    better="lower",
    licence="free to use",
    source="one mark on a 100 mm line, in mm",
    reads="answer",
    form="patient_rating",
    scales={
        "global": Scale(
            "mm", "lower", (0.0, 100.0), ("global_vas_mm",), item_top=100.0, least_answered=1
        )
    },
)


def score(answers: pl.LazyFrame) -> pl.LazyFrame:
    """The rating as it was given."""
    return (
        answers_by_scale(answers, MEASURE)
        .with_columns(value=pl.col("total"))
        .pipe(as_outcomes, MEASURE)
    )
