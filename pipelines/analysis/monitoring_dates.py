"""Visit dates: on weekends, many on one day, and too close to the day on which they were due.

Source: Buyse et al., Statistics in Medicine 1999;18:3435-3451; Knepper et al., Ther Innov Regul Sci 2016;50:144-154.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.analysis.monitoring_null import LEAST_PARTICIPANTS, SCHEMA, by_clinic, drawn_tail

_DRAWS = 500
_SEED = 20250304


def visit_dates(visits: pl.DataFrame) -> pl.DataFrame:
    """Three rows per clinic: share of weekend visits, pairs of visits on one day, distance from the due day.

    Null for pairs: what a participant's visit lies off its due day is exchanged with any other's of the same visit;
    who was randomised when stays, so a clinic that enrols in bursts is no signal. 500 draws.
    """
    if visits.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    unit = ["clinic_id", "participant_id"]
    people = visits.group_by(unit).agg(
        weekend=(pl.col("assessed_date").dt.weekday() > 5).mean(),
        away=(pl.col("off_target").abs() / pl.col("half_window")).mean(),
    )
    return pl.concat([
        by_clinic(people, "weekend", "weekend_visits", "high", ranked=False),
        by_clinic(people, "away", "visits_too_regular", "low"),
        _same_day(visits),
    ])  # fmt: skip


def _same_day(visits: pl.DataFrame) -> pl.DataFrame:
    told = visits.sort("visit_code", "clinic_id", "participant_id")
    due = (told["assessed_date"].to_physical() - told["off_target"]).to_numpy().astype(np.int64)
    off = told["off_target"].to_numpy().astype(np.int64)
    clinic = told["clinic_id"].rank("dense").to_numpy().astype(np.int64) - 1
    clinics = told["clinic_id"].unique().sort()
    held = due + off
    keeps_weekends = (_weekday(held) > 4).mean() > 0.02
    draws = np.random.Generator(np.random.PCG64(_SEED))
    blocks = np.split(np.arange(len(off)), np.flatnonzero(told["visit_code"][1:] != told["visit_code"][:-1]) + 1)  # fmt: skip
    drawn = np.empty((_DRAWS, len(clinics)))
    for draw in range(_DRAWS):
        order = np.concatenate([draws.permutation(block) for block in blocks])
        day = due + off[order]
        drawn[draw] = _pairs(day if keeps_weekends else _on_weekdays(day), clinic, len(clinics))
    seen = _pairs(held, clinic, len(clinics))
    counts = told.group_by("clinic_id").agg(pl.col("participant_id").n_unique()).sort("clinic_id")
    everyone = counts["participant_id"].sum()
    rows = []
    for at, (name, n) in enumerate(counts.iter_rows()):
        enough = min(n, everyone - n) >= LEAST_PARTICIPANTS
        z, p = drawn_tail(seen[at], drawn[:, at]) if enough else (None, None)
        rows.append((name, "", "visits_on_one_day", n, float(seen[at]), float(drawn[:, at].mean()), z, p, ""))  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _pairs(day: np.ndarray, clinic: np.ndarray, n_clinics: int) -> np.ndarray:
    """Pairs of visits on one day at each clinic."""
    first = day.min()
    span = int(day.max() - first) + 1
    counts = np.bincount(clinic * span + day - first, minlength=n_clinics * span)
    counts = counts.reshape(n_clinics, span)
    return (counts * (counts - 1) / 2).sum(axis=1)


def _weekday(day: np.ndarray) -> np.ndarray:
    return (day + 3) % 7  # 0 Monday; 1970-01-01 was a Thursday


def _on_weekdays(day: np.ndarray) -> np.ndarray:
    """Saturdays on the Friday before, Sundays on the Monday after: a trial that works on weekdays."""
    return day + np.select([_weekday(day) == 5, _weekday(day) == 6], [-1, 1], 0)
