"""The worked numbers: a half sine, and two humps after a dip, each over 0.65 s of stance."""

import numpy as np
import pytest

from pipelines.signals.stance_moment import over_stance, per_kg, stance_numbers

PCT = np.arange(101.0)
STANCE_S = 0.65
HALF_SINE = 0.45 * np.sin(np.pi * PCT / 100)
TWO_HUMPS = (
    -0.08 * np.exp(-(((PCT - 3) / 3) ** 2))
    + 0.50 * np.exp(-(((PCT - 25) / 11) ** 2))
    + 0.38 * np.exp(-(((PCT - 76) / 11) ** 2))
)


def numbers(curve, stance_s=STANCE_S):
    return stance_numbers(np.array([curve]), np.array([stance_s])).row(0, named=True)


def test_half_sine_has_two_over_pi_of_its_peak_times_seconds():
    found = numbers(HALF_SINE)
    # 0.45 * 2 / pi * 0.65 = 0.186211; trapezoids of 1 % lose 8e-5 of it
    assert found["kaai_nms_per_kg"] == pytest.approx(0.18620, abs=2e-5)
    assert found["kaai_positive_nms_per_kg"] == pytest.approx(0.18620, abs=2e-5)


def test_impulse_over_per_cent_of_stance_is_150_times_too_large():
    naive = np.trapezoid(HALF_SINE, PCT)
    assert naive == pytest.approx(28.6, abs=0.1)
    assert naive / numbers(HALF_SINE)["kaai_nms_per_kg"] == pytest.approx(100 / 0.65)


def test_the_same_curve_over_longer_stance_has_more_impulse():
    # Over per cent of stance both have the same area: 0.78 / 0.65 = 1.2 would be lost.
    ratio = numbers(TWO_HUMPS, 0.78)["kaai_nms_per_kg"] / numbers(TWO_HUMPS)["kaai_nms_per_kg"]
    assert ratio == pytest.approx(1.2)


def test_two_humps_after_a_dip():
    found = numbers(TWO_HUMPS)
    assert found["ekam_first_peak_nm_per_kg"] == pytest.approx(0.500, abs=5e-4)
    assert found["first_peak_pct"] == 25
    assert found["ekam_second_peak_nm_per_kg"] == pytest.approx(0.380, abs=5e-4)
    assert found["second_peak_pct"] == 76
    assert found["first_peak_absent"] is None and found["second_peak_absent"] is None
    assert found["kaai_nms_per_kg"] == pytest.approx(0.10889, abs=5e-6)
    assert found["kaai_positive_nms_per_kg"] == pytest.approx(0.11079, abs=5e-6)


def test_one_hump_has_no_second_peak_at_the_edge_of_its_half():
    found = numbers(HALF_SINE)
    assert found["ekam_first_peak_nm_per_kg"] == pytest.approx(0.45)
    assert found["first_peak_pct"] == 50
    assert found["ekam_second_peak_nm_per_kg"] is None
    assert found["second_peak_absent"] == "no_local_maximum"


def test_a_ripple_on_the_falling_flank_is_no_second_peak():
    ripple = HALF_SINE + 0.004 * np.exp(-(((PCT - 70) / 0.6) ** 2)) * 3
    assert ripple[70] > ripple[69] and ripple[70] > ripple[71]
    assert numbers(ripple)["second_peak_absent"] == "no_local_maximum"


def test_peaks_change_places_when_a_curve_is_turned():
    found = numbers(TWO_HUMPS[::-1])
    assert (found["first_peak_pct"], found["second_peak_pct"]) == (24, 75)
    assert found["ekam_first_peak_nm_per_kg"] == pytest.approx(0.380, abs=5e-4)


def test_what_is_below_zero_lowers_the_net_impulse_alone():
    curve = np.where(PCT < 50, -0.2, 0.4)
    found = numbers(curve, 1.0)
    # 49 steps of -0.2, one from -0.2 to 0.4 (0.1 net; 0.2 once cut off at zero), 50 steps of 0.4
    assert found["kaai_nms_per_kg"] == pytest.approx((49 * -0.2 + 0.1 + 50 * 0.4) / 100)
    assert found["kaai_positive_nms_per_kg"] == pytest.approx((0.2 + 50 * 0.4) / 100)


@pytest.mark.parametrize("stance_s", [np.nan, 0.0, -0.65, np.inf])
def test_without_a_stance_time_there_are_peaks_and_no_impulse(stance_s):
    found = numbers(TWO_HUMPS, stance_s)
    assert found["kaai_nms_per_kg"] is None and found["kaai_positive_nms_per_kg"] is None
    assert found["first_peak_pct"] == 25


def test_a_curve_with_a_hole_says_so_and_has_no_number():
    found = numbers(np.where(PCT == 40, np.nan, TWO_HUMPS))
    assert found["first_peak_absent"] == found["second_peak_absent"] == "curve_incomplete"
    assert [v for k, v in found.items() if "absent" not in k] == [None] * 6


def test_no_stances_give_no_rows():
    found = stance_numbers(np.empty((0, 101)), np.empty(0))
    assert found.shape == (0, 8)


@pytest.mark.parametrize(
    ("value", "unit"),
    [(30, "Nm"), (0.375, "Nm/kg"), (0.375 / 1.7, "Nm/(kg*m)"), (2.24937, "%BW*Ht")],
)
def test_every_unit_of_the_same_moment(value, unit):
    # 30 Nm, 80 kg, 1.70 m: 0.375 Nm/kg; 0.375 * 100 / (9.80665 * 1.70) = 2.24937 %BW*Ht
    found = per_kg(np.array([value]), unit, mass_kg=80, height_m=1.70)
    assert found[0] == pytest.approx(0.375, rel=1e-5)


@pytest.mark.parametrize(
    ("unit", "mass_kg", "height_m"),
    [("Nm", None, 1.7), ("Nm", 0, 1.7), ("%BW*Ht", 80, None), ("Nm/(kg*m)", 80, 0)],
)
def test_a_unit_whose_mass_or_height_is_not_known_gives_nothing(unit, mass_kg, height_m):
    assert np.isnan(per_kg(np.ones(3), unit, mass_kg=mass_kg, height_m=height_m)).all()


def test_frames_become_101_points_of_stance():
    at = np.array([2.00, 2.30, 2.65])
    found = over_stance(at, np.array([0.0, 3.0, 6.5]))  # 10 per second from 2.00 s on
    assert len(found) == 101 and found[0] == 0 and found[-1] == 6.5
    assert found[50] == pytest.approx(3.25)


@pytest.mark.parametrize(
    ("at", "moment"),
    [([1.0], [2.0]), ([1, 2, 2], [0, 1, 0]), ([3, 2, 1], [0, 1, 0]), ([1, 2, 3], [0, np.nan, 0])],
)
def test_samples_that_make_no_curve_make_none(at, moment):
    assert np.isnan(over_stance(np.array(at, float), np.array(moment, float))).all()
