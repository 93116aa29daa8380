"""The share of participants who improved by at least so much, over every size of improvement."""

from __future__ import annotations

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.change import at_least
from pipelines.reports.layout.figures.directions import rows, tight
from pipelines.reports.layout.numbers import number, percent
from pipelines.reports.layout.palette import GROUPS, MUTED, RULE
from pipelines.reports.layout.svg import Size, draw, no_data


def responder_curves(
    changes: pl.DataFrame,
    *,
    measure: str,
    unit: str,
    title: str,
    mcid: float | None,
    mdc: float | None,
    by_arm: bool = False,
) -> Figure:
    """One falling step line per group.

    Assumes: `changes` has `group` and `improvement` (positive is better), of those in whom it is known.
    """
    known = changes.drop_nulls("improvement").sort("group", "improvement")
    if known.height < 2:
        return no_data(title, "fewer than two participants have a change.", by_arm=by_arm)
    names = known["group"].unique().sort().to_list()
    low, high = tight([*known["improvement"].to_list(), 0.0])
    steps = pl.concat([steps_of(known.filter(group=name), low, high) for name in names])
    lines = [(name, value) for name, value in (("MCID", mcid), ("MDC", mdc)) if value is not None]
    told = "; ".join(_told(known.filter(group=name), name, lines, unit) for name in names)

    def build(size: Size) -> alt.LayerChart:
        return _curves(steps, names, lines, (low, high), f"{measure}: improvement of at least, {unit}", size)  # fmt: skip

    return draw(
        build,
        title=title,
        caption=f"{told}. Observed cases; further right is a larger improvement.",
        alt_text=f"Falling step lines of the share that improved by at least so much. {told}.",
        by_arm=by_arm,
    )


def steps_of(one: pl.DataFrame, low: float, high: float) -> pl.DataFrame:
    """Up to each x, from the x before it on, the share with an improvement of x or more; over the whole axis."""
    sizes = one["improvement"].value_counts().sort("improvement")
    left = pl.concat(
        [pl.Series([one.height]), one.height - sizes["count"].cum_sum().cast(pl.Int64)]
    )
    at = [low, *sizes["improvement"].to_list(), high]
    share = (left / one.height).to_list()
    return pl.DataFrame({"x": at, "share": [share[0], *share], "group": one["group"][0]})


def _told(one: pl.DataFrame, name: str, lines: list[tuple[str, float]], unit: str) -> str:
    changes = one.select(change="improvement")
    over = ", ".join(
        f"{percent(changes.filter(at_least(line, value)).height, one.height)} by {'the MCID of' if line == 'MCID' else 'more than the MDC of'} "
        f"{number(value, 2).rstrip('0').rstrip('.')} {unit}{' or more' if line == 'MCID' else ''}"
        for line, value in lines
    )
    return f"{name}: n = {number(one.height)}{', improved ' if over else ''}{over}"


def _curves(steps: pl.DataFrame, names: list[str], lines, reach, axis: str, size: Size) -> alt.LayerChart:  # fmt: skip
    x = alt.X("x:Q", title=axis).scale(domain=list(reach), nice=False).axis(grid=False, tickCount=6)
    y = alt.Y("share:Q", title=None).axis(format="%", tickCount=5).scale(domain=[0, 1])
    colour = alt.Color("group:N").scale(domain=names, range=list(GROUPS[: len(names)])).legend(None)
    base = alt.Chart(rows(steps))
    dash = alt.StrokeDash("group:N").scale(domain=names, range=[[1, 0], [7, 3], [2, 2], [9, 2, 2, 2]][: len(names)]).legend(None)  # fmt: skip
    curve = base.mark_line(strokeWidth=2, interpolate="step-before").encode(
        x=x, y=y, color=colour, strokeDash=dash
    )
    layers = [curve]
    for place, (line, value) in enumerate(lines):
        marked = alt.Chart(rows(pl.DataFrame({"line": [line], "x": [value]})))
        layers.append(marked.mark_rule(color=RULE, strokeDash=[4, 4]).encode(x=x))
        words = marked.mark_text(
            align="left", dx=4, y=8 + 15 * place, color=MUTED, fontSize=size.font - 1
        )  # one below the other
        layers.append(words.encode(x=x, text="line:N"))
    if len(names) > 1:
        # each name on its own curve at a height of its own, so that alike curves do not put one over the other
        heights = {name: 1 - (place + 1) / (len(names) + 1) for place, name in enumerate(names)}
        middle = pl.concat(
            steps.filter(pl.col("share") <= height, group=name).head(1)
            for name, height in heights.items()
        )
        named = alt.Chart(rows(middle)).mark_text(align="left", dx=6, dy=-8, fontSize=size.font, fontWeight="bold")  # fmt: skip
        layers.append(named.encode(x=x, y=y, text="group:N", color=colour))
    heading = alt.TitleParams("Share of participants", anchor="start", fontWeight="normal", fontSize=size.font)  # fmt: skip
    return alt.layer(*layers).properties(width=size.width - 60, height=240, title=heading)
