"""What devices saw: worn hours day by day, logged against measured minutes, speed by length of bout."""

from __future__ import annotations

import altair as alt
import polars as pl

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.directions import rows, tight
from pipelines.reports.layout.numbers import fraction, interval, number, signed
from pipelines.reports.layout.palette import BLUE, CELL_RAMP, GREEN, INK, MUTED, RULE, VERMILLION
from pipelines.reports.layout.svg import Size, draw, no_data

_MOST_PEOPLE = 40  # rows of a strip that a page can hold
_CLASSES = {"up_to_10": "up to 10 s", "10_to_30": "10 to 30 s", "over_30": "over 30 s"}


def week_strips(days: pl.DataFrame, *, title: str, note: str = "") -> Figure:
    """One strip per participant: each study day a cell, the darker the longer the device was worn.

    Assumes: `days` has row (a running number, never an id), study_day, worn_h.
    """
    days = days.drop_nulls("worn_h")
    if days.is_empty():
        return no_data(title, "no device has told of a day before the cut-off.")
    n_rows, n_days = days["row"].n_unique(), days.height
    shown = days.filter(pl.col("row").rank("dense") <= _MOST_PEOPLE)
    shown = shown.with_columns(
        week=(pl.col("study_day") - 1).floordiv(7) + 1,
        step=(pl.col("worn_h") / 4).floor().clip(0, len(CELL_RAMP) - 1).cast(pl.Int32),
    ).with_columns(
        fill=pl.col("step").replace_strict(dict(enumerate(CELL_RAMP)), return_dtype=pl.String)
    )
    first, last = int(shown["study_day"].min()), int(shown["study_day"].max())

    def build(size: Size) -> alt.Chart:
        wide = size.width - 60
        axis = alt.Axis(title="Study day", ticks=False, grid=False, tickCount=8, labelAngle=0)
        data = shown.select(
            "row", start=pl.col("study_day"), end=pl.col("study_day") + 1, fill="fill"
        )
        return (
            alt.Chart(rows(data))
            .mark_rect()
            .encode(
                x=alt.X("start:Q", axis=axis, scale=alt.Scale(domain=[first, last + 1])),
                x2="end:Q",
                y=alt.Y("row:O", axis=alt.Axis(title=None, labels=False, ticks=False)),
                color=alt.Color("fill:N", scale=None),
            )
            .properties(
                width=wide,
                height=max(40, 9 * shown["row"].n_unique()),
                title=alt.TitleParams(
                    text="Hours worn per day, one row per participant",
                    subtitle="palest under 4 h, darkest 20 h and more; blank: nothing known",
                    fontWeight="normal",
                ),
            )
        )

    left_out = f" The first {_MOST_PEOPLE} are drawn." if n_rows > _MOST_PEOPLE else ""
    caption = f"n = {number(n_rows)} participants with {number(n_days)} days.{left_out} {note}"
    alt_text = (
        f"Strips of hours worn over study days {first} to {last} for {number(n_rows)} participants."
    )
    return draw(build, title=title, caption=caption.strip(), alt_text=alt_text)


