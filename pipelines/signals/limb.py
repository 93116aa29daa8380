"""Strides from the gyroscope of a shank or foot: the leg swings once per stride, and which way it swings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import signal

from pipelines.signals.zero_phase import filtered

LEAST_STRIDES = 3
_SMOOTH_HZ = 6.0
_LEAST_SWING_DPS = 50.0
_SWING_SHARE = 0.4  # of the usual swing
_STRIDE_S = (0.5, 3.5)
_RHYTHM, _RHYTHMIC_SHARE = 0.4, 0.6
_LEAST_SIDED = 0.3  # pedalling, and shaking, turn a leg as fast to one side as to the other
_SKEW_SHARE = 0.75  # a skewness of 0.7 counts as a coupling of 0.53 at the trunk does


@dataclass(frozen=True)
class Walk:
    """One bout of a leg: the samples in the middle of each swing, and how one-sided its turning is, per axis."""

    swings: np.ndarray
    swing_way: tuple[float, float, float]


def walks(gyro_dps: np.ndarray, rate_hz: float) -> list[Walk]:
    """The runs of three strides and more of one leg.

    The leg turns about one axis, fast in swing and slowly back on the ground; which axis, and which way is
    forward, the sensor does not know.
    Source: Salarian A, Russmann H, Vingerhoets FJ, et al. IEEE Trans Biomed Eng 2004;51(8):1434-1443,
    doi:10.1109/TBME.2004.827933 (mid-swing is the largest peak of the shank's pitch rate, over 50 degrees per
    second). The rhythm asked for is ours, as at the trunk.
    """
    turn = filtered(gyro_dps, "lowpass", _SMOOTH_HZ, rate_hz, order=2, settle_s=1.0)
    _, axes = np.linalg.eigh(turn.T @ turn)
    pitch = turn @ axes[:, -1]
    if (pitch**3).sum() < 0:
        pitch = -pitch
    at, said = signal.find_peaks(
        pitch, height=_LEAST_SWING_DPS, distance=max(1, int(_STRIDE_S[0] * rate_hz))
    )
    if not len(at):
        return []
    at = at[said["peak_heights"] >= _SWING_SHARE * np.median(said["peak_heights"])]
    runs = np.split(at, np.flatnonzero(np.diff(at) > _STRIDE_S[1] * rate_hz) + 1)
    legs = [
        Walk(run, _way(turn[run[0] : run[-1] + 1]))
        for run in runs
        if len(run) > LEAST_STRIDES and _in_rhythm(np.diff(run))
    ]
    return [leg for leg in legs if np.linalg.norm(leg.swing_way) >= _SKEW_SHARE * _LEAST_SIDED]


def _in_rhythm(stride: np.ndarray) -> bool:
    usual = np.median(stride)
    return (np.abs(stride - usual) <= _RHYTHM * usual).mean() >= _RHYTHMIC_SHARE


def _way(turn: np.ndarray) -> tuple[float, float, float]:
    """The skewness of the turning, scaled, along the axes about which it is skewed: it turns round with the walk.

    Reasoned from the anatomy (swing is fast one way only), and seen in captured walks of one actor.
    """
    size = np.linalg.norm(turn, axis=1)
    power = max(float((size**2).mean()) ** 1.5, 1e-12)
    x, y, z = _SKEW_SHARE * (turn * (size**2)[:, None]).mean(axis=0) / power
    return float(x), float(y), float(z)
