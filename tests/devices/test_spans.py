import numpy as np
import pytest

from pipelines.devices.spans import spans


@pytest.mark.parametrize(
    ("breaks", "n", "n_open", "n_full", "expected"),
    [
        ([], 0, 0, 10, []),
        ([], 3, 0, 10, [(0, 3, False)]),
        ([0], 3, 4, 10, [(0, 3, True)]),
        ([2], 3, 4, 10, [(0, 2, False), (2, 3, True)]),
        ([], 5, 8, 10, [(0, 2, False), (2, 5, True)]),  # full after two
        ([], 5, 10, 10, [(0, 5, True)]),  # full before
        ([0, 4], 9, 0, 3, [(0, 3, True), (3, 4, True), (4, 7, True), (7, 9, True)]),
    ],
)
def test_stretches_end_at_breaks_and_where_they_are_full(breaks, n, n_open, n_full, expected):
    broken = np.zeros(n, dtype=bool)
    broken[breaks] = True

    assert list(spans(broken, n_open, n_full)) == expected
