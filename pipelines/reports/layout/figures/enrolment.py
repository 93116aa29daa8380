"""How many have been randomised, day by day, beside how many were planned."""

from __future__ import annotations

import datetime as dt

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.directions import rows
from pipelines.reports.layout.numbers import number
from pipelines.reports.layout.palette import BLUE, MUTED
from pipelines.reports.layout.svg import Size, draw, no_data


def enrolment(
    days: pl.DataFrame, plan: list[tuple[dt.date, int]], *, title: str, note: str = ""
) -> Figure:
    """`days` has `date`, one row per participant; `plan` is the planned total at dates, in their order; empty for none."""
    if days.is_empty():
        return no_data(title, "nobody has been randomised before the cut-off.")
    came = days.group_by("date").len("n").sort("date").select("date", total=pl.col("n").cum_sum())
    lines = [_line(came, "randomised")]
    told = f"{number(days.height)} randomised by {came['date'].max()}"
    if plan:
        lines.append(_line(pl.DataFrame(plan, schema={"date": pl.Date, "total": pl.Int64}, orient="row"), "planned"))  # fmt: skip
        told += f", {number(plan[-1][1])} planned by {plan[-1][0]}"
    drawn = pl.concat(lines)
    first, last = (dt.date.fromisoformat(drawn["date"].sort()[at]) for at in (0, -1))
    months = 12 * (last.year - first.year) + last.month - first.month + 1

    def build(size: Size) -> alt.LayerChart:
        step = -(
            -months // (3 if size.narrow else 5)
        )  # so few labels that none stands over another
        ticks = alt.TimeIntervalStep(interval="month", step=step)
        x = alt.X("date:T", title=None).axis(grid=False, tickCount=ticks, format="%b %Y")
        y = alt.Y("total:Q", title=None).axis(tickCount=5).scale(zero=True)
        colour = alt.Color("line:N").scale(domain=["randomised", "planned"], range=[BLUE, MUTED]).legend(None)  # fmt: skip
        base = alt.Chart(rows(drawn))
        real = base.transform_filter("datum.line == 'randomised'").mark_line(interpolate="step-after", strokeWidth=2.5)  # fmt: skip
        planned = base.transform_filter("datum.line == 'planned'").mark_line(strokeDash=[6, 4], strokeWidth=1.5)  # fmt: skip
        ends = alt.Chart(rows(drawn.group_by("line", maintain_order=True).last()))
        named = ends.mark_text(align="right", dx=-4, dy=-8, fontSize=size.font).encode(x=x, y=y, text="line:N", color=colour)  # fmt: skip
        heading = alt.TitleParams("Participants randomised so far", anchor="start", fontWeight="normal", fontSize=size.font)  # fmt: skip
        layers = [real.encode(x=x, y=y, color=colour), planned.encode(x=x, y=y, color=colour), named]  # fmt: skip
        return alt.layer(*layers).properties(width=size.width - 60, height=220, title=heading)

    return draw(
        build,
        title=title,
        caption=f"{told}. {note}".strip(),
        alt_text=f"A rising step line of participants randomised{' beside a dashed line of the plan' if plan else ''}: {told}.",
    )


def _line(points: pl.DataFrame, name: str) -> pl.DataFrame:
    return points.select(pl.col("date").cast(pl.String), pl.col("total").cast(pl.Int64), line=pl.lit(name))  # fmt: skip
