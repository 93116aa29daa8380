"""The page of one outcome: who is in, what changed, in which arm (closed), how sure, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipelines.analysis.summary import NOTHING
from pipelines.reports import (
    arms,
    missing_forms,
    outcome_sections,
    subgroup_section,
    thresholds,
    tipping_section,
    visit_model,
)
from pipelines.reports.layout import blocks
from pipelines.reports.layout.numbers import fraction, interval, number, percent, signed
from pipelines.reports.layout.results import Basis, estimated, one
from pipelines.reports.responder_table import responders
from pipelines.reports.scales import Scale, basis_of, mean_interval, scale_of
from pipelines.reports.source import Source


@dataclass(frozen=True)
class OutcomeReport:
    """One outcome report; the study file says which scales it shows."""

    name: str
    title: str
    mart: str
    forms: tuple[str, ...]


def outcome_page(report: OutcomeReport, source: Source) -> blocks.Page:
    """The open page (pooled) or the closed one (by arm) of an outcome."""
    declared = source.contract.study.reports[report.name]
    primary = scale_of(declared.primary)
    others = [scale_of(name) for name in declared.also]
    rows = source.rows(f"SELECT * FROM {report.mart} ORDER BY ALL")
    forms = missing_forms.due(source, report.forms)
    sections = [
        outcome_sections.course(source, report.mart, rows, primary),
        outcome_sections.individual(source, report.mart, rows, primary),
        *(
            _between_arms(source, rows, [primary, *others], report.forms[0])
            if source.audience == "closed"
            else []
        ),
        outcome_sections.others(source, report.mart, rows, [primary, *others]),
        missing_forms.section(forms, report.forms),
        thresholds.section(source, [primary, *others]),
    ]
    return blocks.Page(
        title=f"{report.title}: {primary.title}", subtitle=source.contract.study.title, audience=source.audience,
        cutoff_text=source.cutoff_text, code_version=source.code_version, sections=tuple(sections),
        summary=_summary(source, report, rows, forms, primary), sources=thresholds.sources(source, [primary, *others]),
        footnotes=_footnotes(source),
    )  # fmt: skip


def _between_arms(source: Source, rows: pl.DataFrame, scales: list[Scale], form: str) -> list:
    counted = responders(source, rows, scales[0], form)
    return [
        arms.section(source, rows, scales),
        blocks.Section("Responders", (counted,)),
        visit_model.section(source, rows, scales[0]),
        tipping_section.section(source, rows, scales[0], form),
        subgroup_section.section(source, rows, scales[0], arms.overall(source, rows, scales[0])),
    ]


def _summary(
    source: Source, report: OutcomeReport, rows: pl.DataFrame, forms: pl.DataFrame, primary: Scale
) -> tuple:
    enrolled = source.rows(
        "SELECT count(*) AS n, count(*) FILTER (is_withdrawn) AS gone FROM core_participant"
    )
    at = outcome_sections.at_primary(rows, primary)
    known = at.drop_nulls("improvement")
    change = mean_interval(known["improvement"])
    visit = source.contract.study.primary_visit
    due = forms.filter(visit_code=visit)
    expected, received = int(due["n_expected"].sum()), int(due["n_received"].sum())
    sized = change or NOTHING
    unit, digits = primary.unit_text, primary.digits
    changed = basis_of(report.mart, primary, "is_primary AND improvement IS NOT NULL")
    names = ", ".join(f"'{form}'" for form in report.forms)
    due_forms = Basis("mart_completeness", f"form IN ({names}) AND visit_code = '{visit}'")
    said = [
        f"{number(enrolled['n'][0])} participants are enrolled, {number(enrolled['gone'][0])} of them have left; "
        f"{number(known.height)} have {primary.title} at baseline and at {visit}.",
        "Nobody has both values yet." if change is None else
        f"Over all participants {primary.title} improved by {signed(change.estimate, digits)} {unit} on average "
        f"(95 % interval {interval(change.low, change.high, digits)}) from baseline to {visit}"
        + ("; this pooled change says nothing about either arm." if source.audience == "open" else "."),
        f"Of the forms due at {visit}, {fraction(received, expected)} have come.",
    ]  # fmt: skip
    tiles = [
        blocks.KeyNumber(
            number(enrolled["n"][0]), "participants", f"{number(enrolled['gone'][0])} have left",
            one("participants", enrolled["n"][0], "", Basis("core_participant"), "count(*)"),
        ),
        blocks.KeyNumber(
            number(known.height),
            f"with change at {visit}",
            f"of {number(enrolled['n'][0])} enrolled",
            one(f"with change at {visit}", known.height, "", changed, "count(*)"),
        ),
        blocks.KeyNumber(
            signed(change.estimate, digits) if change else "\N{EN DASH}",
            f"mean improvement, {unit}",
            f"95 % interval {interval(change.low, change.high, digits)}"
            if change
            else "no data yet",
            estimated(f"mean improvement in {primary.title}", unit, changed, sized.estimate, sized.low, sized.high),
        ),
        blocks.KeyNumber(
            percent(received, expected),
            f"forms at {visit}",
            f"{number(received)} of {number(expected)} due have come",
            one(f"forms at {visit}", 100 * received / expected if expected else None, "%", due_forms,
                "100.0 * sum(n_received) / sum(n_expected)"),
        ),
    ]  # fmt: skip
    if source.audience == "closed":
        said.insert(1, arms.sentence(source, rows, primary))
        tiles[2] = arms.tile(source, rows, primary)
    return (blocks.Paragraph(" ".join(said)), blocks.KeyNumbers(tuple(tiles)))


def _footnotes(source: Source) -> tuple[str, ...]:
    stale = source.rows(
        "SELECT clinic_name, stale_reason FROM ref_clinic WHERE is_stale ORDER BY clinic_id"
    )
    return (
        "Everything rests on what was accepted up to the cut-off; held rows are in the clinics' query letters and count as missing.",
        *(f"{name} is stale: {reason}." for name, reason in stale.iter_rows()),
        *(
            ["The arm is not in this report, nor in the database it was made from."]
            if source.audience == "open"
            else [
                "By-arm results: for the DSMB and the unblinded statistician only. Analysed as randomised, observed cases."
            ]
        ),
    )
