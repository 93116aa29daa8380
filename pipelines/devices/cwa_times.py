"""When the samples of CWA blocks were taken: the stamps of their heads, and the rate between them."""

from __future__ import annotations

import numpy as np

from pipelines.devices.cwa_headers import Heads

_SLACK_SAMPLES, _SLACK_US = 2.5, 50_000  # times without a fraction are a sample off, some more
_ENOUGH_BLOCKS = 8  # to measure the rate by


def steps(heads: Heads) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples and time from each block's anchor to the next one's, and whether they are neighbours."""
    n = heads.n_samples[:-1] + np.diff(heads.anchor)
    is_next = (np.diff(heads.sequence) == 1) & (np.diff(heads.setting) == 0)
    return n, np.diff(heads.time_us), is_next


def slowness_of(heads: Heads) -> float | None:
    """Time between samples as the blocks have it over the nominal one, where enough tell it."""
    n, us, is_next = steps(heads)
    told = is_next & (n > 0) & (us > 0)
    if told.sum() < _ENOUGH_BLOCKS:
        return None
    ratio = float(np.median(us[told] / n[told] * heads.rate_hz[:-1][told] / 1e6))
    return ratio if 0.5 < ratio < 2 else None


def is_time_wrong(heads: Heads, slowness: float) -> np.ndarray:
    """Blocks whose time fits neither neighbour, while the two neighbours fit each other."""
    wrong = np.zeros(len(heads), np.bool_)
    if len(heads) < 3:
        return wrong
    n, us, is_next = steps(heads)
    period = slowness * 1e6 / heads.rate_hz[:-1]
    late, slack = us - n * period, slack_us(period)
    fits = np.abs(late) <= slack
    in_row = is_next[:-1] & is_next[1:]
    wrong[1:-1] = in_row & ~fits[:-1] & ~fits[1:] & (np.abs(late[:-1] + late[1:]) <= slack[1:])
    return wrong


def slack_us(period_us: np.ndarray) -> np.ndarray:
    """How far a block's time may be off before it does not go on from the one before."""
    return np.maximum(_SLACK_SAMPLES * period_us, _SLACK_US)


def knots(
    heads: Heads, known: Heads | None, slowness: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Index, time and temperature of the first sample, of those the blocks time, and of the last.

    `known` is the block before the first one, where this one goes on from it.
    """
    starts = np.cumsum(heads.n_samples) - heads.n_samples
    last = int(heads.n_samples.sum()) - 1
    index, us = starts + heads.anchor, heads.time_us
    if known is not None:
        index = np.append(known.anchor - known.n_samples, index)
        us = np.append(known.time_us, us)
    period = slowness * 1e6 / float(heads.rate_hz[0])
    ends = []
    for sample in (0, last):
        near = np.clip(sample, index[0], index[-1])
        ends.append(us[0] + round(np.interp(near, index, us - us[0]) + (sample - near) * period))
    inside = (index > 0) & (index < last)
    index = np.concatenate(([0], index[inside], [last] if last else []))
    us = np.concatenate(([ends[0]], us[inside], [ends[1]] if last else []))
    heat = heads.temperature_c[np.searchsorted(starts, index, side="right") - 1]
    return index.astype(np.int64), us.astype(np.int64), heat
