"""Which files came, and when."""

from __future__ import annotations

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.directions import label_room, only, rows
from pipelines.reports.layout.numbers import number
from pipelines.reports.layout.palette import BLUE, PALE_BLUE, PURPLE, VERMILLION
from pipelines.reports.layout.svg import Size, draw, no_data

# Colour and shape say the same, so that the figure survives a grey printer.
STATES = {
    "came": (PALE_BLUE, "square"),
    "late": (BLUE, "triangle-up"),
    "missing": (VERMILLION, "cross"),
    "refused": (PURPLE, "diamond"),
}


def arrival_calendar(expected: pl.DataFrame, *, title: str, note: str = "") -> Figure:
    """One row per clinic and kind of file, one mark per day a file was expected.

    Assumes: `expected` has clinic_id, file_kind, expected_date (Date), state (a key of STATES), and
    spans no more than some 60 days: on a phone more marks would touch.
    """
    expected = expected.select("clinic_id", "file_kind", "expected_date", "state")
    if expected.is_empty():
        return no_data(title, "no file was expected before the cut-off.")
    only(expected, "state", STATES)
    counts = {state: expected.filter(pl.col("state") == state).height for state in STATES}
    marks = expected.with_columns(day=pl.col("expected_date").dt.strftime("%Y-%m-%d")).sort(
        "clinic_id", "file_kind", "day", "state"
    )

    def build(size: Size) -> alt.VConcatChart:
        return _calendar(marks, size)

    told = ", ".join(f"{number(count)} {state}" for state, count in counts.items())
    caption = f"n = {number(len(expected))} expected files: {told}. A blank day expected no file."
    first, last = marks["day"].min(), marks["day"].max()
    alt_text = (
        f"Calendar of expected files from {first} to {last}: {told}. "
        "Fewer late, missing and refused is better."
    )
    return draw(build, title=title, caption=f"{caption} {note}".strip(), alt_text=alt_text)


def _calendar(marks: pl.DataFrame, size: Size) -> alt.VConcatChart:
    days = (
        pl.date_range(marks["expected_date"].min(), marks["expected_date"].max(), eager=True)
        .dt.strftime("%Y-%m-%d")
        .to_list()
    )
    room = label_room(marks["file_kind"], size, 60, 130 if size.narrow else 200)
    width = size.width - room - 16
    quiet = min(60.0, max(9.0, (width / len(days)) ** 2 * 0.5))
    wanted = 3 if size.narrow else 7
    shown = days[:: max(1, -(-len(days) // wanted))]
    months = "['Jan','Feb','Mar','Apr','May','Jun','Jul','Aug','Sep','Oct','Nov','Dec']"
    words = (
        f"toNumber(slice(datum.label, 8)) + ' ' + {months}[toNumber(slice(datum.label, 5, 7)) - 1]"
    )
    below = alt.Axis(
        values=shown,
        labelExpr=words,
        labelAngle=0,
        title="Date expected",
        ticks=True,
        labelOverlap=False,
    )
    side = alt.Axis(
        title=None,
        ticks=False,
        grid=True,
        minExtent=room,
        maxExtent=room,
        labelLimit=0.9 * room,
    )
    names, looks = list(STATES), list(STATES.values())
    legend = alt.Legend(columns=2 if size.narrow else 4)
    colour = alt.Color(
        "state:N", scale=alt.Scale(domain=names, range=[look[0] for look in looks]), legend=legend
    )
    shape = alt.Shape("state:N", scale=alt.Scale(domain=names, range=[look[1] for look in looks]))
    panels = []
    for place, (clinic, mine) in enumerate(marks.group_by("clinic_id", maintain_order=True)):
        last = place == marks["clinic_id"].n_unique() - 1
        kinds = mine["file_kind"].n_unique()
        # What came is quiet and drawn first; the rest may overlap it, and is seen from afar.
        seen = mine.sort(pl.col("state") != "came", maintain_order=True).with_columns(
            size=pl.when(pl.col("state") == "came").then(quiet).otherwise(max(quiet, 42.0))
        )
        chart = alt.Chart(rows(seen.select("file_kind", "day", "state", "size"))).mark_point(
            filled=True, opacity=1
        )
        x = alt.X("day:N", sort=None, scale=alt.Scale(domain=days), axis=below if last else None)
        panels.append(
            chart.encode(
                x=x,
                y=alt.Y("file_kind:N", axis=side),
                color=colour,
                shape=shape,
                size=alt.Size("size:Q", scale=None, legend=None),
            ).properties(
                width=width,
                height=18 * kinds,
                title=alt.TitleParams(text=clinic[0], offset=3, frame="bounds"),
            )
        )
    return alt.vconcat(*panels).properties(spacing=6)
