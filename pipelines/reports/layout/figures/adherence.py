"""Sessions planned and attended, week by week."""

from __future__ import annotations

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.directions import rows
from pipelines.reports.layout.numbers import GAP, fraction, number, percent
from pipelines.reports.layout.palette import BLUE, INK, RULE
from pipelines.reports.layout.svg import Size, draw, no_data

KINDS = ("planned", "attended")


def week_adherence(weeks: pl.DataFrame, *, title: str, note: str = "") -> Figure:
    """Attended sessions as a bar inside the planned ones, the share above.

    Assumes: `weeks` has week, planned, attended: sessions of all participants then in the study.
    """
    weeks = weeks.select("week", "planned", "attended").sort("week")
    if weeks["planned"].fill_null(0).sum() == 0:
        return no_data(title, "no session was planned before the cut-off.")
    shares = [
        percent(attended, planned)
        for planned, attended in weeks.select("planned", "attended").iter_rows()
    ]
    weeks = weeks.with_columns(
        told=pl.Series(shares, dtype=pl.String), top=pl.max_horizontal("planned", "attended")
    )

    def build(size: Size) -> alt.LayerChart:
        return _bars(weeks, size)

    planned, attended = weeks["planned"].sum(), weeks["attended"].sum()
    counted = f"{fraction(attended, planned)} planned sessions were attended."
    caption = (
        f"n = {number(planned)} planned sessions. {counted} Above each bar: attended of planned."
    )
    alt_text = (
        f"Bars of planned and attended sessions in {number(len(weeks))} weeks; "
        f"higher is better. {counted}"
    )
    return draw(build, title=title, caption=f"{caption} {note}".strip(), alt_text=alt_text)


def _bars(weeks: pl.DataFrame, size: Size) -> alt.LayerChart:
    width = size.width - 64
    step = width / len(weeks)
    thick = min(step * 0.72, 56)
    x = alt.X("week:O", title="Week of training").axis(
        labelAngle=0, ticks=False, labelOverlap=True, labelSeparation=5
    )
    y_axis = alt.Axis(title=None, ticks=False, tickCount=5, minExtent=40, maxExtent=40)
    y_scale = alt.Scale(domain=[0, weeks["top"].max() * 1.1], nice=True)
    # The legend needs both bars in one layer: outlined for planned, full for attended.
    bars = weeks.unpivot(list(KINDS), index="week", variable_name="kind", value_name="n")
    bars = bars.with_columns(
        size=pl.when(pl.col("kind") == "planned").then(thick).otherwise(thick * 0.68)
    )
    chart = alt.Chart(rows(bars)).mark_bar(strokeWidth=1.5)
    kinds = alt.Scale(domain=list(KINDS), range=["transparent", BLUE])
    edges = alt.Scale(domain=list(KINDS), range=[RULE, BLUE])
    chart = chart.encode(
        x=x,
        y=alt.Y("n:Q", axis=y_axis, scale=y_scale, stack=False),
        fill=alt.Fill("kind:N", scale=kinds),
        stroke=alt.Stroke("kind:N", scale=edges),
        size=alt.Size("size:Q", scale=None, legend=None),
        order=alt.Order("size:Q", sort="descending"),
    )
    if step < 34:
        weeks = weeks.with_columns(told=pl.col("told").str.replace(GAP + "%", "", literal=True))
    every = 1 if step >= 20 else 2
    words = alt.Chart(rows(weeks.gather_every(every).select("week", "told", "top")))
    words = words.mark_text(dy=-8, color=INK, fontSize=size.font - 1).encode(
        x=x, y=alt.Y("top:Q", axis=y_axis, scale=y_scale), text="told:N"
    )
    heading = alt.TitleParams(
        text="Number of sessions",
        subtitle="\N{UPWARDS ARROW} more attended is better",
        fontWeight="normal",
    )
    return alt.layer(chart, words).properties(
        width=width, height=190 if size.narrow else 220, title=heading
    )
