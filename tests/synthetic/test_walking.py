"""Made-up walking holds what was planted."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.synthetic.walking import G_MPS2, Bout, Wearer, simulate

QUIET = Wearer(noise_g=0.0, impact_g=0.0, sway_g=0.0, second_harmonic=0.0, pitch_deg=0.0)


def made(walk: Bout, wearer: Wearer = QUIET, placement: str = "lower_back", seed: int = 1):
    return simulate(
        [walk], 40, 100.0, np.random.default_rng(seed), wearer=wearer, placement=placement
    )


def test_the_truth_is_what_was_asked_for():
    found = made(Bout(5, 40, 100, 0.9, step_cv=0.0))
    (bout,) = found.bouts.to_dicts()
    assert (bout["start_s"], bout["steps_n"], bout["direction"]) == (5.0, 40, "forward")
    assert bout["end_s"] == pytest.approx(29.0)  # 40 steps of 0.6 s
    assert bout["speed_mps"] == pytest.approx(0.9)
    assert np.diff(found.contacts_s) == pytest.approx(0.6)


def test_standing_is_gravity_alone():
    acc_g = made(Bout(5, 40, 100, 0.9)).acc_g[:400]
    assert acc_g.mean(axis=0) == pytest.approx([0, 0, 1], abs=0.001)
    assert acc_g.std(axis=0).max() < 0.004


def test_the_trunk_is_thrown_up_as_its_pendulum_asks():
    """Steps of 0.54 m in 0.6 s on 1.02 m: h = 1.02 - sqrt(1.02^2 - 0.2355^2) = 0.02757 m, so h / 2 * w^2 / g = 0.1541 g."""
    acc_g = made(Bout(5, 40, 100, 0.9, step_cv=0.0)).acc_g[1000:2500, 2]
    rise_m = 1.02 - np.sqrt(1.02**2 - (0.54 / (2 * 4.587 / 4)) ** 2)
    assert (acc_g.max() - acc_g.min()) / 2 == pytest.approx(
        rise_m / 2 * (2 * np.pi / 0.6) ** 2 / G_MPS2, rel=0.06
    )


def test_backward_gives_its_speed_for_height_along_its_back():
    up = np.cumsum(made(Bout(5, 40, 100, 0.9)).acc_g[1000:2500, 2] - 1)
    up -= np.polyval(np.polyfit(np.arange(1500), up, 3), np.arange(1500))
    ahead = made(Bout(5, 40, 100, 0.9)).acc_g[1000:2500, 1]
    back = made(Bout(5, 40, 100, 0.9, backward=True)).acc_g[1000:2500, 1]
    assert np.corrcoef(ahead, up)[0, 1] < -0.5
    assert np.corrcoef(back, up)[0, 1] > 0.5


def test_tilt_turns_the_sensor_and_nothing_else():
    straight = made(Bout(5, 40, 100, 0.9))
    tilted = made(
        Bout(5, 40, 100, 0.9),
        Wearer(
            noise_g=0.0, impact_g=0.0, sway_g=0.0, second_harmonic=0.0, pitch_deg=0.0,
            tilt_deg=(30, 10, 100),
        ),
    )  # fmt: skip
    lengths = [np.linalg.norm(found.acc_g, axis=1) for found in (straight, tilted)]
    np.testing.assert_allclose(*lengths, atol=1e-12)


@pytest.mark.parametrize(("backward", "sign"), [(False, 1), (True, -1)])
def test_a_shank_swings_fast_one_way(backward, sign):
    turn = made(Bout(5, 40, 100, 0.9, backward=backward), placement="shank").gyro_dps[600:2800, 0]
    assert sign * np.abs(turn).max() == pytest.approx(turn[np.argmax(np.abs(turn))])
    assert sign * (turn**3).mean() > 0


def test_a_turn_shortens_its_steps_and_the_truth_says_so():
    straight = made(Bout(5, 40, 100, 0.9, step_cv=0.0)).bouts["speed_mps"].item()
    turns = made(Bout(5, 40, 100, 0.9, step_cv=0.0, turn_every=10)).bouts["speed_mps"].item()
    # 4 of 10 steps at 0.5 of their length and 1.1 of their time: 0.9 * 0.8 / 1.04
    assert turns == pytest.approx(straight * 0.8 / 1.04)


def test_the_same_seed_makes_the_same_walk():
    one, two = made(Bout(5, 20, 100, 0.9), seed=3), made(Bout(5, 20, 100, 0.9), seed=3)
    np.testing.assert_array_equal(one.acc_g, two.acc_g)
