"""One thin line per participant from randomisation on, with falls and adverse events on it."""

from __future__ import annotations

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.directions import rows
from pipelines.reports.layout.numbers import number
from pipelines.reports.layout.palette import BLUE, PURPLE, THIN, VERMILLION
from pipelines.reports.layout.svg import Size, draw, no_data

KINDS = {"fall": BLUE, "adverse event": PURPLE, "serious adverse event": VERMILLION}
_SHAPES = ["circle", "diamond", "square"]


def swimmer(people: pl.DataFrame, events: pl.DataFrame, *, title: str, note: str = "") -> Figure:
    """`people` has row (1 is drawn on top) and last_day; `events` has row, day and kind, one of KINDS.

    No name is drawn. Days before randomisation are left out.
    """
    events = events.filter(pl.col("day") > 0)
    if people.is_empty():
        return no_data(title, "nobody has been followed before the cut-off.")
    counted = {kind: events.filter(kind=kind).height for kind in KINDS}
    told = ", ".join(f"{number(n)} {kind}s" for kind, n in counted.items())

    def build(size: Size) -> alt.LayerChart:
        return _lanes(people, events, size)

    return draw(
        build,
        title=title,
        caption=f"n = {number(people.height)} participants, each a line as long as their diaries go, the longest on top. "
        f"{told}. {note}".strip(),
        alt_text=f"Lines of {number(people.height)} participants with {told}.",
    )


def _lanes(people: pl.DataFrame, events: pl.DataFrame, size: Size) -> alt.LayerChart:
    lane = min(6.0, max(1.6, 600 / people.height))
    x = alt.X("day:Q", title="Days since randomisation").axis(grid=False, tickCount=6)
    y = alt.Y("row:Q", title=None).axis(None).scale(domain=[people.height + 1, 0], nice=False)
    lines = alt.Chart(rows(people.with_columns(day=pl.lit(0)))).mark_rule(
        color=THIN, strokeWidth=min(1.5, lane / 2)
    )
    lines = lines.encode(x=x, x2="last_day:Q", y=y)
    kinds = list(KINDS)
    colour = alt.Color("kind:N", title=None).scale(domain=kinds, range=list(KINDS.values()))
    shape = alt.Shape("kind:N", title=None).scale(domain=kinds, range=_SHAPES)
    legend = alt.Legend(orient="top", direction="vertical" if size.narrow else "horizontal")
    dots = alt.Chart(rows(events)).mark_point(filled=True, opacity=1, size=max(14, lane * 7))
    dots = dots.encode(x=x, y=y, color=colour.legend(legend), shape=shape.legend(legend))
    return alt.layer(lines, dots).properties(
        width=size.width - 40, height=max(120, lane * people.height)
    )
