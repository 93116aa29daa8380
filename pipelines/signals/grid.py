"""Where the samples of a chunk fall on a fixed grid of the recording's clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numba import njit

from pipelines.contracts.shapes import SignalChunk

SECOND_US = 1_000_000
BACKWARD_US = SECOND_US  # a smaller step back is jitter of the block times, not a clock set anew


def parts(chunks: Iterable[SignalChunk]) -> Iterator[tuple[int, SignalChunk]]:
    """Each chunk with the number of its part; a clock that goes back by more than 1 s starts a part.

    Inside one part time only grows, so that (part, window) names a window once.
    """
    part, latest_us = 0, None
    for chunk in chunks:
        if len(chunk.acc_g):
            first_us, last_us = int(chunk.knot_us[0]), int(chunk.knot_us[-1])
            if latest_us is not None and first_us < latest_us - BACKWARD_US:
                part, latest_us = part + 1, None
            latest_us = last_us if latest_us is None else max(latest_us, last_us)
        yield part, chunk


def knots(chunk: SignalChunk, rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """The chunk's knots, from its first sample to its last; ends that lack one are drawn on."""
    index, time_us = chunk.knot_index.astype(np.int64), chunk.knot_us.astype(np.int64)
    last = len(chunk.acc_g) - 1
    head = tail = SECOND_US / rate_hz
    if len(index) > 1:
        head = (time_us[1] - time_us[0]) / max(index[1] - index[0], 1)
        tail = (time_us[-1] - time_us[-2]) / max(index[-1] - index[-2], 1)
    if index[0] > 0:
        time_us = np.concatenate(([time_us[0] - round(head * index[0])], time_us))
        index = np.concatenate(([0], index))
    if index[-1] < last:
        time_us = np.append(time_us, time_us[-1] + round(tail * (last - index[-1])))
        index = np.append(index, last)
    return index, time_us


def runs(chunk: SignalChunk, width_us: int, rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """(start, window): from sample `start` on, samples fall into `window`, which begins at window * width_us.

    Exact: the times between knots are compared as fractions, never rounded.
    """
    index, time_us = knots(chunk, rate_hz)
    return _runs(index, time_us, width_us)


def values_at(starts: np.ndarray, chunk: SignalChunk) -> np.ndarray | None:
    """Temperature at those samples, or None where the device has none."""
    if chunk.temperature_c is None or not len(chunk.temperature_c):
        return None
    return np.interp(starts, chunk.knot_index, chunk.temperature_c.astype(np.float64))


@njit(cache=True, nogil=True)
def _runs(index, time_us, width_us):
    bound = 2
    for k in range(len(index) - 1):
        span = min(index[k + 1] - index[k], (time_us[k + 1] - time_us[k]) // width_us + 1)
        bound += max(span, 0) + 1
    starts, windows = np.empty(bound, np.int64), np.empty(bound, np.int64)
    rows, window = 1, time_us[0] // width_us
    starts[0], windows[0] = 0, window
    for k in range(len(index) - 1):
        span, passed = index[k + 1] - index[k], time_us[k + 1] - time_us[k]
        if span <= 0 or passed <= 0:  # time that stands still stays in its window
            continue
        while True:
            boundary = (window + 1) * width_us - time_us[k]
            if boundary > passed:
                break
            step = max((boundary * span + passed - 1) // passed, 0)  # first sample not before it
            if step >= span:  # that sample belongs to the next knot
                break
            window = (time_us[k] + step * passed // span) // width_us
            starts[rows], windows[rows] = index[k] + step, window
            rows += 1
    if time_us[-1] // width_us > window:
        starts[rows], windows[rows] = index[-1], time_us[-1] // width_us
        rows += 1
    return starts[:rows], windows[:rows]
