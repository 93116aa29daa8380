"""What became of the rows that came: received = accepted + quarantined + duplicate."""

from __future__ import annotations

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.directions import label_room, only, rows, width_of
from pipelines.reports.layout.numbers import GAP, fraction, number
from pipelines.reports.layout.palette import INK, MUTED, PALE_BLUE, VERMILLION
from pipelines.reports.layout.svg import Size, draw, no_data

STATUSES = {"accepted": PALE_BLUE, "quarantined": VERMILLION, "duplicate": MUTED}
# vega writes 15,000; our reports set thousands apart with a gap.
THOUSANDS = f"replace(format(datum.value, ','), regexp(',', 'g'), '{GAP}')"


def stacked_counts(counts: pl.DataFrame, *, title: str, note: str = "") -> Figure:
    """One bar per clinic with the sum in words: received = accepted + quarantined + duplicate.

    Assumes: `counts` has clinic, status (accepted, quarantined, duplicate), n.
    """
    counts = counts.select("clinic", "status", pl.col("n").cast(pl.Int64))
    if counts["n"].fill_null(0).sum() == 0:
        return no_data(title, "no row was received before the cut-off.")
    only(counts, "status", STATUSES)
    wide = counts.group_by("clinic", "status").agg(pl.col("n").sum())
    wide = wide.pivot("status", index="clinic", values="n").sort("clinic")
    wide = wide.with_columns(
        pl.lit(0, pl.Int64).alias(name) for name in STATUSES if name not in wide.columns
    )
    wide = wide.with_columns(pl.col(*STATUSES).fill_null(0)).with_columns(
        received=pl.sum_horizontal(*STATUSES)
    )

    def build(size: Size) -> alt.LayerChart:
        return _bars(wide, size)

    total = {name: wide[name].sum() for name in STATUSES}
    received = wide["received"].sum()
    told = " + ".join(f"{number(count)} {name}" for name, count in total.items())
    held = fraction(total["quarantined"], received)
    caption = f"n = {number(received)} rows received = {told}. Quarantined: {held}."
    alt_text = f"Stacked bars, {number(len(wide))} clinics. {caption} Fewer quarantined is better."
    return draw(build, title=title, caption=f"{caption} {note}".strip(), alt_text=alt_text)


def _bars(counts: pl.DataFrame, size: Size) -> alt.LayerChart:
    sums = [
        f"{number(received)} = {number(accepted)} + {number(quarantined)} + {number(duplicate)}"
        for received, accepted, quarantined, duplicate in counts.select(
            "received", *STATUSES
        ).iter_rows()
    ]
    counts = counts.with_columns(told=pl.Series(sums, dtype=pl.String)).with_row_index("place")
    words_room = max(width_of(told, size) for told in sums) + 12
    name_room = label_room(
        counts["clinic"], size, 90, size.width - words_room if size.narrow else 220
    )
    left, right = (0, size.width - 8) if size.narrow else (name_room, size.width - words_room - 8)
    row, thick = (46, 16) if size.narrow else (30, 18)
    height = row * len(counts)
    x_scale = alt.Scale(domain=[0, counts["received"].max()], range=[left, right], nice=False)
    y_scale = alt.Scale(domain=[-0.5, len(counts) - 0.5], range=[0, height])
    y = alt.Y("place:Q", scale=y_scale, axis=None)
    names = list(STATUSES)
    parts = counts.unpivot(names, index=["place"], variable_name="status", value_name="n")
    order = pl.col("status").replace_strict(
        {name: place for place, name in enumerate(names)}, return_dtype=pl.Int64
    )
    parts = parts.with_columns(order=order).sort("place", "order")
    parts = parts.with_columns(high=pl.col("n").cum_sum().over("place"))
    parts = parts.with_columns(low=pl.col("high") - pl.col("n")).filter(pl.col("n") > 0)
    axis = alt.Axis(title="Rows", tickCount=3, labelExpr=THOUSANDS, grid=True)
    bars = alt.Chart(rows(parts.select("place", "status", "low", "high")))
    bars = bars.mark_bar(size=thick, yOffset=8 if size.narrow else 0).encode(
        x=alt.X("low:Q", scale=x_scale, axis=axis),
        x2="high:Q",
        y=y,
        color=alt.Color("status:N", scale=alt.Scale(domain=names, range=list(STATUSES.values()))),
    )
    words = alt.Chart(rows(counts.select("place", "clinic", "told")))
    style = {"baseline": "middle", "dy": -12 if size.narrow else 0, "color": INK}
    label = words.mark_text(align="left", limit=name_room - 8, **style).encode(
        x=alt.value(0), y=y, text="clinic:N"
    )
    told = words.mark_text(align="right", **style).encode(
        x=alt.value(size.width - 8), y=y, text="told:N"
    )
    heading = alt.TitleParams(
        text="received = accepted + quarantined + duplicate",
        subtitle="\N{DOWNWARDS ARROW} fewer quarantined is better",
        fontWeight="normal",
    )
    return alt.layer(bars, label, told).properties(
        width=size.width - 6, height=height, title=heading
    )
