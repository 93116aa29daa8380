"""The gait chain on walking made of known steps."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import signal

from pipelines.signals import gait, stride

RATE_HZ = 100.0


def walking(steps_n: int, step_s: float, *, tilt_deg: float = 0.0, rate_hz: float = RATE_HZ):
    """A trunk that rises and falls once per step, 3 s of standing before and after: (n, 3) in g."""
    rest = int(3 * rate_hz)
    t = np.arange(round(steps_n * step_s * rate_hz) + 1) / rate_hz
    up = 0.25 * np.cos(2 * np.pi * t / step_s + np.pi)  # lowest, so thrown up most, at each contact
    ahead = 0.1 * np.sin(2 * np.pi * t / step_s)
    moved = np.column_stack((1 + up, np.zeros_like(up), ahead))
    still = np.tile([1.0, 0.0, 0.0], (rest, 1))
    acc_g = np.concatenate((still, moved, still))
    angle = np.radians(tilt_deg)
    turn = np.array(
        [[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]]
    )
    return acc_g @ turn.T + np.random.default_rng(1).normal(0, 0.002, acc_g.shape)


@pytest.mark.parametrize("step_s", [0.42, 0.55, 0.75, 1.0])
@pytest.mark.parametrize("tilt_deg", [0.0, 35.0, 90.0])
def test_steps_and_cadence_of_even_walking_at_any_tilt(step_s, tilt_deg):
    found = gait.analyse(walking(40, step_s, tilt_deg=tilt_deg), RATE_HZ, "lower_back")
    (bout,) = found.bouts.to_dicts()
    assert bout["steps_n"] == pytest.approx(40, abs=1)
    assert bout["cadence_mean_spm"] == pytest.approx(60 / step_s, rel=0.01)
    assert bout["stride_time_mean_s"] == pytest.approx(2 * step_s, rel=0.01)
    assert bout["step_regularity"] > 0.9


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 60.0, 128.0])
def test_any_usual_rate_gives_the_same_cadence(rate_hz):
    found = gait.analyse(walking(40, 0.55, rate_hz=rate_hz), rate_hz, "lower_back")
    assert found.bouts["cadence_mean_spm"].item() == pytest.approx(60 / 0.55, rel=0.01)


def test_a_device_that_runs_slow_does_not_drift_away_from_its_clock():
    """An hour at 100.01 Hz, with a walk at its end: 0.01 % of an hour would be a third of a second."""
    still = np.tile([1.0, 0.0, 0.0], (350_000, 1))
    found = gait.analyse(np.concatenate((still, walking(40, 0.55))), 100.01, "lower_back").bouts
    assert found["start_s"].item() == pytest.approx(350_300 / 100.01, abs=0.2)


def test_the_rise_of_a_sinusoid_is_its_double_amplitude():
    """Vertical acceleration of amplitude a at w is a displacement of a / w^2 to either side."""
    w = 2 * np.pi / 0.55
    expected_m = 2 * 0.25 * stride.G_MPS2 / w**2
    (bout,) = gait.analyse(walking(60, 0.55), RATE_HZ, "lower_back").bouts.to_dicts()
    assert bout["rise_half"] == pytest.approx(np.sqrt(expected_m) / 0.55, rel=0.05)


def test_speed_of_the_moments_is_that_of_the_pendulum():
    """One step of 0.03 m rise in 0.5 s, device at 0.6 * 1.70 m: 2 A sqrt(2 l h - h^2) / 0.5 s, worked by hand."""
    half, three_half = stride.moments(np.array([0.5]), np.array([0.03]))
    length_m = 0.6 * 1.7
    by_hand = 2 * (4.587 / 4) * np.sqrt(2 * length_m * 0.03 - 0.03**2) / 0.5
    assert stride.speed_mps(half, three_half, 1.70) == pytest.approx(by_hand, abs=1e-3)


def test_standing_and_lying_are_no_walking():
    still = np.tile([0.0, 0.0, 1.0], (6000, 1)) + np.random.default_rng(2).normal(
        0, 0.004, (6000, 3)
    )
    assert gait.analyse(still, RATE_HZ, "lower_back").bouts.is_empty()


def test_two_walks_with_a_rest_between_are_two_bouts():
    rest = np.tile([1.0, 0.0, 0.0], (400, 1))
    both = np.concatenate((walking(20, 0.55), rest, walking(30, 0.6)))
    found = gait.analyse(both, RATE_HZ, "hip")
    assert found.bouts["steps_n"].to_list() == [pytest.approx(20, abs=1), pytest.approx(30, abs=1)]


@pytest.mark.parametrize(
    ("rate_hz", "placement", "reason"),
    [
        (10.0, "lower_back", "rate_below_20_hz"),
        (100.0, "thigh", "no_step_method_for_placement"),
        (100.0, "shank", "no_gyroscope"),
        (100.0, None, "placement_unknown"),
    ],
)
def test_what_cannot_be_told_is_not_told(rate_hz, placement, reason):
    found = gait.analyse(walking(40, 0.55, rate_hz=rate_hz), rate_hz, placement)
    assert found.bouts.is_empty() and found.contacts.is_empty() and found.abstained == {reason}


def test_samples_that_are_no_numbers_are_a_gap():
    acc_g = walking(40, 0.55)
    acc_g[700] = np.nan
    assert gait.analyse(acc_g, RATE_HZ, "lower_back").abstained == {"gap"}


def test_a_slow_rate_tells_steps_but_neither_spread_nor_speed():
    (bout,) = gait.analyse(walking(40, 0.55, rate_hz=30.0), 30.0, "lower_back").bouts.to_dicts()
    assert bout["steps_n"] == pytest.approx(40, abs=1)
    assert bout["rise_half"] is None and bout["stride_time_cv_pct"] is None
    assert bout["not_told"] == "stride_time_cv:rate_below_40_hz; speed:rate_below_40_hz"


def test_a_wrist_says_less_and_says_so():
    (bout,) = gait.analyse(walking(40, 0.55), RATE_HZ, "wrist").bouts.to_dicts()
    assert bout["rise_half"] is None
    assert "speed:placement" in bout["not_told"]


def test_contacts_are_those_of_their_bout():
    rest = np.tile([1.0, 0.0, 0.0], (400, 1))
    found = gait.analyse(np.concatenate((walking(20, 0.55), rest, walking(30, 0.6))), 100.0, "hip")
    counted = found.contacts.group_by("bout", maintain_order=True).agg(
        pl.len().cast(pl.Int64), pl.col("time_s").min().alias("start_s")
    )
    assert (counted["len"] - 1).to_list() == found.bouts["steps_n"].to_list()
    assert counted["start_s"].to_list() == found.bouts["start_s"].to_list()


def test_walking_is_found_amid_other_movement():
    """60 steps in five minutes of unrhythmic shaking without a pause."""
    rng = np.random.default_rng(3)
    band = signal.butter(2, [0.1, 8.0], "bandpass", fs=RATE_HZ, output="sos")
    shaking = signal.sosfilt(band, rng.normal(0, 1, (30_000, 3)), axis=0)
    acc_g = np.tile([1.0, 0.0, 0.0], (30_000, 1)) + 0.06 * shaking / shaking.std()
    walk = walking(60, 0.55)[300:-300]
    acc_g[12_000 : 12_000 + len(walk)] = walk
    found = gait.analyse(acc_g, RATE_HZ, "lower_back").bouts
    at_walk = found.filter((pl.col("end_s") > 121) & (pl.col("start_s") < 152))
    assert at_walk["steps_n"].sum() == pytest.approx(60, abs=6)
    assert at_walk["cadence_mean_spm"].item() == pytest.approx(60 / 0.55, rel=0.02)
    assert found["steps_n"].sum() <= 120


def test_shaking_is_hardly_ever_walking():
    """An hour of white noise of 0.2 g: at most one minute in twenty is taken for walking."""
    acc_g = np.array([1.0, 0.0, 0.0]) + np.random.default_rng(4).normal(0, 0.2, (360_000, 3))
    found = gait.analyse(acc_g, RATE_HZ, "lower_back").bouts
    assert (found["end_s"] - found["start_s"]).sum() <= 180


def test_walking_known_from_outside_is_measured_there_and_nowhere_else():
    """Contacts lie 0.55 s apart from 3 s on; from 8.5 to 19.5 s there are 20 steps."""
    known = gait.analyse(walking(60, 0.55), RATE_HZ, "lower_back", None, np.array([[8.5, 19.5]]))
    (bout,) = known.bouts.to_dicts()
    assert bout["steps_n"] == pytest.approx(20, abs=1)
    assert bout["start_s"] == pytest.approx(8.5, abs=0.35)


@pytest.mark.parametrize("seconds", [4.0, 5.0, 7.0])
def test_a_stretch_that_is_cut_to_the_walk_keeps_its_steps(seconds):
    acc_g = walking(40, 0.5)[500 : 500 + int(seconds * RATE_HZ)]
    (bout,) = gait.analyse(acc_g, RATE_HZ, "lower_back").bouts.to_dicts()
    assert bout["steps_n"] == pytest.approx(seconds / 0.5, abs=1.5)


def test_an_empty_stretch_has_the_columns_of_a_full_one():
    assert gait.analyse(np.empty((0, 3)), RATE_HZ, "lower_back").bouts.schema == pl.Schema(
        gait.BOUT_SCHEMA
    )


def test_candidates_are_widened_and_joined():
    sd = np.zeros(60)
    sd[10:20] = sd[24:30] = 0.1
    sd[50] = 0.1  # one restless second is no candidate
    assert gait.candidates(sd, np.full(60, 100)).tolist() == [[7, 33]]


def test_seconds_without_samples_are_no_candidates():
    assert gait.candidates(np.full(30, 0.1), np.zeros(30, int)).shape == (0, 2)
