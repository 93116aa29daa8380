"""Walking bouts: contacts that follow each other in the rhythm of steps."""

from __future__ import annotations

import numpy as np

LEAST_CONTACTS = 6  # two strides of each leg
LONGEST_BREAK_S = 2.1  # 1.5 s and one usual step
_STEP_S = (0.25, 1.5)
_RHYTHMIC_SHARE = 0.6
_RHYTHM = 0.4  # a step that takes this much more or less than the usual one is out of rhythm


def split(at_s: np.ndarray) -> list[slice]:
    """The runs of contacts that are walking, as slices of `at_s` (k,), seconds, growing.

    A break longer than 2.1 s ends a bout. A run counts from two strides of each leg on, where its usual step takes
    0.25 to 1.5 s and three of five steps keep to it: turns, kerbs and dropped things break a rhythm, not walking.
    Source: after Paraschiv-Ionescu A, Newman C, Carcreff L, et al. J Neuroeng Rehabil 2019;16:24,
    doi:10.1186/s12984-019-0494-z (steps joined by their rhythm); least strides as in Kluge F, et al.
    PLoS ONE 2021;16(8):e0256541 (walking bout: two strides of each leg). The shares are ours.
    """
    cuts = np.flatnonzero(np.diff(at_s) > LONGEST_BREAK_S) + 1
    found = []
    for first, last in zip([0, *cuts], [*cuts, len(at_s)], strict=True):
        first, last = _trimmed(at_s, int(first), int(last))
        if last - first >= LEAST_CONTACTS and is_walking(np.diff(at_s[first:last])):
            found.append(slice(first, last))
    return found


def _trimmed(at_s: np.ndarray, first: int, last: int) -> tuple[int, int]:
    """The run without steps out of rhythm at either end: rising from a chair, coming to rest."""
    step_s = np.diff(at_s[first:last])
    if not len(step_s):
        return first, last
    in_rhythm = np.flatnonzero(np.abs(step_s - np.median(step_s)) <= _RHYTHM * np.median(step_s))
    return (first + in_rhythm[0], first + in_rhythm[-1] + 2) if len(in_rhythm) else (first, first)


def is_walking(step_s: np.ndarray) -> bool:
    """Whether steps of these times (k,) are those of somebody who walks: 0.25 to 1.5 s, and in rhythm."""
    usual = np.median(step_s)
    in_rhythm = np.abs(step_s - usual) <= _RHYTHM * usual
    return _STEP_S[0] <= usual <= _STEP_S[1] and in_rhythm.mean() >= _RHYTHMIC_SHARE
