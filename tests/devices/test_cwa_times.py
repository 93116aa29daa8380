"""Times of samples between the stamps of blocks, worked by hand."""

import numpy as np
import pytest

from pipelines.devices.cwa_headers import HEADER, Heads, read_heads
from pipelines.devices.cwa_times import is_time_wrong, knots, slack_us, slowness_of, steps
from pipelines.synthetic.cwa_bytes import cwa_bytes


def heads(times_us: list[int], anchors: list[int], rate_hz: float = 100) -> Heads:
    """Blocks of 120 samples, stamped as said."""
    n = len(times_us)
    data = np.frombuffer(cwa_bytes(0, rate_hz, np.zeros((120 * n, 3)), 1), np.uint8)[HEADER:]
    made = read_heads(data, 512 * np.arange(n))
    return Heads(**{**vars(made), "time_us": np.array(times_us), "anchor": np.array(anchors)})


def test_between_two_stamps_there_are_the_samples_between_their_places():
    n, us, is_next = steps(heads([1_000_000, 2_250_000, 3_400_000], [120, 125, 120]))

    assert n.tolist() == [125, 115]
    assert us.tolist() == [1_250_000, 1_150_000]
    assert is_next.tolist() == [True, True]


def test_slowness_is_the_median_and_needs_eight_steps():
    times = [1_212_000 * k for k in range(9)]  # 120 samples in 1.212 s: 1 % slow
    times[4] += 700_000

    assert slowness_of(heads(times, [120] * 9)) == pytest.approx(1.01)
    assert slowness_of(heads(times[:8], [120] * 8)) is None
    assert slowness_of(heads([9 * t for t in times], [120] * 9)) is None


def test_the_ends_follow_from_the_stamps_nearest_to_them():
    # stamps at the samples 125 and 240 of 240, 10 ms a sample
    index, us, heat = knots(heads([2_250_000, 3_400_000], [125, 120]), None, 1.0)

    assert index.tolist() == [0, 125, 239]
    assert us.tolist() == [1_000_000, 2_250_000, 3_390_000]
    assert len(heat) == 3


def test_the_stamp_of_the_block_before_times_the_first_samples():
    both = heads([1_000_000, 2_260_000], [125, 130])
    known, own = both.only(slice(0, 1)), both.only(slice(1, 2))

    index, us, _ = knots(own, known, 1.0)

    # the stamps lie at the samples 5 and 130 of this block, 10.08 ms a sample; before it 10 ms
    assert index.tolist() == [0, 5, 119]
    assert us.tolist() == [950_000, 1_000_000, 1_000_000 + 114 * 10_080]


def test_one_time_off_between_two_that_fit_is_wrong():
    times = [1_200_000 * k for k in range(5)]
    times[2] += 3_000_000

    assert is_time_wrong(heads(times, [120] * 5), 1.0).tolist() == [
        False,
        False,
        True,
        False,
        False,
    ]
    times[3:] = [t + 3_000_000 for t in times[3:]]  # a gap of three seconds
    assert not is_time_wrong(heads(times, [120] * 5), 1.0).any()


def test_slack_is_two_and_a_half_samples_and_at_least_50_ms():
    assert slack_us(np.array([5_000.0, 80_000.0])).tolist() == [50_000, 200_000]
