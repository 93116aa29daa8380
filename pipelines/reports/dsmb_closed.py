"""The closed report of a data safety monitoring board: safety, dose and primary outcomes by arm."""

from __future__ import annotations

from pipelines.reports import adherence, arms, progress, safety, visit_model
from pipelines.reports.layout import blocks
from pipelines.reports.outcome_sections import opening
from pipelines.reports.scales import scale_of
from pipelines.reports.source import Source

TITLE, AUDIENCES = "Data safety monitoring board: closed report", ("closed",)
_OF_THE_LAB = (
    "knee_load"  # measured in a few people, both ways; it compares ways of walking and not arms
)
_NO_STOPPING = (
    "The study file names no guidance for stopping ('stopping' in study.yaml): no boundary is drawn here, and no p-value is adjusted "
    "for having been looked at before."
)


def page(source: Source) -> blocks.Page:
    """Harm first, then dose, then the primary scale of each outcome report with its interval."""
    people = source.rows("SELECT * FROM core_participant ORDER BY participant_id")
    standing = source.rows("SELECT * FROM mart_visit ORDER BY participant_id, visit_order")
    rows = source.rows("SELECT * FROM mart_outcome ORDER BY ALL")
    reports = {name: one for name, one in source.contract.study.reports.items() if name != _OF_THE_LAB}  # fmt: skip
    scales = [scale_of(one.primary) for one in reports.values()]
    told = safety.parts(source)
    words, tiles = told.summary
    sentences = [arms.sentence(source, rows, scale) for scale in scales]
    return blocks.Page(
        title=TITLE, subtitle=source.contract.study.title, audience=source.audience, cutoff_text=source.cutoff_text,
        code_version=source.code_version,
        summary=(
            blocks.Paragraph(words.text), *(blocks.Paragraph(said) for said in sentences), tiles,
            blocks.Callout(source.contract.study.stopping or _NO_STOPPING, "Guidance for stopping", "note"),
        ),
        sections=(
            progress.flow_part(source, standing, people, "arm"), progress.baseline_part(people, "arm"), *told.sections,
            adherence.exertion(source), arms.section(source, rows, scales),
            *(blocks.Section(f"{opening(scale.title)}, visit by visit", visit_model.section(source, rows, scale).blocks) for scale in scales),
        ),
        sources=safety.SOURCES,
        footnotes=(
            *safety.FOOTNOTES,
            "By-arm results: for the board and the unblinded statistician only. Analysed as randomised, observed cases; missing outcomes, subgroups "
            "and sensitivity are in the closed outcome reports.",
        ),
    )  # fmt: skip
