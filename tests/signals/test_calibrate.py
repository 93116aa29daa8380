"""Planted gain, offset and temperature slope are found again; without the evidence the data stay as sent."""

import numpy as np
import pytest

from pipelines.signals.calibrate import calibrate, calibrated, still
from tests.signals.made_up import directions

GAIN, OFFSET_G = np.array([1.03, 0.96, 1.01]), np.array([0.02, -0.035, 0.05])


def sent(true_g: np.ndarray) -> np.ndarray:
    """What a sensor sends that needs GAIN and OFFSET_G to be right."""
    return (true_g - OFFSET_G) / GAIN


def test_planted_gain_and_offset_are_found():
    found = calibrate(sent(directions(400)))

    assert found.abstained is None
    assert found.gain == pytest.approx(GAIN, abs=1e-6)
    assert found.offset_g == pytest.approx(OFFSET_G, abs=1e-6)
    assert found.before_mg > 20
    assert found.after_mg < 0.001


def test_noise_and_windows_that_were_not_still_hardly_move_it():
    true_g = directions(2000) + np.random.default_rng(2).normal(0, 0.002, (2000, 3))
    true_g[:100] *= 1.08  # 5 % moved evenly

    found = calibrate(sent(true_g))

    assert found.gain == pytest.approx(GAIN, abs=0.004)
    assert found.offset_g == pytest.approx(OFFSET_G, abs=0.004)


def test_a_planted_temperature_slope_is_found():
    slope, temperature_c = np.array([0.001, -0.002, 0.004]), np.linspace(18, 36, 500)
    data = (
        directions(500) - OFFSET_G - slope * (temperature_c[:, None] - temperature_c.mean())
    ) / GAIN

    found = calibrate(data, temperature_c)

    assert found.slope_g_per_c == pytest.approx(slope, abs=1e-6)
    assert found.gain == pytest.approx(GAIN, abs=1e-6)
    assert found.reference_c == pytest.approx(27.0)
    assert np.linalg.norm(calibrated(data, found, temperature_c), axis=1) == pytest.approx(
        1, abs=1e-6
    )


def test_a_temperature_that_hardly_changes_or_is_missing_is_not_used():
    data = sent(directions(400))
    unknown = np.full(400, np.nan)

    assert not calibrate(data, np.linspace(20, 22.9, 400)).slope_g_per_c.any()
    assert not calibrate(data, unknown).slope_g_per_c.any()


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (np.empty((0, 3)), "too_few_still_windows"),
        (sent(directions(49)), "too_few_still_windows"),
        (sent(np.abs(directions(400))), "sphere_not_covered"),
        # z never points down by 0.3 g
        (sent(directions(900)[directions(900)[:, 2] > -0.2]), "sphere_not_covered"),
        # on the sphere already
        (np.repeat(np.concatenate((np.eye(3), -np.eye(3))), 20, axis=0), "error_not_reduced"),
    ],
)
def test_without_evidence_the_data_stay_as_sent(points, reason):
    found = calibrate(points)

    assert found.abstained == reason
    assert (calibrated(points, found) == points).all()
    assert found.before_mg == found.after_mg


def test_the_residual_is_the_mean_distance_from_1_g():
    # 1.02, 0.99, 1.00: (20 + 10 + 0) / 3 = 10 mg
    assert calibrate(np.diag([1.02, 0.99, 1.0])).before_mg == pytest.approx(10.0)


def test_which_windows_are_still():
    n = np.array([1000, 1000, 1000, 899, 1000])
    mean_g = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 2.0], [0, 0, 1], [0, -1, 0]])
    sd_g = np.array([[0.001] * 3, [0.001, 0.013, 0.001], [0.0] * 3, [0.001] * 3, [0.0129] * 3])

    assert still(n, mean_g, sd_g, 1000).tolist() == [True, False, False, False, True]
