"""What a worn sensor feels of a walk whose steps, speed and direction are known: made from mechanics, not recorded.

The trunk is an inverted pendulum: it rises with the length of the step and gives up speed for height. Walking backward
runs the pendulum's phase the other way; only the blow of the foot still follows the contact. Shank and foot turn
forward fast and back slowly; their turning, reversed in time, is that of a leg going backward.

There are two simulators on purpose. Thresholds of the gait chain were chosen beside `walking.py`, which also fills the
made-up trial; this one was written apart from other equations (splines, harmonics, any mounting), and nothing of the
chain was set on it. It is the independent test of `tests/signals` and `benchmarks/gait_accuracy.py`: set nothing on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

G_MPS2 = 9.80665
TRUNK, LIMBS = "lower_back", ("shank", "foot")
# People step further than a stiff leg of the device's height would say from the rise of their trunk: the pendulum's
# length times 4.587 / 4. Source: Soltani A, et al. IEEE TNSRE 2021;29:1955-1964, doi:10.1109/TNSRE.2021.3111681
STEP_OVER_PENDULUM = 4.587 / 4
DEVICE_OVER_HEIGHT = 0.60
# Made up, near what mobgap's lab example shows at the lower back:
_EXCHANGE = (
    0.35  # of the height's energy that comes from speed, as a sensor on a leaning trunk feels it
)
_LOWEST_AT = 0.12  # of a step after the contact: both feet are on the ground
_SHARE = (1.0, 0.07, 0.015)  # of the trunk's place at one, two and three times the step rate
_SHIFT = (0.0, 0.08, 0.05)  # of each harmonic, in steps
_NOD_G, _NOD_AT = 0.04, 0.12  # gravity felt by a trunk that nods with each step, at 1.2 m/s
_SWAY_G = 0.08
_BLOW_HZ, _BLOW_S = 12.0, 0.045  # ringing of the blow of the foot, and how soon it is gone
_SWING = {"shank": (320.0, 0.40), "foot": (420.0, 0.38)}  # deg/s at 1 m/s, share of the stride
_LIMB_HARMONICS = 10
_TURN_STEPS, _TURN_SLOWER, _TURN_SHORTER = 3, 1.15, 0.6


@dataclass(frozen=True)
class Walk:
    """A planted walk; shares are of the mean over both legs.

    `asymmetry`: how much longer one leg's steps take. `limp`: how much further the trunk rises on one leg.
    """

    steps_n: int = 40
    step_s: float = 0.55
    speed_mps: float = 1.2
    height_m: float = 1.70
    backward: bool = False
    jitter: float = 0.025  # standard deviation of the time of a step, and of its length
    asymmetry: float = 0.03
    limp: float = 0.0
    blow_g: float = 0.10  # of the foot, felt at the trunk
    turn_every_steps: int | None = None  # half a turn in three slower, shorter steps


@dataclass(frozen=True)
class Felt:
    """Samples of a walk with quiet standing around it, and what is true of it."""

    acc_g: np.ndarray
    gyro_dps: np.ndarray
    rate_hz: float
    contacts_s: np.ndarray
    speed_mps: float  # path over time from the first contact to the last


def simulate(
    walk: Walk, rate_hz: float, *, seed: int, placement: str = TRUNK,
    mount: np.ndarray | None = None, noise_g: float = 0.01, rest_s: float = 3.0,
) -> Felt:  # fmt: skip
    """The walk as a sensor at 'lower_back', 'shank' or 'foot' feels it, sampled at any rate.

    Without `mount` (3, 3; to the sensor's axes) x is up, y left and z ahead; knee and ankle turn about y.
    Assumes: `walk.steps_n` is 4 or more.
    """
    rng = np.random.default_rng(seed)
    contact_s, length_m = _steps(walk, rng)
    contact_s = contact_s + rest_s
    t = np.arange(round((contact_s[-1] + rest_s) * rate_hz)) / rate_hz
    if placement == TRUNK:
        acc_g, gyro_dps = _trunk(walk, t, contact_s, length_m, rng)
    else:
        acc_g, gyro_dps = _limb(walk, t, contact_s, rng, placement)
    acc_g += rng.normal(0, noise_g, acc_g.shape)
    gyro_dps += rng.normal(0, 0.5, gyro_dps.shape)
    if mount is not None:
        acc_g, gyro_dps = acc_g @ mount.T, gyro_dps @ mount.T
    speed = float(length_m.sum() / (contact_s[-1] - contact_s[0]))
    return Felt(acc_g, gyro_dps, rate_hz, contact_s, speed)


def any_mount(seed: int) -> np.ndarray:
    """A mounting that nobody chose: any rotation, all equally likely (3, 3)."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def rise_m(length_m: np.ndarray, height_m: float) -> np.ndarray:
    """How far the trunk rises over steps of that length (k,)."""
    leg_m = DEVICE_OVER_HEIGHT * height_m
    half_m = np.minimum(length_m / STEP_OVER_PENDULUM / 2, 0.9 * leg_m)
    return leg_m - np.sqrt(leg_m**2 - half_m**2)


def _steps(walk: Walk, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """When the feet touch the ground (n + 1,), from 0 s on, and how long each step is (n,), in m."""
    n, leg = walk.steps_n, _legs(walk)
    step_s = walk.step_s * (1 + walk.asymmetry * leg + walk.jitter * _mild(rng, n))
    length_m = walk.speed_mps * walk.step_s * (1 + walk.jitter * _mild(rng, n))
    if walk.turn_every_steps:
        step = np.arange(n)
        turns = step % walk.turn_every_steps >= walk.turn_every_steps - _TURN_STEPS
        turns &= step < n - 2
        step_s = np.where(turns, _TURN_SLOWER * step_s, step_s)
        length_m = np.where(turns, _TURN_SHORTER * length_m, length_m)
    return np.r_[0.0, np.cumsum(step_s)], length_m


def _legs(walk: Walk) -> np.ndarray:
    return np.where(np.arange(walk.steps_n) % 2, -0.5, 0.5)


def _mild(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.clip(rng.normal(size=n), -2.5, 2.5)


def _phase(t: np.ndarray, contact_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps since the first contact, and its first two derivatives."""
    before, after = contact_s[1] - contact_s[0], contact_s[-1] - contact_s[-2]
    knots = np.r_[
        contact_s[0] - np.array([2, 1]) * before, contact_s, contact_s[-1] + np.array([1, 2]) * after
    ]  # fmt: skip
    spline = CubicSpline(knots, np.arange(len(knots)) - 2.0, bc_type="natural")
    within = np.clip(t, knots[0], knots[-1])
    return spline(within), spline(within, 1), spline(within, 2)


def _strength(t: np.ndarray, contact_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How much of a full step is made: 0 in rest, 1 within the walk, a step to change; and its derivatives."""
    step_s = float(np.mean(np.diff(contact_s)))
    total = np.zeros((3, len(t)))
    for at_s, sign in ((contact_s[0] - step_s / 4, 1), (contact_s[-1] + step_s / 4, -1)):
        x = np.clip((t - at_s) / step_s + 0.5, 0, 1)
        total[0] += sign * (x**3 * (10 - 15 * x + 6 * x**2))
        total[1] += sign * (30 * x**2 * (1 - x) ** 2) / step_s
        total[2] += sign * (60 * x * (1 - x) * (1 - 2 * x)) / step_s**2
    return total[0], total[1], total[2]


def _shape(phase: np.ndarray, mirror: int) -> np.ndarray:
    """Place of the trunk within a step, 1 from lowest to highest, and its two derivatives by the phase: (3, n)."""

    def at(p: np.ndarray) -> np.ndarray:
        out = np.zeros((3, len(p)))
        for k, (share, shift) in enumerate(zip(_SHARE, _SHIFT, strict=True), start=1):
            w = 2 * np.pi * k
            angle = w * (mirror * p - _LOWEST_AT - shift)
            out -= share * np.array(
                [np.cos(angle), -mirror * w * np.sin(angle), -(w**2) * np.cos(angle)]
            )
        return out

    return at(phase) / np.ptp(at(np.linspace(0, 1, 201))[0])


def _trunk(walk: Walk, t, contact_s, length_m, rng):
    phase, rate, change = _phase(t, contact_s)
    full, full_1, full_2 = _strength(t, contact_s)
    mirror = -1 if walk.backward else 1
    place, place_1, place_2 = _shape(phase, mirror)
    rises = rise_m(length_m, walk.height_m) * (1 + walk.limp * _legs(walk))
    size = np.interp(phase, np.arange(walk.steps_n) + 0.5, rises)
    # Derivatives of full * place; a step's own size changes slowly beside them.
    speed = size * (full * place_1 * rate + full_1 * place)
    up = size * (
        full * (place_2 * rate**2 + place_1 * change) + 2 * full_1 * place_1 * rate + full_2 * place
    )
    ahead = -mirror * _EXCHANGE * speed / max(walk.speed_mps, 0.4)  # v dv = -g dz
    nod_g = _NOD_G * walk.speed_mps / 1.2 * (1 + 0.5 * _mild(rng, 1))
    nod = nod_g * full * np.cos(2 * np.pi * (mirror * phase - _NOD_AT))
    sway = _SWAY_G * full * np.sin(np.pi * (phase + 0.2))
    acc_g = np.column_stack((1 + up / G_MPS2, sway, ahead + nod))
    # The foot's blow comes after the contact whichever way one walks, softer when the toes come first.
    blow_g = (0.4 if walk.backward else 1.0) * walk.blow_g
    acc_g += _blows(t, contact_s, blow_g, rng)[:, None] * np.array([1.0, 0.3, -0.4 * mirror])
    gyro_dps = np.zeros_like(acc_g)
    gyro_dps[:, 0] = 25.0 * full * np.sin(np.pi * phase) + _half_turns(walk, phase, rate)
    gyro_dps[:, 1] = 20.0 * full * np.sin(2 * np.pi * (mirror * phase - _NOD_AT))
    return acc_g, gyro_dps


def _blows(t, contact_s, size_g: float, rng) -> np.ndarray:
    """The ringing after each contact, each of its own strength."""
    sizes = size_g * (1 + 0.25 * _mild(rng, len(contact_s)))
    last = np.searchsorted(contact_s, t, side="right") - 1
    since = t - contact_s[np.maximum(last, 0)]
    ring = np.exp(-since / _BLOW_S) * np.sin(2 * np.pi * _BLOW_HZ * since)
    return np.where(last >= 0, sizes[np.maximum(last, 0)] * ring, 0.0)


def _half_turns(walk: Walk, phase: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Turning about the vertical, deg/s: 180 degrees over each three slow steps."""
    if not walk.turn_every_steps:
        return np.zeros_like(phase)
    into = phase % walk.turn_every_steps - (walk.turn_every_steps - _TURN_STEPS)
    turns = (into >= 0) & (phase > 0) & (phase < walk.steps_n - 2)
    return np.where(turns, 60.0 * (1 - np.cos(2 * np.pi * into / _TURN_STEPS)) * rate, 0.0)


def _limb(walk: Walk, t, contact_s, rng, placement: str):
    """The leg of the even contacts: its turning, the gravity that turns with it, its swing and its blows."""
    phase, rate, _ = _phase(t, contact_s)
    full, _, _ = _strength(t, contact_s)
    mirror = -1 if walk.backward else 1
    peak_dps, share = _SWING[placement][0] * walk.speed_mps**0.5, _SWING[placement][1]
    part = np.arange(512) / 512
    swing = np.where(part > 1 - share, np.sin(np.pi * (part - 1 + share) / share), 0.0)
    push = -0.35 * np.exp(-(((part - (1 - share)) / 0.05) ** 2))
    order = np.arange(1, _LIMB_HARMONICS + 1)
    turning, faster = (np.fft.rfft(x)[order] / 256 for x in (swing + push, swing))
    wave = np.exp(2j * np.pi * np.outer(mirror * phase / 2, order))
    # Of an angle that is run through the other way the rate has the other sign.
    pitch_dps = mirror * peak_dps * full * (wave @ turning).real
    tilt = np.radians(peak_dps) * full * (wave @ (turning / (2j * np.pi * order))).real
    tilt /= np.maximum(rate / 2, 1e-3)
    gain_mps2 = 1.6 * walk.speed_mps * full * (wave @ (faster * 2j * np.pi * order)).real * rate / 2
    blows = 10 * _blows(t, contact_s[::2], walk.blow_g, rng)
    wobble = 0.05 * full * np.sin(np.pi * phase)
    acc_g = np.column_stack((np.cos(tilt) + blows, wobble, np.sin(tilt) + gain_mps2 / G_MPS2))
    return acc_g, pitch_dps[:, None] * np.array([0.08, 1.0, 0.05])
