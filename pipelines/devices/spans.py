"""Entries in a row, cut into stretches that are handed on together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def spans(broken: np.ndarray, n_open: int, n_full: int) -> Iterator[tuple[int, int, bool]]:
    """From, up to, and whether a new stretch begins there: at a break, and where one is full.

    `broken` says of each entry whether it does not follow on from the one before; `n_open` is how
    many entries the stretch has that the first one may follow on from.
    """
    begin = 0
    for stop in np.append(np.flatnonzero(broken), len(broken)).tolist():
        while begin < stop:
            is_new = bool(broken[begin]) or n_open >= n_full
            n_open = 0 if is_new else n_open
            end = min(stop, begin + n_full - n_open)
            yield begin, end, is_new
            n_open += end - begin
            begin = end
