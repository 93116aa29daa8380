"""Counts of few people left out of open tables, so that nobody can work them out."""

from __future__ import annotations

import polars as pl

from pipelines.analysis.suppression import hidden_cells
from pipelines.errors import BackstepError
from pipelines.reports.layout.numbers import MISSING
from pipelines.reports.source import Source

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


def in_rows(frame: pl.DataFrame, parts: list[str], limit: int) -> pl.DataFrame:
    """The frame with small counts of `parts` null, and those that would tell them, where each row's sum is printed."""
    cells = (
        frame.select(parts)
        .with_row_index("_row")
        .unpivot(index="_row", variable_name="_part", value_name="n")
    )
    hidden = _hidden(cells, pl.col("n").is_between(1, limit - 1), "n", "_row", limit)
    shown = cells.with_columns(pl.when(~hidden).then("n")).pivot("_part", index="_row", values="n")
    return frame.with_columns(shown.get_column(part) for part in parts)


def of_total(frame: pl.DataFrame, events: str, people: str, limit: int) -> pl.DataFrame:
    """Events and the people behind them, one row a kind, where the total of all events is printed elsewhere.

    Rows with few people or few events are hidden, and those that would tell them.
    """
    small = pl.col(people).is_between(1, limit - 1) | pl.col(events).is_between(1, limit - 1)
    hidden = _hidden(frame.with_columns(_all=0), small, events, "_all", limit)
    return frame.with_columns(
        pl.when(~hidden).then(pl.col(name)).alias(name) for name in (events, people)
    )


def _hidden(frame: pl.DataFrame, small: pl.Expr, count: str, of: str, limit: int) -> pl.Series:
    """Which rows are hidden, where the sum of `count` of each `of` is printed.

    A sum less what is shown is the sum of the hidden rows, so the smallest others join the small ones until there
    are two that together have at least `limit`: then each of them could be anything from none to all of that.
    """
    ordered = frame.with_columns(_small=small).with_row_index("_at").sort(
        of, ~pl.col("_small"), pl.col(count) == 0, count, "_at"
    )  # fmt: skip
    before = (pl.col(count).cum_sum() - pl.col(count)).over(of)
    joins = (pl.int_range(pl.len()).over(of) < 2) | (before < limit)
    hidden = pl.col("_small") | (joins & pl.col("_small").any().over(of))
    return ordered.with_columns(_hidden=hidden).sort("_at")["_hidden"]


def note(limit: int, missing: str) -> str:
    """What a table says below it of what is hidden."""
    return NOTE.format(missing=missing, most=limit - 1)


def without_few(
    source: Source, counted: pl.DataFrame, whole: str, parts: dict[str, tuple[str, ...]]
) -> pl.DataFrame:
    """Small counts of people hidden, and with each the counts of events that would tell it."""
    limit = source.contract.study.analysis.smallest_shown_count
    for part, with_it in parts.items():
        counted = without_small(counted, part, whole, limit)
        hidden = pl.col(part).is_null()
        counted = counted.with_columns(
            pl.when(~hidden).then(pl.col(name)).alias(name) for name in with_it
        )
    return counted


def note_for(source: Source) -> str:
    """The note of a table of the open report; nothing in the closed one."""
    if source.audience == "closed":
        return ""
    return note(source.contract.study.analysis.smallest_shown_count, MISSING)


def few_of_total(source: Source, counted: pl.DataFrame) -> pl.DataFrame:
    """Events `n` and people `people_n` by kind, without small counts in the open report."""
    if source.audience == "closed":
        return counted
    limit = source.contract.study.analysis.smallest_shown_count
    return of_total(counted, "n", "people_n", limit)
