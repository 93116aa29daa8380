"""Subgroups against R's lm and anova on the same made-up data (tests/analysis/r/subgroups.R)."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from pipelines.analysis.subgroups import subgroup_effects


def made_up() -> pl.DataFrame:
    """120 people at three clinics: the arm adds 2 to women and 6 to men, beside what looks like noise."""
    i = np.arange(120)
    arm, clinic = np.where(i % 2 == 0, "FW", "BW"), np.array(list("abc"))[i % 3]
    group, base = np.where((i // 6) % 2 == 0, "women", "men"), 40 + ((i * 37) % 23) * 1.0
    added = np.where(arm == "BW", np.where(group == "men", 6.0, 2.0), 0)
    value = base * 0.7 + added + ((i * 53) % 17 - 8) * 0.9 + np.where(clinic == "b", 3.0, 0)
    return pl.DataFrame(
        {"arm": arm, "clinic_id": clinic, "group": group, "baseline_value": base, "value": value}
    )


def test_effects_and_interaction_are_those_of_lm_and_anova():
    found = subgroup_effects(made_up(), ("women", "men"))

    assert found.effects.select("estimate", "low", "high").rows() == [
        pytest.approx((1.240602626, -1.088279693, 3.569484944), abs=1e-8),
        pytest.approx((6.296625894, 3.966811628, 8.626440159), abs=1e-8),
    ]
    assert found.interaction_f == pytest.approx(9.2433, abs=5e-5)
    assert (found.interaction_df, found.note) == ((1, 113), None)
    assert found.interaction_p == pytest.approx(0.0029378, abs=5e-8)


def test_a_group_too_small_is_left_out_and_named():
    few = made_up().head(8).with_columns(group=pl.lit("unknown sex"))
    found = subgroup_effects(pl.concat([made_up(), few]), ("women", "men", "unknown sex"))

    assert found.effects.filter(group="unknown sex").select(
        "n_reference", "n_test", "estimate"
    ).row(0) == (4, 4, None)
    assert found.note == "too small to show: unknown sex"
    assert found.interaction_df[0] == 1


def test_without_a_test_there_is_no_estimate():
    found = subgroup_effects(made_up().filter(group="men"), ("women", "men"))

    assert found.effects["estimate"].null_count() == 2
    assert found.interaction_p is None
    assert found.note == "fewer than two groups have 10 in each arm"


def test_under_no_interaction_the_test_keeps_its_level():
    """400 trials without any interaction: 5 % with a Monte Carlo error of 1.1 points, 3.3 of them either way."""
    draws = np.random.default_rng(8)
    n, hits, trials = 80, 0, 400
    i = np.arange(n)
    fixed = {"arm": np.where(i % 2 == 0, "FW", "BW"), "clinic_id": np.array(list("ab"))[(i // 2) % 2],
             "group": np.where((i // 4) % 2 == 0, "women", "men")}  # fmt: skip
    for _ in range(trials):
        base = draws.normal(50, 10, n)
        value = 0.6 * base + draws.normal(0, 8, n) + np.where(fixed["arm"] == "BW", 3.0, 0.0)
        found = subgroup_effects(
            pl.DataFrame(fixed | {"baseline_value": base, "value": value}), ("women", "men")
        )
        hits += found.interaction_p < 0.05
    assert 0.05 - 3.3 * 0.0109 < hits / trials < 0.05 + 3.3 * 0.0109
