"""The share of participants who have not fallen yet, day by day, with its interval."""

from __future__ import annotations

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.directions import rows
from pipelines.reports.layout.numbers import number, percent
from pipelines.reports.layout.palette import GROUPS
from pipelines.reports.layout.svg import Size, draw, no_data


def first_fall_curves(
    curves: dict[str, pl.DataFrame], *, title: str, by_arm: bool = False, note: str = ""
) -> Figure:
    """One step line per group, of frames as `analysis.first_fall.survival_curve` gives them.

    Assumes: the last row of each frame is the last day watched; the line ends there.
    """
    known = {name: curve for name, curve in curves.items() if curve.height > 1}
    if not any(curve["n_fell"].sum() for curve in known.values()):
        return no_data(title, "nobody has fallen before the cut-off.", by_arm=by_arm)
    drawn = pl.concat(
        curve.select(
            "days", "share", low=pl.col("low").fill_null(pl.col("share")), high=pl.col("high").fill_null(pl.col("share")),
            group=pl.lit(name),
        )
        for name, curve in known.items()
    )  # fmt: skip
    names = list(known)
    told = "; ".join(
        f"{name}: {number(curve['n_at_risk'][0])} at the start, {number(int(curve['n_fell'].sum()))} fell, "
        f"{percent(curve['share'][-1], 1.0)} without a fall on day {number(curve['days'][-1])}"
        for name, curve in known.items()
    )

    def build(size: Size) -> alt.LayerChart:
        return _lines(drawn, names, size)

    return draw(
        build,
        title=title,
        caption=f"{told}. Kaplan-Meier; bands are 95 % intervals. {note}".strip(),
        alt_text=f"Step lines of the share without a fall. {told}.",
        by_arm=by_arm,
    )


def _lines(drawn: pl.DataFrame, names: list[str], size: Size) -> alt.LayerChart:
    least = max(0.0, float(drawn["low"].min()) - 0.05)
    x = alt.X("days:Q", title="Days since randomisation").axis(grid=False, tickCount=6)
    y = alt.Y("share:Q", title=None).axis(format="%", tickCount=5)
    y = y.scale(domain=[least, 1.0])
    colour = alt.Color("group:N").scale(domain=names, range=list(GROUPS[: len(names)])).legend(None)
    base = alt.Chart(rows(drawn))
    band = base.mark_area(opacity=0.15, interpolate="step-after").encode(
        x=x, y=alt.Y("low:Q").scale(domain=[least, 1.0]), y2="high:Q", color=colour
    )
    line = base.mark_line(strokeWidth=2, interpolate="step-after").encode(x=x, y=y, color=colour)
    ends = drawn.group_by("group", maintain_order=True).last() if len(names) > 1 else drawn.clear()
    named = alt.Chart(rows(ends)).mark_text(align="left", dx=5, dy=-4, fontSize=size.font)
    named = named.encode(x=x, y=y, text="group:N", color=colour)
    heading = alt.TitleParams(
        "Share without a fall", anchor="start", fontWeight="normal", fontSize=size.font
    )
    chart = alt.layer(band, line, named)
    return chart.properties(width=size.width - 60, height=240, title=heading)
