"""The clinic quality report: files, rows, findings and forms per clinic."""

from __future__ import annotations

import polars as pl

from pipelines.reports import small_cells
from pipelines.reports.layout import blocks
from pipelines.reports.layout.figures import (
    arrival_calendar,
    stacked_counts,
    week_adherence,
)
from pipelines.reports.layout.numbers import MISSING, fraction, number
from pipelines.reports.layout.results import Basis
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.source import Source
from pipelines.warehouse.queries import yield_by_rule

_STATES = {
    "new": "New", "pending": "Waiting", "answered": "Sent again as it was", "wrongly_corrected": "Changed, still wrong",
    "reopened": "Wrong again", "solved": "Solved",
}  # fmt: skip
_CLINIC = {"clinic_id": "clinic_id"}
TITLE, AUDIENCES = "Clinic quality", ("open",)


def page(source: Source) -> blocks.Page:
    clinics = source.rows("SELECT * FROM mart_clinic_quality ORDER BY clinic_id")
    calendar = source.rows("SELECT * FROM ledger_calendar ORDER BY ALL")
    return blocks.Page(
        title=TITLE, subtitle=source.contract.study.title, audience=source.audience, cutoff_text=source.cutoff_text,
        code_version=source.code_version, summary=_summary(clinics),
        sections=(_files(source, clinics, calendar), _rows(source, clinics), _questions(source), forms(source, clinics), dose(source)),
        footnotes=("Every received row is accepted, quarantined or a duplicate; the sum is checked for every delivery.",),
    )  # fmt: skip


def _summary(clinics: pl.DataFrame) -> tuple:
    stale = clinics.filter("is_stale")
    totals = clinics.select(
        pl.col(
            "n_received",
            "n_accepted",
            "n_quarantined",
            "n_duplicate",
            "files_n",
            "files_refused_n",
            "files_missing_n",
            "findings_open_n",
        ).sum()
    ).row(0, named=True)
    said = (
        f"{number(totals['files_n'])} files came from {number(clinics.height)} clinics; {number(totals['files_refused_n'])} were refused "
        f"and {number(totals['files_missing_n'])} expected ones have not come. Of {number(totals['n_received'])} rows "
        f"{fraction(totals['n_accepted'], totals['n_received'])} were accepted; {number(totals['n_quarantined'])} are held and "
        f"{number(totals['n_duplicate'])} were duplicates. {number(totals['findings_open_n'])} findings are open with the clinics."
    )
    found: list = [blocks.Paragraph(said)]
    found += [
        blocks.Callout(
            f"{row['clinic_name']}: {row['stale_reason']}. Its numbers are those of an earlier night.",
            "Stale",
        )
        for row in stale.iter_rows(named=True)
    ]
    return tuple(found)


def _files(source: Source, clinics: pl.DataFrame, calendar: pl.DataFrame) -> blocks.Section:
    marks = calendar.filter(pl.col("state") != "due")
    missing = (
        calendar.filter(pl.col("missing_since_date").is_not_null())
        .group_by("clinic_id", "file_kind")
        .agg(
            pl.col("missing_since_date").min(),
            n=pl.len(),
            state=pl.col("state").sort_by("expected_date").last(),
        )
        .sort("clinic_id", "file_kind")
        .with_columns(since=pl.col("missing_since_date").cast(pl.String))
    )
    refused = source.rows(
        "SELECT clinic_id, file_name, reason, remedy FROM ledger_delivery WHERE status = 'refused' ORDER BY ALL"
    )
    return blocks.Section("Files", (
        arrival_calendar(marks, title="Expected files, and what came"),
        table(missing, [Column("clinic_id", "Clinic"), Column("file_kind", "File"), Column("since", "Not come since"),
                        Column("n", "expected files", "number", of="count(*)"), Column("state", "Last")], title="Files that did not come",
              basis=Basis("ledger_calendar", "missing_since_date IS NOT NULL", {"clinic_id": "clinic_id", "file_kind": "file_kind"})),
        table(refused, [Column("clinic_id", "Clinic"), Column("file_name", "File"), Column("reason", "Refused because"),
                        Column("remedy", "What to do")], title="Refused files"),
    ))  # fmt: skip


