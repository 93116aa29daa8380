"""The front page of a night, and of the study: its nights, its reports, what is stale and what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from pipelines.reports.layout import blocks
from pipelines.reports.layout.numbers import number, percent
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.source import Source

Made = dict[str, list[tuple[str, str]]]
NOTES = {"open": "both arms together", "closed": "by arm; a second password, or the folder itself"}
_NIGHTS_LISTED = 30
_CLINICS = """
    SELECT *, CASE WHEN is_stale THEN 'stale' WHEN files_missing_n > 0 THEN 'files missing' ELSE 'up to date' END AS state
    FROM mart_clinic_quality ORDER BY clinic_id"""
_NOT_COME = """
    SELECT c.clinic_name, l.file_kind, CAST(l.expected_date AS VARCHAR) AS expected, l.state,
        CAST(l.missing_since_date AS VARCHAR) AS since
    FROM ledger_calendar AS l JOIN ref_clinic AS c USING (clinic_id)
    WHERE l.state IN ('late', 'missing') ORDER BY l.expected_date, l.clinic_id, l.file_kind"""
_ASKED = """
    SELECT c.clinic_name, f.table_name, replace(f.rule, '_', ' ') AS rule, f.severity, any_value(f.remedy) AS remedy, count(*) AS n
    FROM ledger_finding AS f JOIN ref_clinic AS c USING (clinic_id)
    WHERE f.is_open GROUP BY ALL ORDER BY n DESC, 1, 2, 3, 4"""


def night_facts(source: Source) -> dict[str, Any]:
    """What the study's front page says of one night, kept beside its pages."""
    totals = source.rows("""
        SELECT sum(participants_n) AS participants_n, count(*) AS clinics_n, sum(n_received) AS n_received,
            sum(n_accepted) AS n_accepted, sum(n_quarantined) AS n_quarantined,
            sum(findings_open_n) AS findings_open_n, count(*) FILTER (is_stale) AS stale_n
        FROM mart_clinic_quality""").row(0, named=True)
    counts = {name: int(value or 0) for name, value in totals.items()}
    canaries = {
        "canaries_planted_n": source.canaries.planted_n,
        "canaries_caught_n": source.canaries.caught_n,
    }
    return {"cutoff": source.cutoff_text, "code_version": source.code_version} | counts | canaries


def page(source: Source, made: Made) -> blocks.Page:
    """`<night>/index.html`: the reports of this night, and how each clinic stands."""
    return _page(source, made, "", ())


def front_page(
    source: Source, made: Made, latest: str, nights: Sequence[tuple[str, dict]]
) -> blocks.Page:
    """`index.html` of the study; `nights` are (folder, facts), the latest first.

    The numbers of the source's night stand on it; `latest` is the folder of that night's pages.
    """
    shown = nights[:_NIGHTS_LISTED]
    listed = blocks.Links(
        tuple(
            blocks.Link(f"{name}/index.html", facts["cutoff"], _told(facts))
            for name, facts in shown
        )
    )
    older = len(nights) - len(shown)
    more = (blocks.Paragraph(f"{number(older)} older nights are in the folders beside this page."),)
    section = blocks.Section("Nights", (listed, *(more if older else ())))
    return _page(source, made, f"{latest}/", (section,))


def _told(facts: dict[str, Any]) -> str:
    stale = f"; {number(facts['stale_n'])} clinics stale" if facts["stale_n"] else ""
    return (
        f"{number(facts['participants_n'])} participants, {number(facts['n_accepted'])} of "
        f"{number(facts['n_received'])} rows accepted, {number(facts['findings_open_n'])} open findings{stale}"
    )


def _page(source: Source, made: Made, folder: str, more: tuple[blocks.Section, ...]) -> blocks.Page:
    clinics = source.rows(_CLINICS)
    reports = [
        blocks.Section(f"{audience.title()} reports", (_links(pages, audience, folder),))
        for audience, pages in made.items()
    ]
    return blocks.Page(
        title=source.contract.study.title, subtitle=source.contract.study.question, audience="open",
        cutoff_text=source.cutoff_text, code_version=source.code_version, summary=_summary(source, clinics),
        sections=(*reports, _stale(source, clinics), _clinics(clinics), _asked(source), *more),
        footnotes=("Closed reports are for the DSMB and the unblinded statistician; keep their folder apart.",),
    )  # fmt: skip


