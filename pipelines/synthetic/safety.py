"""Falls, fall diaries and adverse events."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.synthetic import frames
from pipelines.synthetic.effects import Effects
from pipelines.synthetic.people import People
from pipelines.synthetic.sessions import Sessions

FOLLOW_UP_DAYS = 182
_FALLS_PER_YEAR = 1.1  # near-falls included
_DISPERSION = 1.2
_GRADE_SHARES = (0.25, 0.6, 0.12, 0.03)  # Hopkins 1 to 4
_DIARY_DAYS = 26  # seven diaries cover the follow-up exactly
_DIARY_RETURNED = 0.93
_AE_PER_PERSON = 0.45
_TERMS = ("Knee pain flare", "Muscle soreness", "Dizziness", "Common cold", "Back pain", "Calf cramp",
          "Ankle sprain", "Headache", "Nausea", "Blister")  # fmt: skip
_CRITERIA = ("hospitalisation", "important", "disability")
_HOW = ("Tripped over a kerb", "Slipped in the bathroom", "Lost balance while turning",
        "Legs gave way on the stairs", "Missed a step")  # fmt: skip


def falls(
    contract: Contract, people: People, runs: Sessions, effects: Effects, rng: np.random.Generator
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The fall records and the diaries that counted them.

    Counts are negative binomial; the arm changes the rate by the planted ratio and nothing else.
    """
    n = len(people.clinic)
    ratio = np.where(people.test_arm, effects.falls_rate_ratio, 1.0)
    rate = rng.gamma(1 / _DISPERSION, _DISPERSION, n) * _FALLS_PER_YEAR * ratio
    count = rng.poisson(rate * FOLLOW_UP_DAYS / 365.25)
    who = np.repeat(np.arange(n), count)
    day = rng.integers(1, FOLLOW_UP_DAYS, len(who))
    grade = rng.choice(4, len(who), p=_GRADE_SHARES)
    lag = rng.integers(1, 10, len(who))
    inside = np.flatnonzero(runs.fall)
    session_day = (runs.date[inside] - people.randomised[runs.who[inside]]).astype(int)
    who = np.r_[who, runs.who[inside]]
    day = np.r_[day, session_day]
    grade = np.r_[grade, np.full(len(inside), 1)]
    lag = np.r_[lag, np.ones(len(inside), int)]  # with the session log, the next morning
    number = np.r_[np.zeros(len(lag) - len(inside), int), runs.number[inside]]
    keep = day < people.end_day[who]
    order = np.lexsort((day[keep], who[keep]))
    who, day, grade, lag, number = (part[keep][order] for part in (who, day, grade, lag, number))
    date = people.randomised[who] + day
    frame = frames.table(contract, "fall", people.repeat(who) | {
        "_known": date + lag,
        "fall_no": frames.running_number(who),
        "fall_date": date,
        "hopkins_grade": frames.chosen(["1", "2", "3", "4"], grade),
        "in_session": number > 0,
        "session_no": frames.only(number, number > 0),
        "fall_note": frames.chosen(_HOW, rng.integers(0, len(_HOW), len(who))),
        "reported_date": date + lag,
    })  # fmt: skip
    real = grade >= 1
    return frame, _diaries(contract, people, who[real], day[real], rng)


def _diaries(
    contract: Contract,
    people: People,
    fall_who: np.ndarray,
    fall_day: np.ndarray,
    rng: np.random.Generator,
) -> pl.DataFrame:
    n, k = len(people.clinic), FOLLOW_UP_DAYS // _DIARY_DAYS
    counts = np.zeros((n, k), np.int64)
    np.add.at(counts, (fall_who, (fall_day // _DIARY_DAYS).clip(0, k - 1)), 1)
    first_day = np.arange(k) * _DIARY_DAYS
    covered = first_day[None, :] + _DIARY_DAYS <= people.end_day[:, None]
    who, period = np.nonzero(covered & (rng.random((n, k)) < _DIARY_RETURNED))
    start = people.randomised[who] + first_day[period]
    return frames.table(contract, "fall_diary", people.repeat(who) | {
        "_known": start + _DIARY_DAYS + rng.integers(0, 5, len(who)),
        "diary_from_date": start,
        "diary_to_date": start + _DIARY_DAYS - 1,
        "diary_falls_n": counts[who, period],
    })  # fmt: skip


def adverse_event(
    contract: Contract, people: People, as_of: np.datetime64, rng: np.random.Generator
) -> pl.DataFrame:
    """Adverse events; one that has not ended by `as_of` has no last day yet."""
    n = len(people.clinic)
    who = np.repeat(np.arange(n), rng.poisson(_AE_PER_PERSON, n))
    day = rng.integers(1, FOLLOW_UP_DAYS, len(who))
    order = np.lexsort((day, who))
    who, day = who[order], day[order]
    keep = day < people.end_day[who]
    who, day = who[keep], day[keep]
    m = len(who)
    onset = people.randomised[who] + day
    reported = onset + rng.integers(0, 6, m)
    end = onset + np.ceil(rng.exponential(8, m)).astype(int)
    ended = (end <= as_of) & (rng.random(m) > 0.05)
    serious = rng.random(m) < 0.05
    outcome = np.where(ended, rng.random(m) < 0.04, 2)
    return frames.table(contract, "adverse_event", people.repeat(who) | {
        "_known": reported,
        "ae_no": frames.running_number(who),
        "onset_date": onset,
        "severity_code": frames.chosen(
            ["mild", "moderate", "severe"], np.where(serious, 2, rng.random(m) < 0.3).astype(int)
        ),
        "serious": serious,
        "ae_term": frames.chosen(_TERMS, rng.integers(0, len(_TERMS), m)),
        "end_date": frames.only(end, ended),
        "seriousness_code": frames.chosen(_CRITERIA, rng.choice(3, m, p=[0.7, 0.2, 0.1]), serious),
        "relatedness_code": frames.chosen(
            ["unrelated", "possible", "probable"],
            np.minimum((rng.random(m) * (2 + people.test_arm[who])).astype(int), 2),
        ),
        "ae_outcome_code": frames.chosen(
            ["recovered", "sequelae", "recovering"], outcome.astype(int)
        ),
        "reported_date": reported,
    })  # fmt: skip
