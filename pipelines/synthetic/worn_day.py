"""Hours with a sensor at the lower back: sitting, standing, walks, and one walk backward, whoever wears it.

Nothing here looks at the arm: at the fitting everybody walks backward once, as in the walk test of the visits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from pipelines.synthetic.walking import TRUTH_SCHEMA, Bout, Wearer, simulate

RATE_HZ = 50.0
EVERY_S = 1_500  # a walk every 25 minutes
_FIRST_S, _AROUND_S = 300, 6.0
_POSTURE_S, _LEAN_DEG = 120, 25.0
_NOISE_G, _FIDGET_G, _FIDGETS = 0.006, 0.06, 0.08  # of a tenth of the seconds
_BACKWARD = 2  # which of the walks


@dataclass(frozen=True)
class WornDay:
    """The samples at RATE_HZ, and the walks in them as `walking.simulate` tells them."""

    acc_g: np.ndarray
    walks: pl.DataFrame


@dataclass(frozen=True)
class Gait:
    """How somebody walks forward when nobody asks for more."""

    speed_mps: float
    cadence_spm: float


def own_gait(rng: np.random.Generator) -> Gait:
    """A person's own pace."""
    return Gait(speed_mps=rng.uniform(0.85, 1.2), cadence_spm=rng.uniform(96, 112))


def script(
    recorded_s: int, gait: Gait, rng: np.random.Generator, *, every_s: int = EVERY_S
) -> list[Bout]:
    """Walks about a person's own pace, the third of them backward. Assumes: time for three."""
    walks = []
    for start_s in range(_FIRST_S, recorded_s - 600, every_s):
        pace = rng.uniform(0.88, 1.12)
        walk = Bout(
            start_s=start_s + round(rng.uniform(0, 300)),
            steps_n=int(rng.integers(40, 180)),
            cadence_spm=gait.cadence_spm * (1 + pace) / 2,
            speed_mps=gait.speed_mps * pace,
        )
        if len(walks) == _BACKWARD:
            walk = replace(walk, steps_n=60, cadence_spm=82, speed_mps=0.55, backward=True)
        walks.append(walk)
    return walks


def worn(walks: list[Bout], recorded_s: int, height_m: float, rng: np.random.Generator) -> WornDay:
    """The samples of these hours; `walks` are in order and do not overlap."""
    wearer = Wearer(height_m=height_m, tilt_deg=tuple(rng.normal(0, 4, 3)))
    standing_g = simulate([], 10, RATE_HZ, rng, wearer=wearer).acc_g.mean(axis=0)
    acc_g = _at_rest(standing_g, recorded_s, rng)
    truth = []
    for walk in walks:
        moved_s = walk.start_s - _AROUND_S
        near_s = 2 * _AROUND_S + walk.steps_n * 60 / walk.cadence_spm * 1.2
        one = simulate(
            [replace(walk, start_s=_AROUND_S)], near_s, RATE_HZ, rng, wearer=wearer,
        )  # fmt: skip
        at = round(moved_s * RATE_HZ)
        acc_g[at : at + len(one.acc_g)] = one.acc_g
        truth.append(one.bouts.with_columns(pl.col("start_s", "end_s") + at / RATE_HZ))
    return WornDay(acc_g, pl.concat([pl.DataFrame(schema=TRUTH_SCHEMA), *truth]))


def _at_rest(standing_g: np.ndarray, recorded_s: int, rng: np.random.Generator) -> np.ndarray:
    """Another posture every other minute, and a fidget now and then: no device lies this still unless put away."""
    per_s = int(RATE_HZ)
    lean = np.radians(rng.uniform(-_LEAN_DEG, _LEAN_DEG, recorded_s // _POSTURE_S + 1))
    x, y, z = standing_g
    posture = np.column_stack((
        np.full(len(lean), x),
        y * np.cos(lean) - z * np.sin(lean),
        y * np.sin(lean) + z * np.cos(lean),
    ))  # fmt: skip
    acc_g = np.repeat(posture.astype(np.float32), _POSTURE_S * per_s, axis=0)[: recorded_s * per_s]
    restless = np.where(rng.random(recorded_s) < _FIDGETS, _FIDGET_G, _NOISE_G).astype(np.float32)
    noise = rng.standard_normal(acc_g.shape, dtype=np.float32)
    return acc_g + noise * np.repeat(restless, per_s)[:, None]
