"""Digit preference: whether a clinic's or an assessor's numbers end in some digits more often than others' do.

Source: Buyse et al., Statistics in Medicine 1999;18:3435-3451; Al-Marzouki et al., BMJ 2005;331:267-270.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.analysis.monitoring_null import LEAST_PARTICIPANTS, SCHEMA, drawn_tail

_DRAWS = 2000
_SEED = 20250303


def digit_preference(values: pl.DataFrame) -> pl.DataFrame:
    """One row per clinic, and one per assessor of a clinic: chi-square-like distance of its last digits.

    What a kind of measurement's last digits are everywhere is the reference, so no digit need be uniform.
    Null: participants (with all their digits) belong to any clinic alike; 2,000 draws.
    """
    told = _last_digits(values)
    by_clinic = _tested(told, ["clinic_id"], "digit_preference")
    named = told.drop_nulls("assessor_code")
    return pl.concat([by_clinic, _tested(named, ["clinic_id", "assessor_code"], "digit_preference_assessor")])  # fmt: skip


def _last_digits(values: pl.DataFrame) -> pl.DataFrame:
    digit = (pl.col("value") * pl.lit(10.0).pow(pl.col("decimals"))).round().cast(pl.Int64) % 10
    return values.drop_nulls("decimals").with_columns(digit=digit)


def _tested(told: pl.DataFrame, group: list[str], test: str) -> pl.DataFrame:
    if told.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    units, away, counts = _away_from_expected(told, list(dict.fromkeys([*group, "participant_id"])))
    scale = (away**2).sum(axis=0)
    away = away[:, scale > 0] / np.sqrt(scale[scale > 0])
    draws = np.random.Generator(np.random.PCG64(_SEED))
    order = draws.permuted(np.tile(np.arange(len(away)), (_DRAWS, 1)), axis=1)
    rows, all_rounded = [], counts[:, [0, 5]].sum(axis=1)
    groups = units.select(pl.struct(group).rank("dense").alias("g"))["g"].to_numpy()
    for one in np.unique(groups):
        mine = groups == one
        names = units.filter(pl.Series(mine)).row(0, named=True)
        n, rounded = int(mine.sum()), all_rounded[mine].sum() / counts[mine].sum()
        rest = counts[~mine].sum()
        others = all_rounded[~mine].sum() / rest if rest else None
        z = p = None
        if min(n, (~mine).sum()) >= LEAST_PARTICIPANTS:
            drawn = (away[order[:, :n]].sum(axis=1) ** 2).sum(axis=1)
            z, p = drawn_tail(float((away[mine].sum(axis=0) ** 2).sum()), drawn)
        rows.append((names["clinic_id"], names.get("assessor_code", ""), test, n, rounded, others, z, p, ""))  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _away_from_expected(told: pl.DataFrame, unit: list[str]) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:  # fmt: skip
    """Per unit: counts of the ten digits less those expected from each kind's digits everywhere, and the counts."""
    units = told.select(unit).unique().sort(unit).with_row_index("at")
    cells = told.join(units, on=unit).group_by("at", "kind", "digit").len()
    share = told.group_by("kind", "digit").len("n").with_columns(share=pl.col("n") / pl.col("n").sum().over("kind"))  # fmt: skip
    seen, expected = (np.zeros((units.height, 10)) for _ in range(2))
    np.add.at(seen, (cells["at"].to_numpy(), cells["digit"].to_numpy()), cells["len"].to_numpy())
    due = cells.group_by("at", "kind").agg(pl.col("len").sum()).join(share, on="kind")
    np.add.at(expected, (due["at"].to_numpy(), due["digit"].to_numpy()), (due["len"] * due["share"]).to_numpy())  # fmt: skip
    return units, seen - expected, seen
