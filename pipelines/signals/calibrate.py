"""Gain and offset of an accelerometer from its own still moments, which must measure 1 g."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

STILL_SD_G = 0.013
STILL_MEAN_G = 2.0  # beyond it a "still" window is one at the limit of its range
SPHERE_G = 0.3  # each axis must have pointed this far up and this far down
NEAR_G = 0.010  # nearer to the sphere than this all windows weigh the same
MIN_STILL_WINDOWS = (
    50  # about 8 minutes of stillness; our choice, six unknowns need many directions
)
MIN_TEMPERATURE_SPAN_C = 3.0  # our choice: below it a slope would be fitted to noise
_ROUNDS, _SETTLED = 100, 1e-9
GOOD_MG = 10.0  # a residual the source calls calibrated


@dataclass(frozen=True)
class Calibration:
    """calibrated = gain * sent + offset_g + slope_g_per_c * (temperature - reference_c), per axis.

    `before_mg`, `after_mg`: mean distance of the still windows from 1 g, with the data as sent and as calibrated.
    Where `abstained` has a reason the data stay as sent.
    """

    gain: np.ndarray
    offset_g: np.ndarray
    slope_g_per_c: np.ndarray
    reference_c: float
    n_still: int = 0
    before_mg: float | None = None
    after_mg: float | None = None
    abstained: str | None = None


AS_SENT = Calibration(np.ones(3), np.zeros(3), np.zeros(3), 0.0)


def still(n: np.ndarray, mean_g: np.ndarray, sd_g: np.ndarray, expected_n: float) -> np.ndarray:
    """Which 10 s windows are whole and still on every axis, and not at the limit of the range."""
    return (
        (n >= 0.9 * expected_n)
        & (sd_g < STILL_SD_G).all(axis=1)
        & (np.abs(mean_g) < STILL_MEAN_G).all(axis=1)
    )


def calibrate(still_g: np.ndarray, temperature_c: np.ndarray | None = None) -> Calibration:
    """The calibration that brings the still windows' means (n, 3) nearest to 1 g; see `abstained`.

    Weighted least squares of the distance to the unit sphere, weights renewed in each round as 1 / distance with
    all within 10 mg alike: the closest-point fit of the source, solved by Gauss-Newton steps.
    Temperature is used where every window has one and they differ by 3 degrees at least.
    Assumes: each row is the mean of a still 10 s window in g, as sent.
    Source: van Hees VT, Fang Z, Langford J, et al. J Appl Physiol 2014;117(7):738-744,
    doi:10.1152/japplphysiol.00421.2014.
    """
    n_still = len(still_g)
    if n_still == 0:
        return replace(AS_SENT, abstained="too_few_still_windows")
    before_mg = _off_mg(still_g)
    found = replace(AS_SENT, n_still=n_still, before_mg=before_mg, after_mg=before_mg)
    if n_still < MIN_STILL_WINDOWS:
        return replace(found, abstained="too_few_still_windows")
    if (still_g.min(axis=0) > -SPHERE_G).any() or (still_g.max(axis=0) < SPHERE_G).any():
        return replace(found, abstained="sphere_not_covered")
    warm, reference_c = _warmth(temperature_c)
    gain, offset_g, slope = _fit(still_g, warm)
    fitted = gain * still_g + offset_g + (0.0 if warm is None else slope * warm[:, None])
    after_mg = _off_mg(fitted)
    if not after_mg < before_mg:
        return replace(found, abstained="error_not_reduced")
    return Calibration(gain, offset_g, slope, reference_c, n_still, before_mg, after_mg)


def calibrated(
    acc_g: np.ndarray, calibration: Calibration, temperature_c: np.ndarray | None = None
) -> np.ndarray:
    """The samples (n, 3) calibrated, as contiguous float64; `temperature_c` is one per sample."""
    given = np.ascontiguousarray(calibration.gain * acc_g + calibration.offset_g, dtype=np.float64)
    if temperature_c is not None and calibration.slope_g_per_c.any():
        given += calibration.slope_g_per_c * (temperature_c - calibration.reference_c)[:, None]
    return given


def _off_mg(points_g: np.ndarray) -> float:
    return float(np.abs(np.linalg.norm(points_g, axis=1) - 1.0).mean() * 1000)


def _warmth(temperature_c: np.ndarray | None) -> tuple[np.ndarray | None, float]:
    if temperature_c is None or not np.isfinite(temperature_c).all():
        return None, 0.0
    if np.ptp(temperature_c) < MIN_TEMPERATURE_SPAN_C:
        return None, 0.0
    reference_c = float(temperature_c.mean())
    return temperature_c - reference_c, reference_c


def _fit(
    points_g: np.ndarray, warm: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found = np.concatenate((np.ones(3), np.zeros(3), np.zeros(3)))
    n_free = 6 if warm is None else 9
    for _ in range(_ROUNDS):
        moved = found[:3] * points_g + found[3:6]
        if warm is not None:
            moved += found[6:] * warm[:, None]
        length = np.linalg.norm(moved, axis=1)
        away, toward = length - 1.0, moved / length[:, None]
        weight = 1.0 / np.maximum(np.abs(away), NEAR_G)
        parts = [toward * points_g, toward] + ([] if warm is None else [toward * warm[:, None]])
        slopes = np.concatenate(parts, axis=1)
        weighted = slopes * weight[:, None]
        step = np.linalg.lstsq(weighted.T @ slopes, weighted.T @ away, rcond=None)[0]
        found[:n_free] -= step
        if np.abs(step).max() < _SETTLED:
            break
    return found[:3], found[3:6], found[6:]
