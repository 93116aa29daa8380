"""Blocks of a CWA file found and unpacked in compiled loops: 512 bytes each, with a mark and a checksum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

BLOCK = 512
MARK = b"AX\xfc\x01"  # and the length of what follows, 508
FIRST_SAMPLE = 30
_PAYLOAD = 480
BAD, TRAILING, TRUNCATED = 1, 2, 3
_MARK = np.frombuffer(MARK, np.uint8)
_EVEN_WORDS = np.uint64(0x0000FFFF0000FFFF)
_WAIT = BLOCK + len(MARK)  # a block is judged when the mark after it can be seen
_SAME_FAULT = 2 * BLOCK  # bytes out of place behind a bad block belong to it


@dataclass(frozen=True)
class Found:
    """What lies in a stretch of bytes; places are counted from its beginning."""

    at: np.ndarray  # blocks with a right checksum
    faults: np.ndarray  # (n, 2): place, and one of BAD, TRAILING, TRUNCATED
    end: int  # what lies behind is not yet looked at
    junk: np.ndarray  # handed to the next stretch


def no_junk() -> np.ndarray:
    """The state before the first stretch: whether in junk, where it began, all 0xFF, named already."""
    return np.array([0, 0, 1, 0], np.int64)


def find_blocks(data: np.ndarray, is_end: bool, junk: np.ndarray) -> Found:
    """The blocks of a stretch; bytes that are none are passed over up to the next mark."""
    most = len(data) // BLOCK + 1
    at = np.empty(most, np.int64)
    faults = np.empty((2 * most + 2, 2), np.int64)
    junk = junk.copy()
    n, n_faults, end = _find(data, is_end, _MARK, junk, at, faults)
    junk[1] -= end
    return Found(at[:n], faults[:n_faults], end, junk)


def unpack(
    data: np.ndarray,
    at: np.ndarray,
    n_samples: np.ndarray,
    n_axes: np.ndarray,
    is_packed: np.ndarray,
    acc_unit: np.ndarray,
    gyro_unit: np.ndarray,
    limit: np.ndarray,
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Samples in g and degrees per second, one block after the other; samples at the limit by block."""
    total = int(n_samples.sum())
    acc = np.empty((total, 3), np.float32)
    has_gyro = bool((n_axes > 3).any())
    gyro = np.zeros((total if has_gyro else 0, 3), np.float32)
    at_limit = np.zeros(len(at), np.int64)
    _unpack(
        data,
        at,
        n_samples,
        n_axes,
        is_packed,
        acc_unit,
        gyro_unit,
        limit,
        acc,
        acc.reshape(-1),
        gyro,
        at_limit,
    )
    return acc, gyro if has_gyro else None, at_limit


@njit(cache=True, nogil=True)
def _is_mark(data, at, mark):
    if at + len(mark) > len(data):
        return False
    for i in range(len(mark)):  # noqa: SIM110
        if data[at + i] != mark[i]:
            return False
    return True


@njit(cache=True, nogil=True)
def _is_whole(data, at, block, fours):
    """Whether the 16-bit words add up to zero; they are copied to `block`, as `data` may be uneven.

    Four words are taken at a time, and those on even and odd places summed in halves of 32 bits.
    """
    block[:] = data[at : at + BLOCK]
    total = np.uint64(0)
    for four in fours:
        total += (four & _EVEN_WORDS) + ((four >> np.uint64(16)) & _EVEN_WORDS)
    return ((total >> np.uint64(32)) + total) & np.uint64(0xFFFF) == 0


@njit(cache=True, nogil=True)
def _leave_junk(junk, kind, faults, n):
    """Names the junk that ends here, unless the block before it was named."""
    if junk[0] and not junk[3]:
        faults[n, 0], faults[n, 1] = junk[1], kind
        n += 1
    junk[0] = 0
    return n