def _rows(source: Source, clinics: pl.DataFrame) -> blocks.Section:
    counts = clinics.select(
        pl.col("clinic_id").alias("clinic"),
        accepted="n_accepted",
        quarantined="n_quarantined",
        duplicate="n_duplicate",
    ).unpivot(index="clinic", variable_name="status", value_name="n")
    rules = source.rows("""
        SELECT f.clinic_id, f.table_name, f.rule, any_value(f.severity) AS severity, any_value(f.kind) AS kind,
            count(*) FILTER (f.is_open) AS n_open, count(*) AS n
        FROM ledger_finding AS f GROUP BY f.clinic_id, f.table_name, f.rule ORDER BY n DESC, f.clinic_id, f.table_name, f.rule
    """)
    return blocks.Section("Rows and findings", (
        stacked_counts(counts, title="Received = accepted + quarantined + duplicate"),
        table(clinics, [Column("clinic_name", "Clinic"), *(Column(name, label, "number", n="n_received", of=f"max({name})") for name, label in (
            ("n_received", "Received"), ("n_accepted", "Accepted"), ("n_quarantined", "Quarantined"), ("n_duplicate", "Duplicate"),
            ("n_flagged", "Flagged values"), ("findings_open_n", "Open findings")))],
              title="Rows by clinic", basis=Basis("mart_clinic_quality", by=_CLINIC)),
        table(rules.head(40), [Column("clinic_id", "Clinic"), Column("table_name", "Table"), Column("rule", "Rule"),
                               Column("kind", "Kind"), Column("severity", "Severity"), Column("n_open", "Open", "number", of="count(*) FILTER (is_open)"),
                               Column("n", "All", "number", of="count(*)")], title="Findings by rule",
              basis=Basis("ledger_finding", by=_CLINIC | {"table_name": "table_name", "rule": "rule"}),
              note=f"{number(min(rules.height, 40))} of {number(rules.height)} lines; every finding is in ledger_finding. "
              "Rules that would tell the arm are left out."),
    ))  # fmt: skip


def _questions(source: Source) -> blocks.Section:
    """What asking led to, rule by rule: one that is often asked about and never changes data is worth rewriting."""
    queries = source.rows("SELECT * FROM ref_query ORDER BY query_id")
    states = queries.group_by("clinic_id").agg(
        *(pl.col("state").eq(state).sum().alias(state) for state in _STATES),
        oldest=pl.col("age_days").filter(pl.col("state") != "solved").max(),
    ).sort("clinic_id")  # fmt: skip
    asked = yield_by_rule(queries).filter(pl.col("asked_n") > 0)
    asked = asked.sort("changed_share", "asked_n", "table_name", "rule", descending=[False, True, False, False])  # fmt: skip
    return blocks.Section("Questions to the clinics", (
        table(states, [Column("clinic_id", "Clinic"),
                       *(Column(state, label, "number", of=f"count(*) FILTER (state = '{state}')") for state, label in _STATES.items()),
                       Column("oldest", "Oldest open, days", "number", unit="days", of="max(age_days) FILTER (state <> 'solved')")],
              title="Questions by clinic", basis=Basis("ref_query", by=_CLINIC)),
        table(asked.head(40), [Column("table_name", "Table"), Column("rule", "Rule"), Column("asked_n", "Asked", "number", n="asked_n", of="count(*) FILTER (asked_n > 0)"),
                               Column("changed_n", "Changed data", "number", n="asked_n"),
                               Column("confirmed_n", "Sent again as it was", "number", n="asked_n", of="count(*) FILTER (state = 'answered')"),
                               Column("changed_n", "Share changed", "percent", whole="asked_n")],
              basis=Basis("ref_query", by={"table_name": "table_name", "rule": "rule"}),
              title="What questions led to, by rule",
              note=f"{number(min(asked.height, 40))} of {number(asked.height)} rules that a letter asked about, those that changed "
              "least first. A rule that is asked about often and changes no data may be too strict. Rules that would tell the arm "
              "are left out."),
    ))  # fmt: skip


