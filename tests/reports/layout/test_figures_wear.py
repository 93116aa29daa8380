"""Figures of what devices saw."""

from __future__ import annotations

import polars as pl
import pytest

from pipelines.reports.layout.figures.wear import (
    agreement,
    seen_share,
    speed_by_length,
    week_strips,
)


def test_bias_and_limits_are_those_worked_by_hand():
    """Differences -2, 0, 2: mean 0, SD 2, limits -3.9 and 3.9."""
    sessions = pl.DataFrame({"logged": [20.0, 30.0, 25.0], "measured": [18.0, 30.0, 27.0]})
    caption = agreement(sessions, title="t", unit="min").caption
    assert "n = 3 sessions" in caption
    assert "Mean difference 0.0 min" in caption
    assert "\N{MINUS SIGN}3.9 to 3.9" in caption


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_pairs_have_no_limits(n):
    sessions = pl.DataFrame({"logged": [20.0] * n, "measured": [18.0] * n}, schema={"logged": pl.Float64, "measured": pl.Float64})  # fmt: skip
    assert "No data yet" in agreement(sessions, title="t", unit="min").caption


def test_a_session_that_no_device_saw_is_no_pair():
    sessions = pl.DataFrame({"logged": [20.0, 30.0, 40.0], "measured": [20.0, 31.0, None]})
    assert "n = 2 sessions" in agreement(sessions, title="t", unit="min").caption


def test_strips_count_people_and_days_and_leave_unknown_days_blank():
    days = pl.DataFrame({"row": [1, 1, 2], "study_day": [1, 2, 1], "worn_h": [12.0, None, 23.0]})
    figure = week_strips(days, title="t")
    assert "n = 2 participants with 2 days" in figure.caption
    assert figure.wide_svg.count("<path") >= 2


def test_more_people_than_a_page_holds_are_counted_all():
    days = pl.DataFrame({"row": list(range(1, 61)), "study_day": [1] * 60, "worn_h": [10.0] * 60})
    caption = week_strips(days, title="t").caption
    assert "n = 60 participants" in caption and "first 40" in caption


def test_no_day_is_no_figure():
    none = pl.DataFrame(schema={"row": pl.Int64, "study_day": pl.Int64, "worn_h": pl.Float64})
    assert "No data yet" in week_strips(none, title="t").caption


def test_the_median_of_each_class_stands_in_the_caption():
    bouts = pl.DataFrame({
        "bout_class": ["10_to_30"] * 11 + ["over_30"] * 9,
        "speed_mps": [0.5 + k / 10 for k in range(11)] + [1.0] * 9,
    })  # fmt: skip
    caption = speed_by_length(bouts, title="t").caption
    assert "10 to 30 s: 1.00 m/s (n = 11)" in caption
    assert "over 30 s" not in caption  # nine bouts are no distribution


def test_sessions_without_a_device_do_not_lower_the_share():
    assert seen_share({"seen": 3, "not_seen": 1, "no_device": 96}).startswith("3/4 (75")
