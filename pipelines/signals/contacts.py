"""When the feet touch the ground, from the vertical acceleration of the lower trunk."""

from __future__ import annotations

import numpy as np
from scipy import ndimage, signal

from pipelines.signals.rhythm import FASTEST_HZ, SLOWEST_HZ

_SIGMA_PERIODS = 0.28  # width of the wavelet, as a part of the time between two steps
_BANK_HZ = np.geomspace(SLOWEST_HZ, FASTEST_HZ, 9)  # each 22 % faster than the one before
_LEAST_G = 0.005  # a rise of less is sway, not a step
_LEAST_SHARE = 0.1  # of the typical rise: steps within a turn rise little
_USUAL_OF = 15  # contacts
_LEAST_PERIODS = 0.45  # two contacts are further apart


def contacts(
    vertical_g: np.ndarray, rate_hz: float, steps_hz: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Samples (k,) at which the trunk is thrown up most sharply, once per step, and how sharply (k,), in g.

    The acceleration is smoothed and differentiated in one pass by the first derivative of a Gaussian, as wide as the
    step rate at that sample (n,) asks for; its maxima are the contacts. They lead the foot's contact by about
    0.1 s, the same for every step, so that times between them are those between contacts.
    Source: McCamley J, Donati M, Grimpampi E, Mazza C. Gait Posture 2012;36(2):316-318,
    doi:10.1016/j.gaitpost.2012.02.019; the width follows the step rate as in Caldas R, Mundt M, et al.
    Gait Posture 2017;57:204-210. Width and thresholds are ours, set on made-up walking.
    """
    steps_hz = np.clip(steps_hz, SLOWEST_HZ, FASTEST_HZ)
    nearest = np.round(np.interp(np.log(steps_hz), np.log(_BANK_HZ), np.arange(len(_BANK_HZ))))
    rise = np.empty(len(vertical_g))
    for number in np.unique(nearest).astype(int):
        here = nearest == number
        rise[here] = sharpness(vertical_g, rate_hz, _BANK_HZ[number])[here]
    peaks, _ = signal.find_peaks(rise, height=_LEAST_G)
    if len(peaks):
        usual = ndimage.median_filter(rise[peaks], size=_USUAL_OF, mode="nearest")
        peaks = peaks[rise[peaks] >= _LEAST_SHARE * usual]
    peaks = _apart(peaks, rise[peaks], _LEAST_PERIODS * rate_hz / steps_hz[peaks])
    return peaks, rise[peaks]


def _apart(peaks: np.ndarray, height: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Of peaks closer than `least` samples the higher ones."""
    while len(peaks) > 1:
        close = np.flatnonzero(np.diff(peaks) < np.minimum(least[1:], least[:-1]))
        if not len(close):
            break
        lower = np.where(height[close] < height[close + 1], close, close + 1)
        # Only one that is the lowest of its surroundings goes in one round, lest both neighbours of it go too.
        rank = height[lower]
        beside = np.minimum(
            np.where(lower > 0, height[np.maximum(lower - 1, 0)], np.inf),
            np.where(
                lower < len(height) - 1, height[np.minimum(lower + 1, len(height) - 1)], np.inf
            ),
        )
        lower = np.unique(lower[(rank <= beside)])
        if not len(lower):
            break
        keep = np.ones(len(peaks), bool)
        keep[lower] = False
        peaks, height, least = peaks[keep], height[keep], least[keep]
    return peaks


def sharpness(vertical_g: np.ndarray, rate_hz: float, steps_hz: float) -> np.ndarray:
    """How much the smoothed acceleration rises at each sample, in g."""
    sigma_s = _SIGMA_PERIODS / np.clip(steps_hz, SLOWEST_HZ, FASTEST_HZ)
    reach = int(np.ceil(4 * sigma_s * rate_hz))
    t = np.arange(-reach, reach + 1) / rate_hz
    wave = -t * np.exp(-(t**2) / (2 * sigma_s**2))
    wave /= np.abs(wave).sum()
    padded = np.pad(vertical_g, reach, mode="edge")
    return signal.oaconvolve(padded, wave, mode="valid")
