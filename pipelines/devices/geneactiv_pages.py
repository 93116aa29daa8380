"""Pages of a GENEActiv file found and decoded in compiled loops: a few lines of text, then hex samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from pipelines.devices.geneactiv_header import MARK

PER_PAGE = 300  # samples
_HEX_CHARS = 12  # per sample: 12 bits each of x, y, z, then 10 bits light, button, one spare
_MAX_TEXT = 1024  # bytes of a page above its samples; real ones have about 220
MAX_PAGE = 2 * _MAX_TEXT + PER_PAGE * _HEX_CHARS
_TIME_PARTS = 7  # year, month, day, hour, minute, second, millisecond
_LIMIT = 2047

_NIBBLES = np.full(256, 255, np.uint8)
_NIBBLES[np.frombuffer(b"0123456789ABCDEF", np.uint8)] = np.arange(16)
_NIBBLES[np.frombuffer(b"abcdef", np.uint8)] = np.arange(10, 16)
_MARK = np.frombuffer(MARK, np.uint8)
# first letters that tell the lines of a page apart
_SEQUENCE, _TIME, _TEMPERATURE = (np.frombuffer(t, np.uint8) for t in (b"Sequ", b"Page", b"Temp"))


@dataclass(frozen=True)
class Pages:
    """Pages found in a stretch of bytes, in their order; one entry per page."""

    hex_at: np.ndarray  # where the samples begin; -1 where there are none
    n_samples: np.ndarray  # whole ones
    sequence: np.ndarray  # -1 where unreadable
    time_us: np.ndarray  # -1 where unreadable
    temperature_c: np.ndarray
    after_garbage: np.ndarray  # bytes that belong to no page lie before it
    starts: np.ndarray
    end: int  # what lies behind is not yet looked at
    garbage_at_end: bool

    def __len__(self) -> int:
        return len(self.starts)


def find_pages(data: np.ndarray, is_end: bool, is_garbage: bool = False) -> Pages:
    """The pages in `data`; one that may go on behind its end is left for later unless `is_end`.

    `is_garbage` says that bytes before `data` belong to no page.
    """
    most = _count_marks(data, _MARK) + 1
    ints = np.full((6, most), -1, np.int64)
    temperature = np.full(most, np.nan)
    n, end, garbage = _scan(
        data, is_end, is_garbage, ints, temperature, _NIBBLES, _MARK, _SEQUENCE, _TIME, _TEMPERATURE
    )
    starts, hex_at, n_samples, sequence, time_us, after = ints[:, :n]
    return Pages(
        hex_at, n_samples, sequence, time_us, temperature[:n], after > 0, starts, end, garbage
    )


def decode(
    data: np.ndarray,
    hex_at: np.ndarray,
    n_samples: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples in g of pages one after the other; whether each page is hex throughout; samples at the limit."""
    acc = np.empty((int(n_samples.sum()), 3), np.float32)
    is_hex = np.zeros(len(hex_at), np.bool_)
    at_limit = np.zeros(len(hex_at), np.int64)
    _decode(data, hex_at, n_samples, scale, shift, _NIBBLES, acc, is_hex, at_limit)
    return acc, is_hex, at_limit


@njit(cache=True, nogil=True)
def _decode(data, hex_at, n_samples, scale, shift, nibbles, acc, is_hex, at_limit):
    row = 0
    for page in range(len(hex_at)):
        at = hex_at[page]
        seen = 0  # a byte that is no hex digit sets bits above the lower four
        limits = 0
        for _ in range(n_samples[page]):
            full = False
            for axis in range(3):
                high, mid, low = nibbles[data[at]], nibbles[data[at + 1]], nibbles[data[at + 2]]
                seen |= high | mid | low
                raw = ((np.int64(high) << 8) | (np.int64(mid) << 4) | np.int64(low)) & 0xFFF
                raw = raw - 4096 if raw > _LIMIT else raw
                full |= raw == _LIMIT or raw == -_LIMIT - 1
                acc[row, axis] = raw * scale[axis] + shift[axis]
                at += 3
            seen |= nibbles[data[at]] | nibbles[data[at + 1]] | nibbles[data[at + 2]]
            at += 3
            limits += full
            row += 1
        is_hex[page] = seen < 16
        at_limit[page] = limits


