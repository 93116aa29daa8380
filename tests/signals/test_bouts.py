"""Which contacts are a walk."""

from __future__ import annotations

import numpy as np

from pipelines.signals import bouts
from pipelines.signals.rhythm import Rhythm


def everywhere(seconds: int = 120) -> Rhythm:
    repeats = np.ones(seconds, bool)
    return Rhythm(np.full(seconds, 1.6), repeats, repeats)


def runs(at_s: np.ndarray, found: Rhythm | None = None, rise_g: np.ndarray | None = None):
    rise_g = np.full(len(at_s), 0.1) if rise_g is None else rise_g
    split = bouts.split(at_s, rise_g, found or everywhere())
    return [(float(at_s[run[0]]), float(at_s[run[-1]]), len(run)) for run in split]


def test_a_break_of_more_than_two_seconds_ends_a_bout():
    first, second = 10 + 0.6 * np.arange(10), 17.8 + 0.6 * np.arange(10)  # 2.4 s between
    assert [n for _, _, n in runs(np.concatenate((first, second)))] == [10, 10]
    near = second - 0.6  # 1.8 s between
    assert [n for _, _, n in runs(np.concatenate((first, near)))] == [20]


def test_five_contacts_are_too_few():
    assert runs(10 + 0.6 * np.arange(5)) == []
    assert len(runs(10 + 0.6 * np.arange(6))) == 1


def test_steps_out_of_rhythm_or_weak_at_the_ends_are_left_out():
    at_s = np.concatenate(([8.5], 10 + 0.5 * np.arange(10), [16.0]))
    assert runs(at_s) == [(10.0, 14.5, 10)]
    weak = np.r_[np.full(2, 0.01), np.full(8, 0.1)]
    assert runs(10 + 0.5 * np.arange(10), rise_g=weak) == [(11.0, 14.5, 8)]


def test_steps_all_unlike_each_other_are_no_walk():
    at_s = 10 + np.cumsum(np.tile([0.3, 1.2, 0.5, 2.0, 0.25], 4))
    assert runs(at_s) == []


def test_contacts_where_nothing_repeats_are_no_walk():
    repeats = np.zeros(120, bool)
    repeats[:8] = True
    found = Rhythm(np.full(120, 1.6), repeats, repeats)
    at_s = 2 + 0.6 * np.arange(60)
    ((start, end, _),) = runs(at_s, found)
    assert (
        start == 2.0 and 11 <= end <= 12.1
    )  # the last window ends at 13 s, and vouches until 12 s


def test_known_bouts_take_the_contacts_within_them():
    at_s = 10 + 0.6 * np.arange(30)
    (run,) = bouts.within(at_s, np.array([[12.5, 16.1]]))
    # Contacts lead by 0.1 s: 12.4 to 16.0 are asked for, 0.1 s to spare.
    assert (at_s[run[0]], at_s[run[-1]]) == (12.4, 16.0)
    assert bouts.within(at_s, np.array([[50.0, 60.0]])) == []


def test_of_known_bouts_no_step_beyond_them_counts_however_quick_the_steps():
    """0.25 s a step: told with 0.1 s of error, a bout of 9 contacts keeps those and none before or after."""
    at_s = 10 + 0.25 * np.arange(30)
    for error_s in (-0.09, 0.0, 0.09):
        first, last = at_s[8] + 0.1 + error_s, at_s[16] + 0.1 + error_s
        (run,) = bouts.within(at_s, np.array([[first, last]]))
        assert run.tolist() == list(range(8, 17))
