"""What the allocation was stratified by, beside the values that closed pages compare."""

from __future__ import annotations

import polars as pl

from pipelines.reports.source import Source

_WORDS = {"condition_code": "condition", "kl_grade": "Kellgren-Lawrence grade", "sex_code": "sex"}


def joined(source: Source, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with each participant's strata, as study.yaml names them."""
    strata = source.contract.study.analysis.strata
    if not strata:
        return rows
    people = source.rows(f"SELECT participant_id, {', '.join(strata)} FROM core_participant")
    return rows.drop(strata, strict=False).join(
        people, on="participant_id", how="left", maintain_order="left"
    )


def adjusted_for(source: Source) -> str:
    """Clinic and the strata in words, as a note lists them."""
    names = ["clinic", *(_WORDS[one] for one in source.contract.study.analysis.strata)]
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
