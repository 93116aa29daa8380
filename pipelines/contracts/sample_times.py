"""The times of samples that lie between two whose times are known, in one compiled pass."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def between(index: np.ndarray, us: np.ndarray, times_us: np.ndarray) -> None:
    """Fills in the time of each sample, to the nearest microsecond; sample `index[i]` was taken at `us[i]`.

    Before the first of these and behind the last time stands still.
    """
    n = len(times_us)
    if len(index):
        times_us[: index[0]] = us[0]
    for knot in range(len(index)):
        first, last = index[knot], n
        whole_us, rest_us = np.int64(0), 0.0  # of a step; apart, since a float ends at 2^53
        if knot + 1 < len(index):
            last = index[knot + 1]
            steps = max(last - first, 1)
            whole_us = (us[knot + 1] - us[knot]) // steps
            rest_us = (us[knot + 1] - us[knot] - whole_us * steps) / steps
        for i in range(last - first):
            times_us[first + i] = us[knot] + i * whole_us + np.int64(np.floor(i * rest_us + 0.5))
