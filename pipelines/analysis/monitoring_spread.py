"""Variance collapse: numbers that vary too little from visit to visit, or from person to person.

Source: Venet et al., Clinical Trials 2012;9:705-713; Brown and Forsythe, JASA 1974;69:364-367 (distance to the median).
"""

from __future__ import annotations

import polars as pl

from pipelines.analysis.monitoring_null import SCHEMA, by_clinic


def variance_collapse(values: pl.DataFrame) -> pl.DataFrame:
    """Two rows per clinic: variation within participants, and between them.

    Each participant has one number: the log of the mean variance of standardised values over visits (within), the
    mean distance to the clinic's median (between). Clinics may differ in level. Null: these numbers are exchangeable.
    """
    if values.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    told = _standardised(values)
    item = ["clinic_id", "participant_id", "kind", "item"]
    within = _mean_of_kinds(told.group_by(item).agg(pl.col("score").var())).with_columns(
        (pl.col("score") + 1e-6).log()
    )
    people = told.group_by(item).agg(pl.col("score").mean())
    n = pl.len().over("clinic_id", "item")
    distance = (pl.col("score") - pl.col("score").median().over("clinic_id", "item")).abs()
    between = _mean_of_kinds(
        people.filter(n > 1).with_columns(score=distance * (n / (n - 1)).sqrt())
    )
    return pl.concat([
        by_clinic(within, "score", "variance_within", "low"),
        by_clinic(between, "score", "variance_between", "low"),
    ])  # fmt: skip


def _mean_of_kinds(items: pl.DataFrame) -> pl.DataFrame:
    """One number per participant, in which a kind of measurement with many items counts no more than one with few."""
    kinds = items.group_by("clinic_id", "participant_id", "kind").agg(pl.col("score").mean())
    return kinds.group_by("clinic_id", "participant_id").agg(pl.col("score").mean())


def _standardised(values: pl.DataFrame) -> pl.DataFrame:
    """Measured items as logs and forms' mean answers, each less its visit's mean, in its SD over the study."""
    measured = values.filter(pl.col("kind") != "answer", pl.col("value") > 0).select(
        "clinic_id", "participant_id", "visit_code", "item", "kind", score=pl.col("value").log()
    )
    forms = values.filter(pl.col("kind") == "answer").group_by(
        "clinic_id", "participant_id", "visit_code", "kind", item="form"
    ).agg(score=pl.col("value").mean())  # fmt: skip
    both = pl.concat([measured, forms.select(measured.columns)])
    away = pl.col("score") - pl.col("score").mean().over("item", "visit_code")
    centred = both.with_columns(score=away)
    spread = pl.col("score").std().over("item")
    return centred.filter(spread > 0).with_columns(pl.col("score") / spread)
