"""What a device on the trunk feels along gravity: how far it leans does not matter."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy import signal

from pipelines.signals.zero_phase import filtered

WORKING_HZ = 50.0  # steps have nothing above 20 Hz that is needed here
_GRAVITY_HZ = 0.25  # slower than any step, faster than a change of posture
_EDGE_S = 8.0


def at_working_rate(samples: np.ndarray, rate_hz: float) -> np.ndarray:
    """The samples (n, k) at 50 Hz, to within a thousandth (see `stretched`), nothing folded back from above 25 Hz."""
    ratio = _ratio(rate_hz)
    if ratio == 1:
        return samples
    return signal.resample_poly(samples, ratio.numerator, ratio.denominator, axis=0, padtype="line")


def stretched(rate_hz: float) -> float:
    """Seconds that pass in one second of the samples at the working rate: a device's clock runs as it will."""
    return WORKING_HZ / (rate_hz * float(_ratio(rate_hz)))


def _ratio(rate_hz: float) -> Fraction:
    return Fraction(WORKING_HZ / rate_hz).limit_denominator(200)


def gravity(acc_g: np.ndarray, rate_hz: float) -> np.ndarray:
    """The direction of gravity on the device's axes at every sample: (n, 3), of length 1.

    A second-order Butterworth low-pass at 0.25 Hz, run both ways so that it has no delay.
    """
    smooth = filtered(acc_g, "lowpass", _GRAVITY_HZ, rate_hz, order=2, settle_s=_EDGE_S)
    length = np.linalg.norm(smooth, axis=1, keepdims=True)
    return smooth / np.maximum(length, 1e-6)


def vertical_g(acc_g: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Acceleration against gravity without gravity: (n,), in g, positive upwards."""
    return np.einsum("ij,ij->i", acc_g, down) - 1.0
