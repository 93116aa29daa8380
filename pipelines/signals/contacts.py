"""When the feet touch the ground, from the vertical acceleration of the lower trunk."""

from __future__ import annotations

import numpy as np
from scipy import signal

SLOWEST_HZ, FASTEST_HZ = 0.8, 3.0  # steps per second
USUAL_HZ = 1.75
_SIGMA_PERIODS = 0.28  # width of the wavelet, as a part of the time between two steps
_LEAST_REPEAT, _STEP_SHARE = 0.1, 0.5
_WINDOW_S, _SLOWEST_STRIDE_S = 6.0, 2.4
_LEAST_G = (
    0.006  # a rise of less is sway, not a step: 3.5 times what noise of 0.01 g leaves of itself
)
_LEAST_SHARE = 0.2  # of the typical rise
_LEAST_PERIODS = 0.45  # two contacts are further apart


def step_rate_hz(vertical_g: np.ndarray, rate_hz: float) -> float | None:
    """Steps per second: the strongest repetition of the vertical acceleration, or None without one.

    Source: Moe-Nilssen R, Helbostad JL. J Biomech 2004;37(1):121-126,
    doi:10.1016/S0021-9290(03)00233-1 (unbiased autocorrelation of trunk acceleration).
    """
    share = autocorrelation(vertical_g, rate_hz)
    first, last = int(rate_hz / FASTEST_HZ), min(int(rate_hz / SLOWEST_HZ) + 1, len(share) - 1)
    peaks, _ = signal.find_peaks(share[first : last + 1], height=_LEAST_REPEAT)
    if not len(peaks):
        return None
    # A stride repeats better than a step where the legs differ: the shortest repetition of weight is the step.
    height = share[first + peaks]
    return rate_hz / (first + peaks[np.argmax(height >= _STEP_SHARE * height.max())])


def autocorrelation(vertical_g: np.ndarray, rate_hz: float) -> np.ndarray:
    """Unbiased autocorrelation at lags of 0 to 3 s, 1 at lag 0; at most half the stretch."""
    passed = signal.butter(2, [0.5, 4.0], "bandpass", fs=rate_hz, output="sos")
    x = signal.sosfiltfilt(passed, vertical_g, padlen=min(len(vertical_g) - 1, int(3 * rate_hz)))
    lags = min(int(3 * rate_hz), len(x) // 2)
    full = signal.correlate(x, x, mode="full", method="fft")[len(x) - 1 : len(x) + lags]
    share = full / np.arange(len(x), len(x) - lags - 1, -1)
    return share / max(share[0], 1e-12)


def repeats(vertical_g: np.ndarray, rate_hz: float) -> float:
    """How well a bout repeats itself after a step or a stride: 0 to 1, the median over windows of 6 s.

    Long walks change their rhythm and turn round, so that none repeats as a whole; neither does a ride in a car
    that shakes at the rate of steps, but that does not repeat within a window either.
    """
    passed = signal.butter(2, [0.5, 4.0], "bandpass", fs=rate_hz, output="sos")
    x = signal.sosfiltfilt(passed, vertical_g, padlen=min(len(vertical_g) - 1, int(3 * rate_hz)))
    n = min(int(_WINDOW_S * rate_hz), len(x))
    windows = np.lib.stride_tricks.sliding_window_view(x, n)[:: int(rate_hz)]
    lags = min(int(_SLOWEST_STRIDE_S * rate_hz), n // 2)
    power = np.abs(np.fft.rfft(windows, 2 * n, axis=1)) ** 2
    share = np.fft.irfft(power, axis=1)[:, : lags + 1] / np.arange(n, n - lags - 1, -1)
    share = share[:, int(rate_hz / FASTEST_HZ) :] / np.maximum(share[:, :1], 1e-12)
    inner = share[:, 1:-1]
    is_peak = (inner >= share[:, :-2]) & (inner > share[:, 2:])
    return float(np.median(np.where(is_peak, inner, 0.0).max(axis=1, initial=0.0)))


def contacts(vertical_g: np.ndarray, rate_hz: float, steps_hz: float) -> np.ndarray:
    """Samples at which the trunk is thrown up most sharply, once per step: (k,) int64.

    The acceleration is smoothed and differentiated in one pass by the first derivative of a Gaussian as wide as
    the steps ask for; its maxima are the contacts. They lead the foot's contact by about 0.1 s, the same for
    every step, so that times between them are those between contacts.
    Source: McCamley J, Donati M, Grimpampi E, Mazza C. Gait Posture 2012;36(2):316-318,
    doi:10.1016/j.gaitpost.2012.02.019; the width follows the step rate as in Caldas R, Mundt M, et al.
    Gait Posture 2017;57:204-210.
    """
    rise = sharpness(vertical_g, rate_hz, steps_hz)
    apart = max(1, int(_LEAST_PERIODS * rate_hz / steps_hz))
    peaks, _ = signal.find_peaks(rise, height=_LEAST_G, distance=apart)
    if not len(peaks):
        return peaks
    return peaks[rise[peaks] >= _LEAST_SHARE * np.median(rise[peaks])]


def sharpness(vertical_g: np.ndarray, rate_hz: float, steps_hz: float) -> np.ndarray:
    """How much the smoothed acceleration rises at each sample, in g."""
    sigma_s = _SIGMA_PERIODS / np.clip(steps_hz, SLOWEST_HZ, FASTEST_HZ)
    reach = int(np.ceil(4 * sigma_s * rate_hz))
    t = np.arange(-reach, reach + 1) / rate_hz
    wave = -t * np.exp(-(t**2) / (2 * sigma_s**2))
    wave /= np.abs(wave).sum()
    padded = np.pad(vertical_g, reach, mode="edge")
    return signal.oaconvolve(padded, wave, mode="valid")
