"""From answers and trials to outcome rows: the steps every measure shares.

A value that cannot be scored gives no row. So a missing outcome is seen as a visit without a row,
and no later sum or mean can mistake it for a number.
"""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure

FORM = ["participant_id", "clinic_id", "visit_code", "assessed_date"]  # one assessment
OUTCOME_SCHEMA = pl.Schema(
    {
        "participant_id": pl.String,
        "clinic_id": pl.String,
        "visit_code": pl.String,
        "measure": pl.String,
        "scale": pl.String,
        "value": pl.Float64,
        "unit": pl.String,
        "better": pl.String,
        "assessed_date": pl.Date,
        "delivery_id": pl.String,
        "row_no": pl.Int64,
    }
)
_RESTS_ON = ("delivery_id", "row_no")


def answers_by_scale(answers: pl.LazyFrame, measure: Measure) -> pl.LazyFrame:
    """One row per assessment and scale: `n_answered` and `total` of its answered items.

    Only the index knee's form counts, and one form per assessment. An answer outside its item's
    range is no answer.
    """
    scale_of = {item: name for name, scale in measure.scales.items() for item in scale.items}
    top_of = {item: scale.item_top for scale in measure.scales.values() for item in scale.items}
    top = pl.col("item").replace_strict(top_of, default=None, return_dtype=pl.Float64)
    return (
        answers.filter(
            pl.col("measure") == (measure.form or measure.name),
            pl.col("item").is_in(list(scale_of)),
        )
        .pipe(of_index_side, "knee_side")
        .filter(pl.col("answer").is_between(0, top))
        .sort(*_RESTS_ON)
        .unique([*FORM, "item"], keep="first", maintain_order=True)
        .with_columns(scale=pl.col("item").replace_strict(scale_of, return_dtype=pl.String))
        .group_by(*FORM, "scale")
        .agg(
            pl.col("answer").count().alias("n_answered"),
            pl.col("answer").sum().alias("total"),
            pl.col(_RESTS_ON).first(),
        )
    )


def of_index_side(rows: pl.LazyFrame, side: str) -> pl.LazyFrame:
    """The rows that speak of the index knee, one side per assessment.

    A row of the index side beats one for both sides, which beats one that names none. Without an
    index knee only the last two remain: which knee was meant is not guessed.
    """
    rank = (
        pl.when(pl.col(side) == pl.col("index_knee_side"))
        .then(0)
        .when(pl.col(side) == "both")
        .then(1)
        .when(pl.col(side).is_null())
        .then(2)
    )
    return (
        rows.with_columns(_rank=rank)
        .filter(pl.col("_rank").is_not_null())
        .filter(pl.col("_rank") == pl.col("_rank").min().over(FORM))
        .drop("_rank")
    )


def in_trial_order(trials: pl.LazyFrame) -> pl.LazyFrame:
    """Trials in the order they were walked or stood, so that sums come out the same every time."""
    return trials.sort(*FORM, "trial_no", *_RESTS_ON)


def per_assessment(trials: pl.LazyFrame, scale: str, value: pl.Expr) -> pl.LazyFrame:
    """One value per assessment; it rests on the first trial's row. Assumes: trials are in order."""
    return (
        trials.group_by(FORM, maintain_order=True)
        .agg(value.alias("value"), pl.col(_RESTS_ON).first())
        .with_columns(scale=pl.lit(scale))
    )


def as_outcomes(scored: pl.LazyFrame, measure: Measure) -> pl.LazyFrame:
    """Outcome rows with the unit and direction of their scale, without those that have no value."""
    scales = measure.scales.items()
    unit = {name: scale.unit for name, scale in scales}
    better = {name: scale.better for name, scale in scales}
    return (
        scored.with_columns(
            measure=pl.lit(measure.name),
            unit=pl.col("scale").replace_strict(unit, return_dtype=pl.String),
            better=pl.col("scale").replace_strict(better, return_dtype=pl.String),
        )
        .filter(pl.col("value").is_finite())
        .select(pl.col(name).cast(dtype) for name, dtype in OUTCOME_SCHEMA.items())
    )
