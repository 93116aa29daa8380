"""Sums over fixed windows of a recording in one pass over its samples, carried over chunk borders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import polars as pl
from numba import njit

from pipelines.contracts.shapes import SignalChunk
from pipelines.signals.calibrate import Calibration
from pipelines.signals.grid import SECOND_US, runs, values_at

REST_S, EPOCH_S, MOVE_S = 10, 5, 1
_NONE = np.int64(-(2**62))  # no window is open
_FULLER = 4  # a window with more than 4 times the samples it can have has no amplitude deviation


@dataclass
class Tally:
    """Windows of one width being filled; `add` takes the chunks in order, `frame` closes the last.

    A window without a sample has no row: a gap leaves windows missing, never zero. A chunk that steps back
    by less than a second goes on in the open window. `kernel` sums one chunk; see the makers below.
    """

    width_us: int
    rate_hz: float
    kernel: Callable
    columns: tuple[str, ...]
    buffer: np.ndarray = field(default_factory=lambda: np.empty(0))
    _state: np.ndarray = field(init=False)
    _open: np.ndarray = field(default_factory=lambda: np.array([_NONE]))
    _part: int = 0
    _rows: list[tuple[int, np.ndarray, np.ndarray]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._state = np.zeros(len(self.columns))

    def add(self, part: int, chunk: SignalChunk) -> None:
        """Sums the samples of the next chunk."""
        if not len(chunk.acc_g):
            return
        if part != self._part:
            self._close()
            self._part = part
        starts, windows = runs(chunk, self.width_us, self.rate_hz)
        windows = np.maximum(windows, self._open[0])
        warmth = values_at(starts, chunk)
        self._sum(
            np.ascontiguousarray(chunk.acc_g),
            starts,
            windows,
            np.full(len(starts), np.nan) if warmth is None else warmth,
        )

    def frame(self) -> pl.DataFrame:
        """`part`, `window` and the sums, one row per window with a sample, in order of the recording."""
        self._close()
        blocks = [table for _, _, table in self._rows]
        table = np.concatenate(blocks) if blocks else np.empty((0, len(self.columns)))
        keys = {
            "part": np.repeat([p for p, _, _ in self._rows], [len(t) for t in blocks]),
            "window": np.concatenate([w for _, w, _ in self._rows] or [np.empty(0)]),
        }
        values = {name: table[:, number] for number, name in enumerate(self.columns)}
        whole = {"part": pl.Int32, "window": pl.Int64, "n": pl.Int64}
        return pl.DataFrame(keys | values).cast(whole)

    def _close(self) -> None:
        nothing = np.empty(0, np.int64)
        self._sum(np.empty((0, 3), np.float32), nothing, nothing, np.empty(0))

    def _sum(self, acc_g, starts, windows, warmth) -> None:
        at, table = (
            np.empty(len(starts) + 1, np.int64),
            np.empty((len(starts) + 1, len(self.columns))),
        )
        rows = self.kernel(
            acc_g, starts, windows, warmth, self._open, self._state, self.buffer, at, table
        )
        if rows:
            self._rows.append((self._part, at[:rows].copy(), table[:rows].copy()))


def rest_tally(rate_hz: float, range_g: float | None) -> Tally:
    """10 s windows as sent: n, sums, squares, least and greatest of each axis, heat, samples at the limit."""
    columns = ("n", "x", "y", "z", "xx", "yy", "zz", "x_low", "y_low", "z_low")
    columns += ("x_high", "y_high", "z_high", "heat", "saturated")
    limit = np.inf if range_g is None else 0.995 * range_g
    return Tally(REST_S * SECOND_US, rate_hz, partial(_rest, limit), columns)


def move_tally(rate_hz: float) -> Tally:
    """1 s windows as sent: n, sum and squares of the length of the acceleration, less 1 g."""
    return Tally(MOVE_S * SECOND_US, rate_hz, _move, ("n", "r", "rr"))


def epoch_tally(rate_hz: float, calibration: Calibration) -> Tally:
    """5 s epochs, calibrated: n, sums of each axis, sum of what the length exceeds 1 g by, MAD in g."""
    kernel = partial(_epoch, calibration.gain, calibration.offset_g, calibration.slope_g_per_c,
                     calibration.reference_c)  # fmt: skip
    most = int(_FULLER * rate_hz * EPOCH_S) + 16
    columns = ("n", "x", "y", "z", "over", "mad")
    return Tally(EPOCH_S * SECOND_US, rate_hz, kernel, columns, buffer=np.empty(most))


@njit(cache=True, nogil=True)
def _rest(limit, acc, starts, windows, warmth, opened, state, buffer, at, table):
    rows = 0
    for r in range(max(len(starts), 1)):
        if opened[0] != _NONE and (len(starts) == 0 or windows[r] != opened[0]):
            at[rows], table[rows] = opened[0], state
            rows += 1
            opened[0] = _NONE
        if len(starts) == 0:
            break
        if opened[0] == _NONE:
            opened[0] = windows[r]
            state[:] = 0.0
            state[7:10], state[10:13] = np.inf, -np.inf
        stop = starts[r + 1] if r + 1 < len(starts) else len(acc)
        x, y, z, xx, yy, zz = state[1], state[2], state[3], state[4], state[5], state[6]
        x0, y0, z0, x1, y1, z1 = state[7], state[8], state[9], state[10], state[11], state[12]
        full = 0
        for i in range(starts[r], stop):
            a, b, c = np.float64(acc[i, 0]), np.float64(acc[i, 1]), np.float64(acc[i, 2])
            x += a
            y += b
            z += c
            xx += a * a
            yy += b * b
            zz += c * c
            x0, x1 = min(x0, a), max(x1, a)
            y0, y1 = min(y0, b), max(y1, b)
            z0, z1 = min(z0, c), max(z1, c)
            if abs(a) >= limit or abs(b) >= limit or abs(c) >= limit:
                full += 1
        state[0] += stop - starts[r]
        state[1], state[2], state[3], state[4], state[5], state[6] = x, y, z, xx, yy, zz
        state[7], state[8], state[9], state[10], state[11], state[12] = x0, y0, z0, x1, y1, z1
        state[13] += warmth[r] * (stop - starts[r])
        state[14] += full
    return rows


@njit(cache=True, nogil=True)
def _move(acc, starts, windows, warmth, opened, state, buffer, at, table):
    rows = 0
    for r in range(max(len(starts), 1)):
        if opened[0] != _NONE and (len(starts) == 0 or windows[r] != opened[0]):
            at[rows], table[rows] = opened[0], state
            rows += 1
            opened[0] = _NONE
        if len(starts) == 0:
            break
        if opened[0] == _NONE:
            opened[0] = windows[r]
            state[:] = 0.0
        stop = starts[r + 1] if r + 1 < len(starts) else len(acc)
        total, squares = state[1], state[2]
        for i in range(starts[r], stop):
            a, b, c = np.float64(acc[i, 0]), np.float64(acc[i, 1]), np.float64(acc[i, 2])
            over = np.sqrt(a * a + b * b + c * c) - 1.0  # near nought, so that squares stay exact
            total += over
            squares += over * over
        state[0] += stop - starts[r]
        state[1], state[2] = total, squares
    return rows


@njit(cache=True, nogil=True)
def _epoch(
    gain, offset, slope, reference, acc, starts, windows, warmth, opened, state, buffer, at, table
):
    rows = 0
    for r in range(max(len(starts), 1)):
        if opened[0] != _NONE and (len(starts) == 0 or windows[r] != opened[0]):
            n = np.int64(state[0])
            mad = np.nan
            if n <= len(buffer):
                mean = state[5] / n
                mad = 0.0
                for i in range(n):
                    mad += abs(buffer[i] - mean)
                mad /= n
            at[rows], table[rows] = opened[0], state
            table[rows, 5] = mad
            rows += 1
            opened[0] = _NONE
        if len(starts) == 0:
            break
        if opened[0] == _NONE:
            opened[0] = windows[r]
            state[:] = 0.0
        stop = starts[r + 1] if r + 1 < len(starts) else len(acc)
        warm = warmth[r] - reference
        if np.isnan(warm):
            warm = 0.0
        ox, oy, oz = (
            offset[0] + slope[0] * warm,
            offset[1] + slope[1] * warm,
            offset[2] + slope[2] * warm,
        )
        x, y, z, over, length = state[1], state[2], state[3], state[4], state[5]
        kept = np.int64(state[0])
        for i in range(starts[r], stop):
            a = gain[0] * acc[i, 0] + ox
            b = gain[1] * acc[i, 1] + oy
            c = gain[2] * acc[i, 2] + oz
            long = np.sqrt(a * a + b * b + c * c)
            x += a
            y += b
            z += c
            over += max(long - 1.0, 0.0)
            length += long
            if kept < len(buffer):
                buffer[kept] = long
            kept += 1
        state[0] += stop - starts[r]
        state[1], state[2], state[3], state[4], state[5] = x, y, z, over, length
    return rows
