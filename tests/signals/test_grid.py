"""Samples on a fixed grid of the clock, worked by hand."""

import numpy as np
import pytest

from pipelines.contracts.shapes import SignalChunk
from pipelines.signals.grid import knots, parts, runs, values_at
from tests.signals.made_up import chunk

US = 1_000_000


def of(index, seconds, n) -> SignalChunk:
    return SignalChunk(
        np.array(index), np.array([round(s * US) for s in seconds]), np.zeros((n, 3))
    )


@pytest.mark.parametrize(
    ("index", "seconds", "n", "width_s", "starts", "windows"),
    [
        # 10 Hz from 12.5 s: 25 samples to 14.9 s, the next is at 15.0 s and belongs to the window it opens
        ([0, 40], [12.5, 16.5], 41, 5, [0, 25], [2, 3]),
        # 30 Hz has no period of whole microseconds; sample 30 still is at 1 s exactly
        ([0, 90], [0, 3], 91, 1, [0, 30, 60, 90], [0, 1, 2, 3]),
        # one sample in 5 s: seconds without a sample have no run
        ([0, 2], [0, 10], 3, 1, [0, 1, 2], [0, 5, 10]),
        # the rate doubles at the knot: 10 samples in the first second, 20 in the next
        ([0, 10, 30], [7, 8, 9], 31, 1, [0, 10, 30], [7, 8, 9]),
        # before 1970 windows are numbered downward
        ([0, 20], [-1.5, 0.5], 21, 1, [0, 5, 15], [-2, -1, 0]),
        ([0], [3.2], 1, 1, [0], [3]),
        # time that stands still stays in its window
        ([0, 5, 10], [1, 1, 2], 11, 1, [0, 10], [1, 2]),
    ],
)
def test_where_samples_fall(index, seconds, n, width_s, starts, windows):
    found_starts, found_windows = runs(of(index, seconds, n), width_s * US, 10.0)

    assert found_starts.tolist() == starts
    assert found_windows.tolist() == windows


def test_every_run_agrees_with_the_time_of_its_samples():
    rng = np.random.default_rng(3)
    index = np.concatenate(([0], np.cumsum(rng.integers(1, 130, 200))))
    seconds = 1e6 + np.concatenate(([0], np.cumsum(rng.uniform(0.3, 1.4, 200))))
    one = of(index, seconds, index[-1] + 1)

    starts, windows = runs(one, 5 * US, 100.0)
    lengths = np.diff(starts, append=len(one.acc_g))

    times_us = one.times_us()
    off_border = np.abs(times_us % (5 * US)) > 1  # times_us is rounded to the microsecond
    assert (np.repeat(windows, lengths) == times_us // (5 * US))[off_border].all()


def test_knots_are_drawn_on_to_the_ends():
    index, time_us = knots(of([10, 20], [1, 2], 31), 10.0)

    assert index.tolist() == [0, 10, 20, 30]
    assert time_us.tolist() == [0, US, 2 * US, 3 * US]


def test_a_single_knot_goes_on_at_the_nominal_rate():
    index, time_us = knots(of([0], [4], 51), 25.0)

    assert index.tolist() == [0, 50]
    assert time_us.tolist() == [4 * US, 6 * US]


def test_a_clock_set_back_starts_a_part_and_jitter_does_not():
    chunks = [
        chunk(np.zeros((100, 3)), start_s=10),
        chunk(np.zeros((100, 3)), start_s=10.5),  # half a second back
        chunk(np.zeros((100, 3)), start_s=500),  # forward: a gap
        chunk(np.zeros((100, 3)), start_s=100),  # set back
        SignalChunk(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 3))),
    ]

    assert [part for part, _ in parts(chunks)] == [0, 0, 0, 1, 1]


def test_temperature_is_read_between_knots():
    warm = chunk(np.zeros((101, 3)), temperature_c=np.array([20.0, 30.0]))

    assert values_at(np.array([0, 50, 100]), warm).tolist() == [20.0, 25.0, 30.0]
    assert values_at(np.array([0]), chunk(np.zeros((2, 3)))) is None
