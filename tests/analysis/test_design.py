"""Strata of the allocation in every model: what R says of clinics must hold for strata, which are the same algebra."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.analysis.ancova import adjusted_difference
from pipelines.analysis.design import adjusted, dummies, strata_of, treated
from pipelines.analysis.falls import rate_ratio
from pipelines.analysis.subgroups import subgroup_effects
from pipelines.analysis.tipping_point import tipping_point
from tests.analysis import test_ancova, test_subgroups

FALLS = pl.read_csv(Path(__file__).with_name("falls_data.csv"))
ONE = pl.lit("one")


def as_stratum(frame: pl.DataFrame) -> pl.DataFrame:
    """One clinic for all, and the clinics as a stratum."""
    return frame.with_columns(layer="clinic_id", clinic_id=ONE)


def test_the_columns_of_three_people():
    rows = pl.DataFrame({"arm": ["FW", "BW", "BW"], "clinic_id": ["b", "a", "c"]})
    assert treated(rows, ("FW", "BW")).tolist() == [0, 1, 1]
    assert [one.tolist() for one in dummies(rows["clinic_id"])] == [[1, 0, 0], [0, 0, 1]]
    grades = pl.DataFrame({"kl_grade": [3, None]}).select(strata_of(["kl_grade"]))
    assert grades["kl_grade"].to_list() == ["3", "not given"]


def test_a_column_that_others_say_already_is_left_out_and_one_that_is_the_arm_is_refused():
    arm, ones = np.array([0.0, 1, 0, 1]), np.ones(4)
    new, told = np.array([1.0, 1, 0, 0]), np.array([0.0, 0, 1, 1])
    design = adjusted([arm], [ones], [new, told])
    assert design.tolist() == np.column_stack([arm, ones, new]).tolist()
    assert adjusted([arm], [ones], [1 - arm]) is None


def test_the_ancova_of_strata_is_that_of_r():
    found = adjusted_difference(as_stratum(test_ancova.trial()), strata=["layer"])
    assert test_ancova.numbers(found) == pytest.approx(test_ancova.WHOLE, rel=1e-9)


def test_a_grade_that_follows_from_the_condition_changes_nothing():
    frame = test_ancova.trial().with_columns(
        condition_code=pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("stroke")).otherwise(pl.lit("knee")),
    )  # fmt: skip
    frame = frame.with_columns(kl_grade=pl.when(condition_code="knee").then(2))
    one = adjusted_difference(frame, strata=["condition_code"])
    both = adjusted_difference(frame, strata=["condition_code", "kl_grade"])
    assert both == one
    assert one.n_left_out == 0  # no grade is no reason to be left out
    assert one.df == adjusted_difference(frame).df - 1


def test_an_allocation_that_follows_a_stratum_has_no_estimate():
    frame = test_ancova.trial().with_columns(layer="arm")
    assert "cannot be told apart" in adjusted_difference(frame, strata=["layer"]).note


def test_the_rates_by_strata_are_those_of_glm_nb():
    """The golden numbers of clinics (tests/analysis/r/falls.R), with the clinics as strata."""
    found = rate_ratio(as_stratum(FALLS), strata=["layer"])
    assert found.log_estimate == pytest.approx(-0.7787744863, abs=1e-5)
    assert found.log_se == pytest.approx(0.366534551, abs=1e-5)


def test_clinics_and_strata_in_which_nobody_fell_are_left_out():
    calm = pl.DataFrame({
        "arm": ["FW", "BW"] * 4, "clinic_id": ["a"] * 4 + ["z"] * 4, "layer": ["calm"] * 8,
        "falls_n": [0] * 8, "person_years": [0.4] * 8,
    })  # fmt: skip
    frame = pl.concat([FALLS.with_columns(layer=pl.lit("lively")), calm], how="diagonal_relaxed")
    found = rate_ratio(frame, strata=["layer"])
    assert found.n_without_falls == 8
    assert found.log_estimate == pytest.approx(rate_ratio(FALLS).log_estimate, abs=1e-6)


def test_people_for_whom_no_fall_could_be_expected_do_not_send_the_ratio_to_infinity():
    """Every clinic, stratum and arm has falls, yet BW never falls where FW is compared with it.

    Clinic a: FW knee falls, BW knee does not. Clinic b: BW stroke falls, FW is not there. Of a's BW
    the model would have to expect nothing, so the arms cannot be told apart from the clinics.
    """
    frame = pl.DataFrame({
        "arm": ["FW", "BW", "BW"], "clinic_id": ["a", "a", "b"], "layer": ["knee", "knee", "stroke"],
        "falls_n": [3, 0, 3], "person_years": [1.0] * 3,
    })  # fmt: skip
    found = rate_ratio(pl.concat([frame] * 4), strata=["layer"])
    assert (found.n_without_falls, found.estimate) == (4, None)
    assert found.note == "arm and clinic cannot be told apart"


def test_subgroups_by_strata_are_those_of_r():
    found = subgroup_effects(
        as_stratum(test_subgroups.made_up()), ("women", "men"), strata=["layer"]
    )
    assert found.effects["estimate"].to_list() == pytest.approx(
        [1.240602626, 6.296625894], abs=1e-8
    )
    assert found.interaction_f == pytest.approx(9.2433, abs=5e-5)


def test_imputing_by_strata_comes_to_what_the_known_cases_say():
    draws = np.random.default_rng(8)
    frame = as_stratum(test_ancova.trial()).with_columns(
        value=pl.when(pl.Series(draws.random(48) > 0.15)).then("value")
    )
    known = adjusted_difference(frame, strata=["layer"])
    found = tipping_point(frame, worst_delta=-5.0, n_imputations=4000, strata=["layer"])
    assert found.by_delta["estimate"][0] == pytest.approx(known.estimate, abs=0.1)
    without = adjusted_difference(frame)
    assert abs(without.estimate - known.estimate) > 0.02  # the strata do matter here
