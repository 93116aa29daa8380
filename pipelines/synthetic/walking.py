"""Samples of a body-worn sensor while somebody walks: steps, speed, direction, turns, tilt and noise are planted.

A body on stiff legs: it is lowest just after each contact, rises by what the step length asks of an inverted pendulum,
and gives its speed along the path for that height (Cavagna GA, Thys H, Zamboni A. J Physiol 1976;262:639-657). Walking
backward it does the same along its own back. Shank and foot swing once per stride, fast, and turn back slowly on the
ground. What no equation says (impacts, harmonics, sway, wandering) is drawn from the seed.

The made-up trial and the benchmarks of cost walk by this one; `walk_felt.py` is kept apart from it as a test on which
nothing of the gait chain was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

G_MPS2 = 9.80665
_LOWEST_AFTER = 0.12  # of a step: the body is lowest in double support
_IMPACT_HZ, _IMPACT_S = 12.0, 0.035
_SWING = 0.4  # of a stride
_TURN_STEPS, _TURN_LENGTH, _TURN_TIME = 4, 0.5, 1.1  # a U-turn, against a step straight ahead


@dataclass(frozen=True)
class Bout:
    """One walk to plant; `asymmetry` is what the weak leg's step lacks of rise and gains of time."""

    start_s: float
    steps_n: int
    cadence_spm: float
    speed_mps: float
    backward: bool = False
    turn_every: int = 0  # steps; 0: straight on
    step_cv: float = 0.03
    asymmetry: float = 0.0


@dataclass(frozen=True)
class Wearer:
    """How one person carries the sensor. `tilt_deg` turns it about its sideways, forward and upright axis."""

    height_m: float = 1.70
    sensor_height_share: float = 0.60
    pendulum_scale: float = 4.587 / 4
    tilt_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    noise_g: float = 0.005
    impact_g: float = 0.12
    second_harmonic: float = 0.3
    sway_g: float = 0.05
    coupling: float = 0.4  # of the speed along the path that an ideal pendulum would exchange
    pitch_deg: float = (
        1.0  # nodding of the trunk once per step, which turns gravity into the sensor
    )


@dataclass(frozen=True)
class Walked:
    """The samples, and the truth about them: `bouts` and `contacts_s`, from the first sample."""

    acc_g: np.ndarray
    gyro_dps: np.ndarray
    contacts_s: np.ndarray
    bouts: pl.DataFrame


def simulate(
    walks: list[Bout],
    duration_s: float,
    rate_hz: float,
    rng: np.random.Generator,
    *,
    wearer: Wearer = Wearer(),
    placement: str = "lower_back",
) -> Walked:
    """Standing, and the planted walks in it, as felt at `placement` (lower_back, shank or foot).

    Assumes: walks are in order, do not overlap, and end before `duration_s`.
    """
    t = np.arange(round(duration_s * rate_hz)) / rate_hz
    body = np.zeros((len(t), 3))  # sideways, forward, up; in g, without gravity
    pitch = np.zeros(len(t))  # degrees about the sideways axis
    contacts, truth = [], []
    for walk in walks:
        at, length_m = _steps(walk, rng)
        here = slice(*np.searchsorted(t, (at[0], at[-1])))
        body[here], pitch[here] = _moved(t[here], at, length_m, walk, wearer, placement, rng)
        contacts.append(at)
        truth.append(_truth(walk, at, length_m))
    body += rng.normal(0, 0.002, body.shape)
    pitch_rate = np.gradient(pitch, 1 / rate_hz)
    angle = np.radians(pitch)
    up = body[:, 2] + 1.0
    felt = np.column_stack((
        body[:, 0],
        body[:, 1] * np.cos(angle) - up * np.sin(angle),
        body[:, 1] * np.sin(angle) + up * np.cos(angle),
    ))  # fmt: skip
    turning = np.column_stack((pitch_rate, np.zeros_like(pitch), np.zeros_like(pitch)))
    mounted = _rotation(wearer.tilt_deg)
    return Walked(
        acc_g=felt @ mounted.T + rng.normal(0, wearer.noise_g, felt.shape),
        gyro_dps=turning @ mounted.T + rng.normal(0, 0.5, turning.shape),
        contacts_s=np.concatenate(contacts) if contacts else np.empty(0),
        bouts=pl.DataFrame(truth, schema=TRUTH_SCHEMA, orient="row"),
    )


TRUTH_SCHEMA = {
    "start_s": pl.Float64, "end_s": pl.Float64, "steps_n": pl.Int64, "cadence_spm": pl.Float64,
    "speed_mps": pl.Float64, "direction": pl.String,
}  # fmt: skip


def _truth(walk: Bout, at: np.ndarray, length_m: np.ndarray) -> tuple:
    walked_s = at[-1] - at[0]
    return (
        at[0], at[-1], len(at) - 1, 60 * (len(at) - 1) / walked_s, length_m.sum() / walked_s,
        "backward" if walk.backward else "forward",
    )  # fmt: skip


