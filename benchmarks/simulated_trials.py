"""Made-up trials at the level of the frames that pipelines/analysis takes, with the truth beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import norm

ARMS = ("FW", "BW")
VISITS = ("W3", "W6", "W12", "W26")
CLINIC_SHARES = (0.40, 0.33, 0.20, 0.07)  # the last is small enough to be pooled
CLINIC_LEVELS = np.array([-4.0, 4.0, 1.5, -1.5])  # points
STROKE, STROKE_LEVEL, STROKE_FALLS = 0.35, 3.0, 1.4  # share, points, times the rate of falls
CLINIC_FALLS = np.array([0.8, 1.2, 1.0, 1.4])  # times the rate of falls
COURSE = np.array([0.5, 1.0, 0.9, 0.7])  # share of the difference that is there at each visit
GAIN, PERSON_SD, SLOPE_SD, NOISE_SD = 4.0, 9.5, 2.0, 6.5  # points; slopes per visit
MISSING, RESPONSE = 0.15, 8.0  # share of outcomes missing at random; points a responder gains
FALLS_PER_YEAR, DISPERSION = 1.0, 0.8
MNAR_DELTA = -6.0  # points by which missing outcomes of the test arm are worse than expected


@dataclass(frozen=True)
class Effect:
    """What is planted: points at the primary visit, points by which group a gains more, ratio of falls."""

    points: float = 0.0
    group_a_more: float = 0.0
    falls_ratio: float = 1.0


@dataclass(frozen=True)
class Simulated:
    """`people` has one row a participant, `visits` one row a participant and visit that was made."""

    people: pl.DataFrame
    visits: pl.DataFrame
    mean_level: dict[str, float]  # expected value at the primary visit, by arm
    rates: dict[str, float]  # falls per person-year to be expected: of all, of the largest clinic
    without_fall: dict[str, float]  # expected share by arm without a fall on day 90


def responders_share(points: float) -> float:
    """The share of an arm that gains RESPONSE or more when it gains `points` more than the other."""
    sd = np.hypot(np.sqrt(2) * NOISE_SD, 2 * SLOPE_SD)
    return float(norm.sf(RESPONSE, GAIN + points, sd))


def simulate(n: int, effect: Effect, rng: np.random.Generator) -> Simulated:
    """One trial of `n` participants in four clinics, allocated in blocks of four within clinic and condition."""
    clinic = np.repeat(
        np.arange(4), np.diff(np.round(np.cumsum([0, *CLINIC_SHARES]) * n).astype(int))
    )
    stroke = rng.random(n) < STROKE
    treated = np.zeros(n)
    for place in range(8):
        mine = np.flatnonzero(clinic * 2 + stroke == place)
        blocks = rng.permuted(np.tile([0, 0, 1, 1], (len(mine) // 4 + 1, 1)), axis=1)
        treated[mine] = blocks.ravel()[: len(mine)]
    own_level = 48 + CLINIC_LEVELS[clinic] + STROKE_LEVEL * stroke
    in_a = rng.random(n) < 0.55
    level = own_level + rng.normal(0, PERSON_SD, n)
    baseline = level + rng.normal(0, NOISE_SD, n)
    slope = rng.normal(0, SLOPE_SD, n)
    steps = np.arange(1, len(VISITS) + 1)
    after = (
        level[:, None] + GAIN + effect.points * treated[:, None] * COURSE
        + slope[:, None] * steps + rng.normal(0, NOISE_SD, (n, len(VISITS)))
    )  # fmt: skip
    known = rng.random(n) >= MISSING
    value = np.where(known, after[:, 1], np.nan)
    sided = np.where(in_a, 0.5, -0.5) * effect.group_a_more * treated
    arm = np.array(ARMS)[treated.astype(int)]
    years = rng.uniform(0.2, 0.6, n)
    per_year = FALLS_PER_YEAR * CLINIC_FALLS[clinic] * np.where(stroke, STROKE_FALLS, 1)
    per_year *= np.where(treated == 1, effect.falls_ratio, 1)
    frail = rng.gamma(1 / DISPERSION, DISPERSION, n)
    first = np.ceil(rng.exponential(365.25 / per_year))  # no frailty: hazards stay proportional
    watched = np.round(years * 365.25)
    people = pl.DataFrame({
        "participant_id": np.arange(n), "arm": arm, "clinic_id": np.array(list("abcd"))[clinic],
        "condition_code": np.where(stroke, "stroke", "knee"),
        "group": np.where(in_a, "a", "b"), "baseline_value": baseline, "value": value,
        "value_by_group": value + sided, "improvement": value - baseline,
        "falls_n": rng.poisson(per_year * frail * years), "person_years": years,
        "days": np.minimum(first, watched), "fell": (first <= watched).astype(int),
    }).with_columns(pl.col("value", "value_by_group", "improvement").fill_nan(None))  # fmt: skip
    of_arm = {name: treated == k for k, name in enumerate(ARMS)}
    still = np.exp(-per_year * 90 / 365.25)
    return Simulated(
        people,
        _visits(people, after, rng),
        {name: float(own_level[its].mean()) + GAIN + effect.points * k
         for k, (name, its) in enumerate(of_arm.items())},
        {name: float(np.average(per_year[its], weights=years[its]))
         for name, its in (("all", clinic >= 0), ("one clinic", clinic == 0))},
        {name: float(still[its].mean()) for name, its in of_arm.items()},
    )  # fmt: skip


def _visits(people: pl.DataFrame, after: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    """Values until a participant leaves: the lower the last value, the likelier (missing at random)."""
    n = len(after)
    leaves = rng.random((n, len(VISITS) - 1)) < 1 / (1 + np.exp(2.6 + (after[:, :-1] - 50) / 15))
    here = np.column_stack([np.ones(n, bool), np.cumsum(leaves, axis=1) == 0])
    who, visit = np.nonzero(here)
    seen = people.select("participant_id", "arm", "clinic_id", "condition_code", "baseline_value")[
        who
    ]
    return seen.with_columns(
        visit_code=pl.Series(np.array(VISITS)[visit]), value=pl.Series(after[here])
    )
