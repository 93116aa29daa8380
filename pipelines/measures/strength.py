"""Isometric strength of the index leg as torque per body mass: force x lever arm / mass."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale
from pipelines.measures.rows import as_outcomes, in_trial_order, of_index_side, per_assessment

_MUSCLES = ("quadriceps", "hamstrings", "gluteals", "calf")

MEASURE = Measure(
    name="strength",
    title="Isometric strength, index leg",
    unit="Nm_per_kg",
    better="higher",
    licence="free to use",
    source="torque = force x lever arm, over body mass at enrolment; best of the trials (this study's choice)",
    reads="strength",
    scales={muscle: Scale("Nm_per_kg", "higher", (0.0, None)) for muscle in _MUSCLES},
)


def score(trials: pl.LazyFrame) -> pl.LazyFrame:
    """The best trial of each muscle group. Without lever arm or body mass a force is no torque."""
    torque = pl.col("force_n") * pl.col("lever_m") / pl.col("weight_kg")
    possible = trials.filter(
        pl.col("force_n") > 0, pl.col("lever_m") > 0, pl.col("weight_kg") > 0
    ).pipe(of_index_side, "test_side_code").pipe(in_trial_order)  # fmt: skip
    return as_outcomes(
        pl.concat(
            per_assessment(possible.filter(pl.col("muscle_code") == muscle), muscle, torque.max())
            for muscle in _MUSCLES
        ),
        MEASURE,
    )
