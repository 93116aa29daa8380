"""Forward or backward, or not told."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from pipelines.signals import direction, gait
from pipelines.synthetic.walking import Bout, Wearer, simulate

HOUR_US = 3_600_000_000


def told(
    *couplings: tuple[float, float, float] | None,
    every_h: float = 1.5,
    rise: list[float | None] | None = None,
    spm: list[float] | None = None,
) -> pl.DataFrame:
    """Bouts of half a minute with those couplings."""
    start = [round(i * every_h * HOUR_US) for i in range(len(couplings))]
    parts = [c or (None, None, None) for c in couplings]
    return pl.DataFrame(
        {
            "start_us": start,
            "end_us": [s + 30_000_000 for s in start],
            "rise_half": rise or [None] * len(couplings),
            "cadence_mean_spm": spm or [None] * len(couplings),
            **{f"coupling_{axis}": [c[k] for c in parts] for k, axis in enumerate("xyz")},
        },
        schema_overrides=dict.fromkeys(
            ("rise_half", "cadence_mean_spm", *(f"coupling_{axis}" for axis in "xyz")), pl.Float64
        ),
    )


def test_a_day_of_walking_tells_its_odd_bout():
    found = direction.decide(told(*[(0.0, 0.6, 0.0)] * 11, (0.0, -0.6, 0.0)))
    assert found["direction"].to_list() == ["forward"] * 11 + ["backward"]
    # 1 / (1 + e^(5.5 * 0.6)), by hand
    assert found["p_backward"][0] == pytest.approx(0.0356, abs=1e-4)
    assert found["direction_reason"].null_count() == 12


def test_a_calibration_walk_serves_instead_of_a_day():
    ahead = direction.ahead_of(told((0.0, 0.0, -0.5), (0.0, 0.0, -0.7)))
    assert ahead == pytest.approx([0, 0, -1])
    found = direction.decide(told((0.0, 0.0, -0.6), (0.0, 0.0, 0.6), (0.0, 0.0, 0.2)), ahead)
    assert found["direction"].to_list() == ["forward", "backward", "abstain"]
    assert found["direction_reason"].to_list() == [None, None, "between_the_bounds"]


def test_what_points_elsewhere_says_less():
    """0.8 across forward and 0.55 along it: 0.55 * 0.55 / 0.97 = 0.31 of evidence is not enough."""
    found = direction.decide(told((0.8, -0.55, 0.0)), np.array([0.0, 1.0, 0.0]))
    assert found["direction"].to_list() == ["abstain"]


@pytest.mark.parametrize(
    ("bouts", "reason"),
    [
        (told(*[(0.0, 0.6, 0.0)] * 9), "recording_too_short_to_know_forward"),
        (told(*[(0.0, 0.6, 0.0)] * 12, every_h=0.5), "recording_too_short_to_know_forward"),
        (told(*[(0.0, 0.6, 0.0), (0.0, -0.6, 0.0)] * 6), "bouts_disagree_on_forward"),
        (told(None, None), "placement"),
    ],
)
def test_without_a_reference_nothing_is_told(bouts, reason):
    found = direction.decide(bouts)
    assert set(found["direction"]) == {"abstain"}
    assert set(found["direction_reason"]) == {reason}
    assert found["p_backward"].null_count() == len(found)


@pytest.mark.parametrize(
    ("many", "few", "told_as"),
    [
        ({"rise": 0.02, "spm": 100.0}, {"rise": 0.04, "spm": 90.0}, "abstain"),
        ({"rise": 0.04, "spm": 100.0}, {"rise": 0.02, "spm": 110.0}, "backward"),
        ({"rise": None, "spm": 90.0}, {"rise": None, "spm": 110.0}, "abstain"),
        ({"rise": None, "spm": 110.0}, {"rise": None, "spm": 90.0}, "backward"),
    ],
)
@pytest.mark.parametrize("fewer", [1, 3])
def test_a_recording_that_walks_mostly_backward_is_not_told_the_wrong_way_round(
    many, few, told_as, fewer
):
    """Whichever way most of it goes: the fewer bouts are backward only if their steps are the shorter ones."""
    both = [*[many] * 17, *[few] * fewer]
    found = direction.decide(
        told(
            *[(0.0, 0.6, 0.0)] * 17,
            *[(0.0, -0.6, 0.0)] * fewer,
            rise=[one["rise"] for one in both],
            spm=[one["spm"] for one in both],
        )
    )
    assert found["direction"].to_list()[-fewer:] == [told_as] * fewer
    if told_as == "abstain":
        assert set(found["direction"]) == {"abstain"}
        assert set(found["direction_reason"]) == {"fewer_bouts_step_out_further"}


def test_no_bouts_have_the_columns_of_many():
    found = direction.decide(told())
    assert {"p_backward", "direction", "direction_reason"} <= set(found.columns)
    assert direction.ahead_of(told(None)) is None


@pytest.mark.parametrize("placement", ["lower_back", "shank"])
@pytest.mark.parametrize("tilt_deg", [(0, 0, 0), (30, 10, 140)])
def test_made_up_walking_backward_is_told_after_a_calibration_walk(placement, tilt_deg):
    wearer = Wearer(tilt_deg=tilt_deg, coupling=0.6)

    def walked(*, backward: bool) -> pl.DataFrame:
        walk = Bout(8, 40, 100, 0.9, backward=backward)
        made = simulate(
            [walk], 45, 100.0, np.random.default_rng(2), wearer=wearer, placement=placement
        )
        bouts = gait.analyse(made.acc_g, 100.0, placement, made.gyro_dps).bouts
        to_us = (pl.col("start_s", "end_s") * 1e6).cast(pl.Int64)
        return bouts.with_columns(to_us.name.map(lambda name: name.replace("_s", "_us")))

    ahead = direction.ahead_of(walked(backward=False))
    assert direction.decide(walked(backward=False), ahead)["direction"].to_list() == ["forward"]
    assert direction.decide(walked(backward=True), ahead)["direction"].to_list() == ["backward"]


def test_walking_seen_backward_in_time_turns_the_coupling_round():
    """Accelerations keep their sign when time runs the other way; speeds change it."""
    made = simulate([Bout(8, 40, 100, 0.9)], 40, 100.0, np.random.default_rng(3))
    names = ["coupling_x", "coupling_y", "coupling_z"]
    (there,) = gait.analyse(made.acc_g, 100.0, "lower_back").bouts.select(names).to_numpy()
    (back,) = gait.analyse(made.acc_g[::-1], 100.0, "lower_back").bouts.select(names).to_numpy()
    assert np.dot(there, back) < -0.9 * np.linalg.norm(there) * np.linalg.norm(back)
