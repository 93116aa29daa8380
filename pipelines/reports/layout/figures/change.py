"""Each participant's change, sorted, against the MDC and MCID lines."""

from __future__ import annotations

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.directions import rows, tight, wrapped
from pipelines.reports.layout.numbers import fraction, number
from pipelines.reports.layout.palette import BLUE, INK, MUTED, RULE, VERMILLION
from pipelines.reports.layout.svg import Size, draw, no_data

BETTER, BETWEEN, WORSE = "improved", "in between", "worsened"


def change_dots(
    changes: pl.DataFrame,
    *,
    mdc: float | None,
    mcid: float | None,
    measure: str,
    unit: str,
    title: str,
    digits: int = 2,
    note: str = "",
) -> Figure:
    """A sorted strip, pooled. A change beyond the MDC is real, one of the MCID or more matters.

    Assumes: `changes` has `change`, signed so that positive is better; null where unknown. Only the
    values are used. `mdc` and `mcid` are positive; None where no published threshold fits.
    """
    known = (
        changes.select(pl.col("change").cast(pl.Float64)).fill_nan(None).drop_nulls().sort("change")
    )
    if known.is_empty():
        return no_data(title, "no participant has both a baseline and a later value.")
    edge = mcid if mcid is not None else mdc
    strip = known.with_row_index("rank").with_columns(kind=_kind(edge))
    lines = [(name, value) for name, value in (("MCID", mcid), ("MDC", mdc)) if value is not None]

    def build(size: Size) -> alt.LayerChart:
        return _strip(strip, lines, f"Change in {measure} ({unit})", size, digits)

    total = len(known)
    counted = [
        f"{name}: {fraction(known.filter(at_least(name, value)).height, total)} improved and "
        f"{fraction(known.filter(at_least(name, value, worse=True)).height, total)} worsened by "
        f"{'at least' if name == 'MCID' else 'more than'} {number(value, digits)} {unit}."
        for name, value in lines
    ]
    missing = len(changes) - total
    caption = [
        f"n = {number(total)} participants with a change; each dot is one, sorted by size.",
        *counted,
        "" if lines or note else "No published threshold fits this measure and population.",
        f"{number(missing)} without a change are not drawn." if missing else "",
        note,
    ]
    alt_text = " ".join(
        [
            f"Sorted dots of change in {measure}, {number(total)} participants; up is better.",
            *counted,
        ]
    )
    return draw(
        build, title=title, caption=" ".join(part for part in caption if part), alt_text=alt_text
    )


def at_least(name: str, value: float, *, worse: bool = False) -> pl.Expr:
    """True for a change of the MCID or more, or beyond the MDC: the two are read differently."""
    size = -pl.col("change") if worse else pl.col("change")
    return size >= value if name == "MCID" else size > value


def _kind(edge: float | None) -> pl.Expr:
    if edge is None:
        return pl.lit(BETWEEN)
    change = pl.col("change")
    return (
        pl.when(change >= edge)
        .then(pl.lit(BETTER))
        .when(change <= -edge)
        .then(pl.lit(WORSE))
        .otherwise(pl.lit(BETWEEN))
    )


def _strip(strip: pl.DataFrame, lines, axis_title: str, size: Size, digits: int) -> alt.LayerChart:
    width, height = size.width - 64, 230 if size.narrow else 280
    reach = [value * sign for _, value in lines for sign in (1, -1)]
    y_scale = alt.Scale(domain=list(tight([*strip["change"], *reach, 0.0])), nice=True, zero=False)
    x_scale = alt.Scale(domain=[-1, max(len(strip), 2)], nice=False, zero=False)
    x = alt.X("rank:Q", scale=x_scale, axis=None)
    y = alt.Y("change:Q", scale=y_scale, title=None).axis(
        minExtent=40, maxExtent=40, ticks=False, tickCount=6
    )
    looks = {
        BETTER: (BLUE, "triangle-up"),
        BETWEEN: (MUTED, "circle"),
        WORSE: (VERMILLION, "triangle-down"),
    }
    kinds = list(looks)
    colour = alt.Color(
        "kind:N", scale=alt.Scale(domain=kinds, range=[look[0] for look in looks.values()])
    )
    shape = alt.Shape(
        "kind:N", scale=alt.Scale(domain=kinds, range=[look[1] for look in looks.values()])
    )
    dots = alt.Chart(rows(strip.select("rank", "change", "kind")))
    dots = dots.mark_point(filled=True, opacity=1, size=46 if len(strip) <= 120 else 18)
    layers = [
        alt.Chart(rows(pl.DataFrame({"zero": [0.0]})))
        .mark_rule(color=RULE)
        .encode(y=alt.Y("zero:Q", title=None)),
        dots.encode(x=x, y=y, color=colour, shape=shape),
    ]
    if lines:
        layers.insert(0, _thresholds(lines, digits))
    title = alt.TitleParams(
        text=wrapped(axis_title, size, width),
        subtitle="\N{UPWARDS ARROW} better than baseline",
        fontWeight="normal",
    )
    return (
        alt.layer(*layers)
        .resolve_scale(strokeDash="independent")
        .properties(width=width, height=height, title=title)
    )


def _thresholds(lines, digits: int) -> alt.Chart:
    named = [
        (f"{name} \N{PLUS-MINUS SIGN}{number(value, digits)}", sign * value)
        for name, value in lines
        for sign in (1, -1)
    ]
    frame = pl.DataFrame(named, schema={"line": pl.String, "at": pl.Float64}, orient="row")
    names = frame["line"].unique(maintain_order=True).to_list()
    dashes = [[7, 4], [2, 3]][: len(names)]
    legend = alt.Legend(symbolType="stroke", symbolStrokeColor=INK, symbolSize=300)
    dash = alt.StrokeDash("line:N", scale=alt.Scale(domain=names, range=dashes), legend=legend)
    rule = alt.Chart(rows(frame)).mark_rule(color=INK, strokeWidth=1.5)
    return rule.encode(y=alt.Y("at:Q", title=None), strokeDash=dash)