def forms(source: Source, clinics: pl.DataFrame) -> blocks.Section:
    """Participants and forms due by clinic, small counts hidden."""
    limit = source.contract.study.analysis.smallest_shown_count
    clinics = small_cells.without_small(clinics, "withdrawn_n", "participants_n", limit)
    return blocks.Section("Participants and forms", (
        table(clinics, [Column("clinic_name", "Clinic"), *(Column(name, label, "number", n="participants_n", of=f"max({name})") for name, label in (
            ("participants_n", "Participants"), ("withdrawn_n", "Have left"), ("forms_expected_n", "Forms due"), ("forms_received_n", "Received"))),
                        Column("forms_received_n", "Share", "percent", whole="forms_expected_n", of="max(forms_received_n) / max(forms_expected_n)")],
              title="Participants and forms due", basis=Basis("mart_clinic_quality", by=_CLINIC),
              note=small_cells.note(limit, MISSING)),
    ))  # fmt: skip


def dose(source: Source) -> blocks.Section:
    """Sessions, falls and adverse events by clinic."""
    weeks = source.rows("""
        SELECT CAST(floor((study_day - 1) / 7) AS INTEGER) + 1 AS week, count(*) AS planned, count(*) FILTER (attended) AS attended
        FROM core_session WHERE study_day > 0 GROUP BY ALL ORDER BY week
    """).filter(pl.col("week") <= source.contract.study.programme.weeks + 1)
    people = source.rows("""
        SELECT a.clinic_id, c.clinic_name, count(*) AS n, sum(a.sessions_due_n) AS due, sum(a.sessions_attended_n) AS attended,
            sum(a.interruptions_n) AS interruptions, sum(s.diary_falls_n) AS falls, sum(s.person_years) AS person_years,
            sum(s.adverse_events_n) AS adverse_events, sum(s.serious_n) AS serious, count(*) FILTER (s.diary_falls_n > 0) AS fallers,
            count(*) FILTER (s.adverse_events_n > 0) AS affected, count(*) FILTER (s.serious_n > 0) AS seriously_affected
        FROM mart_adherence AS a JOIN mart_safety AS s USING (participant_id) JOIN ref_clinic AS c ON c.clinic_id = a.clinic_id
        GROUP BY ALL ORDER BY c.clinic_name
    """)
    few = {
        "fallers": ("falls",),
        "affected": ("adverse_events",),
        "seriously_affected": ("serious",),
    }
    people = small_cells.without_few(source, people, "n", few)
    limit = source.contract.study.analysis.smallest_shown_count
    return blocks.Section("Dose and safety", (
        week_adherence(weeks, title="Sessions planned and attended by week of training"),
        table(people, [Column("clinic_name", "Clinic"), Column("n", "Participants", "number", of="count(*)"),
                       Column("due", "Sessions due", "number", of="sum(sessions_due_n)"), Column("attended", "Attended", "number", of="sum(sessions_attended_n)"),
                       Column("attended", "Share", "percent", whole="due", of="sum(sessions_attended_n) / sum(sessions_due_n)"),
                       Column("interruptions", "Interruptions", "number", of="sum(interruptions_n)"),
                       Column("falls", "Falls in diaries", "number", table="mart_safety", of="sum(diary_falls_n)"),
                       Column("person_years", "Person-years watched", "number", 1, unit="years", table="mart_safety", of="sum(person_years)"),
                       Column("adverse_events", "Adverse events", "number", table="mart_safety", of="sum(adverse_events_n)"),
                       Column("serious", "Serious", "number", table="mart_safety", of="sum(serious_n)")],
              title="Dose and safety by clinic", basis=Basis("mart_adherence", by=_CLINIC),
              note="Falls and person-years are those of returned diaries; a diary that never came counts in neither. "
                   "Events of few people are not shown. " + small_cells.note(limit, MISSING)),
    ))  # fmt: skip
