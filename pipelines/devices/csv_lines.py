"""Lines of numbers, with or without a time stamp, read in a compiled loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

_NEWLINE, _SPACE, _MINUS, _PLUS, _ZERO, _NINE = 10, 32, 45, 43, 48, 57
_RETURN, _TAB = 13, 9
_DIGITS = 9
_STAMP_GROUPS = 7  # three of the date, hour, minute, second, fraction


@dataclass(frozen=True)
class LineStyle:
    """How a line is laid out; `order` is that of the date in a time stamp that is not year first."""

    delimiter: str
    decimal: str
    has_stamp: bool
    order: str
    n_values: int


@dataclass(frozen=True)
class Lines:
    """The lines of a stretch of text that are not blank; one entry each."""

    values: np.ndarray  # one column per value
    us: np.ndarray  # the time stamp in microseconds since 1970, 0 where there is none
    is_good: np.ndarray
    line_no: np.ndarray  # from 0, blank ones counted too
    starts: np.ndarray  # bytes from the beginning of the stretch
    n_lines: int
    used: int  # bytes; the rest is a line that is not yet whole


def read_lines(data: np.ndarray, style: LineStyle) -> Lines:
    """The whole lines of `data`; one that is not laid out as `style` says is not good."""
    most = int(np.count_nonzero(data == _NEWLINE))
    values = np.zeros((most, style.n_values), np.float32)
    us, line_no, starts = np.zeros((3, most), np.int64)
    is_good = np.zeros(most, np.bool_)
    order = np.array([style.order.index(letter) for letter in "YMD"])
    n, used = _lines(
        data,
        ord(style.delimiter),
        ord(style.decimal),
        style.has_stamp,
        order,
        values,
        us,
        is_good,
        line_no,
        starts,
    )
    return Lines(values[:n], us[:n], is_good[:n], line_no[:n], starts[:n], most, used)


@njit(cache=True, nogil=True)
def _lines(data, delimiter, decimal, has_stamp, order, values, us, is_good, line_no, starts):
    size, n_values = len(data), values.shape[1]
    part = np.zeros(_STAMP_GROUPS, np.int64)
    n = at = no = 0
    while no < len(is_good):
        end = at
        while data[end] != _NEWLINE:
            end += 1
        stop = end
        while stop > at and data[stop - 1] in (_RETURN, _SPACE, _TAB):
            stop -= 1
        if stop > at:
            good = True
            here = at
            if has_stamp:
                field = here
                while here < stop and data[here] != delimiter:
                    here += 1
                us[n] = _stamp(data, field, here, order, part)
                good = us[n] != 0
                here += 1
            for column in range(n_values):
                value, here, fine = _number(data, here, stop, delimiter, decimal)
                values[n, column] = value
                good = good and fine
            is_good[n] = good and here == stop + 1  # one behind the last field
            line_no[n] = no
            starts[n] = at
            n += 1
        at = end + 1
        no += 1
    return n, min(at, size)


@njit(cache=True, nogil=True)
def _number(data, at, stop, delimiter, decimal):
    """A number up to the next delimiter, where the next field begins, and whether it was one."""
    while at < stop and data[at] == _SPACE:
        at += 1
    sign = 1.0
    if at < stop and data[at] in (_MINUS, _PLUS):
        sign = -1.0 if data[at] == _MINUS else 1.0
        at += 1
    whole = np.int64(0)
    digits = 0
    scale = 1.0
    while at < stop and _ZERO <= data[at] <= _NINE and digits < _DIGITS:
        whole = whole * 10 + (data[at] - _ZERO)
        digits += 1
        at += 1
    if at < stop and data[at] == decimal and decimal != delimiter:
        at += 1
        while at < stop and _ZERO <= data[at] <= _NINE and digits < 2 * _DIGITS:
            whole = whole * 10 + (data[at] - _ZERO)
            scale *= 10.0
            digits += 1
            at += 1
    fine = digits > 0 and (at == stop or data[at] == delimiter)
    return sign * whole / scale, at + 1, fine


@njit(cache=True, nogil=True)
def _stamp(data, at, stop, order, part):
    """Microseconds since 1970 of a time stamp, or 0 where it is none."""
    part[:] = 0
    n = width = 0
    year_first = False
    afternoon = morning = False
    while at < stop:
        if _ZERO <= data[at] <= _NINE:
            value = np.int64(0)
            width = 0
            while at < stop and _ZERO <= data[at] <= _NINE:
                if width < _DIGITS:
                    value = value * 10 + (data[at] - _ZERO)
                width += 1
                at += 1
            if n >= _STAMP_GROUPS or width > _DIGITS:
                return 0
            if n == 0:
                year_first = width == 4
            if n == 6:
                for _ in range(width, 6):
                    value *= 10
                for _ in range(6, width):
                    value //= 10
            part[n] = value
            n += 1
        else:
            afternoon |= data[at] in (80, 112)  # P, p
            morning |= data[at] in (65, 97)
            at += 1
    if n < 6:
        return 0
    if year_first:
        year, month, day = part[0], part[1], part[2]
    else:
        year, month, day = part[order[0]], part[order[1]], part[order[2]]
    hour = part[3]
    if afternoon or morning:
        if not 1 <= hour <= 12:
            return 0
        hour = hour % 12 + (12 if afternoon else 0)
    if not (1990 <= year < 2100 and 1 <= month <= 12 and 1 <= day <= _days_of(year, month)):
        return 0
    if hour > 23 or part[4] > 59 or part[5] > 59:
        return 0
    days = _days_since_1970(year, month, day)
    return ((days * 24 + hour) * 60 + part[4]) * 60_000_000 + part[5] * 1_000_000 + part[6]


@njit(cache=True, nogil=True)
def _days_of(year, month):
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 + (month + (month > 7)) % 2


@njit(cache=True, nogil=True)
def _days_since_1970(year, month, day):
    """Days since 1970-01-01 of a date after it.

    Source: the day count of the Gregorian calendar, with the year beginning in March.
    """
    if month <= 2:
        year -= 1
        month += 12
    leap_days = year // 4 - year // 100 + year // 400
    return 365 * year + leap_days + (153 * (month - 3) + 2) // 5 + day - 1 - 719468
