"""Knee adduction moment over stance: its two peaks and its impulse, from curves of 101 points.

The external adduction moment is a surrogate of the load on the inner side of the knee, not a contact
force. Its impulse is taken over seconds: stance lasts differently backward and forward, and an
impulse over per cent of stance would leave that out.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

MomentUnit = Literal["Nm", "Nm/kg", "Nm/(kg*m)", "%BW*Ht"]

N_POINTS = 101  # 0 to 100 % of stance
G_MPS2 = 9.80665
_MIDDLE = (
    50  # the first peak stands up to here, the second beyond; Zhang's own windows are not known
)
_LEAST_RISE = 0.05  # of the higher peak, out of the valley between; our choice, no source
SCHEMA = {
    "ekam_first_peak_nm_per_kg": pl.Float64,
    "first_peak_pct": pl.Float64,
    "first_peak_absent": pl.String,
    "ekam_second_peak_nm_per_kg": pl.Float64,
    "second_peak_pct": pl.Float64,
    "second_peak_absent": pl.String,
    "kaai_nms_per_kg": pl.Float64,
    "kaai_positive_nms_per_kg": pl.Float64,
}


def per_kg(
    moment: np.ndarray, unit: MomentUnit, *, mass_kg: float | None, height_m: float | None
) -> np.ndarray:
    """The moment in Nm/kg; NaN throughout where the unit needs a mass or height that is not known."""
    mass = np.nan if mass_kg is None else mass_kg
    height = np.nan if height_m is None else height_m
    factor = {
        "Nm": 1 / mass if mass > 0 else np.nan,
        "Nm/kg": 1.0,
        "Nm/(kg*m)": height if height > 0 else np.nan,
        "%BW*Ht": G_MPS2 * height / 100 if height > 0 else np.nan,
    }[unit]
    return moment * factor


def over_stance(at: np.ndarray, moment: np.ndarray) -> np.ndarray:
    """The curve at 0 to 100 % of stance, between the samples by a straight line.

    NaN throughout where a sample is not a number or `at` (seconds, frames or per cent from contact to
    lift-off) does not rise: a curve with a hole would lose a peak without a word.
    """
    if len(at) < 2 or not np.isfinite(moment).all() or not (np.diff(at) > 0).all():
        return np.full(N_POINTS, np.nan)
    return np.interp(np.linspace(at[0], at[-1], N_POINTS), at, moment)


def stance_numbers(curves: np.ndarray, stance_s: np.ndarray) -> pl.DataFrame:
    """One row per stance: peaks in Nm/kg and where they stand, why one is absent, impulse in Nm s/kg.

    `kaai_nms_per_kg` is the net area, `kaai_positive_nms_per_kg` that above zero alone. A peak is a
    local maximum above zero within its half; a curve with one hump has one. Impulses are null where
    `stance_s` is not a time. Assumes: `curves` (n, 101), external adduction positive, in Nm/kg, in the
    order in which the stance was walked.
    """
    curves = np.asarray(curves, dtype=float).reshape(-1, N_POINTS)
    stance_s = np.asarray(stance_s, dtype=float)
    known = np.isfinite(curves).all(axis=1)
    y = np.where(known[:, None], curves, 0.0)
    first, second = _peaks(y)
    seconds = np.where(np.isfinite(stance_s) & (stance_s > 0) & known, stance_s, np.nan)
    numbers = {
        "kaai_nms_per_kg": _area(y) * seconds,
        "kaai_positive_nms_per_kg": _area(np.maximum(y, 0)) * seconds,
    }
    for name, at in (("first", first), ("second", second)):
        there = known & (at >= 0)
        height = np.take_along_axis(y, np.maximum(at, 0)[:, None], axis=1)[:, 0]
        numbers[f"ekam_{name}_peak_nm_per_kg"] = np.where(there, height, np.nan)
        numbers[f"{name}_peak_pct"] = np.where(there, at.astype(float), np.nan)
        numbers[f"{name}_peak_absent"] = [
            None if peak else ("no_local_maximum" if whole else "curve_incomplete")
            for peak, whole in zip(there.tolist(), known.tolist(), strict=True)
        ]
    return pl.DataFrame(numbers, schema_overrides=SCHEMA).select(list(SCHEMA)).fill_nan(None)


def _area(y: np.ndarray) -> np.ndarray:
    """Area per second of stance, by trapezoids."""
    return np.trapezoid(y, dx=1 / (N_POINTS - 1), axis=1)


def _peaks(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per cent at which the first and second peak stand, -1 where there is none."""
    inner = y[:, 1:-1]
    tops = np.zeros(y.shape, dtype=bool)
    tops[:, 1:-1] = (inner >= y[:, :-2]) & (inner > y[:, 2:]) & (inner > 0)
    at = np.arange(N_POINTS)
    first, first_y = _highest(y, tops & (at <= _MIDDLE))
    second, second_y = _highest(y, tops & (at > _MIDDLE))
    between = (at >= first[:, None]) & (at <= second[:, None])
    valley = np.where(between, y, np.inf).min(axis=1, initial=np.inf)
    both = (first >= 0) & (second >= 0)
    least = _LEAST_RISE * np.maximum(first_y, second_y)
    # The lower of two tops without a valley between them is a ripple on the flank of the higher.
    ripple = both & (np.minimum(first_y, second_y) - valley < least)
    first = np.where(ripple & (first_y < second_y), -1, first)
    second = np.where(ripple & (first_y >= second_y), -1, second)
    return first, second


def _highest(y: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    heights = np.where(among, y, -np.inf)
    at = heights.argmax(axis=1)
    found = among.any(axis=1)
    return np.where(found, at, -1), np.where(found, heights.max(axis=1), 0.0)
