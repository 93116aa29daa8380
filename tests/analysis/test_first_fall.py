"""Time to first fall against R's survival 3.5 on the same made-up data (tests/analysis/r/falls.R)."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pipelines.analysis.first_fall import hazard_ratio, survival_curve

DATA = pl.read_csv(Path(__file__).with_name("falls_data.csv"))


def test_the_hazard_ratio_is_that_of_coxph():
    found = hazard_ratio(DATA)

    assert found.log_estimate == pytest.approx(-0.5530845533, abs=1e-6)
    assert found.log_se == pytest.approx(0.361997386, abs=1e-6)
    assert found.log_rank_chi2 == pytest.approx(2.39997876, abs=1e-6)


@pytest.mark.parametrize(
    ("arm", "day", "share", "low", "high"),
    [
        ("FW", 60, 0.5958333333, 0.4268768437, 0.7298196392),
        ("BW", 60, 0.775, 0.6121678675, 0.8759995866),
        ("FW", 180, 0.4333333333, 0.2086679382, 0.6400106546),
        ("BW", 180, 0.6533082562, 0.4754789342, 0.7836687226),
    ],
)
def test_the_curve_is_that_of_survfit(arm, day, share, low, high):
    curve = survival_curve(DATA.filter(arm=arm))
    last = curve.filter(pl.col("days") <= day).tail(1).row(0, named=True)

    assert (last["share"], last["low"], last["high"]) == (
        pytest.approx(share, abs=1e-9), pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9),
    )  # fmt: skip


def test_a_curve_by_hand():
    """Four people: a fall on day 10, gone on day 20, falls on days 30 and 40: 3/4, then half of it, then 0."""
    frame = pl.DataFrame({"days": [10, 20, 30, 40], "fell": [1, 0, 1, 1]})
    curve = survival_curve(frame)
    assert curve.select("days", "n_at_risk", "share").rows() == [
        (0.0, 4, 1.0), (10.0, 4, 0.75), (30.0, 2, 0.375), (40.0, 1, 0.0),
    ]  # fmt: skip
    assert curve["low"].tail(1).item() is None


def test_the_line_ends_on_the_last_day_watched_and_counts_whom_it_knows():
    """A fall on day 10, two gone on day 50, one never seen: 3 at the start, 2/3 until day 50."""
    frame = pl.DataFrame({"days": [10, 50, 50, None], "fell": [1, 0, 0, None]})
    curve = survival_curve(frame)
    assert curve.select("days", "n_at_risk", "n_fell").rows() == [
        (0.0, 3, 0),
        (10.0, 3, 1),
        (50.0, 2, 0),
    ]
    assert curve["share"].to_list() == pytest.approx([1.0, 2 / 3, 2 / 3])
    assert curve["low"][2] == curve["low"][1] is not None


def test_where_nobody_falls_the_line_is_flat_to_the_last_day():
    curve = survival_curve(pl.DataFrame({"days": [30, 40], "fell": [0, 0]}))
    assert curve.select("days", "share", "n_at_risk").rows() == [(0.0, 1.0, 2), (40.0, 1.0, 1)]


def test_people_not_watched_are_counted_as_left_out():
    unseen = DATA.head(4).with_columns(
        days=pl.Series([None, 0, 30, 30]), clinic_id=pl.Series(["a", "a", None, "a"])
    )
    found = hazard_ratio(pl.concat([DATA, unseen], how="diagonal_relaxed"))
    assert hazard_ratio(DATA).n_left_out == 0
    assert found.n_left_out == 3


def test_too_few_first_falls_give_no_ratio():
    frame = DATA.filter(pl.col("fell") == 0)
    assert hazard_ratio(frame).note == "too few first falls for a ratio"


def test_where_one_arm_alone_fell_while_both_were_watched_there_is_no_ratio():
    """The last of BW is watched for 5 days; FW falls later, when nobody of BW is left to compare with.

    Log-rank by hand, on days 1 to 5 of 3 + 3 at risk: BW falls on days 1, 2, 3. Expected of BW
    3/6 + 2/5 + 1/4 = 1.15, variance 1/4 + 6/25 + 3/16 = 0.6775; days 10 to 12 have FW alone.
    """
    frame = pl.DataFrame({
        "arm": ["BW"] * 3 + ["FW"] * 3, "clinic_id": ["a"] * 6,
        "days": [1, 2, 3, 10, 11, 12], "fell": [1] * 6,
    })  # fmt: skip
    found = hazard_ratio(frame)
    assert (found.estimate, found.low, found.high) == (None, None, None)
    assert found.log_rank_chi2 == pytest.approx((3 - 1.15) ** 2 / 0.6775, abs=1e-9)
    assert "only BW fell while both arms" in found.note


def test_falls_in_clinics_of_one_arm_compare_nothing():
    frame = pl.DataFrame({
        "arm": ["BW"] * 3 + ["FW"] * 3, "clinic_id": ["a"] * 3 + ["b"] * 3,
        "days": [1, 2, 3, 10, 11, 12], "fell": [1] * 6,
    })  # fmt: skip
    found = hazard_ratio(frame)
    assert found.note == "nobody fell while both arms of a clinic were watched"
    assert found.log_rank_p is None
