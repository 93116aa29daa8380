"""Mini-BESTest: 14 items of 0 to 2, total 28; items 3 and 6 count with their worse side."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale, Threshold
from pipelines.measures.rows import FORM, as_outcomes

_BOTH_SIDES = ("3", "6")
_ITEMS = tuple(
    item
    for number in range(1, 15)
    for item in (
        (f"{number}_left", f"{number}_right") if str(number) in _BOTH_SIDES else (str(number),)
    )
)
_PD = "smallest real difference, pmc.ncbi.nlm.nih.gov/articles/PMC4272769"

MEASURE = Measure(
    name="mini_bestest",
    title="Mini-BESTest",
    unit="points",
    better="higher",
    licence="free to use for clinical and research work; item codes only",
    source="total of 28, the worse side of items 3 and 6: sralab.org/rehabilitation-measures/mini-balance-evaluation-systems-test",
    reads="answer",
    scales={"total": Scale("points", "higher", (0.0, 28.0), _ITEMS, item_top=2.0, least_answered=16)},
    thresholds=(
        Threshold("total", "mdc95", 3.4, "points", "Parkinson's disease, retest", _PD),
        Threshold("total", "mdc95", 4.1, "points", "Parkinson's disease, two raters", _PD),
        Threshold(
            "total", "mdc95", 3.5, "points", "mixed balance disorders", "Godi 2013, not at hand", verified=False
        ),
        Threshold(
            "total", "mcid", 4.0, "points", "mixed balance disorders", "Godi 2013, not at hand", verified=False
        ),
    ),
)  # fmt: skip


def score(answers: pl.LazyFrame) -> pl.LazyFrame:
    """The total of a form whose every item is answered, both sides of items 3 and 6 included."""
    rests_on = ("delivery_id", "row_no")
    return (
        answers.filter(
            pl.col("measure") == MEASURE.name,
            pl.col("item").is_in(_ITEMS),
            pl.col("answer").is_between(0, 2),
        )
        .sort(*rests_on)
        .unique([*FORM, "item"], keep="first", maintain_order=True)
        .with_columns(number=pl.col("item").str.extract(r"^(\d+)"))
        .group_by(*FORM, "number")
        .agg(pl.col("answer").min(), *(pl.col(name).first() for name in rests_on), n=pl.len())
        .group_by(*FORM)
        .agg(*(pl.col(name).first() for name in rests_on), value=pl.col("answer").sum(), n=pl.col("n").sum())
        .filter(pl.col("n") == len(_ITEMS))
        .with_columns(scale=pl.lit("total"))
        .pipe(as_outcomes, MEASURE)
    )  # fmt: skip
