"""The closed part of an outcome report that asks how far the missing outcomes could change the answer."""

from __future__ import annotations

import polars as pl

from pipelines.analysis.tipping_point import Tipping, tipping_point
from pipelines.reports import strata
from pipelines.reports.layout import blocks
from pipelines.reports.layout.numbers import number, signed
from pipelines.reports.layout.results import Basis
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.scales import Scale
from pipelines.reports.source import Source

_SDS = 2.0  # the range of delta, in standard deviations of the outcome


def section(source: Source, rows: pl.DataFrame, scale: Scale, form: str) -> blocks.Section:
    """Estimates while the missing outcomes of the test arm are made worse and worse."""
    study = source.contract.study
    arms = (study.arms["reference"], study.arms["test"])
    of_scale = rows.filter(measure=scale.measure, scale=scale.scale)
    due = source.rows(
        "SELECT DISTINCT e.participant_id, p.arm, p.clinic_id FROM core_expected_form AS e "
        "JOIN core_participant AS p USING (participant_id) WHERE e.form = ? AND e.visit_code = ? ORDER BY 1",
        [form, study.primary_visit],
    )
    people = due.join(
        of_scale.filter("is_baseline").select("participant_id", baseline_value="value"),
        on="participant_id", how="left",
    ).join(of_scale.filter("is_primary").select("participant_id", "value"), on="participant_id", how="left")  # fmt: skip
    people = strata.joined(source, people)
    spread = people["value"].std()
    if not spread:
        return blocks.Section(
            "If the missing are worse", (blocks.Paragraph("No outcome is known yet."),)
        )
    worst = (-1.0 if scale.better == "higher" else 1.0) * _SDS * spread
    found = tipping_point(people, worst_delta=worst, arms=arms, strata=study.analysis.strata)
    told = _told(found, scale, arms, people)
    if found.by_delta.is_empty():
        return blocks.Section("If the missing are worse", (blocks.Paragraph(told),))
    listed = table(
        found.by_delta,
        [Column("delta", f"Missing outcomes of {arms[1]} shifted by, {scale.unit_text}", "signed", scale.digits, unit=scale.unit_text),
         Column("estimate", f"{arms[1]} \N{MINUS SIGN} {arms[0]} (95 % interval)", "estimate", 2, low="low", high="high", unit=scale.unit_text)],
        title=f"{scale.title}: the difference while missing outcomes are made worse", by_arm=True,
        note=f"Missing outcomes are imputed 100 times from arm, baseline, {strata.adjusted_for(source)} (missing at random), then shifted in {arms[1]} only; ANCOVA, "
        f"Rubin's rules. The range ends at {number(_SDS)} standard deviations of the outcome. Left out for want of a baseline value or clinic: "
        f"{number(found.n_left_out)}.",
        basis=Basis("core_expected_form", f"form = '{form}' AND visit_code = '{study.primary_visit}'"),
    )  # fmt: skip
    return blocks.Section("If the missing are worse", (blocks.Paragraph(told), listed))


def _told(found: Tipping, scale: Scale, arms: tuple[str, str], people: pl.DataFrame) -> str:
    counts = " and ".join(f"{number(n)} of {arm}" for arm, n in found.n_imputed.items())
    start = f"Of {number(people.height)} participants whose outcome was due, {counts} have a baseline value and no outcome. "
    if found.tips_at is not None:
        return start + (
            f"The 95 % interval would reach zero if the missing outcomes of {arms[1]} were {signed(found.tips_at, scale.digits)} "
            f"{scale.unit_text} away from what is expected of them; whether that is plausible is for clinicians to judge."
        )  # fmt: skip
    return start + f"No tipping point: {found.note}."