def agreement(sessions: pl.DataFrame, *, title: str, unit: str, note: str = "") -> Figure:
    """Bland-Altman: measured minus logged against their mean, with bias and limits of agreement.

    Assumes: `sessions` has logged and measured of the same thing. Source: Bland, Altman. Lancet 1986;1:307-310.
    """
    pairs = sessions.drop_nulls(["logged", "measured"]).select(
        mean=(pl.col("logged") + pl.col("measured")) / 2,
        difference=pl.col("measured") - pl.col("logged"),
    )
    if pairs.height < 2:
        return no_data(title, "fewer than two sessions were both logged and seen by a device.")
    bias, sd = pairs["difference"].mean(), pairs["difference"].std()
    lines = {"bias": bias, "lower limit": bias - 1.96 * sd, "upper limit": bias + 1.96 * sd}

    def build(size: Size) -> alt.LayerChart:
        x = alt.X(
            "mean:Q", scale=alt.Scale(domain=tight(pairs["mean"].to_list()), nice=True, zero=False),
            axis=alt.Axis(title=f"Mean of logged and measured, {unit}", ticks=False, tickCount=6),
        )  # fmt: skip
        reach = [*pairs["difference"].to_list(), *lines.values(), 0.0]
        y = alt.Y(
            "difference:Q", scale=alt.Scale(domain=tight(reach), nice=True),
            axis=alt.Axis(title=None, ticks=False, tickCount=5),
        )  # fmt: skip
        dots = (
            alt.Chart(rows(pairs)).mark_circle(color=BLUE, opacity=0.55, size=34).encode(x=x, y=y)
        )
        marked = pl.DataFrame({"difference": list(lines.values()), "what": list(lines)})
        rule = alt.Chart(rows(marked)).mark_rule(color=VERMILLION, strokeDash=[5, 4]).encode(y=y)
        words = [
            alt.Chart(rows(marked.filter(what=what)))
            .mark_text(align=side, dx=4 if side == "left" else -4, dy=dy, x=x_px, color=MUTED,
                       fontSize=size.font - 1)
            .encode(y=y, text="what:N")
            for what, side, dy, x_px in (
                ("upper limit", "left", -7, 0), ("bias", "right", -7, size.width - 60),
                ("lower limit", "left", 10, 0),
            )
        ]  # fmt: skip
        heading = alt.TitleParams(
            text=f"Measured minus logged, {unit}", subtitle="nearer to 0 is better", fontWeight="normal"
        )  # fmt: skip
        return alt.layer(rule, dots, *words).properties(
            width=size.width - 60, height=230 if size.narrow else 260, title=heading
        )

    low, high = lines["lower limit"], lines["upper limit"]
    caption = (
        f"n = {number(pairs.height)} sessions. Mean difference {signed(bias, 1)} {unit}; "
        f"95 % limits of agreement {interval(low, high, 1)} {unit}. {note}"
    )
    alt_text = f"Difference against mean of {number(pairs.height)} sessions with bias and limits of agreement."
    return draw(build, title=title, caption=caption.strip(), alt_text=alt_text)


def speed_by_length(bouts: pl.DataFrame, *, title: str, note: str = "") -> Figure:
    """How walking speed is spread within each class of bout length: a density per class.

    Assumes: `bouts` has bout_class and speed_mps, one row per forward bout. By arm nowhere.
    """
    known = bouts.drop_nulls("speed_mps").filter(pl.col("bout_class").is_in(list(_CLASSES)))
    counted = dict(known.group_by("bout_class").len().iter_rows())
    drawn = {name: words for name, words in _CLASSES.items() if counted.get(name, 0) >= 10}
    if not drawn:
        return no_data(title, "fewer than ten bouts of walking at a known speed.")
    high = max(2.0, known["speed_mps"].quantile(0.995))
    edges = [high * k / 40 for k in range(41)]
    lines = []
    for name, words in drawn.items():
        speeds = known.filter(bout_class=name)["speed_mps"]
        counts = speeds.hist(bins=edges, include_breakpoint=False)["count"]
        lines += [
            {"class": words, "speed": (edges[k] + edges[k + 1]) / 2, "share": 100 * n / speeds.len()}
            for k, n in enumerate(counts)
        ]  # fmt: skip

    def build(size: Size) -> alt.Chart:
        colours = alt.Scale(
            domain=list(drawn.values()), range=[GREEN, BLUE, VERMILLION][: len(drawn)]
        )
        heading = alt.TitleParams(
            text="Share of the bouts of a class, % per bin", fontWeight="normal", color=INK
        )
        return (
            alt.Chart(rows(pl.DataFrame(lines)))
            .mark_line(interpolate="monotone", strokeWidth=2)
            .encode(
                x=alt.X("speed:Q", axis=alt.Axis(title="Walking speed, m/s", ticks=False, gridColor=RULE, grid=False)),
                y=alt.Y("share:Q", axis=alt.Axis(title=None, ticks=False, tickCount=5)),
                color=alt.Color("class:N", scale=colours),
                strokeDash=alt.StrokeDash("class:N", legend=None),
            )
            .properties(width=size.width - 60, height=210, title=heading)
        )  # fmt: skip

    total = sum(counted.get(name, 0) for name in drawn)
    medians = "; ".join(
        f"{words}: {number(known.filter(bout_class=name)['speed_mps'].median(), 2)} m/s (n = {number(counted[name])})"
        for name, words in drawn.items()
    )
    caption = f"n = {number(total)} forward bouts. Median by length of bout: {medians}. {note}"
    return draw(
        build,
        title=title,
        caption=caption.strip(),
        alt_text=f"Distributions of walking speed. {medians}.",
    )


def seen_share(counts: dict[str, int]) -> str:
    """Words for how many sessions with a device were seen by it."""
    with_device = counts.get("seen", 0) + counts.get("not_seen", 0)
    return f"{fraction(counts.get('seen', 0), with_device)} sessions with a worn device were seen by it"
