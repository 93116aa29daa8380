"""The closed part of an outcome report that counts who improved by enough to matter, arm by arm."""

from __future__ import annotations

import polars as pl

from pipelines.analysis.responders import compare
from pipelines.reports.layout import blocks
from pipelines.reports.layout.results import Basis
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.scales import Scale
from pipelines.reports.source import Source


def responders(source: Source, rows: pl.DataFrame, scale: Scale, form: str) -> blocks.Block:
    """Responders by the MCID that the study judges by; a paragraph where it names none."""
    study = source.contract.study
    arms = (study.arms["reference"], study.arms["test"])
    at = rows.filter(pl.col("is_primary"), measure=scale.measure, scale=scale.scale)
    if not at["mcid"].count():
        return blocks.Paragraph(
            f"No minimal important change of {scale.title} is among the study's thresholds, so nobody is counted as a responder."
        )
    due = source.rows(
        "SELECT DISTINCT e.participant_id, p.arm FROM core_expected_form AS e "
        "JOIN core_participant AS p USING (participant_id) WHERE e.form = ? AND e.visit_code = ? ORDER BY 1",
        [form, study.primary_visit],
    )
    said = at.select("participant_id", is_responder="is_important_improvement")
    listed = [
        {
            "missing": found.missing,
            "k_reference": found.counts[arms[0]][0], "n_reference": found.counts[arms[0]][1],
            "k_test": found.counts[arms[1]][0], "n_test": found.counts[arms[1]][1],
            "difference": _percent(found.difference.estimate), "low": _percent(found.difference.low),
            "high": _percent(found.difference.high), "ratio": found.ratio.estimate,
            "ratio_low": found.ratio.low, "ratio_high": found.ratio.high,
        }
        for found in compare(due, said, arms)
    ]  # fmt: skip
    floats = dict.fromkeys(
        ("difference", "low", "high", "ratio", "ratio_low", "ratio_high"), pl.Float64
    )
    return table(
        pl.DataFrame(listed, schema_overrides=floats),
        [Column("missing", "Counted"), Column("k_reference", arms[0], "percent", whole="n_reference"),
         Column("n_reference", f"of {arms[0]}", "number", n="n_reference"), Column("k_test", arms[1], "percent", whole="n_test"),
         Column("n_test", f"of {arms[1]}", "number", n="n_test"),
         Column("difference", "Difference, percentage points (95 % interval)", "estimate", 1, low="low", high="high", unit="%"),
         Column("ratio", "Ratio (95 % interval)", "estimate", 2, low="ratio_low", high="ratio_high")],
        title=f"Participants who improved by at least the MCID of {scale.title}", by_arm=True,
        note=f"{arms[1]} against {arms[0]} at {study.primary_visit}, as randomised. Newcombe interval for the difference, "
        "log interval for the ratio (none where a count is 0).",
        basis=Basis("core_expected_form", f"form = '{form}' AND visit_code = '{study.primary_visit}'"),
    )  # fmt: skip


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
