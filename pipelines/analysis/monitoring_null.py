"""How far one clinic's participants stand from all others' when clinics are alike: the null of central monitoring.

Participants, not values, are what is exchanged between clinics, so values of one person stay together.
Source: moments of a sum drawn without replacement, Cochran, Sampling Techniques, 3rd ed., 2.9 and 2.15;
Pearson type III tail from three moments, Winkler et al., NeuroImage 2016;141:502-516.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from scipy.special import gammaln
from scipy.stats import hypergeom, norm, pearson3, rankdata

Tail = Literal["low", "high", "both"]
LEAST_PARTICIPANTS = 5
SCHEMA = {
    "clinic_id": pl.String,
    "part": pl.String,  # what of the clinic: an assessor, a kind of measurement
    "test": pl.String,
    "participants_n": pl.Int64,
    "value": pl.Float64,
    "others": pl.Float64,
    "z": pl.Float64,
    "p": pl.Float64,
    "reading": pl.String,
}


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Van der Waerden scores; equal values share theirs."""
    return norm.ppf(rankdata(values) / (len(values) + 1))


def sum_tail(scores: np.ndarray, mine: np.ndarray, tail: Tail) -> tuple[float, float]:
    """z and p of the sum of `mine` among all ways to draw as many participants.

    No p is smaller than one draw in all draws.
    """
    n_all, n = len(scores), int(mine.sum())
    away = scores - scores.mean()
    left = n_all - n
    variance = n * left / (n_all * (n_all - 1)) * (away**2).sum()
    if variance < 1e-12:
        return 0.0, 1.0
    third = n * left * (left - n) / (n_all * (n_all - 1) * (n_all - 2)) * (away**3).sum()
    z = float(away[mine].sum() / np.sqrt(variance))
    least = float(np.exp(gammaln(n + 1) + gammaln(left + 1) - gammaln(n_all + 1)))
    return z, max(_tail(z, third / variance**1.5, tail), least)


def drawn_tail(seen: float, drawn: np.ndarray, tail: Tail = "high") -> tuple[float, float]:
    """z and p of a statistic among those of random draws, by their first three moments."""
    spread = drawn.std()
    if spread < 1e-12:
        return 0.0, 1.0
    standard = (drawn - drawn.mean()) / spread
    z = float((seen - drawn.mean()) / spread)
    return z, _tail(z, float((standard**3).mean()), tail)


def _tail(z: float, skew: float, tail: Tail) -> float:
    high, low = float(pearson3.sf(z, skew)), float(pearson3.cdf(z, skew))
    return {"high": high, "low": low, "both": min(1.0, 2 * min(high, low))}[tail]


def by_clinic(
    frame: pl.DataFrame, score: str, test: str, tail: Tail, *, ranked: bool = True, part: str = ""
) -> pl.DataFrame:
    """One row per clinic: its mean `score` beside that of the others. `frame` has one row per participant.

    A clinic with fewer than five participants, or with fewer than five elsewhere, has no p.
    """
    known = frame.drop_nulls(score).sort("clinic_id", "participant_id")
    values, clinics = known[score].to_numpy(), known["clinic_id"].to_numpy()
    scores = normal_scores(values) if ranked and len(values) else values
    rows = []
    for clinic in known["clinic_id"].unique().sort():
        mine = clinics == clinic
        enough = min(mine.sum(), (~mine).sum()) >= LEAST_PARTICIPANTS
        z, p = sum_tail(scores, mine, tail) if enough else (None, None)
        others = float(values[~mine].mean()) if (~mine).any() else None
        rows.append((clinic, part, test, int(mine.sum()), float(values[mine].mean()), others, z, p, ""))  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def having(frame: pl.DataFrame, has: str, test: str) -> pl.DataFrame:
    """One row per clinic: the share of participants who have something rare. Source: Fisher's exact test."""
    known = frame.drop_nulls(has)
    everyone, with_it = known.height, int(known[has].sum())
    rows = []
    for (clinic,), mine in known.sort("clinic_id").group_by("clinic_id", maintain_order=True):
        n, k = mine.height, int(mine[has].sum())
        rest = everyone - n
        enough = min(n, rest) >= LEAST_PARTICIPANTS
        p = float(hypergeom.sf(k - 1, everyone, with_it, n)) if enough else None
        others = (with_it - k) / rest if rest else None
        z = float(norm.isf(p)) if p is not None and p < 1 else (0.0 if enough else None)
        rows.append((clinic, "", test, n, k / n, others, z, p, ""))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")
