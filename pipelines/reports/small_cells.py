"""Counts of few people left out of open tables, so that nobody can work them out."""

from __future__ import annotations

import polars as pl

from pipelines.analysis.suppression import hidden_cells
from pipelines.errors import BackstepError

NOTE = "{missing} also stands for a count from 1 to {most} people, and for those that would give it away."


def without_small(frame: pl.DataFrame, part: str, whole: str, limit: int) -> pl.DataFrame:
    """The frame with `part` null where it is hidden; `part` and the rest of `whole` are protected together.

    Everything of `part` is null where no choice of cells protects the table. Assumes: `whole` and both sums are known.
    """
    counts = frame.select(pl.col(part), pl.col(whole) - pl.col(part)).to_numpy()
    if not len(counts):
        return frame
    try:
        hidden = hidden_cells(counts, limit).any(axis=1)  # one of the two gives the other
    except BackstepError:
        hidden = counts[:, 0] >= 0
    shown = pl.when(~pl.Series(hidden)).then(part)
    return frame.with_columns(shown.alias(part))


def note(limit: int, missing: str) -> str:
    """What a table says below it of what is hidden."""
    return NOTE.format(missing=missing, most=limit - 1)
