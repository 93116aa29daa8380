"""Isometric strength of the index leg as torque per body mass, from torque or from force and lever arm."""

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
    source="torque, or force x lever arm, over body mass at enrolment; best of the trials (this study's choice)",
    reads="strength",
    scales={muscle: Scale("Nm_per_kg", "higher", (0.0, None)) for muscle in _MUSCLES},
)


def score(trials: pl.LazyFrame) -> pl.LazyFrame:
    """The best trial of each muscle group, in Nm/kg. A trial that could not be made a torque is none.

    Assumes: columns of core_strength_torque, which says how each trial was told, and `index_knee_side`.
    """
    told = trials.filter(pl.col("torque_nm_per_kg") > 0)
    possible = told.pipe(of_index_side, "test_side_code").pipe(in_trial_order)
    best = pl.col("torque_nm_per_kg").max()
    return as_outcomes(
        pl.concat(
            per_assessment(possible.filter(pl.col("muscle_code") == muscle), muscle, best)
            for muscle in _MUSCLES
        ),
        MEASURE,
    )
