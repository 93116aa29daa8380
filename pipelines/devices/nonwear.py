"""When an accelerometer was not worn, from minutes without counts."""

from __future__ import annotations

import numpy as np

WINDOW_MIN = 90
SPIKE_MIN = 2
STREAM_MIN = 30


def runs(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each run of equal values starts, and how long it is."""
    if not len(flags):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    starts = np.concatenate(([0], np.flatnonzero(flags[1:] != flags[:-1]) + 1))
    return starts, np.diff(starts, append=len(flags))


def choi_nonwear(is_zero_minute: np.ndarray) -> np.ndarray:
    """Which minutes were not worn: in at least 90 minutes without counts, short movement forgiven.

    Movement of at most 2 minutes is taken for an artefact where the 30 minutes before and the 30
    after it have no counts. The ends of a recording do not stand in for minutes that are not there.
    Assumes: one value per minute, in order; a minute that could not be read is False.
    Source: Choi, Liu, Matthews, Buchowski. Med Sci Sports Exerc 2011;43(2):357-364,
    doi:10.1249/MSS.0b013e3181ed61a3; on all three axes together, as in Choi, Ward, Schnelle,
    Buchowski. Med Sci Sports Exerc 2012;44(10):2009-2016, doi:10.1249/MSS.0b013e318258cb36.
    """
    starts, lengths = runs(is_zero_minute)
    before = np.concatenate(([0], lengths))[: len(lengths)]
    after = np.concatenate((lengths[1:], [0]))[: len(lengths)]
    artefact = (
        ~is_zero_minute[starts]
        & (lengths <= SPIKE_MIN)
        & (before >= STREAM_MIN)
        & (after >= STREAM_MIN)
    )
    still = is_zero_minute | np.repeat(artefact, lengths)
    starts, lengths = runs(still)
    return np.repeat(still[starts] & (lengths >= WINDOW_MIN), lengths)
