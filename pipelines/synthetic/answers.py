"""Questionnaires and the Berg scale: items whose sum is the participant's true score."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.synthetic import frames
from pipelines.synthetic.people import People
from pipelines.synthetic.visits import Visits, returned

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
    columns = _head(people, visits, forms) | {
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
    columns = _head(people, visits, forms) | {
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
    columns = _head(people, visits, forms)
    columns |= {f"berg_{place + 1}": items[:, place] for place in range(items.shape[1])}
    return frames.table(contract, "berg", columns)


def whole(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whole numbers whose expectation is the value itself: rounding adds no bias."""
    return np.floor(values + rng.random(values.shape)).astype(np.int64)


def spread(total: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """`k` items from 0 to 4 per row that sum to the row's total."""
    total = total.clip(0, _ITEM_MAX * k)
    base, extra = np.divmod(total, k)
    rank = np.argsort(np.argsort(rng.random((len(total), k)), axis=1), axis=1)
    items = base[:, None] + (rank < extra[:, None])
    rows = np.arange(len(total))
    for _ in range(2 * k):  # points wander between two items, the sum stays
        giver, taker = rng.integers(0, k, (2, len(total)))
        moves = (items[rows, giver] > 0) & (items[rows, taker] < _ITEM_MAX) & (giver != taker)
        moves &= rng.random(len(total)) < 0.4
        items[rows[moves], giver[moves]] -= 1
        items[rows[moves], taker[moves]] += 1
    return items


def _head(people: People, visits: Visits, forms) -> dict[str, pl.Series | np.ndarray]:
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
