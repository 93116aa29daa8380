"""A made-up day holds what was planted, where it was planted."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from pipelines.synthetic.walk_day import HOUR_S, day, many_walks
from pipelines.synthetic.walk_felt import Walk, any_mount

OFF_S, GAP_S = (13 * HOUR_S, 15 * HOUR_S), (10 * HOUR_S, 10 * HOUR_S + 600)
RATE_HZ = 25.0


@pytest.fixture(scope="module")
def made():
    return day(many_walks(30, seed=1, backward=5), RATE_HZ, seed=1, off_s=OFF_S, gaps_s=(GAP_S,))


def walking(made):
    return made.truth.filter(pl.col("state") == "walking")


def test_a_day_lacks_its_gap_and_nothing_else(made):
    lost = 600 * RATE_HZ
    assert len(made.acc_g) == 24 * HOUR_S * RATE_HZ - lost
    assert made.stretches == (
        (0.0, 0, GAP_S[0] * RATE_HZ),
        (GAP_S[1], GAP_S[0] * RATE_HZ, len(made.acc_g)),
    )


def test_walks_are_all_there_apart_from_each_other_and_from_time_off(made):
    at = walking(made)
    assert at.height == 30 and (at["direction"] == "backward").sum() == 5
    assert (at["start_s"][1:] - at["end_s"][:-1]).min() >= 20
    for low, high in (OFF_S, GAP_S):
        assert at.filter((pl.col("start_s") < high) & (pl.col("end_s") > low)).is_empty()


def test_the_day_moves_where_somebody_walks_and_is_still_where_the_device_lies(made):
    after_gap_s, first, _ = made.stretches[1]

    def spread_g(start_s: float, end_s: float) -> float:
        a, b = (first + round((s - after_gap_s) * RATE_HZ) for s in (start_s, end_s))
        return float(np.linalg.norm(made.acc_g[a:b], axis=1).std())

    late = walking(made).filter(pl.col("start_s") > after_gap_s)
    assert min(spread_g(s, e) for s, e in late.select("start_s", "end_s").rows()) > 0.02
    assert spread_g(*OFF_S) < 0.006


def test_gravity_is_one_g_all_day(made):
    size_g = np.linalg.norm(made.acc_g, axis=1)
    assert np.median(size_g) == pytest.approx(1.0, abs=0.01)


def test_the_device_cools_to_the_room_when_off(made):
    heat = made.temperature_c
    assert heat[OFF_S[0] - 1] == pytest.approx(33.0)
    assert heat[OFF_S[1] - 1] == pytest.approx(21.0, abs=0.1)
    assert heat[-1] == pytest.approx(33.0, abs=0.1)


def test_the_seed_makes_the_day():
    one, again = (day([Walk()], RATE_HZ, seed=3, mount=any_mount(1)) for _ in range(2))
    assert np.array_equal(one.acc_g, again.acc_g)


def test_walks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        day([Walk(steps_n=9000)] * 20, RATE_HZ, seed=1)