@njit(cache=True, nogil=True)
def _find(data, is_end, mark, junk, good, faults):
    size = len(data)
    n = n_faults = at = 0
    room = BLOCK if is_end else _WAIT
    block = np.empty(BLOCK, np.uint8)
    words = block.view(np.uint64)
    while at + room <= size:
        if _is_mark(data, at, mark):
            is_whole = _is_whole(data, at, block, words)
            if is_whole or _is_mark(data, at + BLOCK, mark) or at + BLOCK == size:
                n_faults = _leave_junk(junk, BAD, faults, n_faults)
                if is_whole:
                    good[n] = at
                    n += 1
                else:
                    faults[n_faults, 0], faults[n_faults, 1] = at, BAD
                    n_faults += 1
                at += BLOCK
                continue
            if not junk[0]:
                faults[n_faults, 0], faults[n_faults, 1] = at, BAD
                n_faults += 1
                junk[0], junk[1], junk[2], junk[3] = 1, at, 1, 1
                at += len(mark)
                continue
        if junk[0] and junk[3] and at - junk[1] >= _SAME_FAULT:
            junk[0] = 0
        if not junk[0]:
            junk[0], junk[1], junk[2], junk[3] = 1, at, 1, 0
        junk[2] &= data[at] == 0xFF
        at += 1
    if is_end:
        start = at
        while at < size:
            matched = 0
            while matched < len(mark) and at + matched < size:
                if data[at + matched] != mark[matched]:
                    break
                matched += 1
            # of a mark cut at the end, what is there must begin where a block would
            if matched == len(mark) or (at + matched == size and at == start and not junk[0]):
                break
            if not junk[0]:
                junk[0], junk[1], junk[2], junk[3] = 1, at, 1, 0
            junk[2] &= data[at] == 0xFF
            at += 1
        n_faults = _leave_junk(junk, TRAILING if junk[2] and at == size else BAD, faults, n_faults)
        if at < size:
            faults[n_faults, 0], faults[n_faults, 1] = at, TRUNCATED
            n_faults += 1
        at = size
    return n, n_faults, at


@njit(cache=True, nogil=True)
def _unpack(
    data, at, n_samples, n_axes, is_packed, acc_unit, gyro_unit, limit, acc, flat, gyro, at_limit
):
    """Source: Open Movement, cwa.h: packed as eezzzzzzzzzzyyyyyyyyyyxxxxxxxxxx, else 16 bits a value."""
    row = 0
    payload = np.empty(_PAYLOAD, np.uint8)
    words, values = payload.view(np.int32), payload.view(np.int16)
    axis_g = np.empty((3, len(words)), np.float32)
    for block in range(len(at)):
        place = at[block] + FIRST_SAMPLE
        payload[:] = data[place : place + _PAYLOAD]
        unit, n, axes = np.float32(acc_unit[block]), n_samples[block], n_axes[block]
        most_g, top = np.float32(limit[block] * acc_unit[block]), np.float32(0)
        if is_packed[block]:
            for i in range(n):  # apart from the loop below, so that both run on several at once
                word = words[i]
                scale = np.float32(np.int32(1) << np.int32((word >> 30) & 3)) * unit
                axis_g[0, i] = np.float32(np.int32(np.int32(word << 22) >> 22)) * scale
                axis_g[1, i] = np.float32(np.int32(np.int32(word << 12) >> 22)) * scale
                axis_g[2, i] = np.float32(np.int32(np.int32(word << 2) >> 22)) * scale
            for i in range(n):
                x, y, z = axis_g[0, i], axis_g[1, i], axis_g[2, i]
                acc[row + i, 0], acc[row + i, 1], acc[row + i, 2] = x, y, z
                top = max(top, max(abs(x), max(abs(y), abs(z))))
        elif axes == 3:
            for i in range(3 * n):
                value = np.float32(values[i]) * unit
                flat[3 * row + i] = value
                top = max(top, abs(value))
        else:
            turn = np.float32(gyro_unit[block])
            for i in range(n):
                for axis in range(3):
                    value = np.float32(values[axes * i + 3 + axis]) * unit
                    acc[row + i, axis] = value
                    gyro[row + i, axis] = np.float32(values[axes * i + axis]) * turn
                    top = max(top, abs(value))
        if top >= most_g:
            count = 0
            for i in range(row, row + n):
                count += max(abs(acc[i, 0]), max(abs(acc[i, 1]), abs(acc[i, 2]))) >= most_g
            at_limit[block] = count
        row += n
