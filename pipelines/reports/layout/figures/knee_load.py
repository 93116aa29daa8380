"""The knee adduction moment over stance, walking backward beside walking forward."""

from __future__ import annotations

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.directions import rows
from pipelines.reports.layout.numbers import number
from pipelines.reports.layout.palette import GROUPS
from pipelines.reports.layout.svg import Size, draw, no_data


def moment_curves(curves: pl.DataFrame, *, title: str, note: str = "") -> Figure:
    """Mean curve per way of walking with a band of one standard deviation between people.

    Assumes: columns way, stance_pct, mean, sd, n (people), one row per way and per cent.
    """
    curves = curves.drop_nulls("mean").sort("way", "stance_pct")
    if curves.is_empty():
        return no_data(title, "no clinic has sent a knee moment yet.")
    ways = curves["way"].unique().sort().to_list()
    colour = alt.Color(
        "way:N", title=None, scale=alt.Scale(domain=ways, range=list(GROUPS[: len(ways)]))
    )

    said = "External adduction moment, Nm/kg"

    def build(size: Size) -> alt.TopLevelMixin:
        drawn = curves.with_columns(
            low=pl.col("mean") - pl.col("sd"), high=pl.col("mean") + pl.col("sd")
        )
        x = alt.X(
            "stance_pct:Q", title="Per cent of stance", scale=alt.Scale(domain=[0, 100], nice=False)
        ).axis(values=[0, 20, 40, 60, 80, 100])
        y = alt.Y("mean:Q", title=said)
        base = alt.Chart(rows(drawn.select("way", "stance_pct", "mean", "low", "high")))
        band = base.mark_area(opacity=0.18).encode(
            x=x, y=alt.Y("low:Q", title=said), y2="high:Q", color=colour
        )
        line = base.mark_line(strokeWidth=2.5).encode(
            x=x, y=y, color=colour, strokeDash=alt.StrokeDash("way:N", legend=None)
        )
        return alt.layer(band, line).properties(
            width=size.width - 64, height=220 if size.narrow else 280
        )

    n = {way: int(curves.filter(way=way)["n"].max()) for way in ways}
    people = "; ".join(f"{way}: n = {number(count)} people" for way, count in n.items())
    peaks = "; ".join(
        f"{way} highest {number(curves.filter(way=way)['mean'].max(), 2)} Nm/kg" for way in ways
    )
    return draw(
        build,
        title=title,
        caption=f"{people}. Line: mean of the people; band: one standard deviation between them. {note}".strip(),
        alt_text=f"Knee adduction moment over stance. {peaks}.",
    )  # fmt: skip
