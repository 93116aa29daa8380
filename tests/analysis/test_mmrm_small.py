"""Kenward-Roger with 30 participants against R: lme4 1.1-31 and pbkrtest 0.5.2 on R 4.2.2 (tests/analysis/r/mmrm_small.R)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.analysis.mmrm import Fit, fit_mmrm
from pipelines.analysis.mmrm_contrasts import arm_differences, joint_test

DATA = pl.read_csv(Path(__file__).with_name("mmrm_small_data.csv"))
# As the script prints them. A random intercept of lme4 is compound symmetry here.
MINUS2_LOG_REML, BETWEEN, WITHIN = 590.915594323, 30.3658250961, 18.0929489158
AT_VISITS = {  # BW - FW: estimate, adjusted SE, degrees of freedom
    1: (-2.67896583654, 2.67333864596, 52.0051765277),
    2: (-2.50768353929, 2.59299620887, 47.847985791),
    3: (0.632277605529, 2.65158480475, 50.793320009),
    4: (-0.571670372556, 2.90499952615, 63.1667628222),
}
ARM_BY_VISIT = (0.805979690786, 60.942528875)  # scaled F, denominator df of 3 rows


@pytest.fixture(scope="module")
def fit() -> Fit:
    return fit_mmrm(
        DATA, response="y", terms=["arm*visit", "baseline*visit"], subject="participant_id", visit="visit",
        levels={"arm": ("FW", "BW")}, structures=["cs"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def by_expected_information(fit: Fit) -> Fit:
    """The fit with the spread of its covariance parameters from the expected Hessian, as pbkrtest has it.

    Ours is the observed one, as PROC MIXED has it; see docs/decisions/0015-mmrm.md.
    """
    slopes = replace(fit.top.slopes, observed=fit.top.slopes.expected)
    return replace(fit, top=replace(fit.top, slopes=slopes))


def differences(fit: Fit) -> list[tuple]:
    found = arm_differences(fit, arm="arm", arms=("FW", "BW"), df="kenward-roger")
    return found.select("visit", "estimate", "se", "df").rows()


def arm_by_visit(fit: Fit) -> tuple[float, float]:
    rows = [[name == f"arm[BW]:visit[{v}]" for name in fit.design.columns] for v in (2, 3, 4)]
    found = joint_test(fit, np.array(rows, float), df="kenward-roger")
    return found["f"], found["df_den"]


def test_the_likelihood_and_both_variances_are_those_of_lme4(fit):
    assert (fit.n_subjects, fit.n_rows, fit.n_left_out) == (30, 98, 22)
    assert fit.minus2_log_likelihood == pytest.approx(MINUS2_LOG_REML, rel=1e-9)
    found = (fit.theta["CS"], fit.theta["variance"] - fit.theta["CS"])
    assert found == pytest.approx((BETWEEN, WITHIN), rel=1e-6)


def test_standard_errors_and_degrees_of_freedom_are_those_of_pbkrtest(by_expected_information):
    for visit, *found in differences(by_expected_information):
        assert found == pytest.approx(AT_VISITS[visit], rel=1e-7)


def test_the_test_of_arm_by_visit_is_that_of_pbkrtest(by_expected_information):
    assert arm_by_visit(by_expected_information) == pytest.approx(ARM_BY_VISIT, rel=1e-7)


def test_the_observed_hessian_leaves_the_errors_and_moves_the_degrees_of_freedom_by_little(fit):
    for visit, estimate, se, df in differences(fit):
        assert (estimate, se) == pytest.approx(AT_VISITS[visit][:2], rel=1e-4)
        assert df == pytest.approx(AT_VISITS[visit][2], rel=0.04)
    assert arm_by_visit(fit) == pytest.approx(ARM_BY_VISIT, rel=0.03)
