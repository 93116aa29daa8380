"""One thin line per participant under the mean with its interval."""

from __future__ import annotations

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.directions import Better, better_text, rows, tight, wrapped
from pipelines.reports.layout.numbers import number
from pipelines.reports.layout.palette import BLUE, GROUPS, THIN
from pipelines.reports.layout.svg import Size, draw, no_data

POOLED = ""


def trajectories(
    people: pl.DataFrame,
    means: pl.DataFrame,
    *,
    measure: str,
    unit: str,
    better: Better,
    title: str,
    note: str = "",
) -> Figure:
    """One panel per `group`, or one pooled panel where the frames have no such column.

    Assumes: `people` has participant_id, visit_day, value; `means` has visit_day, mean, low, high,
    n; both have `group` or neither has.
    """
    by_arm = "group" in people.columns
    if by_arm != ("group" in means.columns):
        raise ValueError("people and means must both have a `group` column, or neither")
    if not by_arm:
        people = people.with_columns(group=pl.lit(POOLED))
        means = means.with_columns(group=pl.lit(POOLED))
    people, means = people.fill_nan(None), means.fill_nan(None)
    lines = _anonymous(people)
    if lines.is_empty():
        return no_data(title, "no participant has a value at any visit.", by_arm=by_arm)
    means = means.select("group", "visit_day", "mean", "low", "high", "n").drop_nulls("mean")
    means = means.sort("group", "visit_day")
    groups = lines["group"].unique().sort().to_list()

    def build(size: Size) -> alt.TopLevelMixin:
        scales = _scales(lines, means)
        panels = [
            _panel(lines, means, group, scales, size, groups, measure, unit, better)
            for group in groups
        ]
        if len(panels) == 1:
            return panels[0]
        joined = alt.vconcat(*panels) if size.narrow else alt.hconcat(*panels)
        return joined.properties(spacing=18)

    return draw(
        build,
        title=title,
        caption=_caption(people, lines, note),
        alt_text=_alt_text(means, measure, unit, better),
        by_arm=by_arm,
    )


def _anonymous(people: pl.DataFrame) -> pl.DataFrame:
    """Values with a line number for a participant; it follows the values, so tells no more."""
    known = people.filter(pl.col("value").is_not_null() & pl.col("visit_day").is_not_null())
    shape = pl.format(
        "{}:{}", pl.col("visit_day").cast(pl.Float64), pl.col("value").cast(pl.Float64)
    )
    drawn = (
        known.sort("visit_day", "value")
        .group_by("group", "participant_id")
        .agg("visit_day", "value", shape=shape.str.join("|"))
        .sort("group", "shape")
        .with_row_index("line")
    )
    return drawn.select(
        "group", "line", "visit_day", "value", single=pl.col("value").list.len() == 1
    ).explode("visit_day", "value")


def _scales(lines: pl.DataFrame, means: pl.DataFrame) -> tuple[alt.Scale, alt.Scale, list[float]]:
    seen = [
        *lines["value"],
        *means["low"].drop_nulls(),
        *means["high"].drop_nulls(),
        *means["mean"],
    ]
    days = (
        means["visit_day"].unique().sort().to_list() or lines["visit_day"].unique().sort().to_list()
    )
    low, high = tight([*lines["visit_day"], *days], share=0.03)
    y = alt.Scale(domain=list(tight(seen)), nice=True, zero=False)
    return alt.Scale(domain=[low, high], nice=False, zero=False), y, days


def _panel(
    lines, means, group, scales, size: Size, groups, measure, unit, better
) -> alt.LayerChart:
    x_scale, y_scale, days = scales
    wide_panel = (size.width - 64) // len(groups) - 22 * (len(groups) - 1)
    width = size.width - 64 if size.narrow or len(groups) == 1 else wide_panel
    mine = lines.filter(group=group)
    colour = BLUE if group == POOLED else GROUPS[groups.index(group) % len(GROUPS)]
    crowd = mine["line"].n_unique()
    faint = 0.75 if crowd <= 40 else 0.45 if crowd <= 150 else 0.25
    x = alt.X("visit_day:Q", title="Study day", scale=x_scale).axis(
        values=days, grid=False, labelOverlap=True
    )
    y = alt.Y("value:Q", title=None, scale=y_scale).axis(
        minExtent=40, maxExtent=40, ticks=False, tickCount=5
    )

    thin = alt.Chart(rows(mine.select("line", "visit_day", "value")))
    thin = thin.mark_line(strokeWidth=1, opacity=faint, color=THIN).encode(
        x=x, y=y, detail="line:N"
    )
    alone = alt.Chart(rows(mine.filter("single").select("visit_day", "value")))
    alone = alone.mark_circle(size=14, opacity=0.8, color=THIN).encode(x=x, y=y)
    average = alt.Chart(rows(means.filter(group=group)))
    spread = alt.Chart(rows(means.filter(group=group).drop_nulls(["low", "high"])))
    bars = spread.mark_rule(strokeWidth=2, color=colour).encode(
        x=x, y=alt.Y("low:Q", title=None), y2="high:Q"
    )
    bold = average.mark_line(strokeWidth=3, color=colour).encode(x=x, y=alt.Y("mean:Q", title=None))
    dots = average.mark_circle(size=60, opacity=1, color=colour).encode(
        x=x, y=alt.Y("mean:Q", title=None)
    )

    header = [*wrapped(f"{measure} ({unit})", size, width), better_text(better)]
    who = (
        f"{group}: n = {number(crowd)}"
        if group != POOLED
        else f"All participants: n = {number(crowd)}"
    )
    titled = alt.TitleParams(text=who, subtitle=header, color=colour)
    return alt.layer(thin, alone, bars, bold, dots).properties(
        width=width, height=210 if size.narrow else 260, title=titled
    )


def _caption(people: pl.DataFrame, lines: pl.DataFrame, note: str) -> str:
    lost = people["value"].null_count()
    n = lines["line"].n_unique()
    parts = [
        f"n = {number(n)} participants with at least one value, {number(len(lines))} values.",
        "Thin lines: one participant each. Bold line and bars: mean and its 95 % interval.",
        f"{number(lost)} missing values are not drawn." if lost else "",
        note,
    ]
    return " ".join(part for part in parts if part)


def _alt_text(means: pl.DataFrame, measure: str, unit: str, better: Better) -> str:
    kind = f"Line chart of {measure} in {unit} by study day; {better} is better."
    told = [
        f"{group[0] or 'All participants'}: mean {number(part['mean'][0], 2)} on day "
        f"{number(part['visit_day'][0])}, {number(part['mean'][-1], 2)} on day "
        f"{number(part['visit_day'][-1])}."
        for group, part in means.group_by("group", maintain_order=True)
    ]
    return " ".join([kind, *told])