def _links(pages: list[tuple[str, str]], audience: str, folder: str) -> blocks.Links:
    return blocks.Links(
        tuple(
            blocks.Link(f"{folder}{audience}/{name}.html", title, NOTES[audience])
            for name, title in pages
        )
    )


def _summary(source: Source, clinics: pl.DataFrame) -> tuple[blocks.Block, ...]:
    facts = night_facts(source)
    stale = clinics.filter("is_stale")["clinic_name"].to_list()
    said = (
        f"{number(facts['participants_n'])} participants at {number(facts['clinics_n'])} clinics are in this night's data. "
        f"Of {number(facts['n_received'])} rows received, {number(facts['n_accepted'])} were accepted and "
        f"{number(facts['n_quarantined'])} are held until their clinic has answered. "
        + (f"Stale, with the data of an earlier night: {', '.join(stale)}." if stale else "No clinic is stale.")
        + f" Of {number(facts['canaries_planted_n'])} canaries, rows and files planted to try the checks, "
        f"{number(facts['canaries_caught_n'])} were caught."
    )  # fmt: skip
    tiles = blocks.KeyNumbers((
        blocks.KeyNumber(number(facts["participants_n"]), "participants", f"at {number(facts['clinics_n'])} clinics"),
        blocks.KeyNumber(percent(facts["n_accepted"], facts["n_received"]), "rows accepted",
            f"{number(facts['n_accepted'])} of {number(facts['n_received'])} received"),
        blocks.KeyNumber(number(facts["findings_open_n"]), "open findings", "in the clinics' letters"),
        blocks.KeyNumber(number(facts["stale_n"]), "stale clinics", "data of an earlier night"),
    ))  # fmt: skip
    return (blocks.Paragraph(said), tiles)


def _stale(source: Source, clinics: pl.DataFrame) -> blocks.Section:
    stale = clinics.filter("is_stale")
    calls = tuple(
        blocks.Callout(reason or "its last night failed", f"{name} is stale")
        for name, reason in stale.select("clinic_name", "stale_reason").iter_rows()
    )
    columns = [
        Column("clinic_name", "Clinic"), Column("file_kind", "File"), Column("expected", "Expected"),
        Column("state", "State"), Column("since", "Missing since"),
    ]  # fmt: skip
    came = table(
        source.rows(_NOT_COME), columns, title="Files that did not come when expected", interactive=True
    )  # fmt: skip
    return blocks.Section("What is stale or missing", (*calls, came))


def _clinics(clinics: pl.DataFrame) -> blocks.Section:
    columns = [
        Column("clinic_name", "Clinic"), Column("state", "State"),
        Column("participants_n", "Participants", "number"), Column("files_n", "Files", "number"),
        Column("files_refused_n", "Refused", "number"), Column("files_missing_n", "Not come", "number"),
        Column("n_quarantined", "Held rows", "number"), Column("findings_open_n", "Open findings", "number"),
    ]  # fmt: skip
    return blocks.Section(
        "Clinics", (table(clinics, columns, title="How each clinic stands", interactive=True),)
    )


def _asked(source: Source) -> blocks.Section:
    columns = [
        Column("clinic_name", "Clinic"), Column("table_name", "Form"), Column("remedy", "What to do"),
        Column("severity", "Effect"), Column("n", "Rows", "number"), Column("rule", "Rule"),
    ]  # fmt: skip
    note = "Quarantine: the row is held until it is corrected. Flag: it counts, and is asked about."
    asked = table(source.rows(_ASKED), columns, title="Open queries by clinic, form and rule", note=note, interactive=True)  # fmt: skip
    return blocks.Section("Open queries", (asked,))
