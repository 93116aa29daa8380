"""The open report of a data safety monitoring board: conduct and safety, both arms together."""

from __future__ import annotations

from pipelines.reports import clinic_quality, missing_forms, progress, safety
from pipelines.reports.layout import blocks
from pipelines.reports.layout.numbers import fraction, number
from pipelines.reports.layout.results import Basis, one
from pipelines.reports.source import Source

TITLE, AUDIENCES = "Data safety monitoring board: open report", ("open",)


def page(source: Source) -> blocks.Page:
    """How the trial is run and whether anyone is harmed; no section tells an arm."""
    people = source.rows("SELECT * FROM core_participant ORDER BY participant_id")
    standing = source.rows("SELECT * FROM mart_visit ORDER BY participant_id, visit_order")
    clinics = source.rows("SELECT * FROM mart_clinic_quality ORDER BY clinic_id")
    forms = tuple(source.contract.study.expected_forms)
    told = safety.parts(source)
    return blocks.Page(
        title=TITLE, subtitle=source.contract.study.title, audience=source.audience, cutoff_text=source.cutoff_text,
        code_version=source.code_version, summary=_summary(source, told),
        sections=(
            progress.flow_part(source, standing, people, None), *told.sections, clinic_quality.dose(source),
            clinic_quality.forms(source, clinics), missing_forms.section(missing_forms.due(source, forms), forms),
        ),
        sources=safety.SOURCES,
        footnotes=(
            *safety.FOOTNOTES,
            "Conduct and safety, both arms together; results by arm are in the closed report. Files, rules and questions to clinics: clinic quality.",
        ),
    )  # fmt: skip


def _summary(source: Source, told: safety.Parts) -> tuple[blocks.Block, ...]:
    ((enrolled, left),) = source.rows(
        "SELECT count(*), count(*) FILTER (is_withdrawn) FROM core_participant"
    ).rows()
    ((due, came),) = source.rows("SELECT sum(n_expected), sum(n_received) FROM mart_completeness").rows()  # fmt: skip
    said = (
        f"{number(enrolled)} participants are enrolled and {number(left)} have left; {fraction(int(came or 0), int(due or 0))} "
        "forms due have come."
    )
    counted = blocks.KeyNumber(
        number(enrolled), "participants", f"{number(left)} have left",
        one("participants", enrolled, "", Basis("core_participant"), "count(*)"),
    )  # fmt: skip
    (words, tiles) = told.summary
    return (
        blocks.Paragraph(f"{said} {words.text}"),
        blocks.KeyNumbers((counted, *tiles.items)),
    )
