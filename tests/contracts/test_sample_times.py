"""Times between knots, to the nearest microsecond."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.contracts.sample_times import between


@pytest.mark.parametrize(
    ("index", "us", "expected"),
    [
        ([0, 3], [100, 110], [100, 103, 107, 110, 110]),
        ([1, 3], [-20, 20], [-20, -20, 0, 20, 20]),
        ([0, 2, 2, 4], [0, 10, 30, 50], [0, 5, 30, 40, 50]),  # two knots at one sample: the later
        ([0, 4], [0, 2**53 + 4], [0, 2**51 + 1, 2**52 + 2, 3 * 2**51 + 3, 2**53 + 4]),
    ],
)
def test_each_sample_has_its_time(index, us, expected):
    times_us = np.full(5, -1, np.int64)

    between(np.array(index, np.int64), np.array(us, np.int64), times_us)

    assert times_us.tolist() == expected
