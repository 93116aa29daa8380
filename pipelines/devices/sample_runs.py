"""Samples with a time each, joined to stretches without a gap: the chunks of a recording kept as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pipelines.contracts.shapes import SignalChunk
from pipelines.errors import DeliveryRefused

_GAP_US = 1_000_000
_LINEAR_US = 250  # a straight line this close to every time stands for all of them
_SATURATED, _OF_RANGE = 0.001, 0.999
_RATE_OFF = 0.02
_EVEN = 1.2  # times between samples that differ by less than this hold no break
_ENOUGH = 20  # stamps to measure the rate by
_MOST_HELD = 100_000
_MOST_BREAKS = 20_000  # in one block, which is about an hour
_SLACK = 1.5  # samples absent; the knots on both sides of a single one tell its time
Findings = tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Samples:
    """Rows in the order of the file. Where `is_good` is False, a row's other values mean nothing."""

    row_no: np.ndarray
    time_us: np.ndarray
    is_good: np.ndarray
    acc_g: np.ndarray
    gyro_dps: np.ndarray | None
    is_after_loss: np.ndarray | None = (
        None  # the file itself shows that samples before it are absent
    )
    findings: Findings = ()

    def __len__(self) -> int:
        return len(self.row_no)


@dataclass(frozen=True)
class Clock:
    """How the samples of a table are timed, and the file's name for errors."""

    rate_hz: float
    where: str


@dataclass(frozen=True)
class _Before:
    """The last sample handed on, and the time between two samples as measured last."""

    time_us: int | None
    interval_us: float


def chunks_of(
    blocks: Iterator[Samples], clock: Clock, range_g: float | None
) -> Iterator[SignalChunk]:
    """The chunks of consecutive blocks of samples; each block begins a chunk.

    Samples that share a time stamp lie evenly up to the next stamp, so those of a block's last
    stamp go into the next block. What cannot be used is a `bad_block` at its first row.
    """
    before = _Before(None, 1e6 / clock.rate_hz)
    waiting: Samples | None = None
    for block in blocks:
        if waiting is not None:
            last = _last_stamp(waiting.time_us)
            parts, before = _block(_rows(waiting, slice(0, last)), clock, range_g, before)
            yield from parts
            block = _joined(_rows(waiting, slice(last, None)), block)
        waiting = _good(block)
    if waiting is not None:
        parts, _ = _block(waiting, clock, range_g, before)
        yield from parts


def _last_stamp(time_us: np.ndarray) -> int:
    changes = np.flatnonzero(np.diff(time_us))
    last = int(changes[-1]) + 1 if len(changes) else 0
    return len(time_us) if len(time_us) - last > _MOST_HELD else last


def _rows(samples: Samples, rows: slice | np.ndarray) -> Samples:
    """Some of the rows; the findings stay with those that begin a block."""
    gyro, loss = samples.gyro_dps, samples.is_after_loss
    return Samples(
        samples.row_no[rows],
        samples.time_us[rows],
        samples.is_good[rows],
        samples.acc_g[rows],
        None if gyro is None else gyro[rows],
        None if loss is None else loss[rows],
        () if isinstance(rows, slice) and rows.start else samples.findings,
    )


def _joined(one: Samples, two: Samples) -> Samples:
    def both(name: str) -> np.ndarray | None:
        first, second = getattr(one, name), getattr(two, name)
        return None if second is None else np.concatenate((first, second))

    names = ("row_no", "time_us", "is_good", "acc_g", "gyro_dps", "is_after_loss")
    return Samples(**{name: both(name) for name in names}, findings=two.findings)


def _good(samples: Samples) -> Samples:
    """The rows that can be used; a run of others is one finding, at its first row."""
    good = samples.is_good
    if good.all():
        return samples
    firsts = np.flatnonzero(~good & np.concatenate(([True], good[:-1])))
    named = tuple((int(row), "bad_block") for row in samples.row_no[firsts])
    return replace(_rows(samples, good), findings=(*samples.findings, *named))


def _block(
    samples: Samples, clock: Clock, range_g: float | None, before: _Before
) -> tuple[list[SignalChunk], _Before]:
    is_even = _is_even(samples.time_us, clock)
    samples, wrong = (samples, ()) if is_even else _without_wrong_times(samples, before)
    found = [*samples.findings, *wrong]
    if not len(samples):
        none = np.zeros(0, np.int64)
        nothing = SignalChunk(none, none, np.zeros((0, 3), np.float32), findings=tuple(found))
        return ([nothing] if found else []), before
    interval = _interval_us(samples.time_us, clock) or before.interval_us
    stamps = np.zeros(1, np.int64) if is_even else _stamps(samples.time_us)
    breaks, more = _breaks(samples, stamps, clock, replace(before, interval_us=interval))
    found += more
    if abs(1e6 / interval / clock.rate_hz - 1) > _RATE_OFF:
        found.append((int(samples.row_no[0]), "rate_off_nominal"))
    chunks = []
    for first, stop in zip(breaks, [*breaks[1:], len(samples)], strict=True):
        acc = samples.acc_g[first:stop]
        index, us = knots(samples.time_us[first:stop], interval)
        gyro = None if samples.gyro_dps is None else samples.gyro_dps[first:stop]
        chunks.append(SignalChunk(index, us, acc, gyro))
        if range_g is not None:
            n_limit = int((np.abs(acc) >= _OF_RANGE * range_g).any(axis=1).sum())
            if n_limit >= max(_SATURATED * len(acc), 1):
                found.append((int(samples.row_no[first]), "saturated"))
    last = chunks[-1]
    return (
        _with_findings(chunks, samples.row_no[breaks], sorted(found)),
        _Before(int(last.knot_us[-1]), interval),
    )


