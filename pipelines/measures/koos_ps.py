"""KOOS-PS: physical function from seven items of the KOOS through its table of Rasch scores."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale, Threshold
from pipelines.measures.rows import answers_by_scale, as_outcomes

_ITEMS = ("a10", "a9", "a3", "a5", "sp4", "sp5", "sp1")
# Raw sum 0 to 28 -> score. One public scorer prints 67.7 for raw 11, which would be above raw 10.
SCORE_OF_RAW = (
    100.0, 94.4, 89.5, 85.2, 81.4, 78.0, 75.1, 72.5, 70.3, 68.2, 66.4, 64.7, 63.0, 61.4, 59.7,
    58.0, 56.0, 53.9, 51.5, 48.8, 45.6, 42.1, 38.0, 33.4, 28.2, 22.3, 15.7, 8.2, 0.0,
)  # fmt: skip
_SINGH = "pmc.ncbi.nlm.nih.gov/articles/PMC3943561 (knee arthritis; ICC only 0.66)"

MEASURE = Measure(
    name="koosps",
    title="KOOS Physical Function Short-form",
    unit="points",
    better="higher",
    licence="free to use, as KOOS; take the official translation of each language",
    source=(
        "Perruccio 2008, in the direction of KOOS: 100 is no difficulty (the paper prints 0 for that); "
        "all seven items are needed"
    ),
    reads="answer",
    scales={"function": Scale("points", "higher", (0.0, 100.0), _ITEMS, 4.0, len(_ITEMS))},
    thresholds=(
        Threshold("function", "mcid", 2.2, "points", "knee arthritis", _SINGH),
        Threshold(
            "function", "mcid", 15.0, "points", "knee arthritis, moderate improvement", _SINGH
        ),
    ),
    form="koos",
)


def score(answers: pl.LazyFrame) -> pl.LazyFrame:
    """The Rasch score of forms with all seven items; nothing is imputed.

    Assumes: answers are whole numbers from 0, none, to 4, extreme.
    """
    table = dict(enumerate(SCORE_OF_RAW))
    return (
        answers_by_scale(answers, MEASURE)
        .filter(pl.col("n_answered") == len(_ITEMS), pl.col("total") == pl.col("total").round())
        .with_columns(
            value=pl.col("total").cast(pl.Int64).replace_strict(table, return_dtype=pl.Float64)
        )
        .pipe(as_outcomes, MEASURE)
    )
