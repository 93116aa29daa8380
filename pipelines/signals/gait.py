"""From calibrated samples of a stretch that may be walking to its bouts: steps, cadence, regularity, rise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.signals import bouts, contacts, direction, stride
from pipelines.signals.vertical import WORKING_HZ, at_working_rate, gravity, vertical_g

LEAST_RATE_HZ = 20.0
TRUNK = ("lower_back", "hip")  # where the vertical acceleration is that of the trunk
_LEAST_AGAIN = 4  # contacts, once a bout is known
_NEAR_S = 2.0  # of samples before and after a bout, so that filters settle outside of it
_MOVING_G, _SILENT_S, _WIDEN_S, _SHORTEST_S = 0.015, 5, 3, 3
_LONGEST_STEP_S = 1.5  # longer is a pause within the bout
_LEAST_REPEAT = (
    0.4  # shaking without a rhythm has less; walking with turns in a laboratory has 0.48 and more
)
_OWN_TIME = 0.5  # logarithm: a step of 1.65 times the usual time hides a contact, a turn takes less

BOUT_SCHEMA = {
    "start_s": pl.Float64, "end_s": pl.Float64, "steps_n": pl.Int64, "cadence_mean_spm": pl.Float64,
    "stride_time_mean_s": pl.Float64, "stride_time_cv_pct": pl.Float64, "step_regularity": pl.Float64,
    "stride_regularity": pl.Float64, "rise_half": pl.Float64, "rise_three_half": pl.Float64,
    "coupling_x": pl.Float64, "coupling_y": pl.Float64, "coupling_z": pl.Float64,
    "not_told": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Gait:
    """The bouts of one stretch, seconds from its first sample, and why nothing or not all could be told."""

    bouts: pl.DataFrame
    contacts_s: np.ndarray
    abstained: frozenset[str] = frozenset()


def candidates(sd_1s: np.ndarray, n_1s: np.ndarray) -> np.ndarray:
    """Seconds [start, end) in which somebody may walk: (k, 2) int64. Generous; the bouts decide.

    Both arguments are per second: the standard deviation of |a| in g, and the number of samples.
    """
    moving = (sd_1s >= _MOVING_G) & (n_1s > 0)
    at = np.flatnonzero(moving)
    if not len(at):
        return np.empty((0, 2), np.int64)
    cuts = np.flatnonzero(np.diff(at) > _SILENT_S) + 1
    starts, ends = at[np.r_[0, cuts]], at[np.r_[cuts - 1, len(at) - 1]] + 1
    long = ends - starts >= _SHORTEST_S
    spans = np.column_stack(
        (np.maximum(starts[long] - _WIDEN_S, 0), np.minimum(ends[long] + _WIDEN_S, len(sd_1s)))
    )
    return spans[:0] if not len(spans) else _merged(spans)


def _merged(spans: np.ndarray) -> np.ndarray:
    cuts = np.flatnonzero(spans[1:, 0] > spans[:-1, 1]) + 1
    return np.column_stack((spans[np.r_[0, cuts], 0], spans[np.r_[cuts - 1, len(spans) - 1], 1]))


def analyse(
    acc_g: np.ndarray,
    rate_hz: float,
    placement: str | None,
    gyro_dps: np.ndarray | None = None,
) -> Gait:
    """The walking bouts in one stretch of samples (n, 3) without a gap.

    Steps and cadence hold wherever the device follows the trunk's rhythm; the rise of a pendulum only at the lower
    back. What cannot be told of a bout is null, with the reason in `not_told`.
    """
    if rate_hz < LEAST_RATE_HZ:
        return _nothing("rate_below_20_hz")
    if placement in ("shank", "foot", "thigh"):
        return _nothing("no_step_method_for_placement")
    if len(acc_g) < rate_hz * 3:
        return _nothing()
    acc_g = at_working_rate(np.asarray(acc_g, np.float64), rate_hz)
    down = gravity(acc_g, WORKING_HZ)
    up_g = vertical_g(acc_g, down)
    rows, marks = [], []
    for first, last in _bouts(up_g):
        told = _bout(acc_g, down, up_g, first, last, placement)
        if told is not None:
            rows.append(told[0])
            marks.append(told[1])
    return Gait(
        pl.DataFrame(rows, schema=BOUT_SCHEMA, orient="row"),
        np.concatenate(marks) if marks else np.empty(0),
    )


def _nothing(*reasons: str) -> Gait:
    return Gait(pl.DataFrame(schema=BOUT_SCHEMA), np.empty(0), frozenset(reasons))


def _bouts(up_g: np.ndarray) -> list[tuple[int, int]]:
    """First and last contact of each run of steps, at the usual step rate."""
    at = contacts.contacts(up_g, WORKING_HZ, contacts.USUAL_HZ)
    return [(int(at[run][0]), int(at[run][-1])) for run in bouts.split(at / WORKING_HZ)]


def _bout(acc_g, down, up_g, first: int, last: int, placement: str | None):
    """One bout, its contacts found anew at its own step rate; None where they keep no rhythm then."""
    low = max(0, first - int(_NEAR_S * WORKING_HZ))
    high = min(len(up_g), last + int(_NEAR_S * WORKING_HZ) + 1)
    here = up_g[low:high]
    inside = up_g[first : last + 1]
    if contacts.repeats(inside, WORKING_HZ) < _LEAST_REPEAT:
        return None
    steps_hz = contacts.step_rate_hz(inside, WORKING_HZ)
    at = contacts.contacts(here, WORKING_HZ, steps_hz or contacts.USUAL_HZ)
    slack = 0.25 * WORKING_HZ
    at = at[(at >= first - low - slack) & (at <= last - low + slack)]
    if len(at) < _LEAST_AGAIN:
        return None
    step_s = np.diff(at) / WORKING_HZ
    if not bouts.is_walking(step_s):
        return None
    rise_m = stride.rises_m(here, WORKING_HZ, at)
    even = stride.steady(step_s, rise_m)
    if even.sum() < _LEAST_AGAIN - 1:
        return None
    two = at[2:] - at[:-2]
    usual = np.abs(np.log(step_s / np.median(step_s))) <= _OWN_TIME
    stride_s = two[usual[1:] & usual[:-1]] / WORKING_HZ
    like_s = two[even[1:] & even[:-1]] / WORKING_HZ
    reasons = []
    walked = step_s <= _LONGEST_STEP_S
    half, three_half = stride.moments(step_s[walked], rise_m[walked])
    if placement != "lower_back":
        half = three_half = None
        reasons.append("speed:placement")
    elif walked.sum() < bouts.LEAST_CONTACTS - 1:
        half = three_half = None
        reasons.append("speed:fewer_than_5_steps")
    if not len(stride_s):
        stride_s = 2 * step_s[even]
    mean_s = float(stride_s.mean())
    spread = float(like_s.std(ddof=1) / like_s.mean() * 100) if len(like_s) >= 5 else None
    if spread is None:
        reasons.append("stride_time_cv:fewer_than_5_strides")
    lag = mean_s / 2 * WORKING_HZ
    share = contacts.autocorrelation(inside, WORKING_HZ)
    coupling = (
        direction.trunk_coupling(acc_g[low:high], down[low:high], here, WORKING_HZ)
        if placement == "lower_back"
        else (None, None, None)
    )
    row = (
        (low + at[0]) / WORKING_HZ, (low + at[-1]) / WORKING_HZ, len(at) - 1,
        float((120 / stride_s).mean()), mean_s, spread,
        _peak(share, lag), _peak(share, 2 * lag), half, three_half, *coupling, "; ".join(reasons) or None,
    )  # fmt: skip
    return row, (low + at) / WORKING_HZ


def _peak(share: np.ndarray, lag: float) -> float | None:
    """The autocorrelation's highest value within a fifth around a lag."""
    first, last = int(lag * 0.8), int(lag * 1.2) + 1
    return float(share[first:last].max()) if last <= len(share) and last > first else None
