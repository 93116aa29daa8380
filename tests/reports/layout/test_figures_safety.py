"""Figures of the safety page: who is counted, and that no name is drawn."""

from __future__ import annotations

import polars as pl

from pipelines.analysis.first_fall import survival_curve
from pipelines.reports.layout.figures import first_fall_curves, swimmer


def curve(*days: int) -> pl.DataFrame:
    return survival_curve(pl.DataFrame({"days": [*days, 90], "fell": [*[1] * len(days), 0]}))


def test_curves_say_how_many_started_fell_and_stayed():
    figure = first_fall_curves({"BW": curve(30), "FW": curve(10, 20)}, title="Falls", by_arm=True)
    assert figure.by_arm
    assert (
        "BW: 2 at the start, 1 fell, 50\N{NARROW NO-BREAK SPACE}% without a fall on day 90"
        in figure.caption
    )
    assert "FW: 3 at the start, 2 fell" in figure.caption
    assert ">BW<" in figure.wide_svg and ">FW<" in figure.wide_svg


def test_without_a_fall_there_is_a_calm_panel():
    figure = first_fall_curves(
        {"all": survival_curve(pl.DataFrame({"days": [9], "fell": [0]}))}, title="Falls"
    )
    assert figure.caption.startswith("No data yet")


def test_lanes_are_counted_and_events_before_the_start_are_left_out():
    people = pl.DataFrame({"row": [1, 2], "last_day": [80, 40]})
    events = pl.DataFrame({
        "row": [1, 1, 2, 2], "day": [5, -3, 7, 9],
        "kind": ["fall", "fall", "adverse event", "serious adverse event"],
    })  # fmt: skip
    figure = swimmer(people, events, title="Course")
    assert "n = 2 participants" in figure.caption
    assert "1 falls, 1 adverse events, 1 serious adverse events" in figure.caption


def test_nobody_followed_is_no_fault():
    nobody = pl.DataFrame(schema={"row": pl.Int64, "last_day": pl.Int64})
    events = pl.DataFrame(schema={"row": pl.Int64, "day": pl.Int64, "kind": pl.String})
    assert swimmer(nobody, events, title="Course").caption.startswith("No data yet")
