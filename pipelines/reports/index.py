"""The front page of a night."""

from __future__ import annotations

import polars as pl

from pipelines.reports.layout import blocks
from pipelines.reports.layout.numbers import number, percent
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.source import Source


def page(source: Source, made: dict[str, list[tuple[str, str]]]) -> blocks.Page:
    """`index.html`: the reports of this night, and how each clinic stands."""
    clinics = source.rows("SELECT * FROM mart_clinic_quality ORDER BY clinic_id").with_columns(
        state=pl.when("is_stale")
        .then(pl.lit("stale"))
        .when(pl.col("files_missing_n") > 0)
        .then(pl.lit("files missing"))
        .otherwise(pl.lit("up to date"))
    )
    totals = clinics.select(
        pl.col("participants_n", "n_received", "n_accepted", "findings_open_n").sum()
    ).row(0, named=True)
    tiles = blocks.KeyNumbers((
        blocks.KeyNumber(number(totals["participants_n"]), "participants", f"at {number(clinics.height)} clinics"),
        blocks.KeyNumber(percent(totals["n_accepted"], totals["n_received"]), "rows accepted",
            f"{number(totals['n_accepted'])} of {number(totals['n_received'])} received",),
        blocks.KeyNumber(number(totals["findings_open_n"]), "open findings", "in the clinics' letters"),
        blocks.KeyNumber(number(int(clinics["is_stale"].sum())), "stale clinics", "data of an earlier night"),
    ))  # fmt: skip
    sections = [
        blocks.Section(
            "Open reports" if audience == "open" else "Closed reports",
            (
                blocks.Links(
                    tuple(
                        blocks.Link(f"{audience}/{name}.html", title, notes[audience])
                        for name, title in pages
                    )
                ),
            ),
        )
        for audience, pages in made.items()
    ]
    sections.append(blocks.Section("Clinics", (
        table(clinics, [Column("clinic_name", "Clinic"), Column("state", "State"), Column("participants_n", "Participants", "number"),
                        Column("files_n", "Files", "number"), Column("files_refused_n", "Refused", "number"),
                        Column("files_missing_n", "Not come", "number"), Column("n_quarantined", "Held rows", "number"),
                        Column("findings_open_n", "Open findings", "number")], title="How each clinic stands"),
    )))  # fmt: skip
    return blocks.Page(
        title=source.contract.study.title, subtitle=source.contract.study.question, audience="open",
        cutoff_text=source.cutoff_text, code_version=source.code_version, summary=(tiles,), sections=tuple(sections),
        footnotes=("Closed reports are for the DSMB and the unblinded statistician; keep their folder apart.",),
    )  # fmt: skip


notes = {"open": "both arms together", "closed": "by arm"}
