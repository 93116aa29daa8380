"""The gait chain on walks made by mechanics it was not set on: slow, limping, uneven, turning, mounted any way."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from pipelines.signals import direction, gait, stride
from pipelines.synthetic.walk_felt import Walk, any_mount, simulate

WALKERS = {
    "healthy": Walk(60, 0.54, 1.3),
    "brisk": Walk(60, 0.46, 1.7),
    "elderly": Walk(40, 0.62, 0.8, jitter=0.05),
    "slow": Walk(30, 0.8, 0.45, jitter=0.06),
    "very slow": Walk(30, 1.0, 0.3, jitter=0.06),
    "short quick steps": Walk(60, 0.5, 0.6, jitter=0.05, blow_g=0.05),
    "limping": Walk(40, 0.8, 0.5, asymmetry=0.3, limp=0.5, jitter=0.05),
    "limping and slow": Walk(30, 1.0, 0.35, asymmetry=0.35, limp=0.6, jitter=0.05),
    "uneven": Walk(50, 0.66, 0.7, jitter=0.09, asymmetry=0.1),
    "turning": Walk(60, 0.55, 1.1, turn_every_steps=20),
    "slow and turning": Walk(48, 0.75, 0.5, turn_every_steps=16, jitter=0.06),
}


@pytest.mark.parametrize("walker", WALKERS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_steps_cadence_and_speed_of_all_kinds_of_walkers(walker, seed):
    walk = WALKERS[walker]
    made = simulate(walk, 100.0, seed=seed, mount=any_mount(seed), rest_s=6.0)
    (bout,) = gait.analyse(made.acc_g, 100.0, "lower_back").bouts.to_dicts()
    walked_s = made.contacts_s[-1] - made.contacts_s[0]
    assert bout["steps_n"] == pytest.approx(walk.steps_n, rel=0.03, abs=1)
    assert bout["cadence_mean_spm"] == pytest.approx(60 * walk.steps_n / walked_s, abs=2.0)
    said = stride.speed_mps(bout["rise_half"], bout["rise_three_half"], walk.height_m)
    assert said == pytest.approx(made.speed_mps, abs=0.05)


def decided(walk: Walk, placement: str, seed: int, ahead: np.ndarray | None):
    """What the walk says of forward, or with `ahead` the directions of its bouts."""
    made = simulate(walk, 100.0, seed=seed, placement=placement, mount=any_mount(7), rest_s=6.0)
    bouts = gait.analyse(made.acc_g, 100.0, placement, made.gyro_dps).bouts
    to_us = (pl.col("start_s", "end_s") * 1e6).cast(pl.Int64)
    bouts = bouts.with_columns(to_us.name.map(lambda name: name.replace("_s", "_us")))
    if ahead is None:
        return direction.ahead_of(bouts)
    return direction.decide(bouts, ahead)["direction"].to_list()


@pytest.mark.parametrize("placement", ["lower_back", "shank", "foot"])
def test_direction_after_a_calibration_walk(placement):
    ahead = decided(Walk(), placement, 1, None)
    assert decided(Walk(step_s=0.6, speed_mps=0.9), placement, 2, ahead) == ["forward"]
    back = Walk(step_s=0.7, speed_mps=0.6, backward=True)
    assert decided(back, placement, 3, ahead) == ["backward"]


def test_a_very_slow_walk_is_a_candidate():
    """0.3 m/s at 60 steps/min, the slowest of the walkers, with the noise of a wearable."""
    made = simulate(WALKERS["very slow"], 100.0, seed=4, rest_s=20.0, noise_g=0.004)
    seconds = np.linalg.norm(made.acc_g[: len(made.acc_g) // 100 * 100], axis=1).reshape(-1, 100)
    spans = gait.candidates(seconds.std(axis=1, ddof=1), np.full(len(seconds), 100))
    ((start, end),) = spans
    assert start <= made.contacts_s[0] and end >= made.contacts_s[-1]
    assert end - start < len(seconds) - 20
