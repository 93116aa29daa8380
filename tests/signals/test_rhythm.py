"""How fast, and how well, a signal repeats."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.signals import rhythm

RATE_HZ = 50.0


def waves(*parts: tuple[float, float], seconds: float = 30.0) -> np.ndarray:
    """The sum of cosines of (rate in Hz, size in g)."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return sum(size * np.cos(2 * np.pi * hz * t) for hz, size in parts)


@pytest.mark.parametrize("steps_hz", [0.7, 1.0, 1.4, 1.9, 2.4])
def test_the_rate_of_a_wave_is_its_own(steps_hz):
    found = rhythm.rhythm(waves((steps_hz, 0.1)), RATE_HZ)
    assert found.repeats.all()
    assert found.steps_hz == pytest.approx(steps_hz, rel=0.03)


def test_a_limp_does_not_make_two_steps_one():
    """Steps at 1.5 Hz, every other one weaker: half as much again at the rate of strides."""
    found = rhythm.rhythm(waves((1.5, 0.1), (0.75, 0.05)), RATE_HZ)
    assert found.steps_hz == pytest.approx(1.5, rel=0.03)


def test_the_second_wave_of_a_step_does_not_make_it_two():
    found = rhythm.rhythm(waves((1.2, 0.1), (2.4, 0.08)), RATE_HZ)
    assert found.steps_hz == pytest.approx(1.2, rel=0.03)


def test_too_little_movement_repeats_nothing():
    found = rhythm.rhythm(waves((1.5, 0.01)), RATE_HZ)  # 0.007 g root mean square
    assert not found.any and np.isnan(found.steps_hz).all()


def test_noise_seldom_repeats():
    noise = rhythm.banded(np.random.default_rng(5).normal(0, 0.2, 180_000), RATE_HZ)
    assert rhythm.rhythm(noise, RATE_HZ).repeats.mean() < 0.12


def test_a_time_is_covered_but_for_the_edges_of_its_window():
    """One window repeats, of seconds 10 to 16: it vouches for 11 to 15."""
    repeats = np.arange(30) == 10
    found = rhythm.Rhythm(np.full(30, 1.5), repeats, repeats)
    at_s = np.array([10.5, 11.0, 13.0, 15.0, 15.5])
    assert found.covers(at_s).tolist() == [False, True, True, True, False]


def test_autocorrelation_of_few_samples_worked_by_hand():
    """x = 1, -1, 1, -1: products at lag 1 are all -1, at lag 2 all 1."""
    share, power = rhythm.autocorrelation(np.array([[1.0, -1.0, 1.0, -1.0]]), 2)
    assert share[0] == pytest.approx([1, -1, 1])
    assert power == pytest.approx(1.0)
