"""The gait chain beside a laboratory: three trials of one healthy older adult, with pressure insoles and inertial units.

INDIP is the reference that Mobilise-D validated with. Its walking bouts are short (5 to 17 steps), most of them with
turns, and what it holds for the first and last step is a convention; so steps are compared in sum.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.io import loadmat

from pipelines.signals import direction, gait, stride

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "mobgap"
HEIGHT_M = 1.59  # participant_metadata.json
TRIALS = [("Test5", "Trial1"), ("Test5", "Trial2"), ("Test11", "Trial1")]
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no laboratory sample in {SAMPLES}")


def acc_g(test: str, trial: str) -> np.ndarray:
    rows = pl.read_csv(SAMPLES / f"HA_001_TimeMeasure1_{test}_{trial}.csv")
    return rows.select("acc_x", "acc_y", "acc_z").to_numpy()


def reference(test: str, trial: str) -> list:
    found = loadmat(
        SAMPLES / "lab_HA_001_data.mat", squeeze_me=True, struct_as_record=False
    )["data"].TimeMeasure1  # fmt: skip
    bouts = getattr(getattr(found, test), trial).Standards.INDIP.ContinuousWalkingPeriod
    return list(np.atleast_1d(bouts))


def contacts_s(bout) -> np.ndarray:
    at = np.atleast_1d(bout.InitialContact_Event)
    return at[np.isfinite(at)]


def speed(bout: dict) -> float:
    return stride.speed_mps(bout["rise_half"], bout["rise_three_half"], HEIGHT_M)


@pytest.fixture(scope="module")
def known() -> pl.DataFrame:
    """Ours within each reference bout, beside the reference."""
    rows = []
    for test, trial in TRIALS:
        acc = acc_g(test, trial)
        for bout in reference(test, trial):
            span = np.array([[bout.Start, bout.End]])
            (ours,) = gait.analyse(acc, 100.0, "lower_back", None, span).bouts.to_dicts()
            rows.append((
                test, len(contacts_s(bout)) - 1, ours["steps_n"], bout.Cadence,
                ours["cadence_mean_spm"], bout.WalkingSpeed, speed(ours),
            ))  # fmt: skip
    return pl.DataFrame(
        rows,
        schema=["test", "ref_n", "steps_n", "ref_spm", "spm", "ref_mps", "mps"],
        orient="row",
    )


def test_walks_straight_ahead_have_every_step_and_their_cadence(known):
    straight = known.filter(pl.col("test") == "Test5")
    assert straight["steps_n"].to_list() == straight["ref_n"].to_list()
    assert (straight["spm"] - straight["ref_spm"]).abs().max() <= 2.0
    assert (straight["mps"] - straight["ref_mps"]).abs().max() <= 0.11


def test_speed_of_all_bouts_is_within_a_tenth_of_a_metre_per_second(known):
    assert len(known) == 8
    assert (known["mps"] - known["ref_mps"]).abs().mean() <= 0.10
    assert abs((known["mps"] - known["ref_mps"]).mean()) <= 0.05


def test_steps_of_all_bouts_are_within_3_percent_in_sum(known):
    assert known["steps_n"].sum() == pytest.approx(known["ref_n"].sum(), rel=0.03)


def test_the_chain_finds_the_bouts_and_their_steps_by_itself():
    ref_n = found_n = 0
    errors = []
    for test, trial in TRIALS:
        found = gait.analyse(acc_g(test, trial), 100.0, "lower_back")
        at = found.contacts["time_s"].to_numpy() + 0.1  # ours lead
        for bout in reference(test, trial):
            ref_n += len(contacts_s(bout))
            found_n += ((at >= bout.Start - 0.25) & (at <= bout.End + 0.25)).sum()
            near = found.bouts.filter(
                (pl.col("start_s") < bout.End - 0.5) & (pl.col("end_s") > bout.Start + 0.5)
            )
            assert len(near) == 1, (test, bout.Start)
            errors.append(speed(near.to_dicts()[0]) - bout.WalkingSpeed)
    assert found_n == pytest.approx(ref_n, rel=0.03)
    assert np.abs(errors).mean() <= 0.10


def test_contacts_lead_those_of_the_laboratory_by_a_tenth_of_a_second_evenly():
    lead = []
    for trial in ("Trial1", "Trial2"):
        at = gait.analyse(acc_g("Test5", trial), 100.0, "lower_back").contacts["time_s"].to_numpy()
        truth = np.concatenate([contacts_s(bout) for bout in reference("Test5", trial)])
        lead.append(truth - at[np.abs(at[:, None] - truth + 0.1).argmin(axis=0)])
    lead = np.concatenate(lead)
    assert lead.mean() == pytest.approx(0.1, abs=0.03)
    assert lead.std() < 0.03


@pytest.mark.parametrize(("turned", "said"), [(1, "forward"), (-1, "backward")])
def test_forward_walking_and_the_same_backward_in_time(turned, said):
    """One trial calibrates, the others are judged: never wrong, and more often told than not."""
    ahead = direction.ahead_of(gait.analyse(acc_g("Test5", "Trial1"), 100.0, "lower_back").bouts)
    found = []
    for test, trial in TRIALS[1:]:
        bouts = gait.analyse(acc_g(test, trial)[::turned], 100.0, "lower_back").bouts
        to_us = (pl.col("start_s", "end_s") * 1e6).cast(pl.Int64)
        bouts = bouts.with_columns(to_us.name.map(lambda name: name.replace("_s", "_us")))
        found += direction.decide(bouts, ahead)["direction"].to_list()
    assert set(found) <= {said, "abstain"}
    assert found.count(said) > len(found) / 2
