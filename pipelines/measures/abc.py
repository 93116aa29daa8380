"""Activities-specific Balance Confidence scale: 16 items, 0 to 100 %, and their mean."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale, Threshold, numbered
from pipelines.measures.rows import answers_by_scale, as_outcomes

_LEAST_ANSWERED = 12  # UNVERIFIED: in common use, not found in a source at hand

MEASURE = Measure(
    name="abc",
    title="Activities-specific Balance Confidence",
    unit="points",
    better="higher",
    licence="permission needed for multi-centre trials and electronic versions; item codes only",
    source="mean of the items, RehabMeasures; at least 12 of 16 answered (that rule is UNVERIFIED)",
    reads="answer",
    scales={
        "mean": Scale(
            "points", "higher", (0.0, 100.0), numbered("", 16), item_top=100.0, least_answered=_LEAST_ANSWERED
        )
    },
    thresholds=(
        Threshold(
            "mean", "cutoff", 67.0, "points", "older adults, fall risk", "wis.it.com/abc-scale-fall-risk-cut-off-guide (a weak, secondary source)", op="<"
        ),
    ),
)  # fmt: skip


def score(answers: pl.LazyFrame) -> pl.LazyFrame:
    """The mean of the answered items; an item left out is not a confidence of zero."""
    return (
        answers_by_scale(answers, MEASURE)
        .filter(pl.col("n_answered") >= _LEAST_ANSWERED)
        .with_columns(value=pl.col("total") / pl.col("n_answered"))
        .pipe(as_outcomes, MEASURE)
    )
