"""Choi's rule on vectors worked by hand: True is a minute without counts."""

import numpy as np
import pytest

from pipelines.devices.nonwear import choi_nonwear, runs


def minutes(*parts: tuple[int, bool]) -> np.ndarray:
    return np.concatenate([np.full(n, zero) for n, zero in parts])


@pytest.mark.parametrize(
    ("parts", "n_nonwear"),
    [
        ([(90, True)], 90),  # exactly the window
        ([(89, True)], 0),  # one minute short
        ([(10, False), (90, True), (10, False)], 90),
        ([(45, True), (2, False), (45, True)], 92),  # a spike of 2 min between quiet half hours
        ([(45, True), (3, False), (45, True)], 0),  # 3 min is no spike, and 45 < 90
        ([(29, True), (1, False), (100, True)], 100),  # the half hour before it is not quiet
        ([(100, True), (1, False), (29, True)], 100),
        ([(30, True), (1, False), (30, True), (2, False), (30, True)], 93),  # 30+1+30+2+30
        ([(60, True), (1, False), (1, True), (1, False), (60, True)], 0),  # 3 min with a hole
        ([(1, False), (100, True)], 100),  # nothing comes before the spike: it stays wear
        ([(200, False)], 0),
    ],
)
def test_minutes_without_wear(parts, n_nonwear):
    assert choi_nonwear(minutes(*parts)).sum() == n_nonwear


def test_the_spike_itself_is_nonwear_and_the_movement_around_it_is_not():
    zero = minutes((5, False), (45, True), (2, False), (45, True), (5, False))

    nonwear = choi_nonwear(zero)

    assert np.flatnonzero(nonwear).tolist() == list(range(5, 97))


def test_no_minutes_give_no_answer():
    assert choi_nonwear(np.zeros(0, dtype=bool)).tolist() == []


def test_runs_are_where_values_change():
    starts, lengths = runs(np.array([7, 7, 2, 7, 7, 7]))

    assert starts.tolist() == [0, 2, 3]
    assert lengths.tolist() == [2, 1, 3]
