"""Means over time of values that a device notes when something changes, not evenly."""

from __future__ import annotations

import numpy as np

PAUSE_S = 30  # notes further apart have a pause between them: watches write every 20 s at least


def time_mean(values: np.ndarray, at_s: np.ndarray) -> float:
    """The mean over time of what lies between two notes; NaN where there is no value."""
    there = ~(np.isnan(values) | np.isnan(at_s))
    values, gaps_s = values[there], np.diff(at_s[there])
    weights = np.where((gaps_s > 0) & (gaps_s <= PAUSE_S), gaps_s, 0)
    if weights.any():
        return float(np.average((values[1:] + values[:-1]) / 2, weights=weights))
    return float(values.mean()) if len(values) else np.nan


def heart_rate(bpm: np.ndarray) -> np.ndarray:
    """`bpm` with 0 (a strap without contact) and 255 (FIT for no value) missing."""
    return np.where((bpm == 0) | (bpm == 255), np.nan, bpm)
