"""Length of steps, from the rise of the trunk."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from pipelines.signals import stride


@pytest.mark.parametrize("steps_hz", [0.8, 1.2, 1.8, 2.2])
def test_a_wave_rises_by_twice_its_size(steps_hz):
    """Acceleration a at w is a place of a / w^2 to either side, of which the high-pass takes a tenth at most.

    At three quarters of the step rate, fourth order both ways, it leaves 1 / (1 + 0.75^8) = 0.909.
    """
    t = np.arange(1500) / 50.0
    up_g = 0.15 * np.cos(2 * np.pi * steps_hz * t)
    at = np.round(np.arange(5, 25, 1 / steps_hz) * 50).astype(int)
    expected_m = 2 * 0.15 * stride.G_MPS2 / (2 * np.pi * steps_hz) ** 2
    share = stride.rises_m(up_g, 50.0, at) / expected_m
    assert (share > 0.90).all() and (share < 1.01).all()


def test_drift_does_not_rise():
    t = np.arange(1500) / 50.0
    drift = 0.02 + 0.001 * t + 0.15 * np.cos(2 * np.pi * 1.8 * t)
    clean = 0.15 * np.cos(2 * np.pi * 1.8 * t)
    at = np.arange(250, 1250, 28)
    assert stride.rises_m(drift, 50.0, at) == pytest.approx(
        stride.rises_m(clean, 50.0, at), rel=0.01
    )


def test_a_lone_rise_is_replaced_by_its_neighbours():
    rise_m = np.array([0.03, 0.031, 0.029, 0.2, 0.03, 0.031, 0.029])
    found = stride.without_outliers(rise_m)
    assert found[3] == pytest.approx(0.031)  # the middle one of 0.031, 0.029, 0.2, 0.03, 0.031
    assert np.delete(found, 3) == pytest.approx(np.delete(rise_m, 3), abs=0.002)


def test_steps_that_hide_a_contact_are_unlike_the_others():
    step_s = np.array([0.6, 0.6, 1.2, 0.6, 0.9, 0.3])
    assert stride.alike(step_s).tolist() == [True, True, False, True, True, False]


@pytest.mark.parametrize("rise_m", [0.005, 0.02, 0.06])
@pytest.mark.parametrize("height_m", [1.45, 1.95])
def test_speed_of_moments_is_that_of_the_pendulum_and_of_its_sql(rise_m, height_m):
    """Steps of one rise in 0.55 s: A * 2 * sqrt(2 l h - h^2) / 0.55, the published form."""
    half, three_half = stride.moments(np.full(8, 0.55), np.full(8, rise_m))
    leg_m = stride.PENDULUM.height_share * height_m
    by_hand = stride.PENDULUM.scale * 2 * np.sqrt(2 * leg_m * rise_m - rise_m**2) / 0.55
    assert stride.speed_mps(half, three_half, height_m) == pytest.approx(by_hand, abs=1e-3)
    (said,) = duckdb.execute(
        "SELECT 2 * $scale * sqrt(2 * l) * ($half - $three_half / (4 * l)) FROM (SELECT $share * $height AS l)",
        {
            "scale": stride.PENDULUM.scale, "share": stride.PENDULUM.height_share,
            "half": half, "three_half": three_half, "height": height_m,
        },
    ).fetchone()  # fmt: skip
    assert said == pytest.approx(by_hand, abs=1e-3)
