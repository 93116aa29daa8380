"""The adherence calendar: each participant a row, each week of training a cell, the darker the more was attended."""

from __future__ import annotations

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.directions import rows
from pipelines.reports.layout.numbers import fraction, number
from pipelines.reports.layout.palette import CELL_RAMP, VERMILLION
from pipelines.reports.layout.svg import Size, draw, no_data

_TALL = 560  # px for everybody; with few people a row is no higher than this many:
_ROW = 9.0


def attendance_calendar(weeks: pl.DataFrame, *, title: str, note: str = "") -> Figure:
    """Those who attended most on top.

    Assumes: `weeks` has row (a running number, never an id), week (from 1), planned_n and attended_n, planned_n above 0.
    """
    if weeks.is_empty():
        return no_data(title, "no session has been planned before the cut-off.")
    share = pl.col("attended_n") / pl.col("planned_n")
    top = len(CELL_RAMP) - 1
    cells = weeks.with_columns(step=(share * top).floor().clip(0, top).cast(pl.Int32)).with_columns(
        fill=pl.when(pl.col("attended_n") == 0).then(pl.lit(VERMILLION)).otherwise(
            pl.col("step").replace_strict(dict(enumerate(CELL_RAMP)), return_dtype=pl.String))
    )  # fmt: skip
    order = weeks.group_by("row").agg(done=pl.col("attended_n").sum() / pl.col("planned_n").sum(), n=pl.len())  # fmt: skip
    order = order.sort("done", "n", "row", descending=[True, True, False]).with_row_index("place")
    drawn = cells.join(order.select("row", "place"), on="row").sort("place", "week")
    people, last = order.height, int(weeks["week"].max())
    lane = min(_ROW, _TALL / people)
    nothing = weeks.filter(pl.col("attended_n") == 0).height
    attended, planned = int(weeks["attended_n"].sum()), int(weeks["planned_n"].sum())

    def build(size: Size) -> alt.Chart:
        data = drawn.select("place", "week", "fill", below=pl.col("place") + 0.92, end=pl.col("week") + 0.94)  # fmt: skip
        x = alt.X("week:Q", title="Week of training").scale(domain=[1, last + 1], nice=False)
        x = x.axis(grid=False, ticks=False, values=[week + 0.5 for week in range(1, last + 1)], labelExpr="floor(datum.value)")  # fmt: skip
        y = alt.Y("place:Q", title=None).axis(None).scale(domain=[people, 0], nice=False)
        heading = alt.TitleParams(
            "One row per participant", subtitle=["palest: few of the week's sessions; darkest: all", "orange: none; blank: none planned"],
            anchor="start", fontWeight="normal", fontSize=size.font,
        )  # fmt: skip
        marks = alt.Chart(rows(data)).mark_rect(stroke=None).encode(x=x, x2="end:Q", y=y, y2="below:Q", color=alt.Color("fill:N", scale=None))  # fmt: skip
        return marks.properties(width=size.width - 30, height=max(60.0, lane * people), title=heading)  # fmt: skip

    told = f"{fraction(attended, planned)} planned sessions attended by {number(people)} participants; {number(nothing)} weeks without any"
    return draw(
        build,
        title=title,
        caption=f"{told}. {note}".strip(),
        alt_text=f"A grid of participants by week of training. {told}.",
    )
