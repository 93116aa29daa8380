"""Sums over windows: worked values, gaps, and the same windows however the samples are cut into chunks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipelines.contracts.shapes import SignalChunk
from pipelines.signals.calibrate import AS_SENT, Calibration
from pipelines.signals.grid import parts
from pipelines.signals.windows import epoch_tally, move_tally, rest_tally
from tests.signals.made_up import T0_S, chunk, split


def tallied(tally, *chunks):
    for part, one in parts(chunks):
        tally.add(part, one)
    return tally.frame()


def test_an_epoch_worked_by_hand():
    # half of the epoch 1.2 g on z, half 0.9 g on x: ENMO (0.2 + 0) / 2; MAD about 1.05 g is 0.15 g
    acc = np.concatenate((np.tile([0, 0, 1.2], (250, 1)), np.tile([0.9, 0, 0], (250, 1))))

    row = tallied(epoch_tally(100.0, AS_SENT), chunk(acc)).row(0, named=True)

    assert row["window"] == T0_S // 5
    assert row["n"] == 500
    assert row["over"] / row["n"] == pytest.approx(0.1, abs=1e-7)
    assert row["mad"] == pytest.approx(0.15, abs=1e-7)
    assert [row[axis] / row["n"] for axis in "xyz"] == pytest.approx([0.45, 0, 0.6], abs=1e-7)


def test_epochs_are_of_calibrated_samples():
    # sent (0, 0, 2): gain 0.5 and offset 0.1 give 1.1 g; the slope of 0.01 g per degree adds 0.05 g at 5 degrees over
    calibration = Calibration(np.full(3, 0.5), np.array([0, 0, 0.1]), np.array([0, 0, 0.01]), 20.0)
    warm = chunk(np.tile([0, 0, 2.0], (500, 1)), temperature_c=np.array([25.0, 25.0]))

    row = tallied(epoch_tally(100.0, calibration), warm).row(0, named=True)

    assert row["z"] / row["n"] == pytest.approx(1.15)
    assert row["over"] / row["n"] == pytest.approx(0.15)
    assert row["mad"] == pytest.approx(0, abs=1e-9)


def test_a_rest_window_worked_by_hand():
    acc = np.tile([[-1, 0.5, 8.0], [1, 0.5, 0]], (500, 1))

    row = tallied(rest_tally(100.0, 8.0), chunk(acc)).row(0, named=True)

    assert (row["n"], row["x"], row["y"], row["z"]) == (1000, 0, 500, 4000)
    assert (row["xx"], row["yy"], row["zz"]) == (1000, 250, 32000)
    assert (row["x_low"], row["x_high"], row["z_low"], row["z_high"]) == (-1, 1, 0, 8)
    assert row["saturated"] == 500
    assert np.isnan(row["heat"])


def test_heat_is_summed_per_sample():
    warm = chunk(np.zeros((1000, 3)), temperature_c=np.array([21.0, 21.0]))

    assert tallied(rest_tally(100.0, None), warm)["heat"][0] == 21.0 * 1000


def test_movement_is_of_the_length_less_1_g():
    # |a| is 0.8 and 1.2 in turn: sum 0, squares 0.04 each
    row = tallied(move_tally(100.0), chunk(np.tile([[0, 0, 0.8], [0, 1.2, 0]], (50, 1)))).row(0)

    assert row[:3] == (0, T0_S, 100)
    assert row[3] == pytest.approx(0, abs=1e-5)
    assert row[4] == pytest.approx(4.0, abs=1e-5)


def test_a_gap_leaves_windows_missing():
    before, after = np.zeros((150, 3)), np.zeros((100, 3))

    frame = tallied(move_tally(100.0), chunk(before), chunk(after, start_s=T0_S + 5.5))

    assert frame["window"].to_list() == [T0_S + s for s in (0, 1, 5, 6)]
    assert frame["n"].to_list() == [100, 50, 50, 50]


def test_a_clock_set_back_gives_the_same_window_again_in_a_new_part():
    one = np.zeros((300, 3))

    frame = tallied(move_tally(100.0), chunk(one), chunk(one, start_s=T0_S))

    assert frame["part"].to_list() == [0, 0, 0, 1, 1, 1]
    assert frame["window"].to_list() == [T0_S, T0_S + 1, T0_S + 2] * 2


def test_jitter_of_block_times_loses_no_sample():
    frame = tallied(
        move_tally(100.0), chunk(np.zeros((250, 3))), chunk(np.zeros((250, 3)), start_s=T0_S + 1.8)
    )

    assert frame["window"].is_sorted() and frame["window"].is_unique().all()
    assert frame["n"].sum() == 500


def test_time_that_stands_still_gives_no_amplitude_deviation():
    stuck = SignalChunk(
        np.array([0, 9999]), np.array([T0_S, T0_S]) * 1_000_000, np.ones((10_000, 3))
    )

    row = tallied(epoch_tally(100.0, AS_SENT), stuck).row(0, named=True)

    assert row["n"] == 10_000
    assert np.isnan(row["mad"])


def test_no_samples_give_no_rows():
    assert tallied(epoch_tally(100.0, AS_SENT)).is_empty()


ODD = Calibration(np.array([1.01, 0.99, 1.02]), np.array([0.01, -0.02, 0.03]), np.zeros(3), 0.0)


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 5999), max_size=12),
    offset_ms=st.integers(0, 9_999),
    seed=st.integers(0, 2**16),
)
def test_any_cut_into_chunks_gives_the_same_windows(cuts, offset_ms, seed):
    acc = np.random.default_rng(seed).normal(0, 0.5, (6000, 3)).astype(np.float32)
    whole = chunk(acc, start_s=T0_S + offset_ms / 1000)
    later = chunk(acc[:500], start_s=T0_S + 200)
    for make in (
        lambda: rest_tally(100.0, 1.5),
        lambda: move_tally(100.0),
        lambda: epoch_tally(100.0, ODD),
    ):
        together = tallied(make(), whole, later)

        apart = tallied(make(), *split(whole, cuts), later)

        assert_frame_equal(together, apart, check_exact=True)
