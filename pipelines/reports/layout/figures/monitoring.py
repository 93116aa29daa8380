"""How far each clinic stands from the others in one test of central monitoring."""

from __future__ import annotations

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.directions import label_room, rows
from pipelines.reports.layout.numbers import number
from pipelines.reports.layout.palette import BLUE, RULE, VERMILLION
from pipelines.reports.layout.svg import Size, draw, no_data

_EDGE = 6.0  # what lies further out is drawn here


def clinic_distances(found: pl.DataFrame, *, title: str, note: str = "") -> Figure:
    """A line per clinic, a mark per test of it; diamonds are signals.

    Assumes: `found` has clinic_id, z, is_signal; rows that were not judged have a null z.
    """
    told = found.select("clinic_id", "z", "is_signal").drop_nulls()
    if told.is_empty():
        return no_data(title, "fewer than five participants at a clinic, or elsewhere.")
    signals = int(told["is_signal"].sum())
    shown = told.with_columns(pl.col("z").clip(-_EDGE, _EDGE))
    clinics = shown["clinic_id"].unique().sort().to_list()

    def build(size: Size) -> alt.LayerChart:
        room = label_room(shown["clinic_id"], size, 60, 160)
        chart = alt.Chart(rows(shown))
        side = alt.Axis(title=None, ticks=False, minExtent=room, maxExtent=room, labelLimit=room)
        y = alt.Y("clinic_id:N", sort=clinics, axis=side)
        x = alt.X("z:Q", title="Distance from the other clinics (standard deviations)",
                  scale=alt.Scale(domain=[-_EDGE, _EDGE]), axis=alt.Axis(tickCount=7))  # fmt: skip
        middle = (
            alt.Chart(alt.InlineData(values=[{"at": 0}])).mark_rule(color=RULE).encode(x="at:Q")
        )
        marks = [
            chart.transform_filter(f"datum.is_signal == {flag}")
            .mark_point(shape=shape, filled=True, opacity=0.85, size=area, color=colour)
            .encode(x=x, y=y)
            for flag, shape, area, colour in (
                ("false", "circle", 60, BLUE),
                ("true", "diamond", 130, VERMILLION),
            )
        ]
        return alt.layer(middle, *marks).properties(
            width=size.width - room - 12, height=26 * len(clinics)
        )

    said = f"{number(signals)} signals in {number(told.height)} comparisons."
    caption = (
        f"{said} Diamonds are signals; marks beyond {_EDGE:g} are drawn at the edge. {note}".strip()
    )
    alt_text = (
        f"Dot plot of {number(len(clinics))} clinics by their distance from the others. {said}"
    )
    return draw(build, title=title, caption=caption, alt_text=alt_text)
