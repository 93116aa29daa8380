"""Falls against R: glm.nb and glm of R 4.2 on the same made-up data (tests/analysis/r/falls.R)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.analysis.falls import rate_ratio

DATA = pl.read_csv(Path(__file__).with_name("falls_data.csv"))


def test_the_ratio_of_rates_is_that_of_glm_nb():
    found = rate_ratio(DATA)

    assert found.method == "negative binomial"
    assert found.log_estimate == pytest.approx(-0.7787744863, abs=1e-5)
    assert found.log_se == pytest.approx(0.366534551, abs=1e-5)
    assert 1 / found.dispersion == pytest.approx(1.098190389, rel=1e-4)
    assert found.low == pytest.approx(math.exp(-0.7787744863 - 1.959964 * 0.366534551), rel=1e-4)
    assert sum(found.falls_by_arm.values()) == 60


def test_counts_that_vary_no_more_than_poisson_are_fitted_as_poisson_and_it_is_said():
    """Rates 2 and 1 per year in 200 people who each fall exactly as often as expected: ratio 0.5.

    Robust errors are then 0, and the model's own stand: the log ratio of 200 and 100 falls has
    variance 1/200 + 1/100 = 0.015.
    """
    frame = pl.DataFrame({
        "arm": ["FW", "BW"] * 100, "clinic_id": ["a"] * 200, "falls_n": [2, 1] * 100, "person_years": [1.0] * 200,
    })  # fmt: skip

    found = rate_ratio(frame)

    assert found.method == "Poisson (the counts vary no more than Poisson counts)"
    assert found.log_se == pytest.approx(0.015**0.5, rel=1e-6)
    assert found.dispersion is None
    assert found.estimate == pytest.approx(0.5, rel=1e-6)


def test_the_time_watched_is_in_the_ratio():
    """Twice the falls in twice the time is the same rate."""
    draws = np.random.default_rng(3)
    falls = draws.negative_binomial(1.0, 0.4, 400)
    base = pl.DataFrame(
        {"falls_n": falls, "person_years": [0.5] * 400, "clinic_id": ["a", "b"] * 200}
    )
    both = pl.concat([
        base.with_columns(arm=pl.lit("FW")),
        base.with_columns(pl.col("falls_n") * 2, pl.col("person_years") * 2, arm=pl.lit("BW")),
    ])  # fmt: skip
    assert rate_ratio(both).estimate == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("falls", [[0, 0, 0, 0], [9, 0, 0, 0], [1, 1, 1, 1]])
def test_too_few_falls_give_no_ratio(falls):
    frame = pl.DataFrame({
        "arm": ["FW", "BW"] * 2, "clinic_id": ["a"] * 4, "falls_n": falls, "person_years": [1.0] * 4,
    })  # fmt: skip
    found = rate_ratio(frame)
    assert found.estimate is None
    assert found.note == "too few falls for a ratio"


def test_a_clinic_without_a_fall_and_people_without_time_are_no_obstacle():
    calm = pl.DataFrame({
        "arm": ["FW", "BW"] * 5, "clinic_id": ["z"] * 10, "falls_n": [0] * 10, "person_years": [0.4] * 10,
        "days": [146] * 10, "fell": [0] * 10,
    })  # fmt: skip
    unseen = calm.with_columns(person_years=pl.lit(0.0), falls_n=pl.lit(3))
    with_both = rate_ratio(pl.concat([DATA, calm, unseen], how="diagonal_relaxed"))
    assert with_both.log_estimate == pytest.approx(rate_ratio(DATA).log_estimate, abs=1e-6)
    assert with_both.n_by_arm == {"FW": 40, "BW": 40}
    assert (with_both.n_left_out, with_both.n_without_falls) == (10, 10)
    assert sum(with_both.person_years_by_arm.values()) == pytest.approx(DATA["person_years"].sum())


def test_a_dispersion_that_is_not_found_is_told_from_one_that_is_not_there(monkeypatch):
    """The same data, with a search that stops after one step: the reason given is another one."""
    from statsmodels.discrete.discrete_model import NegativeBinomial

    whole = NegativeBinomial.fit
    monkeypatch.setattr(
        NegativeBinomial, "fit", lambda *args, **kw: whole(*args, **kw | {"maxiter": 1})
    )

    found = rate_ratio(DATA)

    assert found.method == "Poisson (the negative binomial did not converge)"
    assert found.dispersion is None
