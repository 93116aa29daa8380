"""The marks of a forest plot. Places are px, so that no part depends on the width of a text."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from pipelines.reports.layout.figures.directions import label_room, rows, width_of, wrapped
from pipelines.reports.layout.palette import BLUE, INK, MUTED, PAPER, RULE, VERMILLION
from pipelines.reports.layout.svg import Size


def draw_forest(
    table: pl.DataFrame,
    domain: tuple[float, float],
    references: Sequence[tuple[float, str]],
    favours: tuple[str, str],
    axis_title: str,
    size: Size,
) -> alt.LayerChart:
    """The chart; `table` has one row per line: place, kind (clinic, overall), told and numbers."""
    words_room = label_room(table["told"], size, 120, 240) + 10
    most = size.width - words_room if size.narrow else 240
    table = table.with_columns(label=_with_n(int(most / (size.font * 0.58))))
    names_room = label_room(table["label"], size, 110, most)
    left, right = (6, size.width - 6) if size.narrow else (names_room, size.width - words_room)
    row = 44 if size.narrow else 30
    zero = left + (right - left) * (0 - domain[0]) / (domain[1] - domain[0])
    beside_zero = _fits_beside(zero, favours, size)
    top = 18 * (len(references) + beside_zero) + 8
    height = top + row * (table["place"].max() + 1)
    x_scale = alt.Scale(domain=list(domain), range=[left, right], nice=False, zero=False)
    y_scale = alt.Scale(domain=[-0.5, table["place"].max() + 0.5], range=[top, height])
    axis = alt.Axis(title=wrapped(axis_title, size, right - left), grid=True, tickCount=5, offset=0)
    x = alt.X("estimate:Q", scale=x_scale, axis=axis)
    y = alt.Y("place:Q", scale=y_scale, axis=None)
    seen = table.with_columns(
        pl.col("low", "high").clip(*domain),
        below=pl.col("low") < domain[0],
        above=pl.col("high") > domain[1],
    )
    clinics = seen.filter(pl.col("kind") == "clinic")
    known = clinics.drop_nulls("estimate")

    chart = alt.Chart(rows(known.select("place", "estimate", "low", "high", "n")))
    layers = [
        _lines(references, domain, (left, right), top, 18 * beside_zero, height, x_scale, size),
        *(_favours_beside(zero, favours) if beside_zero else []),
        *_backing(seen, y_scale, size),
        chart.mark_rule(color=INK, strokeWidth=1.5).encode(
            x=alt.X("low:Q", scale=x_scale, axis=axis), x2="high:Q", y=y
        ),
        chart.mark_square(color=BLUE, opacity=1).encode(
            x=x, y=y, size=alt.Size("n:Q", legend=None, scale=alt.Scale(range=[30, 150]))
        ),
        *_arrowheads(known, x_scale, y),
        *_words(seen, y_scale, size),
        *_diamond(seen, x_scale, y_scale, 0.2 if size.narrow else 0.28),
    ]
    drawn = alt.layer(*layers).properties(width=size.width - 4, height=height)
    if beside_zero:
        return drawn
    return drawn.properties(
        title=alt.TitleParams(text=list(_arrows(favours)), fontWeight="normal", color=MUTED)
    )


def _with_n(most: int) -> pl.Expr:
    """`name (n = 12)`; a name too long is cut short, its denominator never is."""
    n = pl.format(" (n = {})", pl.col("n").fill_null(0))
    room = (most - n.str.len_chars().cast(pl.Int64)).clip(4)
    cut = pl.col("label").str.slice(0, room - 1) + "\N{HORIZONTAL ELLIPSIS}"
    return pl.when(pl.col("label").str.len_chars() > room).then(cut).otherwise("label") + n


def _arrows(favours: tuple[str, str]) -> tuple[str, str]:
    return f"\N{LEFTWARDS ARROW} {favours[0]}", f"{favours[1]} \N{RIGHTWARDS ARROW}"


def _fits_beside(zero: float, favours: tuple[str, str], size: Size) -> bool:
    """True where both texts have room beside zero; else they go above, one under the other."""
    left, right = (width_of(text, size) + 8 for text in _arrows(favours))
    return left <= zero and zero + right <= size.width - 8


def _favours_beside(zero: float, favours: tuple[str, str]) -> list[alt.Chart]:
    texts = zip(_arrows(favours), ("right", "left"), (-8, 8), strict=True)
    return [
        alt.Chart(rows(pl.DataFrame({"text": [text]})))
        .mark_text(align=align, baseline="middle", dx=shift, color=MUTED)
        .encode(x=alt.value(zero), y=alt.value(8), text="text:N")
        for text, align, shift in texts
    ]


def _backing(seen: pl.DataFrame, y_scale, size: Size) -> list[alt.Chart]:
    """On a phone words stand above the bars: a strip of paper keeps the lines out of them."""
    if not size.narrow:
        return []
    chart = alt.Chart(rows(seen.select("place"))).mark_bar(color=PAPER, size=18, yOffset=-15)
    return [
        chart.encode(
            x=alt.value(0),
            x2=alt.value(size.width - 4),
            y=alt.Y("place:Q", scale=y_scale, axis=None),
        )
    ]


def _lines(references, domain, span, top, first, height, x_scale, size: Size) -> alt.LayerChart:
    """Zero and the reference lines, each with its label on a line of its own above the rows."""
    left, right = span
    marks = [alt.Chart(rows(pl.DataFrame({"x": [0.0]}))).mark_rule(color=RULE, strokeWidth=1.5)]
    marks = [marks[0].encode(x=alt.X("x:Q", scale=x_scale), y=alt.value(top), y2=alt.value(height))]
    scale = (right - left) / (domain[1] - domain[0])

    def leans_left(value: float, label: str) -> bool:
        return left + (value - domain[0]) * scale + width_of(label, size) > size.width

    # In this order no line runs through the label of another: those that lean left from the right
    # edge first, outermost on top; then the others from left to right.
    leaning = sorted((one for one in references if leans_left(*one)), reverse=True)
    order = leaning + sorted(one for one in references if not leans_left(*one))
    for place, (value, label) in enumerate(order):
        align = "right" if leans_left(value, label) else "left"
        line = alt.Chart(rows(pl.DataFrame({"x": [float(value)], "label": [label]})))
        where = alt.X("x:Q", scale=x_scale)
        marks += [
            line.mark_rule(color=VERMILLION, strokeDash=[5, 4], strokeWidth=1.5).encode(
                x=where, y=alt.value(first + 18 * place + 4), y2=alt.value(height)
            ),
            line.mark_text(align=align, baseline="middle", dx=5 if align == "left" else -5).encode(
                x=where, y=alt.value(first + 18 * place + 10), text="label:N"
            ),
        ]
    return alt.layer(*marks)


def _words(seen: pl.DataFrame, y_scale, size: Size) -> list[alt.LayerChart]:
    """Label, n and numbers of each row: beside the scale, or on a phone above the bar."""
    marks = []
    for kind, weight in (("clinic", "normal"), ("overall", "bold")):
        chart = alt.Chart(
            rows(seen.filter(pl.col("kind") == kind).select("place", "label", "told"))
        )
        y = alt.Y("place:Q", scale=y_scale, axis=None)
        style = {"baseline": "middle", "fontWeight": weight, "dy": -15 if size.narrow else 0}
        marks += [
            chart.mark_text(align="left", **style).encode(x=alt.value(0), y=y, text="label:N"),
            chart.mark_text(align="right", **style).encode(
                x=alt.value(size.width - 8), y=y, text="told:N"
            ),
        ]
    return marks


def _arrowheads(known: pl.DataFrame, x_scale, y) -> list[alt.Chart]:
    heads = []
    for bound, cut, shape in (
        ("low", "below", "triangle-left"),
        ("high", "above", "triangle-right"),
    ):
        chart = alt.Chart(rows(known.filter(pl.col(cut).fill_null(False)).select("place", bound)))
        mark = chart.mark_point(shape=shape, filled=True, color=INK, size=50, opacity=1)
        heads.append(mark.encode(x=alt.X(f"{bound}:Q", scale=x_scale), y=y))
    return heads


def _diamond(seen: pl.DataFrame, x_scale, y_scale, half: float) -> list[alt.Chart]:
    row = seen.filter(pl.col("kind") == "overall")
    if row.is_empty():
        return []
    low, middle, high = row.select("low", "estimate", "high").row(0)
    place = row["place"][0]
    shape = pl.DataFrame(
        {"x": [low, middle, high], "up": [0.0, -half, 0.0], "down": [0.0, half, 0.0]}
    )
    shape = shape.with_columns(pl.col("up", "down") + place)
    mark = alt.Chart(rows(shape)).mark_area(color=VERMILLION, opacity=1)
    up = alt.Y("up:Q", scale=y_scale, axis=None)
    return [mark.encode(x=alt.X("x:Q", scale=x_scale), y=up, y2="down:Q")]
