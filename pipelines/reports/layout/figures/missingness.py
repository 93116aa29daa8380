"""How many expected forms are missing, per clinic and visit."""

from __future__ import annotations

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.directions import label_room, rows, width_of
from pipelines.reports.layout.numbers import MISSING, fraction, number
from pipelines.reports.layout.palette import CELL_DARK_TEXT, CELL_EMPTY, CELL_LIGHT_TEXT, CELL_RAMP
from pipelines.reports.layout.svg import Size, draw, no_data


def missingness(cells: pl.DataFrame, *, title: str, note: str = "") -> Figure:
    """A heat map with `missing/expected` in each cell; darker where a larger share is missing.

    Assumes: `cells` has clinic_id, visit_code, n_expected, n_received, n_missing; visits in order
    to show. A form is expected when the schedule, and being alive and in the study, ask for it.
    """
    cells = cells.select("clinic_id", "visit_code", "n_expected", "n_received", "n_missing")
    if cells["n_expected"].fill_null(0).sum() == 0:
        return no_data(title, "no form was due before the cut-off.")
    wrong = cells.filter(pl.col("n_received") + pl.col("n_missing") != pl.col("n_expected")).height
    if wrong:
        raise ValueError(
            f"{wrong} cells: expected is not received + missing; count the forms again"
        )
    share = pl.col("n_missing") / pl.col("n_expected")
    told = (
        pl.when(pl.col("n_expected") > 0)
        .then(pl.format("{}/{}", "n_missing", "n_expected"))
        .otherwise(pl.lit(MISSING))
    )
    cells = cells.with_columns(
        told=told,
        fill=pl.when(pl.col("n_expected") > 0).then(_ramp(share)).otherwise(pl.lit(CELL_EMPTY)),
        ink=pl.when((share > 0.2) & (pl.col("n_expected") > 0))
        .then(pl.lit(CELL_LIGHT_TEXT))
        .otherwise(pl.lit(CELL_DARK_TEXT)),
    )

    def build(size: Size) -> alt.LayerChart:
        return _heat_map(cells, size)

    missing, expected = cells["n_missing"].sum(), cells["n_expected"].sum()
    counted = f"{fraction(missing, expected)} expected forms are missing."
    caption = [
        counted,
        "In each cell: missing/expected; darker means a larger share.",
        f"{MISSING}: nothing was due." if (cells["n_expected"] == 0).any() else "",
        "Expected: due by the schedule for participants alive and in the study.",
        note,
    ]
    clinics, visits = cells["clinic_id"].n_unique(), cells["visit_code"].n_unique()
    alt_text = (
        f"Heat map, {number(clinics)} clinics by {number(visits)} visits. {counted} "
        "Fewer is better."
    )
    return draw(
        build, title=title, caption=" ".join(part for part in caption if part), alt_text=alt_text
    )


def _ramp(share: pl.Expr) -> pl.Expr:
    """The colour of a share, in steps, so that equal colours mean about equal shares."""
    edges = [0.0, 0.05, 0.1, 0.2, 0.4]
    steps = (share > edges[0]).cast(pl.Int32)
    for edge in edges[1:]:
        steps = steps + (share > edge)
    return steps.replace_strict(
        dict(enumerate(CELL_RAMP)), default=CELL_RAMP[0], return_dtype=pl.String
    )


def _heat_map(cells: pl.DataFrame, size: Size) -> alt.LayerChart:
    visits = cells["visit_code"].unique(maintain_order=True).to_list()
    clinics = cells["clinic_id"].unique().sort().to_list()
    room = label_room(cells["clinic_id"], size, 60, 130 if size.narrow else 220)
    cell_width = min((size.width - room - 4) / len(visits), 96)
    font = size.font - 1 if size.narrow else size.font
    two_lines = cells["told"].str.len_chars().max() * font * 0.58 > cell_width - 6
    if two_lines:
        cells = cells.with_columns(told=pl.col("told").str.replace("/", "\n/", literal=True))
    row = 40 if two_lines else 28
    upright = max(width_of(visit, size) for visit in visits) > cell_width
    axis = alt.Axis(
        orient="top",
        title="Visit",
        labelAngle=-90 if upright else 0,
        ticks=False,
        labelLimit=90 if upright else cell_width,
        labelOverlap=False,
    )
    x = alt.X(
        "visit_code:N", sort=visits, axis=axis, scale=alt.Scale(paddingInner=0.04, paddingOuter=0)
    )
    side = alt.Axis(
        title=None,
        ticks=False,
        minExtent=room,
        maxExtent=room,
        labelLimit=0.9 * room,
    )
    y = alt.Y(
        "clinic_id:N", sort=clinics, axis=side, scale=alt.Scale(paddingInner=0.08, paddingOuter=0)
    )
    chart = alt.Chart(rows(cells.select("clinic_id", "visit_code", "told", "fill", "ink")))
    fill = chart.mark_rect(cornerRadius=2).encode(x=x, y=y, color=alt.Color("fill:N", scale=None))
    text = chart.mark_text(
        fontSize=font, lineBreak="\n", baseline="middle", dy=-font * 0.6 if two_lines else 0
    )
    text = text.encode(x=x, y=y, text="told:N", color=alt.Color("ink:N", scale=None))
    heading = alt.TitleParams(
        text="Missing forms / expected forms",
        subtitle="\N{DOWNWARDS ARROW} fewer is better",
        fontWeight="normal",
    )
    return alt.layer(fill, text).properties(
        width=cell_width * len(visits), height=row * len(clinics), title=heading
    )