def _steps(walk: Bout, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Times of the contacts (steps_n + 1,) and the length of each step (steps_n,)."""
    step = np.arange(walk.steps_n)
    weak = np.where(step % 2 == 1, walk.asymmetry, -walk.asymmetry)
    time_s = 60 / walk.cadence_spm * (1 + 0.5 * weak + rng.normal(0, walk.step_cv, walk.steps_n))
    length_m = walk.speed_mps * 60 / walk.cadence_spm * (1 - 0.5 * weak)
    length_m = length_m * (1 + rng.normal(0, walk.step_cv, walk.steps_n))
    if walk.turn_every:
        turns = (step % walk.turn_every >= walk.turn_every - _TURN_STEPS) & (
            step >= walk.turn_every - _TURN_STEPS
        )
        length_m = np.where(turns, length_m * _TURN_LENGTH, length_m)
        time_s = np.where(turns, time_s * _TURN_TIME, time_s)
    return walk.start_s + np.concatenate(([0.0], np.cumsum(time_s))), length_m


def _moved(
    t: np.ndarray, at: np.ndarray, length_m: np.ndarray,
    walk: Bout, wearer: Wearer, placement: str, rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Acceleration of the body in g, and the pitch of the sensor in degrees, while walking."""
    if placement != "lower_back":
        return _limb(t, at, length_m, walk, rng)
    step_s = np.diff(at)
    leg_m = wearer.height_m * wearer.sensor_height_share
    rise_m = leg_m - np.sqrt(leg_m**2 - (length_m / (2 * wearer.pendulum_scale)) ** 2)
    lowest = at + _LOWEST_AFTER * np.append(step_s, step_s[-1])
    place = np.interp(t, lowest, np.arange(len(at)), left=0, right=len(at) - 1)
    step = np.minimum(place.astype(int), len(step_s) - 1)
    phase, w = 2 * np.pi * place, 2 * np.pi / step_s[step]
    moving = ((place > 0) & (place < len(at) - 1)).astype(float)
    up = rise_m[step] / 2 * w**2 * np.cos(phase)
    up += wearer.second_harmonic * rise_m[step] / 2 * w**2 * np.cos(2 * phase + rng.normal(0, 0.5))
    # What is lost in height on the way up is lost in speed: v dv = -g dz, with v the mean speed.
    speed = np.maximum(length_m / step_s, 0.05)[step]
    swing = np.minimum(G_MPS2 * rise_m[step] / 2 / speed, 0.5 * speed)
    along = -wearer.coupling * swing * w * np.sin(phase + rng.normal(0, 0.3))
    along = along * (-1.0 if walk.backward else 1.0)
    sideways = wearer.sway_g * np.sin(phase / 2 + rng.uniform(0, 2 * np.pi))
    since = t - at[np.clip(np.searchsorted(at, t, side="right") - 1, 0, len(at) - 1)]
    hit = np.minimum(1.5, np.sqrt(length_m[step] / 0.6)) * wearer.impact_g
    impact = hit * np.sin(2 * np.pi * _IMPACT_HZ * since) * np.exp(-since / _IMPACT_S)
    acc = np.column_stack((sideways, along / G_MPS2, up / G_MPS2)) * moving[:, None]
    acc[:, 2] += impact
    acc[:, 1] -= 0.5 * impact * (-1.0 if walk.backward else 1.0)
    return acc, wearer.pitch_deg * np.sin(phase + rng.uniform(0, 2 * np.pi)) * moving


def _limb(
    t: np.ndarray, at: np.ndarray, length_m: np.ndarray, walk: Bout, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The same at one leg: it swings through in two fifths of a stride and turns back over the rest."""
    heel = at[::2]
    place = np.interp(t, heel, np.arange(len(heel)))
    part = place % 1.0
    swing = np.clip((part - (1 - _SWING)) / _SWING, 0, 1)
    stance = np.clip(part / (1 - _SWING), 0, 1)
    reach_deg = (20 + 45 * length_m.mean()) * (1 + rng.normal(0, 0.03))
    pitch = reach_deg * (0.5 - stance + (1 - np.cos(np.pi * swing)) / 2)
    if walk.backward:
        pitch = -pitch
    since = (part / np.maximum(np.gradient(place, t), 1e-6)) if len(t) > 1 else np.zeros(len(t))
    impact = 0.8 * np.sin(2 * np.pi * _IMPACT_HZ * since) * np.exp(-since / _IMPACT_S)
    acc = np.column_stack((np.zeros_like(t), np.zeros_like(t), impact))
    return acc, pitch


def _rotation(tilt_deg: tuple[float, float, float]) -> np.ndarray:
    """Turns about the sideways, the forward and the upright axis, in that order: (3, 3)."""
    (ca, cb, cc), (sa, sb, sc) = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    about_x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    about_y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    about_z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x
