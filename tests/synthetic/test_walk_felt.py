"""Made-up walks hold to mechanics: gravity, pendulum, rates, mounting and the way back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.synthetic.walk_felt import Walk, any_mount, rise_m, simulate

EVEN = Walk(steps_n=80, jitter=0.0, asymmetry=0.0, blow_g=0.0)


def felt(walk=EVEN, rate_hz=100.0, **more):
    return simulate(walk, rate_hz, seed=1, **({"noise_g": 0.0} | more))


def test_the_planted_contacts_and_speed():
    """80 steps of 0.55 s after 3 s of rest; 0.66 m each."""
    walked = felt()
    assert walked.contacts_s == pytest.approx(3.0 + 0.55 * np.arange(81))
    assert walked.speed_mps == pytest.approx(1.2)


def test_the_trunk_neither_rises_nor_sinks_in_the_end():
    assert felt().acc_g[:, 0].mean() == pytest.approx(1.0, abs=1e-3)


def test_the_acceleration_twice_integrated_is_the_planted_rise():
    """By hand: a leg of 0.6 * 1.7 m and half a step of 0.66 / (2 * 4.587 / 4) m apart on either side."""
    leg_m, half_m = 1.02, 0.66 * 4 / 4.587 / 2
    by_hand = leg_m - np.sqrt(leg_m**2 - half_m**2)
    assert rise_m(np.array([0.66]), 1.70) == pytest.approx([by_hand])
    up = felt(rate_hz=400.0).acc_g[:, 0] - 1.0
    inside = slice(10 * 400, int((10 + 16 * 0.55) * 400))  # 16 whole steps
    speed = np.cumsum(up[inside]) * 9.80665 / 400
    place = np.cumsum(speed - speed.mean()) / 400
    assert np.ptp(place) == pytest.approx(by_hand, rel=0.03)


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 200.0])
def test_a_sample_is_the_same_at_any_rate(rate_hz):
    fine, coarse = felt(rate_hz=400.0), felt(rate_hz=rate_hz)
    n = min(len(coarse.acc_g), len(fine.acc_g) // int(400 / rate_hz))
    assert coarse.acc_g[:n] == pytest.approx(fine.acc_g[:: int(400 / rate_hz)][:n], abs=1e-9)


def test_rest_is_gravity_alone():
    assert felt().acc_g[:200] == pytest.approx(np.tile([1.0, 0, 0], (200, 1)), abs=1e-9)


def test_speed_is_given_up_for_height_walking_forward_and_the_other_way_backward():
    """Ahead, the trunk brakes while it rises; with the back in front that is a push along the sensor's axis."""
    for backward, sign in ((False, -1), (True, 1)):
        walked = felt(replace(EVEN, backward=backward))
        rising = np.cumsum(walked.acc_g[:, 0] - 1.0)
        assert np.sign(np.corrcoef(walked.acc_g[:, 2], rising)[0, 1]) == sign


@pytest.mark.parametrize("placement", ["shank", "foot"])
def test_a_leg_swings_forward_fast_and_backward_fast_the_other_way(placement):
    for backward, sign in ((False, 1), (True, -1)):
        turn = felt(replace(EVEN, backward=backward), placement=placement).gyro_dps[400:-400, 1]
        third = ((turn - turn.mean()) ** 3).mean() / turn.std() ** 3
        assert sign * third > 0.5
        assert abs(turn.mean()) < 0.02 * turn.std()  # it comes back to where it was


def test_a_mounting_turns_everything_and_changes_no_size():
    mount = any_mount(4)
    assert mount @ mount.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(mount) == pytest.approx(1.0)
    assert felt(mount=mount).acc_g == pytest.approx(felt().acc_g @ mount.T, abs=1e-9)


def test_a_half_turn_is_180_degrees():
    turning, straight = (
        felt(replace(EVEN, steps_n=90, turn_every_steps=every)).gyro_dps[:, 0].sum() / 100
        for every in (20, None)
    )
    assert turning - straight == pytest.approx(4 * 180, rel=0.03)


def test_the_seed_makes_the_walk():
    walk = Walk()
    one, again, other = (simulate(walk, 50.0, seed=s) for s in (1, 1, 2))
    assert np.array_equal(one.acc_g, again.acc_g)
    assert one.contacts_s[-1] != other.contacts_s[-1]
