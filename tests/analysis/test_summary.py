"""Summaries and intervals against R and published values."""

from __future__ import annotations

import polars as pl
import pytest

from pipelines.analysis.summary import NOTHING, describe, rate_with_exact_ci, wilson


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
