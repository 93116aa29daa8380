import numpy as np
import pytest

from pipelines.devices.sample_runs import Clock, Samples, chunks_of, knots

CLOCK = Clock(10.0, "a file")  # a sample every 100 ms


def block(times_ms, first_row=1, good=None) -> Samples:
    n = len(times_ms)
    return Samples(
        row_no=first_row + np.arange(n),
        time_us=np.array(times_ms, np.int64) * 1000,
        is_good=np.ones(n, bool) if good is None else np.array(good, bool),
        acc_g=np.repeat((first_row + np.arange(n, dtype=np.float32))[:, None], 3, axis=1),
        gyro_dps=None,
    )


def shown(*blocks: Samples):
    chunks = list(chunks_of(iter(blocks), CLOCK, None))
    times = [(chunk.times_us() // 1000).tolist() for chunk in chunks if len(chunk.acc_g)]
    rows = [chunk.acc_g[:, 0].astype(int).tolist() for chunk in chunks if len(chunk.acc_g)]
    return times, rows, [finding for chunk in chunks for finding in chunk.findings]


def test_samples_in_a_row_are_one_chunk():
    assert shown(block([0, 100, 200])) == ([[0, 100, 200]], [[1, 2, 3]], [])


def test_one_absent_sample_is_bridged_and_three_are_not():
    times, _, findings = shown(block([0, 100, 300, 400, 800, 900]))

    assert times == [[0, 100, 300, 400], [800, 900]]
    assert findings == []  # 0.4 s is no gap worth a name


def test_more_than_a_second_is_a_gap_also_between_blocks():
    times, _, findings = shown(block([0, 100, 200]), block([1400, 1500, 1600], first_row=4))

    assert times == [[0, 100], [200], [1400, 1500, 1600]]  # the last stamp waits for the next block
    assert findings == [(4, "gap")]


def test_a_clock_that_goes_back_also_between_blocks():
    _, _, findings = shown(block([5000, 5100, 4000, 4100, 4200]), block([3000, 3100], first_row=6))

    assert findings == [(3, "clock_jump"), (6, "clock_jump")]


def test_samples_that_share_a_stamp_lie_evenly_up_to_the_next_also_between_blocks():
    times, rows, findings = shown(
        block([0, 0, 0, 0, 400, 400]), block([400, 400, 800, 800], first_row=7)
    )

    assert np.concatenate(times).tolist() == [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]
    assert np.concatenate(rows).tolist() == list(range(1, 11))
    assert findings == []


def test_a_run_of_bad_rows_is_one_finding():
    good = [True, False, False, True, True, False]

    times, rows, findings = shown(block([0, 1, 2, 300, 400, 3], good=good))

    assert (times, rows) == ([[0], [300, 400]], [[1], [4, 5]])
    assert findings == [(2, "bad_block"), (6, "bad_block")]


def test_a_block_without_a_good_row_still_says_so():
    assert shown(block([0, 0], good=[False, False])) == ([], [], [(1, "bad_block")])


@pytest.mark.parametrize("odd", [-5000, 9_000_000])
def test_one_time_outside_its_neighbours_is_left_out(odd):
    times, rows, findings = shown(block([0, 100, odd, 300, 400]))

    assert (times, rows) == ([[0, 100, 300, 400]], [[1, 2, 4, 5]])
    assert findings == [(3, "bad_block")]


def test_two_knots_stand_for_times_on_a_line():
    index, us = knots(np.arange(100) * 33_333, 33_333.0)

    assert (index.tolist(), us.tolist()) == ([0, 99], [0, 99 * 33_333])


def test_times_off_the_line_keep_their_knots():
    us = np.arange(5) * 100_000
    us[2] += 300  # more than a quarter of a millisecond

    index, at = knots(us, 100_000.0)

    assert (index.tolist(), at.tolist()) == ([0, 1, 2, 3, 4], us.tolist())
