import numpy as np
import polars as pl
import pytest

from pipelines.signals.stance_checks import (
    is_turned,
    side_is_swapped,
    sign_is_wrong,
    speed_is_off,
    unit_is_likely,
)

PCT = np.arange(101.0)
FORWARD = 0.5 * np.exp(-(((PCT - 22) / 11) ** 2)) + 0.3 * np.exp(-(((PCT - 74) / 11) ** 2))
SIZES = np.array([0.9, 1.0, 1.1, 1.05, 0.95])


@pytest.mark.parametrize(
    ("unit", "peak", "other"),
    [
        ("Nm/kg", 0.45, "Nm"),
        ("Nm", 36.0, "Nm/kg"),
        ("%BW*Ht", 2.7, "Nm"),
        ("Nm/(kg*m)", 0.26, "%BW*Ht"),
    ],
)
def test_a_unit_is_told_from_one_ten_times_off(unit, peak, other):
    moments = SIZES[:, None] * FORWARD / FORWARD.max() * peak
    assert unit_is_likely(moments, unit)
    assert not unit_is_likely(moments, other)


def test_one_stance_out_of_five_does_not_make_a_unit_unlikely():
    moments = SIZES[:, None] * FORWARD
    moments[0] *= 100
    assert unit_is_likely(moments, "Nm/kg")


def test_no_whole_stance_makes_no_unit_unlikely():
    assert unit_is_likely(np.full((2, 101), np.nan), "Nm")


def test_the_side_that_is_below_zero_is_found_and_the_other_left_alone():
    sides = np.array(["left", "right", "left", "right", "left"])
    curves = np.where((sides == "left")[:, None], -1, 1) * FORWARD
    assert sign_is_wrong(curves, sides).tolist() == [True, False, True, False, True]


def test_one_stance_below_zero_among_five_is_no_wrong_sign():
    curves = SIZES[:, None] * FORWARD
    curves[3] *= -1
    assert not sign_is_wrong(curves, np.full(5, "left")).any()


def test_the_leg_that_swings_is_found_where_stance_was_said():
    swings, stands = np.full((2, 101), 0.02), np.stack([FORWARD, FORWARD])
    assert side_is_swapped(swings, stands).all()
    assert not side_is_swapped(stands, swings).any()
    assert not side_is_swapped(stands, np.full((2, 101), np.nan)).any()


def test_the_turned_one_of_five_stances_is_found():
    curves = SIZES[:, None] * FORWARD
    curves[1] = curves[1, ::-1]
    assert is_turned(curves, np.full(5, "left forward")).tolist() == [0, 1, 0, 0, 0]


def test_backward_stances_are_not_held_against_forward_ones():
    curves = np.concatenate([SIZES[:, None] * FORWARD, SIZES[:, None] * FORWARD[::-1]])
    assert not is_turned(curves, np.repeat(["forward", "backward"], 5)).any()
    assert is_turned(curves[:6], np.full(6, "one group"))[5]  # else the line above says nothing


def test_three_stances_are_too_few_to_say_which_is_turned():
    curves = SIZES[:3, None] * FORWARD
    curves[0] = curves[0, ::-1]
    assert not is_turned(curves, np.full(3, "left forward")).any()


@pytest.mark.parametrize(
    ("speed", "controlled", "off"),
    [(0.95, True, False), (1.05, True, False), (0.949, True, True), (1.051, True, True),
     (0.5, False, False), (None, True, None)],
)  # fmt: skip
def test_speed_within_five_per_cent_of_the_comfortable_one(speed, controlled, off):
    trial = pl.DataFrame(
        {"speed_mps": [speed], "comfortable_speed_mps": [1.0], "is_speed_controlled": [controlled]},
        schema_overrides={"speed_mps": pl.Float64},
    )
    assert trial.select(speed_is_off()).item() is off
