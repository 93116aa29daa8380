"""Isometric strength and knee circumference, a row per trial or tape."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.synthetic import frames
from pipelines.synthetic.answers import head
from pipelines.synthetic.people import People
from pipelines.synthetic.timed import repeat
from pipelines.synthetic.visits import Visits, returned

_MUSCLES = ("quadriceps", "hamstrings", "gluteals", "calf")
_LEVER_M = (0.35, 0.33, 0.38, 0.16)
_ANGLE_DEG = (60, 90, 30, 90)
_TRIALS, _SIDES = 3, 2
_SITES = ("mid_patella", "above_10cm")


def strength(
    contract: Contract, people: People, visits: Visits, rng: np.random.Generator
) -> pl.DataFrame:
    """Three trials per muscle group and leg; the best of the index leg is the true score.

    Force and torque are of one trial; a clinic's file carries those that its device shows.
    """
    forms = returned(contract, people, visits, "strength", rng)
    n, k = len(forms.who), len(_MUSCLES) * _SIDES * _TRIALS
    muscle, side, trial = (
        np.tile(part.reshape(-1), n) for part in np.indices((len(_MUSCLES), _SIDES, _TRIALS))
    )
    rows = repeat(forms, k)
    at = (rows.who, rows.visit)
    scores = [visits.scores[f"strength.{name}"][at] for name in _MUSCLES]
    best = np.choose(muscle, scores) * np.where(side == 0, 1.0, 1.05)
    best_trial = np.repeat(rng.integers(0, _TRIALS, n * len(_MUSCLES) * _SIDES), _TRIALS)
    share = np.where(trial == best_trial, 1.0, rng.uniform(0.8, 0.98, n * k))
    weight = people.frame["weight_kg"].to_numpy()[rows.who]
    lever = np.array(_LEVER_M)[muscle]
    force = (best * share * weight / lever).round(1)
    left = people.left_knee[rows.who] == (side == 0)
    columns = head(people, visits, rows) | {
        "muscle_code": frames.chosen(_MUSCLES, muscle),
        "test_side_code": frames.chosen(["right", "left"], left.astype(int)),
        "trial_no": trial + 1,
        "force_n": force,
        "lever_m": lever,
        "torque_nm": (force * lever).round(1),
        "torque_nm_per_kg": (force * lever / weight).round(2),
        "joint_angle_deg": np.array(_ANGLE_DEG)[muscle],
    }
    return frames.table(contract, "strength", columns)


def knee_girth(
    contract: Contract, people: People, visits: Visits, rng: np.random.Generator
) -> pl.DataFrame:
    """Both legs at both sites; at mid-patella the index knee is the true difference thicker."""
    forms = returned(contract, people, visits, "knee_girth", rng)
    n, k = len(forms.who), len(_SITES) * 2
    site, side = (np.tile(part.reshape(-1), n) for part in np.indices((len(_SITES), 2)))
    rows = repeat(forms, k)
    difference = visits.scores["girth.difference"][rows.who, rows.visit]
    other = np.repeat(rng.normal(38.0, 2.0, n), k) + np.where(site == 1, 5.0, 0.0)
    girth = other + np.where((side == 0) & (site == 0), difference, 0.0)
    left = people.left_knee[rows.who] == (side == 0)
    columns = head(people, visits, rows) | {
        "girth_site_code": frames.chosen(_SITES, site),
        "test_side_code": frames.chosen(["right", "left"], left.astype(int)),
        "girth_cm": girth.round(1),
    }
    return frames.table(contract, "knee_girth", columns)
