"""A day of a worn sensor: planted walks among standing, sitting and lying, time off the body, and lost samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.synthetic.walk_felt import TRUNK, Walk, simulate

HOUR_S = 3600
_UP_S, _DOWN_S = 7 * HOUR_S, 22 * HOUR_S  # out of bed
_REST_S = 3.0  # quiet standing before and after a walk
_STAND_S = 20.0
_LEAN_DEG = {"standing": 0.0, "sitting": 20.0, "lying": 85.0, "off": 90.0}
_SHIFTS_PER_H = {"standing": 20.0, "sitting": 6.0, "lying": 2.0, "off": 0.0}
_WORN_C, _ROOM_C, _COOLING_S = 33.0, 21.0, 900.0
TRUTH_SCHEMA = {
    "start_s": pl.Float64, "end_s": pl.Float64, "state": pl.String, "steps_n": pl.Int64,
    "cadence_spm": pl.Float64, "speed_mps": pl.Float64, "direction": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Day:
    """Samples of a day and the truth of it; seconds from midnight.

    `stretches` are (first second, first sample, sample after the last): a gap lies between two of them.
    `temperature_c` is one value per second of the day.
    """

    acc_g: np.ndarray
    gyro_dps: np.ndarray | None
    rate_hz: float
    stretches: tuple[tuple[float, int, int], ...]
    temperature_c: np.ndarray
    truth: pl.DataFrame


def day(
    walks: list[Walk], rate_hz: float, *, seed: int, placement: str = TRUNK,
    mount: np.ndarray | None = None, noise_g: float = 0.004,
    off_s: tuple[float, float] | None = None, gaps_s: tuple[tuple[float, float], ...] = (),
) -> Day:  # fmt: skip
    """24 h with these walks spread over the waking hours, in order, none while off or in a gap.

    Raises ValueError where the walks do not fit. Limbs also have a turning rate.
    """
    rng = np.random.default_rng(seed)
    mount = np.eye(3) if mount is None else mount
    n = round(24 * HOUR_S * rate_hz)
    away = [*gaps_s, *([off_s] if off_s else [])]
    walked = _walked(walks, rate_hz, rng, placement, mount, away)
    acc_g = rng.standard_normal((n, 3), dtype=np.float32) * np.float32(noise_g)
    gyro_dps = None
    if placement != TRUNK:
        gyro_dps = rng.standard_normal((n, 3), dtype=np.float32) * np.float32(0.3)
    spells = _spells([(start_s, end_s) for start_s, end_s, _, _ in walked], off_s)
    for start_s, end_s, state in spells:
        a, b = round(start_s * rate_hz), round(end_s * rate_hz)
        acc_g[a:b] += mount @ _down(state)
        _shift(acc_g[a:b], rate_hz, _SHIFTS_PER_H[state], rng)
    for start_s, end_s, felt, _ in walked:
        a = round(start_s * rate_hz)
        b = min(a + len(felt.acc_g), round(end_s * rate_hz))
        acc_g[a:b] += felt.acc_g[: b - a]
        if gyro_dps is not None:
            gyro_dps[a:b] += felt.gyro_dps[: b - a]
    rows = [(*spell, None, None, None, None) for spell in spells] + [
        _true(start_s, felt, walk) for start_s, _, felt, walk in walked
    ]
    kept, stretches = _without(n, rate_hz, gaps_s)
    return Day(
        acc_g[kept], None if gyro_dps is None else gyro_dps[kept], rate_hz, stretches,
        _temperature(off_s), pl.DataFrame(rows, schema=TRUTH_SCHEMA, orient="row").sort("start_s"),
    )  # fmt: skip


def many_walks(n: int, *, seed: int, backward: int = 0, speed_mps: float = 1.1) -> list[Walk]:
    """Walks of one person's day, of 8 to 300 steps, most of them short; `backward` of them walked backward."""
    rng = np.random.default_rng(seed)
    steps = np.clip(np.exp(rng.normal(3.4, 0.8, n)), 8, 300).astype(int)
    speeds = speed_mps * np.clip(rng.normal(1, 0.12, n), 0.7, 1.3)
    is_backward = np.isin(np.arange(n), rng.permutation(n)[:backward])
    speeds = np.where(is_backward, 0.6 * speeds, speeds)
    return [
        Walk(
            steps_n=int(steps_n),
            step_s=float(0.55 * (1.2 / speed) ** 0.4),
            speed_mps=float(speed),
            backward=bool(back),
            turn_every_steps=20 if turns else None,
        )
        for steps_n, speed, back, turns in zip(
            steps, speeds, is_backward, rng.random(n) < 0.3, strict=True
        )
    ]


