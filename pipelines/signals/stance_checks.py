"""What is odd about the knee moments of one person's stances: each a named finding, nothing mended."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.signals.stance_moment import MomentUnit

SPEED_MATCHED = (0.95, 1.05)  # of the comfortable speed, in a trial walked at a set speed
_LIKELY_PEAK: dict[MomentUnit, tuple[float, float]] = {
    # Of the largest moment of stance, typically. Our choice; healthy first peaks are about 0.45 Nm/kg.
    "Nm": (5.0, 120.0),
    "Nm/kg": (0.1, 1.5),
    "Nm/(kg*m)": (0.05, 0.9),
    "%BW*Ht": (0.6, 9.0),
}
_LEAST_OTHERS = 3  # stances that a shape is held against
_TURNED_BY = 0.2  # how much better the mirrored curve must fit; our choice, no source
_OTHER_LEG = 3.0  # times the load on this leg


def unit_is_likely(moments: np.ndarray, unit: MomentUnit) -> bool:
    """Whether the typical largest moment of a file's stances can be in the declared unit.

    A unit is declared, not guessed: neighbouring ranges overlap, so this finds mistakes by a factor of
    ten or so and no others. True where nothing is known. Assumes: `moments` (n, points), as sent.
    """
    largest = np.abs(moments[np.isfinite(moments).all(axis=1)]).max(axis=1, initial=0.0)
    low, high = _LIKELY_PEAK[unit]
    return not len(largest) or bool(low <= np.median(largest) <= high)


def sign_is_wrong(curves: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """(n,) whether the stance is of a side whose typical mean moment is below zero.

    The typical one, because a single stance of a knee bent outward may be negative throughout.
    """
    mean = np.where(np.isfinite(curves).all(axis=1), curves.mean(axis=1), np.nan)
    wrong = np.zeros(len(curves), dtype=bool)
    for side in np.unique(sides):
        own = (sides == side) & np.isfinite(mean)
        wrong |= (sides == side) & bool(own.any() and np.median(mean[own]) < 0)
    return wrong


def side_is_swapped(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n,) whether, in stance of one leg, the other knee carries the moment.

    The other leg swings through most of it. Assumes: both (n, points) over the same times; a row of
    `other` that is not known says nothing.
    """
    load, across = np.abs(own).mean(axis=1), np.abs(other).mean(axis=1)
    with np.errstate(invalid="ignore"):
        return across > _OTHER_LEG * load


def is_turned(curves: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """(n,) whether a stance runs from lift-off to contact, judged by the others of its group.

    A group is a side and a direction of one person: forward and backward curves differ in shape, so one
    says nothing of the other. Without three others of a group nothing is said; a whole group that is
    turned cannot be told from its shape.
    """
    turned = np.zeros(len(curves), dtype=bool)
    whole = np.isfinite(curves).all(axis=1)
    for group in np.unique(groups):
        own = np.flatnonzero((groups == group) & whole)
        if len(own) <= _LEAST_OTHERS:
            continue
        y = curves[own]
        others = np.stack([np.median(np.delete(y, i, axis=0), axis=0) for i in range(len(y))])
        turned[own] = _alike(y[:, ::-1], others) > _alike(y, others) + _TURNED_BY
    return turned


def speed_is_off() -> pl.Expr:
    """Whether a trial at a set speed missed the person's comfortable speed by over 5 %; null if unknown.

    Assumes: columns `speed_mps`, `comfortable_speed_mps`, `is_speed_controlled`.
    """
    share = pl.col("speed_mps") / pl.col("comfortable_speed_mps")
    known = share.is_finite() & (pl.col("comfortable_speed_mps") > 0)
    off = (share < SPEED_MATCHED[0] - 1e-9) | (share > SPEED_MATCHED[1] + 1e-9)
    return (
        pl.when(~pl.col("is_speed_controlled"))
        .then(False)
        .when(known)
        .then(off)
        .otherwise(None)
        .alias("speed_is_off")
    )


def _alike(y: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Correlation of each row with that of the other; 0 where one is flat."""
    y = y - y.mean(axis=1, keepdims=True)
    other = other - other.mean(axis=1, keepdims=True)
    scale = np.sqrt((y**2).sum(axis=1) * (other**2).sum(axis=1))
    return (y * other).sum(axis=1) / np.where(scale > 0, scale, np.inf)
