"""Columns of the designs that compare two arms: the arm, and what it is adjusted for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

NOT_GIVEN = "not given"


def treated(rows: pl.DataFrame, arms: tuple[str, str], arm: str = "arm") -> np.ndarray:
    """1 for the second arm, 0 for the first."""
    return (rows[arm] == arms[1]).cast(pl.Float64).to_numpy()


def dummies(values: pl.Series) -> list[np.ndarray]:
    """A column of 0 and 1 for every value but the first in order."""
    return [(values == one).cast(pl.Float64).to_numpy() for one in sorted(values.unique())[1:]]


def strata_of(strata: Sequence[str]) -> list[pl.Expr]:
    """The strata as text; where one does not apply or is not known, that is a stratum of its own."""
    return [pl.col(name).cast(pl.String).fill_null(NOT_GIVEN) for name in strata]


def adjusted(
    wanted: Sequence[np.ndarray], others: Iterable[np.ndarray], redundant: Iterable[np.ndarray] = ()
) -> np.ndarray | None:
    """The columns `wanted`, then `others`, then those of `redundant` that add something.

    Strata may say what another column says already (a grade that follows from the condition); such a
    column is left out. None where `wanted` cannot be told apart from all the rest.
    """
    kept = list(others)
    rank = np.linalg.matrix_rank(np.column_stack(kept)) if kept else 0
    for column in redundant:
        longer = np.linalg.matrix_rank(np.column_stack([*kept, column]))
        if longer > rank:
            kept, rank = [*kept, column], longer
    design = np.column_stack([*wanted, *kept])
    return design if np.linalg.matrix_rank(design) == design.shape[1] else None
