"""Walking bouts: contacts that follow each other in the rhythm of steps."""

from __future__ import annotations

import numpy as np

from pipelines.signals.rhythm import Rhythm

LEAST_CONTACTS = 6  # two strides of each leg
LONGEST_BREAK_S = 2.1  # 1.5 s and one usual step
_STEP_S = (0.25, 1.8)
_RHYTHMIC_SHARE, _REPEATING_SHARE = 0.6, 0.4
_RHYTHM = 0.4  # a step that takes this much more or less than the usual one is out of rhythm
_WEIGHT = 0.25  # of the usual rise: less at either end is shuffling about
_LEAD_S = 0.1
_SLACK_S = (
    0.1  # less than half the shortest step, so that no step beyond a bout counts; 3 sd of the lead
)


def split(at_s: np.ndarray, rise_g: np.ndarray, found: Rhythm) -> list[np.ndarray]:
    """The runs of contacts that are walking, as indices into `at_s` (k,), seconds, growing.

    2.1 s without a step, or without the repetition of steps within 6 s around, end a bout: more than a U-turn takes.
    A run counts from two strides of each leg on, where its usual step takes 0.25 to 1.8 s, three of five steps keep
    to it, and a third of its time repeats like steps: turns, kerbs and dropped things break a rhythm, not walking.
    Source: after Paraschiv-Ionescu A, Newman C, Carcreff L, et al. J Neuroeng Rehabil 2019;16:24,
    doi:10.1186/s12984-019-0494-z (steps joined by their rhythm); least strides as in Kluge F, et al.
    PLoS ONE 2021;16(8):e0256541 (walking bout: two strides of each leg). The shares are ours.
    """
    walking = np.flatnonzero(found.covers(at_s))
    if not len(walking):
        return []
    cuts = np.flatnonzero(np.diff(at_s[walking]) > LONGEST_BREAK_S) + 1
    runs = []
    for part in np.split(walking, cuts):
        run = _trimmed(np.arange(part[0], part[-1] + 1), at_s, rise_g)
        if len(run) >= LEAST_CONTACTS and _is_walking(at_s[run], found):
            runs.append(run)
    return runs


def within(at_s: np.ndarray, known_s: np.ndarray) -> list[np.ndarray]:
    """The contacts of each known bout (k, 2), in seconds; ours lead the foot's contact by about 0.1 s."""
    first = np.searchsorted(at_s, known_s[:, 0] - _LEAD_S - _SLACK_S)
    last = np.searchsorted(at_s, known_s[:, 1] - _LEAD_S + _SLACK_S, side="right")
    return [np.arange(a, b) for a, b in zip(first, last, strict=True) if b - a >= 3]


def _trimmed(run: np.ndarray, at_s: np.ndarray, rise_g: np.ndarray) -> np.ndarray:
    """The run without what is out of rhythm, or weak, at either end: rising from a chair, coming to rest."""
    step_s = np.diff(at_s[run])
    if not len(step_s):
        return run
    usual = np.median(step_s)
    strong = rise_g[run] >= _WEIGHT * np.median(rise_g[run])
    kept = np.flatnonzero((np.abs(step_s - usual) <= _RHYTHM * usual) & strong[1:] & strong[:-1])
    return run[kept[0] : kept[-1] + 2] if len(kept) else run[:0]


def _is_walking(at_s: np.ndarray, found: Rhythm) -> bool:
    step_s = np.diff(at_s)
    usual = np.median(step_s)
    in_rhythm = np.abs(step_s - usual) <= _RHYTHM * usual
    return (
        _STEP_S[0] <= usual <= _STEP_S[1]
        and in_rhythm.mean() >= _RHYTHMIC_SHARE
        and found.share(at_s[0], at_s[-1]) >= _REPEATING_SHARE
    )
