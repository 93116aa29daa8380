"""Intervals laid over the quarter hours of UTC that they touch."""

from __future__ import annotations

import numpy as np

from pipelines.devices.utc_slots import SLOT_S


def shares(start_s: np.ndarray, end_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which interval, which quarter hour (its number since 1970), and the seconds they share.

    One entry per interval and quarter hour, in order of the intervals; an interval without length
    shares 0 s with the quarter hour it stands in. Assumes: `end_s` >= `start_s`.
    """
    first = start_s // SLOT_S
    last = np.maximum(first, -(-end_s // SLOT_S) - 1)  # an end on the quarter hour is not in it
    n = last - first + 1
    which = np.repeat(np.arange(len(n)), n)
    slot = np.arange(len(which)) - np.repeat(np.cumsum(n) - n, n) + first[which]
    begins = np.maximum(start_s[which], slot * SLOT_S)
    ends = np.minimum(end_s[which], (slot + 1) * SLOT_S)
    return which, slot, ends - begins


def whole_counts(shared: np.ndarray) -> np.ndarray:
    """Fractions of counts as whole counts: their running total is never off by more than a half."""
    return np.diff(np.round(np.cumsum(shared)), prepend=0).astype(np.int64)
