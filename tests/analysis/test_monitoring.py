"""Central monitoring: p-values against full enumeration, and planted faults that only their own test names."""

from __future__ import annotations

import datetime as dt
import math
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from statsmodels.stats.multitest import multipletests

from pipelines.analysis import monitoring_null as null
from pipelines.analysis.monitoring import holm, monitored
from pipelines.analysis.monitoring_copies import copies
from pipelines.analysis.monitoring_dates import visit_dates
from pipelines.analysis.monitoring_digits import digit_preference
from pipelines.analysis.monitoring_drift import drift, known_factor
from pipelines.analysis.monitoring_inputs import Inputs, inputs_of
from pipelines.analysis.monitoring_rates import under_reporting
from pipelines.analysis.monitoring_spread import variance_collapse

CLINICS, PER_CLINIC, VISITS = ("a", "b", "c", "d"), 20, 4
START = dt.date(2025, 3, 3)
NO_DAYS = pl.DataFrame(
    schema={"clinic_id": pl.String, "participant_id": pl.String, "wear_date": pl.Date, "level": pl.Float64}
)  # fmt: skip


@pytest.fixture
def values() -> pl.DataFrame:
    """Twelve timed trials at four visits of twenty participants at each of four clinics, all alike."""
    draws = np.random.default_rng(11)
    n, items = len(CLINICS) * PER_CLINIC, 12
    shape = (n, VISITS, items)
    time = np.exp(2.2 + 0.2 * draws.standard_normal((n, 1, 1)) + 0.1 * draws.standard_normal(shape))
    who, visit, item = (part.ravel() for part in np.indices(shape))
    enrolled = draws.integers(0, 100, n)
    day = enrolled[who] + 40 * visit + draws.integers(-3, 4, (n, VISITS))[who, visit]
    return pl.DataFrame({
        "clinic_id": np.array(CLINICS)[who // PER_CLINIC], "participant_id": [f"p{k:03}" for k in who],
        "visit_code": [f"V{k}" for k in visit], "assessed_date": np.datetime64(START) + day,
        "assessor_code": np.array(["E1", "E2"])[(who + visit) % 2], "form": "walk_test",
        "item": [f"t{k:02}" for k in item], "kind": "walk.time", "value": time.round(2).ravel(), "decimals": 2,
    })  # fmt: skip


def p_of(rows: pl.DataFrame, test: str, clinic: str, part: str = "") -> float:
    return rows.filter(test=test, clinic_id=clinic, part=part)["p"].item()


def at_b(values: pl.DataFrame, changed: pl.Expr, where: pl.Expr | None = None) -> pl.DataFrame:
    mine = pl.col("clinic_id") == "b"
    mine = mine if where is None else mine & where
    return values.with_columns(value=pl.when(mine).then(changed).otherwise("value"))


def test_the_moments_are_those_of_all_draws() -> None:
    scores = np.array([0.0, 0.0, 1.0, 1.5, 4.0, 9.0, 2.0])
    sums = np.array([scores[list(one)].sum() for one in combinations(range(7), 3)])
    mine = np.array([True, False, True, False, False, True, False])

    z, _ = null.sum_tail(scores, mine, "high")

    assert z == pytest.approx((10.0 - sums.mean()) / sums.std())


@pytest.mark.parametrize("tail", ["low", "high"])
def test_a_tail_is_that_of_all_draws_or_a_little_wider(tail: null.Tail) -> None:
    scores = np.random.default_rng(3).gamma(0.6, 1.0, 20)  # skewed, as counts of falls are
    draws = [list(one) for one in combinations(range(20), 6)]
    sums = scores[np.array(draws)].sum(axis=1)
    for share in (0.002, 0.01, 0.05, 0.3):
        edge = np.quantile(sums, share if tail == "low" else 1 - share)
        at = int(np.argmin(abs(sums - edge)))
        exact = (sums <= sums[at]).mean() if tail == "low" else (sums >= sums[at]).mean()
        _, p = null.sum_tail(scores, np.isin(np.arange(20), draws[at]), tail)

        assert (
            0.8 * exact < p < 3 * exact
        )  # too wide costs power, too narrow would cost the promise


def test_no_p_is_below_one_draw_in_all() -> None:
    scores = np.r_[np.full(5, 100.0), np.zeros(5)]

    _, p = null.sum_tail(scores, scores > 0, "high")

    assert p == pytest.approx(1 / math.comb(10, 5))


def test_a_rare_thing_is_judged_by_fishers_test() -> None:
    """All 3 of 3 carriers among 5 of 10: C(5,3) / C(10,3) = 10 / 120."""
    frame = pl.DataFrame({"clinic_id": ["a"] * 5 + ["b"] * 5, "participant_id": [str(k) for k in range(10)],
                          "has": [True] * 3 + [False] * 7})  # fmt: skip

    rows = null.having(frame, "has", "x")

    assert p_of(rows, "x", "a") == pytest.approx(10 / 120)
    assert p_of(rows, "x", "b") == 1.0


def test_holm_agrees_with_statsmodels() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.9])

    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_rounding_to_halves_is_named_at_its_clinic_and_assessor(values: pl.DataFrame) -> None:
    rounded = at_b(values, (pl.col("value") * 2).round() / 2, pl.col("assessor_code") == "E2")

    rows = digit_preference(rounded)

    assert p_of(rows, "digit_preference", "b") < 1e-4
    assert p_of(rows, "digit_preference_assessor", "b", "E2") < 1e-4
    assert p_of(rows, "digit_preference_assessor", "b", "E1") > 0.01
    assert p_of(digit_preference(values), "digit_preference", "b") > 0.01


