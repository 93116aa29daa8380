"""Assessments: when each visit takes place, which forms come back, and every scale's true score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.contracts.model import Contract
from pipelines.synthetic import frames
from pipelines.synthetic.effects import COURSE, SCALES, Effects, clinic_shift
from pipelines.synthetic.people import People

_SHARED = 0.5  # part of a participant's standing that all scales have in common
_WORSE_IF_HIGHER = (
    "pain.average_7d", "tug.time", "vas.pain", "pga.global", "pgic.change", "girth.difference",
)  # fmt: skip
_MISSING_AT_BASELINE = 0.01


@dataclass(frozen=True)
class Visits:
    """Visits (columns) of participants (rows)."""

    codes: tuple[str, ...]
    date: np.ndarray  # datetime64[D]
    held: np.ndarray  # False: after withdrawal
    scores: dict[str, np.ndarray]  # scale -> true score at each visit


@dataclass(frozen=True)
class Forms:
    """The forms of one kind that came back: `who` and `visit` index participants and visits."""

    who: np.ndarray
    visit: np.ndarray
    date: np.ndarray


def attend(
    contract: Contract, people: People, effects: Effects, rng: np.random.Generator
) -> Visits:
    """Dates inside the visit windows, on weekdays, and the scores that will be measured."""
    windows = contract.study.visits
    codes = tuple(sorted(windows, key=lambda code: windows[code].target))
    n = len(people.clinic)
    offset = np.empty((n, len(codes)), np.int64)
    for place, code in enumerate(codes):
        window = windows[code]
        spread = max((window.to - window.from_) / 6.0, 1.0)
        # One day is left at either end of the window, for moving a weekend to a weekday.
        drawn = np.rint(rng.normal(window.target, spread, n)).astype(np.int64)
        offset[:, place] = drawn.clip(window.from_ + 1, window.to - 1)
    date = people.randomised[:, None] + offset
    date = date + np.select([frames.weekday(date) == 5, frames.weekday(date) == 6], [-1, 1], 0)
    held = date < (people.randomised + people.end_day)[:, None]
    return Visits(codes, date, held, _scores(contract, people, effects, codes, rng))


def returned(
    contract: Contract, people: People, visits: Visits, form: str, rng: np.random.Generator
) -> Forms:
    """The forms due that were filled in: missing at random, a little more at some clinics."""
    due = np.array([code in contract.study.expected_forms[form] for code in visits.codes])
    rate = 0.05 + 0.03 * (people.clinic % 4) / 3
    missing = rng.random(visits.date.shape) < np.where(
        np.arange(len(visits.codes)) == 0, _MISSING_AT_BASELINE, rate[:, None]
    )
    who, visit = np.nonzero(visits.held & due & ~missing)
    return Forms(who, visit, visits.date[who, visit])


def _scores(
    contract: Contract,
    people: People,
    effects: Effects,
    codes: tuple[str, ...],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Linear in arm, clinic, condition and participant, with normal errors: what ANCOVA assumes."""
    n = len(people.clinic)
    windows = contract.study.visits
    primary = windows[contract.study.primary_visit].target
    course = np.array([COURSE.get(code, 0.0) for code in codes])
    trend = np.array([min(max(windows[code].target / primary, 0.0), 1.0) for code in codes])
    shared = rng.standard_normal(n)
    scores = {}
    for name, scale in SCALES.items():
        sign = -1.0 if name in _WORSE_IF_HIGHER else 1.0
        own = rng.standard_normal(n)
        person = sign * np.sqrt(_SHARED) * shared + np.sqrt(1 - _SHARED) * own
        level = (
            scale.mean
            + scale.person_sd * person
            + scale.stroke * people.stroke
            + clinic_shift(effects, name, len(contract.clinics))[people.clinic]
        )
        change = scale.gain * trend + np.outer(people.test_arm, effects.arm.get(name, 0.0) * course)
        noise = scale.noise_sd * rng.standard_normal((n, len(codes)))
        scores[name] = (level[:, None] + change + noise).clip(scale.low, scale.high)
    return scores
