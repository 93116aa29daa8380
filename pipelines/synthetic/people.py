"""Who is enrolled: clinics, dates, strata, allocation in permuted blocks, withdrawals."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines import identity
from pipelines.contracts.model import Contract
from pipelines.errors import BackstepError
from pipelines.synthetic import frames

FIRST_DATE = dt.date(2025, 3, 3)
ENROLMENT_WEEKS = 20
NEVER = 100_000  # a study day that no withdrawal reaches
_BLOCKS = (2, 4, 6)
_CONDITIONS = ("knee_oa_kl12", "knee_oa_kl3", "stroke_le6mo", "stroke_gt6mo")
_SHARES = (0.42, 0.30, 0.10, 0.18)
_REASONS = ("participant_wish", "adverse_event", "moved", "lost", "other")


@dataclass(frozen=True)
class People:
    """One entry per participant, by clinic and number."""

    clinic: np.ndarray  # index into contract.clinics
    clinic_id: pl.Series
    participant_id: pl.Series
    randomised: np.ndarray  # datetime64[D]
    test_arm: np.ndarray  # True: the test arm
    stroke: np.ndarray
    left_knee: np.ndarray  # True: the index knee is the left one
    beta_blocker: np.ndarray
    aid: np.ndarray  # walking aid: 0 none, 1 cane, 2 crutches, 3 walker
    end_day: np.ndarray  # days from randomisation to withdrawal, or NEVER
    frame: pl.DataFrame  # the participant table

    def repeat(self, who: np.ndarray) -> dict[str, pl.Series]:
        """The columns that say whose a row is."""
        return {
            "clinic_id": self.clinic_id.gather(who),
            "participant_id": self.participant_id.gather(who),
        }


def enrol(contract: Contract, n: int, rng: np.random.Generator) -> People:
    """Enrols `n` participants over the enrolment weeks, numbered by date within each clinic."""
    clinics = list(contract.clinics)
    weights = 1.0 + 0.12 * np.cos(np.arange(len(clinics)))
    sizes = _shares(n, weights)
    if sizes.max() >= identity.FIRST_TEST_NUMBER:
        most = identity.FIRST_TEST_NUMBER - 1
        raise BackstepError(
            f"a clinic has numbers for {most} participants, not for {sizes.max()}",
            where="the number of participants asked for",
            remedy=f"ask for at most {most * len(clinics)} at {len(clinics)} clinics",
        )
    clinic = np.repeat(np.arange(len(clinics)), sizes)
    number = frames.running_number(clinic)
    working_day = rng.integers(0, ENROLMENT_WEEKS * 5, n)
    working_day = working_day[np.lexsort((working_day, clinic))]
    randomised = np.datetime64(FIRST_DATE) + (working_day // 5) * 7 + working_day % 5
    condition = rng.choice(len(_CONDITIONS), n, p=_SHARES)
    test_arm = _allocate(clinic * len(_CONDITIONS) + condition, rng)

    female = rng.random(n) < 0.58
    height = np.where(female, rng.normal(163, 6.2, n), rng.normal(176, 6.6, n)).clip(148, 195)
    mass_index = rng.normal(28, 3.8, n).clip(19, 42)
    age = rng.normal(65, 8, n).clip(45, 85)
    left = rng.random(n) < 0.5
    beta_blocker = rng.random(n) < 0.2
    aid = rng.choice(4, n, p=[0.7, 0.2, 0.03, 0.07])
    withdrew = rng.random(n) < 0.07
    end_day = np.where(withdrew, rng.integers(5, 170, n), NEVER)
    withdrawn = np.where(withdrew, randomised + end_day, np.datetime64("NaT"))
    kl = np.select([condition == 0, condition == 1], [rng.integers(1, 3, n), np.full(n, 3)], -1)
    ids = [
        identity.make_id(contract.clinics[clinics[c]].prefix, int(k))
        for c, k in zip(clinic, number, strict=True)
    ]
    arms = contract.study.arms
    columns = {
        "clinic_id": frames.chosen(clinics, clinic),
        "_known": randomised,
        "participant_id": pl.Series(ids),
        "randomised_date": randomised,
        "arm": frames.chosen([arms["reference"], arms["test"]], test_arm.astype(int)),
        "condition_code": frames.chosen(_CONDITIONS, condition),
        "sex_code": frames.chosen(["male", "female"], female.astype(int)),
        "index_knee_side": frames.chosen(["right", "left"], left.astype(int)),
        # Consent comes before the baseline visit, which is at most seven days before day 0.
        "consented_date": randomised - rng.integers(7, 15, n),
        "birth_year": np.int64(FIRST_DATE.year) - age.astype(np.int64),
        "height_cm": height.round(0),
        "weight_kg": (mass_index * (height / 100) ** 2).round(1),
        "kl_grade": frames.only(kl, kl >= 0),
        "beta_blocker": beta_blocker,
        "withdrawn_date": withdrawn,
        "withdrawn_reason": frames.chosen(_REASONS, rng.integers(0, len(_REASONS), n), withdrew),
    }
    return People(
        clinic=clinic, clinic_id=columns["clinic_id"], participant_id=columns["participant_id"],
        randomised=randomised, test_arm=test_arm, stroke=condition >= 2, left_knee=left,
        beta_blocker=beta_blocker, aid=aid, end_day=end_day,
        frame=frames.table(contract, "participant", columns),
    )  # fmt: skip


def _shares(n: int, weights: np.ndarray) -> np.ndarray:
    """`n` split by weights into whole numbers that sum to `n`."""
    edges = np.round(n * np.cumsum(weights) / weights.sum()).astype(int)
    return np.diff(np.r_[0, edges])


def _allocate(stratum: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """True for the test arm, in permuted blocks of random size within each stratum."""
    test = np.zeros(len(stratum), bool)
    for one in np.unique(stratum):
        members = np.flatnonzero(stratum == one)
        blocks = [
            rng.permutation(np.arange(size) % 2 == 0)
            for size in rng.choice(_BLOCKS, len(members) // 2 + 1)
        ]
        test[members] = np.concatenate(blocks)[: len(members)]
    return test
