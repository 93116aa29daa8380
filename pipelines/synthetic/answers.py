"""Questionnaires and the Berg scale: items whose sum is the participant's true score."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.synthetic import frames
from pipelines.synthetic.people import People
from pipelines.synthetic.visits import Forms, Visits, returned

_KOOS_PREFIXES = {
    "koos.pain": "koos_p",
    "koos.symptoms": "koos_s",
    "koos.adl": "koos_a",
    "koos.sport_rec": "koos_sp",
    "koos.qol": "koos_q",
}
_ITEM_MAX = 4
_ITEM_MISSING = 0.01
_BERG_ITEM_MISSING = 0.001  # one missing item costs the whole total, so assessors seldom leave one


def koos(
    contract: Contract, people: People, visits: Visits, rng: np.random.Generator
) -> pl.DataFrame:
    """KOOS forms; each subscale's items sum to its score."""
    forms = returned(contract, people, visits, "koos", rng)
    columns = head(people, visits, forms) | {
        "knee_side": frames.chosen(["right", "left"], people.left_knee[forms.who].astype(int)),
    }
    for scale, prefix in _KOOS_PREFIXES.items():
        names = [
            name for name in contract.tables["koos"].fields
            if name.startswith(prefix) and name[len(prefix) :].isdigit()
        ]  # fmt: skip
        score = visits.scores[scale][forms.who, forms.visit]
        total = whole((100 - score) / 100 * _ITEM_MAX * len(names), rng)
        items = spread(total, len(names), rng).astype(float)
        items[rng.random(items.shape) < _ITEM_MISSING] = np.nan
        columns |= {name: items[:, place] for place, name in enumerate(names)}
    return frames.table(contract, "koos", columns)


def pain(
    contract: Contract, people: People, visits: Visits, rng: np.random.Generator
) -> pl.DataFrame:
    """Pain ratings, whole numbers; the worst of the day is at least the pain now."""
    forms = returned(contract, people, visits, "pain", rng)
    n = len(forms.who)
    average = whole(visits.scores["pain.average_7d"][forms.who, forms.visit], rng).clip(0, 10)
    now = (average + rng.integers(-2, 2, n)).clip(0, 10)
    walking = (average + rng.integers(-1, 3, n)).clip(0, 10)
    worst = np.maximum(np.maximum(now, average), walking) + rng.integers(0, 2, n)
    ratings = {
        "average_7d": average,
        "worst_24h": worst.clip(0, 10),
        "walking": walking,
        "now": now,
    }
    columns = head(people, visits, forms) | {
        "knee_side": frames.chosen(["right", "left"], people.left_knee[forms.who].astype(int)),
    }
    for name, values in ratings.items():
        columns[f"nprs_{name}"] = np.where(rng.random(n) < _ITEM_MISSING, np.nan, values)
    return frames.table(contract, "pain", columns)


def berg(
    contract: Contract, people: People, visits: Visits, rng: np.random.Generator
) -> pl.DataFrame:
    """Berg forms; whoever stands two minutes (item 2) also sits two minutes (item 3)."""
    forms = returned(contract, people, visits, "berg", rng)
    score = visits.scores["berg.total"][forms.who, forms.visit]
    # Item 3 is full and gives up a point only to an item 2 of at most 2, which then stays under 4.
    others = spread(whole(score, rng) - _ITEM_MAX, 13, rng)
    items = np.insert(others, 2, _ITEM_MAX, axis=1).astype(float)
    gives = (items[:, 1] <= 2) & (rng.random(len(items)) < 0.3)
    items[gives, 1] += 1
    items[gives, 2] -= 1
    items[rng.random(items.shape) < _BERG_ITEM_MISSING] = np.nan
    columns = head(people, visits, forms)
    columns |= {f"berg_{place + 1}": items[:, place] for place in range(items.shape[1])}
    return frames.table(contract, "berg", columns)


def mini_bestest(
    contract: Contract, people: People, visits: Visits, rng: np.random.Generator
) -> pl.DataFrame:
    """Mini-BESTest forms; the better side of items 3 and 6 may score a point more than counts."""
    forms = returned(contract, people, visits, "mini_bestest", rng)
    total = whole(visits.scores["mini_bestest.total"][forms.who, forms.visit], rng)
    items = spread(total, 14, rng, top=2).astype(float)
    columns = head(people, visits, forms)
    for number in range(1, 15):
        counts = items[:, number - 1]
        if number in (3, 6):
            better = np.minimum(counts + rng.integers(0, 2, len(counts)), 2)
            left = rng.random(len(counts)) < 0.5
            columns[f"mbt_{number}_left"] = np.where(left, counts, better)
            columns[f"mbt_{number}_right"] = np.where(left, better, counts)
        else:
            columns[f"mbt_{number}"] = np.where(
                rng.random(len(counts)) < _BERG_ITEM_MISSING, np.nan, counts
            )
    return frames.table(contract, "mini_bestest", columns)