def test_numbers_that_hardly_move_are_named(values: pl.DataFrame) -> None:
    typical = pl.col("value").mean().over("participant_id", "item")
    still = at_b(values, (typical + 0.2 * (pl.col("value") - typical)).round(2))

    rows = variance_collapse(still)

    assert p_of(rows, "variance_within", "b") < 1e-6
    assert p_of(rows, "variance_within", "a") > 0.01
    assert p_of(rows, "variance_between", "b") > 0.001


def test_another_level_is_no_collapse(values: pl.DataFrame) -> None:
    rows = variance_collapse(at_b(values, pl.col("value") * 1.5))

    assert rows["p"].min() > 0.001


def test_a_copy_of_the_last_visit_and_of_another_participant_are_told_apart(values: pl.DataFrame) -> None:  # fmt: skip
    number = pl.col("participant_id").str.slice(1).cast(pl.Int32)
    unit = ["participant_id", "item"]
    first = pl.col("value").sort_by("visit_code").first().over(unit)
    carried = at_b(values, first, (pl.col("visit_code") == "V1") & (number % 2 == 0))
    of_20 = pl.col("value").filter(number == 20).first().over("visit_code", "item")
    twin = at_b(values, of_20, (pl.col("visit_code") == "V2") & number.is_between(20, 30))

    assert p_of(copies(carried), "copied_on", "b") < 1e-4
    assert p_of(copies(carried), "near_duplicates", "b") == 1.0
    assert p_of(copies(twin), "near_duplicates", "b") < 1e-4
    assert p_of(copies(twin), "copied_on", "b") == 1.0


def test_dates_on_weekends_on_the_due_day_and_all_on_one_day_are_told_apart(values: pl.DataFrame) -> None:  # fmt: skip
    unit = ["clinic_id", "participant_id", "visit_code", "assessed_date"]
    visits = values.select(unit).unique().sort(unit)
    randomised = pl.col("assessed_date").filter(visit_code="V0").first().over("participant_id")
    off = pl.Series(np.random.default_rng(5).integers(-5, 6, visits.height))
    target = randomised + pl.duration(days=pl.col("visit_code").str.slice(1).cast(pl.Int32) * 42)

    def told(days_off: pl.Expr) -> pl.DataFrame:
        day = pl.when(pl.col("clinic_id") == "b").then(days_off).otherwise(pl.lit(off))
        return visits.with_columns(off_target=day, half_window=7.0).with_columns(
            assessed_date=(target + pl.duration(days="off_target")).cast(pl.Date)
        )

    punctual = visit_dates(told(pl.lit(0)))
    saturdays = visit_dates(told(6 - target.cast(pl.Date).dt.weekday().cast(pl.Int32)))
    to_14 = target.cast(pl.Date).to_physical().cast(pl.Int64) % 14
    together = visit_dates(told(pl.when(to_14 < 7).then(-to_14).otherwise(14 - to_14)))

    assert p_of(punctual, "visits_too_regular", "b") < 1e-6
    assert p_of(saturdays, "weekend_visits", "b") < 1e-6
    assert p_of(together, "visits_on_one_day", "b") < 1e-6
    assert p_of(together, "visits_on_one_day", "a") > 0.01


def test_silence_about_events_is_named_and_short_time_is_not_silence() -> None:
    draws = np.random.default_rng(2)
    clinic = np.repeat(CLINICS, 30)
    events = draws.poisson(1.0, 120)
    people = pl.DataFrame({"clinic_id": clinic, "participant_id": [str(k) for k in range(120)], "watched_days": 180,
                           "events_n": np.where(clinic == "b", 0, events), "diary_days": 180, "falls_n": 0})  # fmt: skip

    rows = under_reporting(people)
    short = under_reporting(people.with_columns(watched_days=pl.when(clinic_id="b").then(1).otherwise(180)))  # fmt: skip

    assert p_of(rows, "events_few", "b") < 1e-5
    assert rows.filter(test="events_few", clinic_id="b")["value"].item() == 0
    assert p_of(short, "events_few", "b") > 0.05
    assert rows.filter(test="falls_few")["p"].to_list() == [1.0] * 4  # nobody fell anywhere


