"""KOOS-12: pain, function and quality of life from twelve items of the KOOS, and their mean."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale, numbered
from pipelines.measures.rows import FORM, answers_by_scale, as_outcomes

_LEAST_ANSWERED = 2


def _scale(*items: str) -> Scale:
    return Scale("points", "higher", (0.0, 100.0), items, 4.0, _LEAST_ANSWERED)


_PARTS = {
    "pain": _scale("p1", "p5", "p6", "p8"),
    "function": _scale("a3", "a4", "a7", "sp4"),
    "qol": _scale(*numbered("q", 4)),
}

MEASURE = Measure(
    name="koos12",
    title="KOOS-12",
    unit="points",
    better="higher",
    licence="free to use, as KOOS; take the official translation of each language",
    source=(
        "koos.nu/koos12pres.html: two of four items per scale, the mean of those answered stands for the others. "
        "UNVERIFIED: which KOOS items belong to which scale, and that the summary needs all three"
    ),
    reads="answer",
    scales={**_PARTS, "summary": Scale("points", "higher", (0.0, 100.0))},
    form="koos",
)


def score(answers: pl.LazyFrame) -> pl.LazyFrame:
    """Three scales from 0, extreme problems, to 100, none, and their mean where all three are there."""
    parts = (
        answers_by_scale(answers, MEASURE)
        .filter(pl.col("n_answered") >= _LEAST_ANSWERED)
        .with_columns(value=100 - pl.col("total") * 100 / (4 * pl.col("n_answered")))
    )
    summary = (
        parts.sort("scale")
        .group_by(FORM)
        .agg(
            pl.col("value").mean(),
            pl.col("scale").len().alias("n"),
            pl.col("delivery_id", "row_no").first(),
        )
        .filter(pl.col("n") == len(_PARTS))
        .with_columns(scale=pl.lit("summary"))
    )
    columns = [*FORM, "scale", "value", "delivery_id", "row_no"]
    return as_outcomes(pl.concat([parts.select(columns), summary.select(columns)]), MEASURE)
