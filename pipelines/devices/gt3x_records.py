"""Records of a GT3X log found, proved and decoded in compiled loops.

A record is 0x1E, type, second (4 bytes), length (2), payload, and a checksum that makes the
exclusive-or of the whole record 0xFF. Where one is damaged, the next good one is searched for.
Source: github.com/actigraph/GT3X-File-Format, README.md and LogRecords/.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

ACTIVITY, EVENT, METADATA, PARAMETERS, ACTIVITY2 = 0, 3, 6, 21, 26
DAMAGED, TRAILING, CUT = 256, 257, 258  # stretches that are no records
MAX_RECORD = 9 + 0xFFFF
_SEPARATOR = 0x1E
_HEADER, _OVERHEAD = 8, 9
_LAST_TYPE = 26
_YEAR_2000, _YEAR_2100 = 946_684_800, 4_102_444_800
PACKED_BITS = 36  # three axes of 12 bits


@dataclass(frozen=True)
class Records:
    """Records of the kinds in use, and what is no record, in their order; one entry each.

    `number` counts all records and all damaged stretches of the file from 1.
    """

    kind: np.ndarray
    second: np.ndarray  # seconds since 1970 on the device's clock
    at: np.ndarray  # where the payload begins
    n_bytes: np.ndarray  # of the payload; of the stretch where it is no record
    number: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)


def fresh_state() -> np.ndarray:
    """What `find_records` carries from one stretch of bytes to the next."""
    return np.zeros(4, np.int64)  # damaged now; length its first record claims; its bytes; count


def find_records(data: np.ndarray, is_end: bool, state: np.ndarray) -> tuple[Records, int]:
    """The records in `data`, and up to where it was used; the rest comes again with what follows.

    A record that may go on behind the end of `data` is left unless `is_end`.
    """
    prefix = np.empty(len(data) + 1, np.uint8)
    # a damaged stretch may be one byte, but a record follows it
    rows = np.empty((5, 2 * (len(data) // _OVERHEAD) + 3), np.int64)
    n, end = _scan(data, prefix, is_end, state, rows)
    return Records(*rows[:, :n].copy()), end


def n_samples_of(kind: np.ndarray, n_bytes: np.ndarray) -> np.ndarray:
    """How many whole samples a payload holds."""
    return np.where(kind == ACTIVITY, n_bytes * 8 // PACKED_BITS, n_bytes // 6)


def decode(
    data: np.ndarray,
    records: Records,
    n_samples: np.ndarray,
    columns: tuple[int, int, int],
    gains: tuple[float, float, float],
    limit: int,
) -> tuple[np.ndarray, int]:
    """Samples in g of activity records one after the other, and how many are at the limit.

    `columns` and `gains` say for the device's x, y and z where they go and what one step is in g.
    """
    acc = np.empty((int(n_samples.sum()), 3), np.float32)
    n_at_limit = _decode(
        data,
        records.kind == ACTIVITY,
        records.at,
        n_samples,
        np.array(columns, np.int64),
        np.array(gains, np.float32),
        limit,
        acc,
    )
    return acc, n_at_limit


@njit(cache=True, nogil=True)
def _decode(data, is_packed, starts, n_samples, columns, gains, limit, acc):
    x, y, z = columns[0], columns[1], columns[2]
    gain_x, gain_y, gain_z = gains[0], gains[1], gains[2]
    row = n_at_limit = 0
    for i in range(len(starts)):
        at = starts[i]
        for j in range(n_samples[i]):
            if is_packed[i]:  # y, x, z of 12 bits each: two samples are nine bytes
                k = at + (j // 2) * 9
                if j % 2 == 0:
                    a = (np.int32(data[k]) << 4) | (np.int32(data[k + 1]) >> 4)
                    b = ((np.int32(data[k + 1]) & 15) << 8) | np.int32(data[k + 2])
                    c = (np.int32(data[k + 3]) << 4) | (np.int32(data[k + 4]) >> 4)
                else:
                    a = ((np.int32(data[k + 4]) & 15) << 8) | np.int32(data[k + 5])
                    b = (np.int32(data[k + 6]) << 4) | (np.int32(data[k + 7]) >> 4)
                    c = ((np.int32(data[k + 7]) & 15) << 8) | np.int32(data[k + 8])
                raw_y = (a ^ 2048) - 2048
                raw_x = (b ^ 2048) - 2048
                raw_z = (c ^ 2048) - 2048
            else:
                k = at + j * 6
                a = np.int32(data[k]) | (np.int32(data[k + 1]) << 8)
                b = np.int32(data[k + 2]) | (np.int32(data[k + 3]) << 8)
                c = np.int32(data[k + 4]) | (np.int32(data[k + 5]) << 8)
                raw_x = (a ^ 32768) - 32768
                raw_y = (b ^ 32768) - 32768
                raw_z = (c ^ 32768) - 32768
            acc[row, x] = np.float32(raw_x) * gain_x
            acc[row, y] = np.float32(raw_y) * gain_y
            acc[row, z] = np.float32(raw_z) * gain_z
            n_at_limit += abs(raw_x) >= limit or abs(raw_y) >= limit or abs(raw_z) >= limit
            row += 1
    return n_at_limit


@njit(cache=True, nogil=True)
def _length(data, prefix, at, is_end):
    """Length of the record that begins here; 0 if none does, -1 if that needs more bytes."""
    size = len(data)
    if data[at] != _SEPARATOR:
        return 0
    if at + _HEADER > size:
        return 0 if is_end else -1
    end = at + _OVERHEAD + data[at + 6] + (np.int64(data[at + 7]) << 8)
    if end > size:
        return 0 if is_end else -1
    return end - at if prefix[end] ^ prefix[at] == 0xFF else 0


@njit(cache=True, nogil=True)
def _second(data, at):
    value = np.int64(0)
    for i in range(4):
        value |= np.int64(data[at + 2 + i]) << (8 * i)
    return value


@njit(cache=True, nogil=True)
def _found_again(data, prefix, at, is_end):
    """As `_length`, for a place that chance may have made look like a record."""
    size = len(data)
    if data[at] != _SEPARATOR:
        return 0
    if at + _HEADER > size:
        return 0 if is_end else -1
    if data[at + 1] > _LAST_TYPE or not _YEAR_2000 <= _second(data, at) < _YEAR_2100:
        return 0
    length = _length(data, prefix, at, is_end)
    if length <= 0:
        return length
    if at + length == size:
        return length if is_end else -1
    return length if data[at + length] in (_SEPARATOR, 0) else 0


@njit(cache=True, nogil=True)
def _scan(data, prefix, is_end, state, rows):
    size = len(data)
    prefix[0] = 0
    for i in range(size):
        prefix[i + 1] = prefix[i] ^ data[i]
    n = at = 0
    while at < size:
        if state[0] == 0:
            if data[at] == 0:  # a few zero bytes between records do no harm
                at += 1
                continue
            length = _length(data, prefix, at, is_end)
            if length < 0:
                return n, at
            if length == 0:  # damaged; if only inside, the next record is where it should be
                state[1] = 0
                skip = 1
                if data[at] == _SEPARATOR:
                    state[1] = _OVERHEAD
                    if at + _HEADER <= size:
                        state[1] += data[at + 6] + (np.int64(data[at + 7]) << 8)
                    behind = at + state[1]
                    if behind == size:
                        if not is_end:
                            return n, at
                        skip = state[1]
                    elif behind < size:
                        length = _found_again(data, prefix, behind, is_end)
                        if length < 0:
                            return n, at
                        if length > 0:
                            skip = state[1]
                state[0] = 1
                state[2] = skip
                at += skip
                continue
        else:
            length = _found_again(data, prefix, at, is_end)
            if length < 0:
                return n, at
            if length == 0:
                begin = at
                at += 1
                while at < size and data[at] != _SEPARATOR:
                    at += 1
                state[2] += at - begin
                continue
            state[0] = 0
            state[3] += 1
            n = _put(rows, n, DAMAGED, 0, at, state[2], state[3])
        state[3] += 1
        kind = data[at + 1]
        if kind in (ACTIVITY, ACTIVITY2, EVENT, METADATA, PARAMETERS):
            second = _second(data, at)
            n = _put(rows, n, kind, second, at + _HEADER, length - _OVERHEAD, state[3])
        at += length
    if is_end and state[0] == 1:
        state[0] = 0
        state[3] += 1
        kind = CUT if state[1] > state[2] else DAMAGED if state[1] else TRAILING
        n = _put(rows, n, kind, 0, size, state[2], state[3])
    return n, at


@njit(cache=True, nogil=True)
def _put(rows, n, kind, second, at, n_bytes, number):
    rows[0, n] = kind
    rows[1, n] = second
    rows[2, n] = at
    rows[3, n] = n_bytes
    rows[4, n] = number
    return n + 1
