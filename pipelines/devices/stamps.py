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
    filler = "?" * width
    fits = text.str.len_bytes() == width
    even = text.to_frame("t").select(
        pl.when(fits.fill_null(False)).then(pl.col("t")).otherwise(pl.lit(filler)).str.join("")
    )
    data = np.frombuffer((even.item() or "").encode(), np.uint8).reshape(-1, width)
    places = np.array([written.index(part) for part in _PARTS], np.int64)
    n_fraction = written.count("f")
    fraction = written.find("f")
    literal = np.frombuffer(written.encode(), np.uint8).copy()
    is_digit = np.zeros(width, np.bool_)
    for place, part in zip(places, _PARTS, strict=True):
        is_digit[place : place + len(part)] = True
    if n_fraction:
        is_digit[fraction : fraction + n_fraction] = True
    out = np.empty(len(data), np.int64)
    _parse(data, places, fraction, n_fraction, literal, is_digit, out)
    return out


@njit(cache=True, nogil=True)
def _number(row, at, n):
    value = 0
    for i in range(n):
        value = value * 10 + (row[at + i] - 48)
    return value


@njit(cache=True, nogil=True)
def _parse(data, places, fraction, n_fraction, literal, is_digit, out):
    """Source of the days since 1970: Howard Hinnant, days_from_civil."""
    for k in range(len(data)):
        row = data[k]
        out[k] = -1
        good = True
        for i in range(len(literal)):
            good &= 48 <= row[i] <= 57 if is_digit[i] else row[i] == literal[i]
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