@njit(cache=True, nogil=True)
def _is_at(data, at, text):
    if at + len(text) > len(data):
        return False
    for i in range(len(text)):  # noqa: SIM110
        if data[at + i] != text[i]:
            return False
    return True


@njit(cache=True, nogil=True)
def _count_marks(data, mark):
    n = 0
    for at in range(len(data) - len(mark) + 1):
        if data[at] == mark[0] and _is_at(data, at, mark):
            n += 1
    return n


@njit(cache=True, nogil=True)
def _numbers(data, at, end, out):
    """How many whole numbers of up to 9 digits stand in a line; the first ones go to `out`."""
    n = 0
    while at < end and n < len(out):
        if 48 <= data[at] <= 57:
            value = 0
            digits = 0
            while at < end and 48 <= data[at] <= 57 and digits < 10:
                value = value * 10 + (data[at] - 48)
                at += 1
                digits += 1
            if digits > 9:
                return 0
            out[n] = value
            n += 1
        else:
            at += 1
    return n


@njit(cache=True, nogil=True)
def _time_us(part):
    """Microseconds since 1970, or -1 where the parts are no time. Source: Hinnant, days_from_civil."""
    year, month, day = part[0], part[1], part[2]
    if not (1970 <= year <= 2199 and 1 <= month <= 12 and day >= 1):
        return -1
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    longest = 30 + (month + (month > 7)) % 2 if month != 2 else 28 + leap
    if day > longest or part[3] > 23 or part[4] > 59 or part[5] > 59 or part[6] > 999:
        return -1
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
    return (
        ((days * 24 + part[3]) * 60 + part[4]) * 60_000_000 + part[5] * 1_000_000 + part[6] * 1000
    )


@njit(cache=True, nogil=True)
def _scan(data, is_end, garbage, ints, temperature, nibbles, mark, sequence, time, temp):
    size = len(data)
    full = PER_PAGE * _HEX_CHARS
    part = np.zeros(_TIME_PARTS, np.int64)
    n = at = 0
    while n < ints.shape[1]:
        while at < size and not (data[at] == mark[0] and _is_at(data, at, mark)):
            if not is_end and at + len(mark) > size:
                return n, at, garbage
            garbage |= data[at] > 32
            at += 1
        if at >= size:
            break
        if not is_end and at + MAX_PAGE > size:
            return n, at, garbage
        start = at
        ints[0, n] = start
        ints[2, n] = 0
        ints[5, n] = garbage
        garbage = False
        at += len(mark)
        while at < size and at - start < _MAX_TEXT:
            end = at
            while end < size and data[end] != 10 and end - at < _HEX_CHARS:
                end += 1
            digits = 0
            while at + digits < end and nibbles[data[at + digits]] < 16:
                digits += 1
            if digits == _HEX_CHARS:
                stop = at + full
                if stop < size and data[stop] > 32 or stop > size:  # not as long as it should be
                    stop = at
                    while stop < size and stop - at <= full and nibbles[data[stop]] < 16:
                        stop += 1
                ints[1, n] = at
                ints[2, n] = (stop - at) // _HEX_CHARS
                at = stop
                break
            if _is_at(data, at, mark):
                break
            while end < size and data[end] != 10 and end - start < _MAX_TEXT:
                end += 1
            if _is_at(data, at, sequence):
                if _numbers(data, at, end, part[:1]) == 1:
                    ints[3, n] = part[0]
            elif _is_at(data, at, time):
                if _numbers(data, at, end, part) == _TIME_PARTS:
                    ints[4, n] = _time_us(part)
            elif _is_at(data, at, temp):
                found = _numbers(data, at, end, part[:2])
                if found:
                    value = np.float64(part[0])
                    value += part[1] / 10.0 if found > 1 and part[1] < 10 else 0.0
                    minus = False
                    for i in range(at, end):
                        minus |= data[i] == 45
                    temperature[n] = -value if minus else value
            at = end + 1
        n += 1
    return n, min(at, size), garbage
