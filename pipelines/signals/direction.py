"""Forward or backward: whether the body's two rhythms keep the phase they have when people walk forward.

Walking backward runs the pendulum the other way: against the rise and fall of the trunk the push along the path
changes its sign, and so does the swing of shank and foot. No device knows where forward is. So a recording
is its own reference: most of what people walk in a day is forward. Single-sensor evidence at the lower back is
thin (two actors in motion capture); the band in which nothing is said is wide, and the clinical arm is never looked at.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.signals.zero_phase import filtered

FORWARD, BACKWARD, ABSTAIN = "forward", "backward", "abstain"
LEAST_BOUTS, LEAST_SPAN_H = 10, 12.0  # of a recording that can be its own reference
LEAST_AGREEMENT = 0.8  # of its bouts, by time walked
SURE = 0.95
LEAST_TO_COMPARE = 1  # bout either way
_SLOPE = (
    5.5  # a coupling of 0.53 is sure; the captured walks, 0.1 to 0.2 on either side, stay untold
)
_COUPLING = ["coupling_x", "coupling_y", "coupling_z"]


def trunk_coupling(
    acc_g: np.ndarray, down: np.ndarray, up_g: np.ndarray, rate_hz: float
) -> tuple[float, float, float]:
    """How the horizontal acceleration goes with the vertical speed, on the device's axes: between -1 and 1 each.

    Its length is their correlation along the best horizontal line; its direction turns round with the walk's.
    """
    level = acc_g - np.einsum("ij,ij->i", acc_g, down)[:, None] * down
    both = _steps(np.column_stack((level, up_g)), rate_hz)
    level, speed = both[:, :3], _steps(np.cumsum(both[:, 3]), rate_hz)
    return _share(level.T @ speed, level, speed)


def _steps(x: np.ndarray, rate_hz: float) -> np.ndarray:
    return filtered(x, "bandpass", (0.5, 6.0), rate_hz, order=2, settle_s=2.0)


def _share(product: np.ndarray, level: np.ndarray, speed: np.ndarray) -> tuple[float, float, float]:
    along = level @ (product / max(np.linalg.norm(product), 1e-12))
    power = np.sqrt((along**2).sum() * (speed**2).sum())
    x, y, z = product / max(power, 1e-12)
    return float(x), float(y), float(z)


def ahead_of(bouts: pl.DataFrame) -> np.ndarray | None:
    """What walking forward looks like on this device, from bouts known to be forward (a calibration walk): (3,).

    None where not a single bout has a coupling. It holds as long as the device is not put on anew.
    """
    coupling = bouts.select(_COUPLING).drop_nulls().to_numpy()
    length = np.linalg.norm(coupling.sum(axis=0)) if len(coupling) else 0.0
    return coupling.sum(axis=0) / length if length > 0 else None


def decide(bouts: pl.DataFrame, ahead: np.ndarray | None = None) -> pl.DataFrame:
    """The bouts with `p_backward`, `direction` and `direction_reason`.

    They are judged against `ahead`, what forward walking looks like on the device (see `ahead_of`), or without it
    against most of their own recording, if that is long enough.
    A recording whose fewer bouts step out further than the many may be one of a person who walks mostly backward:
    nothing is told of it.
    Assumes: `start_us`, `end_us`, the coupling, `rise_half` and `cadence_mean_spm` of each bout.
    """
    nothing = bouts.with_columns(p_backward=pl.lit(None, pl.Float64), direction=pl.lit(ABSTAIN))
    if bouts.is_empty():
        return nothing.with_columns(direction_reason=pl.lit(None, pl.String))
    coupling = bouts.select(_COUPLING).to_numpy().astype(np.float64)
    told = np.isfinite(coupling).all(axis=1)
    length_s = (bouts["end_us"] - bouts["start_us"]).to_numpy() / 1e6
    span_h = (bouts["end_us"].max() - bouts["start_us"].min()) / 3.6e9
    if not told.any():
        return nothing.with_columns(direction_reason=pl.lit("placement"))
    if ahead is None and (told.sum() < LEAST_BOUTS or span_h < LEAST_SPAN_H):
        return nothing.with_columns(direction_reason=pl.lit("recording_too_short_to_know_forward"))
    own = ahead is None
    if own:
        ahead = _reference(coupling[told], length_s[told])
    if ahead is None:
        return nothing.with_columns(direction_reason=pl.lit("bouts_disagree_on_forward"))
    along = np.where(told, np.nan_to_num(coupling) @ ahead, np.nan)
    # What points elsewhere than forward walking, or its opposite, says less: sway, a device that slipped.
    along *= np.abs(along) / np.maximum(np.linalg.norm(np.nan_to_num(coupling), axis=1), 1e-12)
    p = 1 / (1 + np.exp(_SLOPE * along))
    if own and _turned_round(bouts, p):
        return nothing.with_columns(direction_reason=pl.lit("fewer_bouts_step_out_further"))
    return bouts.with_columns(
        p_backward=pl.Series(p).fill_nan(None),
        direction=pl.Series(np.select([p >= SURE, p <= 1 - SURE], [BACKWARD, FORWARD], ABSTAIN)),
        direction_reason=pl.Series(
            np.select(
                [~told, (p < SURE) & (p > 1 - SURE)], ["placement", "between_the_bounds"], ""
            ),
        ).replace("", None),
    )


def _reference(coupling: np.ndarray, length_s: np.ndarray) -> np.ndarray | None:
    """The direction most of the walking agrees on, of length 1; None where less than 80 % of it does."""
    _, _, axes = np.linalg.svd(coupling * np.sqrt(length_s)[:, None], full_matrices=False)
    axis = axes[0]
    ahead = coupling @ axis > 0
    share = length_s[ahead].sum() / length_s.sum()
    if max(share, 1 - share) < LEAST_AGREEMENT:
        return None
    return axis if share >= 0.5 else -axis


def _turned_round(bouts: pl.DataFrame, p: np.ndarray) -> bool:
    """Whether the bouts that would be backward have the longer steps, or at a leg the quicker ones.

    Backward steps are shorter, and not quicker. A trunk's rise goes with the square of a step's length.
    """
    for column in ("rise_half", "cadence_mean_spm"):
        value = bouts[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        known = np.isfinite(value)
        back, ahead = value[known & (p >= SURE)], value[known & (p <= 1 - SURE)]
        if min(len(back), len(ahead)) >= LEAST_TO_COMPARE:
            return bool(np.median(back) > np.median(ahead))
    return False