def abc(
    contract: Contract, people: People, visits: Visits, rng: np.random.Generator
) -> pl.DataFrame:
    """Balance confidence in steps of 5 %; the items' offsets sum to nothing, so their mean is the score."""
    forms = returned(contract, people, visits, "abc", rng)
    score = visits.scores["abc.mean"][forms.who, forms.visit]
    room = np.minimum(score, 100 - score)[:, None] / 5
    half = np.floor(rng.uniform(0, 1, (len(score), 8)) * np.minimum(room, 4))
    steps = whole(score / 5 * 16, rng)  # the total in steps of 5 %
    base, extra = np.divmod(steps, 16)
    items = base[:, None] + (np.arange(16) < extra[:, None]).astype(float)
    items[:, :8] += half
    items[:, 8:] -= half
    fits = ((items >= 0) & (items <= 20)).all(axis=1)
    items = np.where(fits[:, None], items, base[:, None] + (np.arange(16) < extra[:, None])) * 5
    items[rng.random(items.shape) < _ITEM_MISSING / 4] = np.nan
    columns = head(people, visits, forms)
    columns |= {f"abc_{place + 1}": items[:, place] for place in range(16)}
    return frames.table(contract, "abc", columns)


def patient_rating(
    contract: Contract, people: People, visits: Visits, rng: np.random.Generator
) -> pl.DataFrame:
    """Marks on two lines, in whole millimetres, and the impression of change after baseline."""
    forms = returned(contract, people, visits, "patient_rating", rng)
    at = (forms.who, forms.visit)
    change = whole(visits.scores["pgic.change"][at], rng).clip(1, 7).astype(float)
    columns = head(people, visits, forms) | {
        "knee_side": frames.chosen(["right", "left"], people.left_knee[forms.who].astype(int)),
        "rating_pain_vas_mm": whole(visits.scores["vas.pain"][at], rng).clip(0, 100),
        "rating_global_vas_mm": whole(visits.scores["pga.global"][at], rng).clip(0, 100),
        "rating_change": np.where(forms.visit == visits.codes.index("BL"), np.nan, change),
    }
    return frames.table(contract, "patient_rating", columns)


def whole(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whole numbers whose expectation is the value itself: rounding adds no bias."""
    return np.floor(values + rng.random(values.shape)).astype(np.int64)


def spread(total: np.ndarray, k: int, rng: np.random.Generator, top: int = _ITEM_MAX) -> np.ndarray:
    """`k` items from 0 to `top` per row that sum to the row's total."""
    total = total.clip(0, top * k)
    base, extra = np.divmod(total, k)
    rank = np.argsort(np.argsort(rng.random((len(total), k)), axis=1), axis=1)
    items = base[:, None] + (rank < extra[:, None])
    rows = np.arange(len(total))
    for _ in range(2 * k):  # points wander between two items, the sum stays
        giver, taker = rng.integers(0, k, (2, len(total)))
        moves = (items[rows, giver] > 0) & (items[rows, taker] < top) & (giver != taker)
        moves &= rng.random(len(total)) < 0.4
        items[rows[moves], giver[moves]] -= 1
        items[rows[moves], taker[moves]] += 1
    return items


def head(people: People, visits: Visits, forms: Forms) -> dict[str, pl.Series | np.ndarray]:
    """What every form says of its participant, visit, date, assessor and protocol."""
    columns = people.repeat(forms.who)
    assessor = (forms.who + forms.visit) % 2
    return columns | {
        "_known": forms.date,
        "visit_code": frames.chosen(visits.codes, forms.visit),
        "assessed_date": forms.date,
        "assessor_code": frames.chosen(["E01", "E02"], assessor),
        "protocol_version": protocol(forms.date),
    }


def protocol(dates: np.ndarray) -> pl.Series:
    """The protocol version in force; amended once during the study."""
    return frames.chosen(["1.0", "1.1"], (dates >= np.datetime64("2025-06-02")).astype(int))
