"""From calibrated samples of a stretch that may be walking to its bouts: steps, cadence, regularity, rise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.signals import bouts, contacts, direction, limb, rhythm, stride
from pipelines.signals.vertical import (
    WORKING_HZ,
    at_working_rate,
    gravity,
    stretched,
    vertical_g,
)

LEAST_RATE_HZ, FULL_RATE_HZ = 20.0, 40.0
TRUNK = ("lower_back", "hip")  # where the acceleration against gravity is that of the trunk
LEG = ("shank", "foot")
PLACEMENTS = (*TRUNK, *LEG, "wrist")
_MOVING_G, _SILENT_S, _WIDEN_S, _SHORTEST_S = 0.01, 5, 3, 3
_LONGEST_STEP_S = 1.8  # longer is a pause within the bout
_LEAST_STRIDES = 5
_CLOSING = 0.75  # of the usual rise, which goes with the square of a step's length
_NEAR = int(
    2.0 * WORKING_HZ
)  # samples before and after a bout, so that filters settle outside of it

BOUT_SCHEMA = {
    "start_s": pl.Float64, "end_s": pl.Float64, "steps_n": pl.Int64, "cadence_mean_spm": pl.Float64,
    "stride_time_mean_s": pl.Float64, "stride_time_cv_pct": pl.Float64, "step_regularity": pl.Float64,
    "stride_regularity": pl.Float64, "rise_half": pl.Float64, "rise_three_half": pl.Float64,
    "coupling_x": pl.Float64, "coupling_y": pl.Float64, "coupling_z": pl.Float64,
    "not_told": pl.String,
}  # fmt: skip
CONTACT_SCHEMA = {"time_s": pl.Float64, "bout": pl.Int64}


@dataclass(frozen=True)
class GaitResult:
    """The bouts of one stretch, seconds from its first sample, and why nothing or not all could be told.

    `contacts` has `time_s` and `bout`, the row of `bouts` from 0.
    """

    bouts: pl.DataFrame
    contacts: pl.DataFrame
    abstained: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Stretch:
    """The signals of a stretch at the working rate."""

    acc_g: np.ndarray
    down: np.ndarray
    up_g: np.ndarray  # what the steps are read from
    band: np.ndarray
    placement: str
    full_rate: bool


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
    known_s: np.ndarray | None = None,
) -> GaitResult:
    """The walking bouts in one stretch of samples (n, 3) without a gap.

    Steps and cadence hold wherever the device follows the trunk's rhythm; the rise of a pendulum only at the lower
    back; a shank or foot tells its strides, of which two steps are made each, and needs `gyro_dps`.
    What cannot be told of a bout is null, with the reason in `not_told`. Where the walking is known from outside
    (a laboratory, a stopwatch), `known_s` (k, 2) gives its seconds, and no bout is sought elsewhere.
    """
    reason = _cannot(acc_g, rate_hz, placement, gyro_dps)
    if reason is not None:
        return _nothing(reason)
    if placement in LEG:
        return _of_leg(np.asarray(gyro_dps, np.float64), rate_hz)
    acc_g = at_working_rate(np.asarray(acc_g, np.float64), rate_hz)
    if len(acc_g) < rhythm.SHORTEST_S * WORKING_HZ:
        return _nothing()
    stretch = _stretch(acc_g, rate_hz, placement)
    found = rhythm.rhythm(stretch.band, WORKING_HZ)
    if not found.any and known_s is None:
        return _nothing()
    per_sample = found.per_sample(len(acc_g), WORKING_HZ)
    at, rise_g = contacts.contacts(stretch.up_g, WORKING_HZ, per_sample)
    runs = (
        bouts.split(at / WORKING_HZ, rise_g, found)
        if known_s is None
        else bouts.within(at / WORKING_HZ, known_s)
    )
    told = [_bout(stretch, at[run], stops=known_s is None) for run in runs]
    told = [both for both in told if both is not None]
    rows, each = [row for row, _ in told], [contacts_of for _, contacts_of in told]
    return _result(rows, each, stretched(rate_hz))


def _cannot(
    acc_g: np.ndarray, rate_hz: float, placement: str | None, gyro_dps: np.ndarray | None
) -> str | None:
    """Why nothing can be told of these samples."""
    if placement is None:
        return "placement_unknown"
    if placement not in PLACEMENTS:
        return "no_step_method_for_placement"
    if rate_hz < LEAST_RATE_HZ:
        return "rate_below_20_hz"
    if placement in LEG and gyro_dps is None:
        return "no_gyroscope"
    if placement in LEG and rate_hz < FULL_RATE_HZ:
        return "rate_below_40_hz"
    if not np.isfinite(gyro_dps if placement in LEG else acc_g).all():
        return "gap"
    return None


def _nothing(*reasons: str) -> GaitResult:
    return GaitResult(
        pl.DataFrame(schema=BOUT_SCHEMA), pl.DataFrame(schema=CONTACT_SCHEMA), frozenset(reasons)
    )


def _of_leg(gyro_dps: np.ndarray, rate_hz: float) -> GaitResult:
    """The bouts that one leg walks; its contacts are the middles of its swings."""
    if len(gyro_dps) < rhythm.SHORTEST_S * rate_hz:
        return _nothing()
    turn = at_working_rate(gyro_dps, rate_hz)
    rows, found = [], limb.walks(turn, WORKING_HZ)
    for walk in found:
        stride_s = np.diff(walk.swings) / WORKING_HZ
        stride_s = stride_s[stride.alike(stride_s)]
        enough = len(stride_s) >= _LEAST_STRIDES
        spread = float(stride_s.std(ddof=1) / stride_s.mean() * 100) if enough else None
        reasons = ["regularity:placement", "speed:placement"]
        if not enough:
            reasons.insert(0, "stride_time_cv:fewer_than_5_strides")
        rows.append((
            walk.swings[0] / WORKING_HZ, walk.swings[-1] / WORKING_HZ, 2 * (len(walk.swings) - 1),
            float((120 / stride_s).mean()), float(stride_s.mean()), spread, None, None, None, None,
            *walk.swing_way, "; ".join(reasons),
        ))  # fmt: skip
    return _result(rows, [walk.swings for walk in found], stretched(rate_hz))


def _result(rows: list[tuple], at: list[np.ndarray], second_s: float) -> GaitResult:
    return GaitResult(
        pl.DataFrame(rows, schema=BOUT_SCHEMA, orient="row").with_columns(
            pl.col("start_s", "end_s") * second_s
        ),
        pl.DataFrame(
            {
                "time_s": np.concatenate([*at, np.empty(0)]) / WORKING_HZ * second_s,
                "bout": np.repeat(np.arange(len(at)), [len(run) for run in at]),
            },
            schema=CONTACT_SCHEMA,
        ),
    )


def _stretch(acc_g: np.ndarray, rate_hz: float, placement: str) -> _Stretch:
    down = gravity(acc_g, WORKING_HZ)
    # An arm turns within gravity as fast as it swings: its size is all that holds.
    up_g = vertical_g(acc_g, down) if placement in TRUNK else np.linalg.norm(acc_g, axis=1) - 1.0
    return _Stretch(
        acc_g, down, up_g, rhythm.banded(up_g, WORKING_HZ), placement,
        rate_hz >= FULL_RATE_HZ,
    )  # fmt: skip


def _bout(stretch: _Stretch, at: np.ndarray, *, stops: bool) -> tuple[tuple, np.ndarray] | None:
    """One bout and its contacts (k,), or None where its steps are too unlike each other to be told apart.

    `stops`: the walk ends with its last contact, which then is the foot put beside the other if that step is low.
    """
    near = slice(max(0, at[0] - _NEAR), min(len(stretch.up_g), at[-1] + _NEAR + 1))
    rise_m = stride.rises_m(stretch.up_g[near], WORKING_HZ, at - near.start)
    if stops and len(at) > bouts.LEAST_CONTACTS and rise_m[-1] < _CLOSING * np.median(rise_m):
        at, rise_m = at[:-1], rise_m[:-1]
    step_s = np.diff(at) / WORKING_HZ
    reasons = []
    alike = stride.alike(step_s)
    stride_s = (step_s[1:] + step_s[:-1])[alike[1:] & alike[:-1]]
    if not len(stride_s):
        return None
    mean_s = float(stride_s.mean())
    spread = half = three_half = None
    if not stretch.full_rate:
        reasons.append("stride_time_cv:rate_below_40_hz")
    elif len(stride_s) < _LEAST_STRIDES:
        reasons.append("stride_time_cv:fewer_than_5_strides")
    else:
        spread = float(stride_s.std(ddof=1) / mean_s * 100)
    walked = step_s <= _LONGEST_STEP_S
    if stretch.placement != "lower_back":
        reasons.append("speed:placement")
    elif not stretch.full_rate:
        reasons.append("speed:rate_below_40_hz")
    elif walked.sum() < bouts.LEAST_CONTACTS - 1:
        reasons.append("speed:fewer_than_5_steps")
    else:
        half, three_half = stride.moments(step_s[walked], stride.without_outliers(rise_m)[walked])
    coupling = (None, None, None)
    if stretch.placement == "lower_back":
        coupling = direction.trunk_coupling(
            stretch.acc_g[near], stretch.down[near], stretch.up_g[near], WORKING_HZ
        )
    step_again, stride_again = _regularity(stretch.band[at[0] : at[-1] + 1], mean_s * WORKING_HZ)
    row = (
        at[0] / WORKING_HZ, at[-1] / WORKING_HZ, len(at) - 1, float((120 / stride_s).mean()), mean_s, spread,
        step_again, stride_again, half, three_half, *coupling, "; ".join(reasons) or None,
    )  # fmt: skip
    return row, at


def _regularity(band: np.ndarray, stride_lag: float) -> tuple[float | None, float | None]:
    """How well a step and a stride repeat: the highest autocorrelation within a fifth around their time.

    Source: Moe-Nilssen R, Helbostad JL. J Biomech 2004;37(1):121-126, doi:10.1016/S0021-9290(03)00233-1.
    """
    share, _ = rhythm.autocorrelation(band[None], int(1.2 * stride_lag) + 1)
    told = []
    for lag in (stride_lag / 2, stride_lag):
        first, last = int(lag * 0.8), int(lag * 1.2) + 1
        # Half of the bout at least must overlap itself, or a few samples make the figure.
        enough = last <= share.shape[1] and last <= len(band) / 2
        told.append(float(share[0, first:last].max()) if enough else None)
    return told[0], told[1]
