"""The rhythm of walking: how fast the trunk's rise and fall repeats, second by second, and how well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from pipelines.signals.zero_phase import filtered

SLOWEST_HZ, FASTEST_HZ, USUAL_HZ = (
    0.6,
    3.0,
    1.75,
)  # steps per second: from 36 a minute, the slowest that Mobilise-D keeps
WINDOW_S, HOP_S, SHORTEST_S = 6.0, 1.0, 3.0
LEAST_REPEAT, GOES_ON, LEAST_POWER_G = 0.5, 0.4, 0.01
_BAND_HZ = (0.5, 4.0)
_STEP_SHARE, _SLOW_STEP_SHARE, _SLOW_STEP_S = 0.5, 0.25, 1.2
_SETTLE_S, _EDGE_S = 3.0, 1.0
_NEAR_WINDOWS, _STRONG_SHARE = 15, 0.3  # swaying on the spot does not count beside walking


@dataclass(frozen=True)
class Rhythm:
    """Per window of 6 s that begins in second i: the step rate near it, and whether it repeats like steps."""

    steps_hz: np.ndarray  # NaN where nothing near repeats
    repeats: np.ndarray
    goes_on: np.ndarray  # so do its neighbours, less well: a turn, a kerb

    @property
    def any(self) -> bool:
        return bool(self.repeats.any())

    def per_sample(self, n: int, rate_hz: float) -> np.ndarray:
        """The step rate at each of n samples: that of the window around it, 1.75 Hz where nothing is known."""
        middle = np.arange(n) / rate_hz - WINDOW_S / 2
        window = np.clip(np.round(middle / HOP_S), 0, len(self.steps_hz) - 1).astype(int)
        return np.nan_to_num(self.steps_hz, nan=USUAL_HZ)[window]

    def covers(self, at_s: np.ndarray) -> np.ndarray:
        """Which times lie in a window that repeats like steps, but for its first and last second: (k,) bool."""
        so_far = np.concatenate(([0], np.cumsum(self.goes_on)))
        n = len(self.goes_on)
        last = np.clip(np.floor(at_s - _EDGE_S).astype(int) + 1, 1, n)
        first = np.clip(np.ceil(at_s - WINDOW_S + _EDGE_S).astype(int), 0, n - 1)
        return so_far[last] > so_far[first]

    def share(self, start_s: float, end_s: float) -> float:
        """How much of a time repeats, by the windows whose middle lies in it, one at least."""
        first = int(np.clip(np.ceil(start_s - WINDOW_S / 2), 0, len(self.repeats) - 1))
        last = int(np.clip(np.floor(end_s - WINDOW_S / 2), first, len(self.repeats) - 1))
        return float(self.repeats[first : last + 1].mean())


def banded(samples: np.ndarray, rate_hz: float) -> np.ndarray:
    """What of a signal can be steps: 0.5 to 4 Hz, without delay."""
    return filtered(samples, "bandpass", _BAND_HZ, rate_hz, order=2, settle_s=_SETTLE_S)


def rhythm(band: np.ndarray, rate_hz: float) -> Rhythm:
    """The rhythm of a stretch; a step rate is the median of what repeats within a quarter of a minute.

    Half of a window's repetition and 0.01 g are needed: of white noise one window in twenty repeats as well.
    Source of 0.01 g: Iluz T, et al. J Neuroeng Rehabil 2014;11:48, doi:10.1186/1743-0003-11-48 (least activity).
    A stretch shorter than a window is one. Assumes: it is at least `SHORTEST_S` long.
    """
    steps_hz, share, power_g = track(band, rate_hz)
    moves = (power_g >= LEAST_POWER_G) & np.isfinite(steps_hz)
    repeats = moves & (share >= LEAST_REPEAT)
    if not repeats.any():
        return Rhythm(np.full(len(steps_hz), np.nan), repeats, repeats)
    seen = np.where(repeats, steps_hz, np.nan)
    reach = _NEAR_WINDOWS // 2

    def around(x: np.ndarray) -> np.ndarray:
        padded = np.pad(x, reach, constant_values=np.nan)
        return np.lib.stride_tricks.sliding_window_view(padded, _NEAR_WINDOWS)

    told = np.isfinite(around(seen)).any(axis=1)
    near = around(seen)[told]
    strong = around(np.where(repeats, power_g, np.nan))[told]
    strong = strong >= _STRONG_SHARE * np.nanmax(strong, axis=1, keepdims=True)
    usual = np.full(len(seen), np.nan)
    usual[told] = np.nanmedian(np.where(strong, near, np.nan), axis=1)
    # Where nothing near repeats: the rate of the nearest window that has one.
    _, at = ndimage.distance_transform_edt(~told, return_indices=True)
    return Rhythm(usual[at[0]], repeats, _joined(repeats, moves & (share >= GOES_ON)))


def _joined(sure: np.ndarray, likely: np.ndarray) -> np.ndarray:
    """The runs of what is likely that hold something sure."""
    label, _ = ndimage.label(sure | likely)
    return (label > 0) & np.isin(label, label[sure])


def track(band: np.ndarray, rate_hz: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps per second (k,), how well they repeat (k,) from 0 to 1, and the power in g (k,), per window.

    A stride repeats better than a step where the legs differ. So the step is the shortest repetition that is at least
    half as good as the best; where it would be slower than 50 a minute, a quarter as good, for a stride is likelier.
    Source: Moe-Nilssen R, Helbostad JL. J Biomech 2004;37(1):121-126, doi:10.1016/S0021-9290(03)00233-1
    (unbiased autocorrelation of trunk acceleration). The shares are ours.
    """
    size, hop = min(int(WINDOW_S * rate_hz), len(band)), int(HOP_S * rate_hz)
    windows = np.lib.stride_tricks.sliding_window_view(band, size)[::hop]
    share, power_g = autocorrelation(windows, size // 2)
    first = int(rate_hz / FASTEST_HZ)
    inner = share[:, first:]
    is_peak = np.zeros(inner.shape, bool)
    is_peak[:, 1:-1] = (inner[:, 1:-1] >= inner[:, :-2]) & (inner[:, 1:-1] > inner[:, 2:])
    height = np.where(is_peak, inner, 0.0)
    best = height.max(axis=1)
    lag = np.arange(first, first + inner.shape[1]) / rate_hz
    likely = height >= (_STEP_SHARE * best)[:, None]
    slow = height >= (_SLOW_STEP_SHARE * best)[:, None]
    at = np.where(
        (likely & (lag <= _SLOW_STEP_S)).any(axis=1),
        np.argmax(likely, axis=1),
        np.argmax(slow & (lag <= 1 / SLOWEST_HZ), axis=1),
    )
    told = (best > 0) & (at > 0)
    steps_hz = np.full(len(at), np.nan)
    steps_hz[told] = 1 / lag[at[told]]
    return steps_hz, np.clip(best, 0.0, 1.0), power_g


def autocorrelation(windows: np.ndarray, lags: int) -> tuple[np.ndarray, np.ndarray]:
    """Unbiased autocorrelation (k, lags + 1) of each window (k, n), 1 at lag 0, and its root mean square (k,)."""
    n = windows.shape[-1]
    lags = min(lags, n - 1)
    spectrum = np.fft.rfft(windows, 1 << (n + lags - 1).bit_length(), axis=-1)
    power = spectrum.real**2 + spectrum.imag**2
    share = np.fft.irfft(power, axis=-1)[..., : lags + 1] / np.arange(n, n - lags - 1, -1)
    return share / np.maximum(share[..., :1], 1e-12), np.sqrt(np.maximum(share[..., 0], 0.0))
