"""WOMAC (Likert) as it follows from KOOS, which contains its items: higher is worse."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale, Threshold, numbered
from pipelines.measures.rows import FORM, answers_by_scale, as_outcomes

# Items that may be missing, the others' mean standing in for them. UNVERIFIED: from memory of the user guide.
_MOST_MISSING = {"pain": 1, "stiffness": 1, "function": 3}


def _scale(*items: str) -> Scale:
    return Scale("points", "lower", (0.0, 4.0 * len(items)), items, 4.0)


_PARTS = {
    "pain": _scale(*(f"p{n}" for n in range(5, 10))),  # five of the nine pain items, not all
    "stiffness": _scale("s6", "s7"),
    "function": _scale(*numbered("a", 17)),
}

MEASURE = Measure(
    name="womac",
    title="WOMAC, derived from KOOS",
    unit="points",
    better="lower",
    licence=(
        "NOT free: a licence of the owner is needed to use WOMAC; here it is only derived from KOOS answers, for comparison"
    ),
    source=(
        "KOOS contains WOMAC LK3.0: pain p5-p9 (0-20), stiffness s6, s7 (0-8), function a1-a17 (0-68). "
        "UNVERIFIED: how many items may be missing"
    ),
    reads="answer",
    scales={**_PARTS, "total": Scale("points", "lower", (0.0, 96.0))},
    thresholds=(
        Threshold(
            "total", "mcid", 12.0, "pct", "osteoarthritis",
            "12 % of the baseline value as quoted in reviews of osteoarthritis", relative=True, verified=False,
        ),
    ),
    form="koos",
)  # fmt: skip


def score(answers: pl.LazyFrame) -> pl.LazyFrame:
    """Raw sums of the three scales, and their sum where all three are there.

    A sum of the answered items alone would make a missing answer an improvement.
    """
    n_items = {name: len(scale.items) for name, scale in _PARTS.items()}
    size = pl.col("scale").replace_strict(n_items, return_dtype=pl.Int64)
    most_missing = pl.col("scale").replace_strict(_MOST_MISSING, return_dtype=pl.Int64)
    parts = (
        answers_by_scale(answers, MEASURE)
        .filter(pl.col("n_answered") >= size - most_missing, pl.col("n_answered") > 0)
        .with_columns(value=pl.col("total") / pl.col("n_answered") * size)
    )
    total = (
        parts.sort("scale")
        .group_by(FORM)
        .agg(
            pl.col("value").sum(),
            pl.col("scale").len().alias("n"),
            pl.col("delivery_id", "row_no").first(),
        )
        .filter(pl.col("n") == len(_PARTS))
        .with_columns(scale=pl.lit("total"))
    )
    columns = [*FORM, "scale", "value", "delivery_id", "row_no"]
    return as_outcomes(pl.concat([parts.select(columns), total.select(columns)]), MEASURE)
