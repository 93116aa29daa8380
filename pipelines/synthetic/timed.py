"""Timed tests: walk tests and balance tests, a row per trial."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.synthetic import frames
from pipelines.synthetic.answers import head, whole
from pipelines.synthetic.people import People
from pipelines.synthetic.visits import Forms, Visits, returned

_TIMED_M = (10.0, 6.0)  # clinics time the whole ten metres, or the middle six
_CAP_S = (30.0, 45.0)
_TRIAL_MISSING = 0.003
# Row kinds of one visit: test, pace, scale, trial.
_WALKS = (
    ("10mwt", "self_selected", "10mwt.self_selected_speed", 1),
    ("10mwt", "self_selected", "10mwt.self_selected_speed", 2),
    ("10mwt", "fast", "10mwt.fast_speed", 1),
    ("10mwt", "fast", "10mwt.fast_speed", 2),
    ("3mbwt", "fast", "3mbwt.backward_speed", 1),
    ("3mbwt", "fast", "3mbwt.backward_speed", 2),
    ("6mwt", "self_selected", "6mwt.distance", 1),
)
_SIX = 6  # the place of the walk of six minutes among them
# Test, on the index leg or not, trial.
_BALANCE = (
    ("tug", None, 1), ("tug", None, 2),
    ("sls", True, 1), ("sls", True, 2), ("sls", True, 3),
    ("sls", False, 1), ("sls", False, 2), ("sls", False, 3),
    ("cst30", None, 1),
)  # fmt: skip


def walk_test(
    contract: Contract, people: People, visits: Visits, rng: np.random.Generator
) -> pl.DataFrame:
    """Walk tests: the mean speed of a test's trials is the participant's true speed."""
    forms = returned(contract, people, visits, "walk_test", rng)
    kind = np.tile(np.arange(len(_WALKS)), len(forms.who))
    rows = repeat(forms, len(_WALKS))
    at = (rows.who, rows.visit)
    scales = [scale for _, _, scale, _ in _WALKS]
    speed = np.choose(kind, [visits.scores[scale][at] for scale in scales])
    # Trials of one test lie as far above as below: same draw, opposite sign.
    pairs = np.repeat(rng.uniform(0.0, 0.02, (len(forms.who), 3)), 2, axis=1)
    apart = np.insert(pairs, _SIX, 0.0, axis=1).reshape(-1)
    speed += np.where(kind == _SIX, 0.0, np.where(kind % 2 == 0, -apart, apart))
    ten = np.array([test == "10mwt" for test, *_ in _WALKS])[kind]
    fast_ten = np.array([test == "10mwt" and pace == "fast" for test, pace, *_ in _WALKS])[kind]
    speed = np.where(fast_ten, speed.clip(0.4, 2.4), speed)
    timed = np.where(ten, np.array(_TIMED_M)[people.clinic[rows.who] % 2], 3.0)
    time = (timed / speed).round(2)
    time[rng.random(len(time)) < _TRIAL_MISSING] = np.nan
    six = kind == _SIX
    timed, time = np.where(six, speed.round(0), timed), np.where(six, 360.0, time)
    columns = _head(people, visits, rows) | {
        "walk_test_code": frames.chosen([w[0] for w in _WALKS], kind),
        "pace_code": frames.chosen([w[1] for w in _WALKS], kind),
        "trial_no": np.array([w[3] for w in _WALKS])[kind],
        "start_code": frames.chosen(["static", "dynamic"], ten.astype(int)),
        "timed_distance_m": timed,
        "lap_length_m": np.where(six, 30.0, np.nan),
        "accel_m": np.where(ten, 2.0, 0.0),
        "decel_m": np.where(ten, 2.0, 0.0),
        "time_s": time,
    }
    return frames.table(contract, "walk_test", columns)


def balance_test(
    contract: Contract, people: People, visits: Visits, rng: np.random.Generator
) -> pl.DataFrame:
    """Timed up and go, and single-leg stance on both legs.

    The mean of the two TUG trials, and the best stance on the index leg, are the true scores; the other leg
    stands a little longer, so that the difference between the arms is the same whichever leg is taken.
    """
    forms = returned(contract, people, visits, "balance_test", rng)
    n, k = len(forms.who), len(_BALANCE)
    at = (forms.who, forms.visit)
    half = rng.uniform(0.0, 0.6, n)
    tug = visits.scores["tug.time"][at]
    best = visits.scores["sls.best"][at]
    longer = rng.uniform(0.3, 1.5, n)
    share = rng.uniform(0.55, 0.95, (n, 6))
    best_trial = rng.integers(0, 3, (n, 2))
    time = np.full((n, k), np.nan)
    time[:, 0], time[:, 1] = tug + half, tug - half
    for side, top in ((0, best), (1, best + longer)):
        for trial in range(3):
            other = share[:, side * 3 + trial] * top
            time[:, 2 + side * 3 + trial] = np.where(best_trial[:, side] == trial, top, other)
    time = time.round(2).reshape(-1)
    time[rng.random(n * k) < _TRIAL_MISSING] = np.nan
    rows = repeat(forms, k)
    kind = np.tile(np.arange(k), n)
    stands = whole(visits.scores["cst30.stands"][at], rng).clip(0, 40).astype(float)
    chair = kind == k - 1
    stance = np.array([test == "sls" for test, *_ in _BALANCE])[kind]
    index_leg = np.array([bool(leg) for _, leg, _ in _BALANCE])[kind]
    left = people.left_knee[rows.who] == index_leg
    columns = _head(people, visits, rows) | {
        "balance_test_code": frames.chosen([b[0] for b in _BALANCE], kind),
        "trial_no": np.array([b[2] for b in _BALANCE])[kind],
        "test_side_code": frames.chosen(["right", "left"], left.astype(int), stance),
        "eyes_code": frames.chosen(["open"], np.zeros(n * k, int), stance),
        "shoes_code": frames.chosen(["own", "study"], people.clinic[rows.who] % 2),
        "cap_s": np.where(stance, np.array(_CAP_S)[people.clinic[rows.who] % 2], np.nan),
        "time_s": time,
        "repetitions_n": np.where(chair, np.repeat(stands, k), np.nan),
        "arms_used": frames.only(np.zeros(n * k, bool), chair),
    }
    return frames.table(contract, "balance_test", columns)


def repeat(forms: Forms, k: int) -> Forms:
    """Each form k times, one after the other."""
    return Forms(*(np.repeat(part, k) for part in (forms.who, forms.visit, forms.date)))


def _head(people: People, visits: Visits, rows: Forms) -> dict:
    aid = frames.chosen(["none", "cane", "crutches", "walker"], people.aid[rows.who])
    return head(people, visits, rows) | {"aid_code": aid}
