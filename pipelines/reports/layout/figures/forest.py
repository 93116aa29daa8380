"""Estimates per clinic with intervals, and apart from them the overall estimate of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.forest_drawing import draw_forest
from pipelines.reports.layout.numbers import estimate, number
from pipelines.reports.layout.svg import Size, draw, no_data


@dataclass(frozen=True)
class Overall:
    """The effect as the model gives it; not a mean of the clinics."""

    estimate: float
    low: float
    high: float
    n: int
    label: str = "Overall (model)"


def forest(
    clinics: pl.DataFrame,
    overall: Overall | None,
    *,
    measure: str,
    unit: str,
    favours: tuple[str, str],
    references: Sequence[tuple[float, str]] = (),
    title: str,
    digits: int = 2,
    note: str = "",
    rows_are: str = "clinics",
) -> Figure:
    """`favours`: who is better off left and right of zero; `references`: lines such as the MCID.

    Assumes: `clinics` has label, estimate, low, high, n in the order to show; a clinic too small to
    estimate has null there and stays in the list.
    """
    clinics = clinics.select("label", "estimate", "low", "high", "n").fill_nan(None)
    if overall is None and clinics["estimate"].drop_nulls().is_empty():
        return no_data(title, "there are too few participants for an estimate.", by_arm=True)
    table = _lay_out(clinics, overall, digits)
    domain = _domain(table, [value for value, _ in references])

    def build(size: Size) -> alt.LayerChart:
        return draw_forest(table, domain, references, favours, f"{measure} ({unit})", size)

    n = overall.n if overall else clinics["n"].sum()
    cut = table.filter((pl.col("low") < domain[0]) | (pl.col("high") > domain[1])).height
    caption = [
        f"n = {number(n)} participants, {number(len(clinics))} {rows_are}.",
        f"Squares: {rows_are}, larger where more participants; bars: 95 % intervals.",
        f"Diamond: the model over all {rows_are}, not the mean of the {rows_are}. "
        if overall
        else "",
        f"Arrowheads: the interval goes beyond the scale ({number(cut)} of {number(len(table))}); "
        "its bounds are printed."
        if cut
        else "",
        note,
    ]
    said = (
        f"Overall {estimate(overall.estimate, overall.low, overall.high, digits)}."
        if overall
        else ""
    )
    alt_text = (
        f"Forest plot of {measure} in {unit}, {number(len(clinics))} {rows_are}. {said} "
        f"Left of zero: {favours[0]}; right of zero: {favours[1]}."
    )
    return draw(build, title=title, caption=_join(caption), alt_text=alt_text, by_arm=True)


def _join(parts: list[str]) -> str:
    return " ".join(part.strip() for part in parts if part)


def _lay_out(clinics: pl.DataFrame, overall: Overall | None, digits: int) -> pl.DataFrame:
    """One row per line of the figure, with its place from the top and its numbers written out."""
    table = clinics.with_columns(
        kind=pl.lit("clinic"), place=pl.int_range(pl.len()).cast(pl.Float64)
    )
    if overall:
        last = pl.DataFrame(
            {
                "label": [overall.label],
                "estimate": [overall.estimate],
                "low": [overall.low],
                "high": [overall.high],
                "n": [overall.n],
                "kind": ["overall"],
                "place": [len(clinics) + 0.4],
            },
        )
        table = pl.concat([table, last], how="vertical_relaxed")
    told = [
        "not estimated" if value is None else estimate(value, low, high, digits)
        for value, low, high in table.select("estimate", "low", "high").iter_rows()
    ]
    return table.with_columns(told=pl.Series(told, dtype=pl.String))


def _domain(table: pl.DataFrame, references: list[float]) -> tuple[float, float]:
    """A range that shows every estimate and line; a very wide interval may not squeeze the rest."""
    known = table.drop_nulls("estimate")
    middle = [*known["estimate"], *references, 0.0]
    usual = 2 * ((known["high"] - known["low"]).median() or 1.0)
    low = max(min(middle) - usual, min([*middle, *known["low"].drop_nulls()]))
    high = min(max(middle) + usual, max([*middle, *known["high"].drop_nulls()]))
    room = (high - low) * 0.04 or 1.0
    return low - room, high + room