@pytest.mark.parametrize(
    ("factor", "words"),
    [(3.6, "kilometres per hour"), (1 / 4.4482216, "pounds-force"), (1000, "milliseconds")],
)
def test_a_change_of_unit_is_named_with_its_month(values: pl.DataFrame, factor: float, words: str) -> None:  # fmt: skip
    later = pl.col("assessed_date") >= dt.date(2025, 6, 15)

    rows = drift(at_b(values, pl.col("value") * factor, later), NO_DAYS).filter(test="unit_change")

    assert p_of(rows, "unit_change", "b", "walk.time") < 1e-3
    assert words in rows.filter(clinic_id="b")["reading"].item()
    assert rows.filter(pl.col("clinic_id") != "b")["p"].min() > 0.001


def test_a_slow_slide_is_drift_and_of_no_known_factor(values: pl.DataFrame) -> None:
    day = (pl.col("assessed_date") - START).dt.total_days()

    rows = drift(at_b(values, pl.col("value") * (0.002 * day).exp()), NO_DAYS)

    assert p_of(rows, "slow_drift", "b", "walk.time") < 1e-6
    slide = rows.filter(test="slow_drift", clinic_id="b").row(0, named=True)
    assert slide["value"] - slide["others"] == pytest.approx(0.2, abs=0.03)  # per 100 days
    assert known_factor(0.2) == ""


def test_too_few_participants_are_shown_and_not_judged(values: pl.DataFrame) -> None:
    few = values.filter((pl.col("clinic_id") != "b") | (pl.col("participant_id") < "p024"))
    nobody = pl.DataFrame(schema={"clinic_id": pl.String, "participant_id": pl.String, "watched_days": pl.Int64,
                                  "events_n": pl.Int64, "diary_days": pl.Int64, "falls_n": pl.Int64})  # fmt: skip
    visits = few.select("clinic_id", "participant_id", "visit_code", "assessed_date").unique().with_columns(
        off_target=1, half_window=7.0
    )  # fmt: skip

    rows = monitored(Inputs(few, nobody, visits, NO_DAYS))

    assert rows.filter(clinic_id="b")["p"].null_count() == rows.filter(clinic_id="b").height > 0
    assert rows.filter(clinic_id="b")["is_signal"].null_count() == rows.filter(clinic_id="b").height
    assert rows.filter(clinic_id="a")["p"].null_count() == 0


def test_inputs_count_time_to_the_withdrawal_and_take_no_arm() -> None:
    people = pl.DataFrame({"clinic_id": ["a", "a"], "participant_id": ["1", "2"], "arm": ["BW", "FW"],
                           "randomised_date": [START] * 2, "withdrawn_date": [None, START + dt.timedelta(30)]})  # fmt: skip
    events = pl.DataFrame({"participant_id": ["1", "1"]})
    diary = pl.DataFrame({"participant_id": ["2"], "diary_from_date": [START], "diary_falls_n": [3],
                          "diary_to_date": [START + dt.timedelta(25)]})  # fmt: skip
    walk = pl.DataFrame({"clinic_id": ["a"], "participant_id": ["1"], "visit_code": ["W6"], "assessor_code": ["E"],
                         "assessed_date": [START + dt.timedelta(45)], "walk_test_code": ["10mwt"], "trial_no": [1],
                         "pace_code": ["fast"], "time_s": [8.25], "timed_distance_m": [10.0]})  # fmt: skip
    windows = pl.DataFrame({"visit_code": ["W6"], "target_day": [42], "from_day": [35], "to_day": [49]})  # fmt: skip
    tables = {"participant": people, "adverse_event": events, "fall_diary": diary, "walk_test": walk}  # fmt: skip

    made = inputs_of(tables, windows, START + dt.timedelta(400))

    assert made.people.sort("participant_id").rows() == [("a", "1", 49, 2, 0, 0), ("a", "2", 30, 0, 26, 3)]  # fmt: skip
    assert made.visits.select("off_target", "half_window").row(0) == (3, 7.0)
    assert made.values.select("value", "decimals", "item").row(0) == (8.25, 2, "10mwt.fast.1")
    assert not any("arm" in frame.columns for frame in (made.values, made.people, made.visits, made.days))  # fmt: skip
