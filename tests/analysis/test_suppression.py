"""What is hidden cannot be worked out: each hidden cell's range is found by another solver, from what is printed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linprog

from pipelines.analysis.suppression import hidden_cells
from pipelines.errors import BackstepError

LIMIT = 5


def widths(counts: np.ndarray, hidden: np.ndarray) -> list[float]:
    """Largest less smallest value of each hidden cell over all tables with these margins and printed cells."""
    places = np.argwhere(hidden)
    equal = np.zeros((sum(counts.shape), len(places)))
    for at, (row, column) in enumerate(places):
        equal[row, at] = equal[counts.shape[0] + column, at] = 1
    open_part = np.where(hidden, counts, 0)
    sums = np.r_[open_part.sum(axis=1), open_part.sum(axis=0)]
    found = []
    for at in range(len(places)):
        aim = np.eye(len(places))[at]
        low, high = (linprog(sign * aim, A_eq=equal, b_eq=sums).fun for sign in (1, -1))
        found.append(-high - low)
    return found


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    hnp.arrays(int, st.tuples(st.integers(2, 4), st.integers(2, 5)), elements=st.integers(0, 25))
)
def test_no_hidden_cell_is_known_more_closely_than_the_limit(counts: np.ndarray) -> None:
    try:
        hidden = hidden_cells(counts, LIMIT)
    except BackstepError:
        # Even with every cell hidden some small one would be known too closely.
        small = ((counts > 0) & (counts < LIMIT)).ravel()
        everything = widths(counts, np.ones(counts.shape, bool))
        assert min(width for width, is_small in zip(everything, small, strict=True) if is_small) < LIMIT or min(everything) < LIMIT  # fmt: skip
        return

    assert hidden[(counts > 0) & (counts < LIMIT)].all()
    assert all(width >= LIMIT - 1e-6 for width in widths(counts, hidden))


def test_one_small_cell_takes_three_more() -> None:
    """A cell alone in its row and column is the margin less the rest; a rectangle of four is not."""
    counts = np.array([[3, 20, 30], [10, 11, 40], [50, 60, 70]])

    hidden = hidden_cells(counts, LIMIT)

    assert hidden.tolist() == [[True, True, False], [True, True, False], [False, False, False]]
    assert widths(counts, np.array(counts == 3)) == [0.0]  # hidden alone it is known exactly


def test_zeros_and_large_counts_are_shown() -> None:
    assert not hidden_cells(np.array([[0, 5], [12, 0]]), LIMIT).any()


def test_a_table_that_cannot_be_protected_is_refused() -> None:
    with pytest.raises(BackstepError, match="no choice of hidden cells"):
        hidden_cells(np.array([[1, 0], [0, 1]]), LIMIT)
