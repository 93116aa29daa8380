"""Text time stamps of fixed width to microseconds, in one compiled pass."""

from __future__ import annotations

import numpy as np
import polars as pl
from numba import njit

_PARTS = ("YYYY", "MM", "DD", "hh", "mm", "ss")


def stamps_us(text: pl.Series, written: str) -> np.ndarray:
    """Microseconds since 1970 of each stamp, -1 where it is not written as `written` says.

    Assumes: `written` is a pattern as the contract accepts it (YYYY-MM-DD hh:mm:ss.fff).
    """
    width = len(written)
    data = _bytes(text, width)
    places = np.array([written.index(part) for part in _PARTS], np.int64)
    n_fraction = written.count("f")
    fraction = written.find("f")
    least = np.frombuffer(written.encode(), np.uint8).copy()  # of each byte, and how far above it
    above = np.zeros(width, np.uint8)
    digits = [slice(at, at + len(part)) for at, part in zip(places, _PARTS, strict=True)]
    for digit in (*digits, slice(fraction, fraction + n_fraction)):
        least[digit], above[digit] = ord("0"), 9
    out = np.empty(len(data), np.int64)
    _parse(data, places, fraction, n_fraction, least, above, out)
    return out


def _bytes(text: pl.Series, width: int) -> np.ndarray:
    """The stamps, one a row; question marks where one is not `width` bytes long."""
    fits = (text.str.len_bytes() == width).fill_null(False)
    if not fits.all():
        even = pl.when(fits).then(pl.col("t")).otherwise(pl.lit("?" * width))
        text = text.to_frame("t").select(even).to_series()
    column = text.cast(pl.Binary).to_arrow()  # in one buffer: joining the texts would cost a copy
    _, offsets, data = column.buffers()
    if not len(column):
        return np.empty((0, width), np.uint8)
    first = np.frombuffer(offsets, np.int64)[column.offset]
    return np.frombuffer(data, np.uint8)[first : first + len(column) * width].reshape(-1, width)


@njit(cache=True, nogil=True)
def _number(row, at, n):
    value = 0
    for i in range(n):
        value = value * 10 + (row[at + i] - 48)
    return value


@njit(cache=True, nogil=True)
def _parse(data, places, fraction, n_fraction, least, above, out):
    """Source of the days since 1970: Howard Hinnant, days_from_civil."""
    for k in range(len(data)):
        row = data[k]
        out[k] = -1
        good = True
        for i in range(len(least)):
            good &= np.uint8(row[i] - least[i]) <= above[i]  # what is below wraps around
        if not good:
            continue
        year, month, day = (
            _number(row, places[0], 4),
            _number(row, places[1], 2),
            _number(row, places[2], 2),
        )
        hour, minute, second = (
            _number(row, places[3], 2), _number(row, places[4], 2), _number(row, places[5], 2)
        )  # fmt: skip
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        if not (1970 <= year <= 2199 and 1 <= month <= 12 and day >= 1):
            continue
        longest = 30 + (month + (month > 7)) % 2 if month != 2 else 28 + leap
        if day > longest or hour > 23 or minute > 59 or second > 59:
            continue
        shifted = year - (month <= 2)
        era = shifted // 400
        of_era = shifted - era * 400
        of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
        days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
        us = 0
        for i in range(6):
            us = us * 10 + (row[fraction + i] - 48 if i < n_fraction else 0)
        out[k] = ((days * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000 + us