def _is_even(time_us: np.ndarray, clock: Clock) -> bool:
    """Whether each sample has a time of its own, all about as far apart: most files, told fast."""
    if len(time_us) <= _ENOUGH:
        return False
    steps = np.diff(time_us)
    least, most = float(steps.min()), float(steps.max())
    return least * clock.rate_hz / 1e6 > 0.5 and most <= _EVEN * least and (
        most * clock.rate_hz / 1e6 < 2
    )  # fmt: skip


def _stamps(time_us: np.ndarray) -> np.ndarray:
    """Where a time differs from the one before: the first sample of each stamp."""
    return np.concatenate(([0], np.flatnonzero(np.diff(time_us)) + 1))


def _without_wrong_times(samples: Samples, before: _Before) -> tuple[Samples, Findings]:
    """Drops samples whose time lies outside their neighbours', which are close to each other."""
    time = samples.time_us
    if len(time) < 3:
        return samples, ()
    across = time[2:] - time[:-2]
    close = (across >= 0) & (across <= 3.5 * before.interval_us)
    wrong = np.zeros(len(time), np.bool_)
    wrong[1:-1] = close & ((time[1:-1] < time[:-2]) | (time[1:-1] > time[2:]))
    wrong[2:] &= ~wrong[1:-1]  # of two neighbours only one can be the odd one out
    if not wrong.any():
        return samples, ()
    named = tuple((int(row), "bad_block") for row in samples.row_no[wrong])
    return _rows(samples, ~wrong), named


def _interval_us(time_us: np.ndarray, clock: Clock) -> float | None:
    """The time between two samples as the stamps have it, where there are enough of them."""
    if _is_even(time_us, clock):
        return float(time_us[-1] - time_us[0]) / (len(time_us) - 1)
    stamps = _stamps(time_us)
    steps, n = np.diff(time_us[stamps]), np.diff(stamps)
    forward = steps > 0
    if forward.sum() < _ENOUGH:
        return None
    # stamps that come in turns of two lengths (16 and 17 ms) have their mean, not one of the two
    typical = np.median(steps[forward] / n[forward])
    usual = forward & (np.abs(steps / n - typical) <= 0.5 * typical)
    interval = steps[usual].sum() / n[usual].sum() if usual.any() else typical
    return float(interval) if 0.5 < interval * clock.rate_hz / 1e6 < 2 else None


def _breaks(
    samples: Samples, stamps: np.ndarray, clock: Clock, before: _Before
) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """The samples that begin a chunk, and what happened before them, sought where `stamps` are."""
    time, interval = samples.time_us, before.interval_us
    late = np.diff(time[stamps]) - np.diff(stamps) * interval
    back = np.diff(time[stamps]) < 0
    at = stamps[1:]
    if before.time_us is not None:
        ahead = time[0] - before.time_us
        late, back = np.append(ahead - interval, late), np.append(ahead < 0, back)
        at = stamps
    forward = late > _SLACK * interval
    if back.sum() + forward.sum() > _MOST_BREAKS:
        raise DeliveryRefused(
            "unreadable",
            f"the times jump more than {_MOST_BREAKS} times within an hour",
            where=clock.where,
            remedy="export the recording again; declare the rate at which it was recorded",
        )
    loss = samples.is_after_loss
    lost = np.zeros(len(at), np.bool_) if loss is None else loss[at]
    rules = (
        ("clock_jump", back),
        ("missing_block", lost & (late > 0.5 * interval)),
        ("gap", ~lost & (late > _GAP_US)),
    )
    found = [
        (int(samples.row_no[at[i]]), rule) for rule, where in rules for i in np.flatnonzero(where)
    ]
    return np.unique(np.append(at[back | forward], 0)), found


def knots(time_us: np.ndarray, interval_us: float) -> tuple[np.ndarray, np.ndarray]:
    """Index and time of as few samples as tell the time of all; two where they lie on a line."""
    if _is_line(time_us):
        return np.array([0, len(time_us) - 1]), time_us[[0, -1]]
    index = _stamps(time_us)
    us = time_us[index]
    last = len(time_us) - 1
    if index[-1] < last:
        end = us[-1] + round((last - index[-1]) * interval_us)
        index, us = np.append(index, last), np.append(us, end)
    if len(index) > 2:
        line = us[0] + (us[-1] - us[0]) * ((index - index[0]) / (index[-1] - index[0]))
        if np.abs(us - line).max() <= _LINEAR_US:
            return index[[0, -1]], us[[0, -1]]
    return index, us


def _is_line(time_us: np.ndarray) -> bool:
    """Whether the samples are the very same time apart."""
    if len(time_us) < 3:
        return False
    steps = np.diff(time_us)
    return bool(steps[0] > 0 and (steps == steps[0]).all())


def _with_findings(
    chunks: list[SignalChunk], firsts: np.ndarray, findings: list[tuple[int, str]]
) -> list[SignalChunk]:
    """Each finding goes with the chunk in which its row lies; one above them all with the first."""
    rows = np.array([row for row, _ in findings], np.int64)
    at = np.maximum(np.searchsorted(firsts, rows, side="right") - 1, 0)
    ends = np.searchsorted(at, np.arange(len(chunks) + 1))
    return [
        replace(chunk, findings=tuple(findings[ends[i] : ends[i + 1]]))
        if ends[i] < ends[i + 1]
        else chunk
        for i, chunk in enumerate(chunks)
    ]
