"""Butterworth filters run forth and back, so that nothing is delayed; designed once per band and rate."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def filtered(
    x: np.ndarray,
    kind: str,
    cut_hz: float | tuple[float, float],
    rate_hz: float,
    *,
    order: int,
    settle_s: float,
) -> np.ndarray:
    """`x` (n,) or (n, k) along its first axis, within the band; the same as scipy's sosfiltfilt.

    Beyond either end the signal is taken to go on turned about its last sample, for `settle_s` at most.
    """
    from scipy import signal  # here and below: half a second that only recordings are worth

    sos, settled = _designed(kind, cut_hz, rate_hz, order)
    reach = min(len(x) - 1, int(settle_s * rate_hz))
    before, after = 2 * x[:1] - x[reach:0:-1], 2 * x[-1:] - x[-2 : -reach - 2 : -1]
    y = np.concatenate((before, x, after))
    settled = settled.reshape(*settled.shape, *[1] * (x.ndim - 1))
    for _ in range(2):
        y, _ = signal.sosfilt(sos, y, axis=0, zi=settled * y[0])
        y = y[::-1]
    return y[reach : len(y) - reach]


@lru_cache(maxsize=128)
def _designed(
    kind: str, cut_hz: float | tuple[float, float], rate_hz: float, order: int
) -> tuple[np.ndarray, np.ndarray]:
    from scipy import signal

    sos = signal.butter(order, cut_hz, kind, fs=rate_hz, output="sos")
    return sos, signal.sosfilt_zi(sos)
