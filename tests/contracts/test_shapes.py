"""The time of every sample of a chunk."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.contracts.shapes import SignalChunk

START_US = 1_762_128_000_000_000


def chunk(index: list[int], us: list[int], n: int) -> SignalChunk:
    return SignalChunk(
        np.array(index, np.int64), np.array(us, np.int64) + START_US, np.zeros((n, 3), np.float32)
    )


@pytest.mark.parametrize(
    ("index", "us", "expected"),
    [
        ([0, 4], [0, 40], [0, 10, 20, 30, 40]),
        ([0, 2, 4], [0, 10, 40], [0, 5, 10, 25, 40]),  # each stretch has its own rate
        ([0, 3], [0, 10], [0, 3, 7, 10, 10]),  # to the nearest microsecond; nothing is drawn on
        ([2, 4], [0, 20], [0, 0, 0, 10, 20]),
        ([3], [7], [7, 7, 7, 7, 7]),
        ([0, 2, 4], [20, 10, 0], [20, 15, 10, 5, 0]),
    ],
)
def test_time_between_two_knots_is_linear(index, us, expected):
    times_us = chunk(index, us, 5).times_us()

    assert (times_us - START_US).tolist() == expected


def test_a_chunk_of_findings_alone_has_no_times():
    assert chunk([], [], 0).times_us().tolist() == []