def _walked(walks, rate_hz, rng, placement, mount, away):
    """(start, end, what is felt, the walk) of each walk, in its own equal share of the waking hours."""
    found, from_s = [], float(_UP_S)
    for number, walk in enumerate(walks):
        felt = simulate(
            walk, rate_hz, seed=int(rng.integers(2**31)), placement=placement, mount=mount,
            noise_g=0.0, rest_s=_REST_S,
        )  # fmt: skip
        share_s = (_DOWN_S - from_s - sum(max(0, e - max(s, from_s)) for s, e in away)) / (
            len(walks) - number
        )
        took_s = len(felt.acc_g) / rate_hz
        start_s = round(from_s + rng.uniform(0, max(share_s - took_s - 2 * _STAND_S, 0))) + _STAND_S
        for away_s, back_s in sorted(away):
            if start_s < back_s + _STAND_S and start_s + took_s > away_s - _STAND_S:
                start_s = back_s + _STAND_S
        if start_s + took_s > _DOWN_S:
            raise ValueError(f"{len(walks)} walks do not fit into the waking hours")
        found.append((start_s, start_s + took_s, felt, walk))
        from_s = start_s + took_s + _STAND_S
    return found


def _spells(walked, off_s) -> list[tuple[float, float, str]]:
    """What is done between the walks: (start, end, state)."""
    marks = {0.0: "lying", float(_UP_S): "sitting", float(_DOWN_S): "lying", 24.0 * HOUR_S: ""}
    busy = sorted([(s - _STAND_S, e + _STAND_S, s, e) for s, e in walked])
    spells = []
    for at_s, until_s in zip(sorted(marks)[:-1], sorted(marks)[1:], strict=True):
        spells.append((at_s, until_s, marks[at_s]))
    for low, high, s, e in busy:
        spells = _cut(spells, low, high, [(low, s, "standing"), (e, high, "standing")])
    if off_s:
        spells = _cut(spells, *off_s, [(*off_s, "off")])
    return [spell for spell in sorted(spells) if spell[1] > spell[0]]


def _cut(spells, low: float, high: float, instead):
    """The spells without [low, high), and what stands there instead."""
    kept = [(s, min(e, low), state) for s, e, state in spells if s < low]
    kept += [(max(s, high), e, state) for s, e, state in spells if e > high]
    return kept + instead


def _down(state: str) -> np.ndarray:
    angle = np.radians(_LEAN_DEG[state])
    return np.array([np.cos(angle), 0.0, np.sin(angle)], dtype=np.float32)


def _shift(acc_g: np.ndarray, rate_hz: float, per_h: float, rng: np.random.Generator) -> None:
    """Single movements of two seconds, in place: people do not sit still."""
    long = round(2 * rate_hz)
    count = rng.poisson(per_h * len(acc_g) / rate_hz / HOUR_S)
    if len(acc_g) <= long:
        return
    wave = (np.hanning(long) * np.sin(np.linspace(0, 3 * np.pi, long)))[:, None]
    for at in rng.integers(0, len(acc_g) - long, count):
        acc_g[at : at + long] += wave * rng.normal(0, 0.1, 3)


def _true(start_s: float, felt, walk: Walk) -> tuple:
    stride_s = felt.contacts_s[2:] - felt.contacts_s[:-2]
    return (
        start_s + felt.contacts_s[0], start_s + felt.contacts_s[-1], "walking", walk.steps_n,
        float((120 / stride_s).mean()), felt.speed_mps, "backward" if walk.backward else "forward",
    )  # fmt: skip


def _without(n: int, rate_hz: float, gaps_s) -> tuple[np.ndarray, tuple]:
    kept, stretches, at, so_far = np.ones(n, bool), [], 0, 0
    for start_s, end_s in [*sorted(gaps_s), (n / rate_hz, n / rate_hz)]:
        a, b = round(start_s * rate_hz), round(end_s * rate_hz)
        if a > at:
            stretches.append((at / rate_hz, so_far, so_far + a - at))
            so_far += a - at
        kept[a:b] = False
        at = b
    return kept, tuple(stretches)


def _temperature(off_s) -> np.ndarray:
    """Warm on the body, cooling when off it, and warming up again: (86400,) in degrees Celsius."""
    second = np.arange(24 * HOUR_S, dtype=np.float64)
    if not off_s:
        return np.full(len(second), _WORN_C)
    off, on = off_s
    cooled = _ROOM_C + (_WORN_C - _ROOM_C) * np.exp(-np.maximum(second - off, 0) / _COOLING_S)
    at_on = _ROOM_C + (_WORN_C - _ROOM_C) * np.exp(-(on - off) / _COOLING_S)
    warmed = _WORN_C - (_WORN_C - at_on) * np.exp(-np.maximum(second - on, 0) / _COOLING_S)
    return np.where(second < off, _WORN_C, np.where(second < on, cooled, warmed))
