"""Summaries and intervals against R and published values."""

from __future__ import annotations

import math

import polars as pl
import pytest

from pipelines.analysis.summary import (
    NOTHING,
    describe,
    newcombe,
    rate_of_people,
    rate_with_exact_ci,
    risk_ratio,
    wilson,
)


def test_describe_agrees_with_r_and_counts_the_missing():
    # v <- c(3, 7, 8, 15, 21, 22.5); mean(v); sd(v); median(v); quantile(v, c(.25, .75))
    values = [22.5, None, 3.0, 15.0, float("nan"), 8.0, 21.0, 7.0]
    frame = pl.DataFrame({"visit_code": "BL", "arm": "BW", "value": values})

    row = describe(frame, ["visit_code", "arm"]).row(0, named=True)

    assert row["sd"] == pytest.approx(7.985925118607, abs=1e-11)
    assert (row["n"], row["n_missing"]) == (6, 2)
    assert (row["mean"], row["median"], row["q1"], row["q3"]) == (12.75, 11.5, 7.25, 19.5)
    assert (row["least"], row["most"]) == (3.0, 22.5)


def test_describe_groups_in_order_and_makes_up_nothing():
    frame = pl.DataFrame(
        {"visit_code": ["W6", "BL", "W3"], "value": [None, 4.0, None]},
        schema={"visit_code": pl.String, "value": pl.Float64},
    )

    found = describe(frame, ["visit_code"])

    assert found.select("visit_code", "n", "n_missing", "mean", "sd").rows() == [
        ("BL", 1, 0, 4.0, None),
        ("W3", 0, 1, None, None),
        ("W6", 0, 1, None, None),
    ]


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [  # prop.test(k, n, correct = FALSE)$conf.int in R 4.2.2
        (12, 30, 0.245906281168, 0.576796397467),
        (0, 20, 0.0, 0.161125158053),
        (20, 20, 0.838874841947, 1.0),
    ],
)
def test_wilson(k, n, low, high):
    found = wilson(k, n)

    assert found.estimate == k / n
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-11)


def test_nothing_out_of_nothing():
    assert wilson(0, 0) == NOTHING
    assert rate_with_exact_ci(0, 0.0) == NOTHING


@pytest.mark.parametrize(
    ("events", "person_years", "low", "high"),
    [  # poisson.test(events, person_years)$conf.int in R 4.2.2
        (7, 12.5, 0.225149044122, 1.153814028936),
        (0, 4.0, 0.0, 0.922219863528),
    ],
)
def test_rate(events, person_years, low, high):
    found = rate_with_exact_ci(events, person_years)

    assert found.estimate == events / person_years
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-11)


def test_falls_spread_evenly_over_people_have_the_exact_interval():
    found = rate_of_people(pl.Series([1] * 7), pl.Series([12.5 / 7] * 7))

    # poisson.test(7, 12.5)$conf.int in R 4.2.2
    assert (found.low, found.high) == pytest.approx((0.225149044122, 1.153814028936), abs=1e-11)


def test_falls_of_one_person_count_for_less_than_falls_of_many():
    """Four falls of one of four people in a year each: Pearson's dispersion is (9 + 1 + 1 + 1)/3 = 4, so one event's worth.

    The exact interval of 1 in 1 year is -ln 0.975 to 5.571643 (Garwood's table).
    """
    found = rate_of_people(pl.Series([4, 0, 0, 0, 2]), pl.Series([1.0, 1.0, 1.0, 1.0, None]))

    assert found.estimate == 1.0
    assert (found.low, found.high) == pytest.approx((-math.log(0.975), 5.571643), abs=1e-6)


def test_a_rate_of_nobody_is_nothing_and_of_no_fall_has_its_upper_end():
    assert rate_of_people(pl.Series([1, 2]), pl.Series([None, 0.0])) == NOTHING
    # poisson.test(0, 4)$conf.int in R 4.2.2
    assert rate_of_people(pl.Series([0, 0]), pl.Series([1.5, 2.5])).high == pytest.approx(
        0.922219863528
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda: wilson(3, 2),
        lambda: wilson(-1, 2),
        lambda: rate_with_exact_ci(-1, 2.0),
        lambda: rate_with_exact_ci(2, -1.0),
        lambda: rate_with_exact_ci(2, 0.0),
        lambda: rate_with_exact_ci(2, float("inf")),
    ],
)
def test_impossible_counts_are_refused(call):
    with pytest.raises(ValueError, match=r"count|negative|person-time"):
        call()


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_difference_of_shares_is_that_of_newcombes_table_2_method_10(counts, low, high):
    found = newcombe(*counts)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_twelve_of_thirty_has_the_score_interval_of_the_reference():
    found = wilson(12, 30)
    assert (round(100 * found.low, 1), round(100 * found.high, 1)) == (24.6, 57.7)


def test_ratio_of_shares_worked_by_hand():
    """15/30 to 10/30: 1.5; sqrt(1/15 - 1/30 + 1/10 - 1/30) = 0.31623, times 1.95996 = 0.61980."""
    found = risk_ratio(15, 30, 10, 30)
    assert found.estimate == pytest.approx(1.5)
    assert found.low == pytest.approx(1.5 / math.exp(0.619795), rel=1e-5)
    assert found.high == pytest.approx(1.5 * math.exp(0.619795), rel=1e-5)


@pytest.mark.parametrize("counts", [(0, 30, 10, 30), (10, 30, 0, 30)])
def test_a_ratio_with_a_count_of_none_is_not_told(counts):
    assert risk_ratio(*counts) == NOTHING


@pytest.mark.parametrize("function", [newcombe, risk_ratio])
def test_more_responders_than_people_is_an_error(function):
    with pytest.raises(ValueError, match="runs from 0"):
        function(5, 4, 1, 4)


def test_nobody_in_an_arm_leaves_nothing_to_compare():
    assert newcombe(0, 0, 3, 10) == NOTHING
