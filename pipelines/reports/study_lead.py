"""The study lead's digest: what the night brought and where the study stands, on two sheets at most."""

from __future__ import annotations

import polars as pl

from pipelines.analysis.summary import rate_of_people
from pipelines.reports.layout import blocks
from pipelines.reports.layout.figures import change_dots
from pipelines.reports.layout.numbers import fraction, interval, number
from pipelines.reports.layout.results import Basis, estimated, one
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.scales import Scale, mean_interval, scale_of
from pipelines.reports.source import Source

TITLE, AUDIENCES = "Study lead's digest", ("open",)
_PRIMARY = "knee_pain"  # the report whose first scale the digest draws
_TONIGHT = """
    SELECT q.clinic_id, q.clinic_name, q.participants_n, q.findings_open_n, q.files_missing_n,
        CASE WHEN q.is_stale THEN 'stale' WHEN q.files_missing_n > 0 THEN 'files missing' ELSE 'up to date' END AS state,
        count(d.delivery_id) AS files_n, count(d.delivery_id) FILTER (d.status = 'refused') AS refused_n,
        coalesce(sum(d.n_accepted), 0) AS accepted_n, coalesce(sum(d.n_quarantined), 0) AS held_n
    FROM mart_clinic_quality AS q
    LEFT JOIN ledger_delivery AS d
        ON d.clinic_id = q.clinic_id AND d.received_utc = (SELECT max(received_utc) FROM ledger_delivery)
    GROUP BY ALL ORDER BY q.clinic_name"""
_LAST = "received_utc = (SELECT max(received_utc) FROM ledger_delivery)"


def page(source: Source) -> blocks.Page:
    """Pooled only: nothing on it tells an arm, so that it can go out by mail."""
    tonight = source.rows(_TONIGHT)
    lead = scale_of(source.contract.study.reports[_PRIMARY].primary)
    rows = source.rows("SELECT * FROM mart_outcome WHERE is_primary ORDER BY ALL")
    return blocks.Page(
        title=TITLE, subtitle=source.contract.study.title, audience=source.audience, cutoff_text=source.cutoff_text,
        code_version=source.code_version, summary=_summary(source, tonight, rows, lead),
        sections=(_change(rows, lead), _outcomes(source, rows), _clinics(tonight)),
        footnotes=(
            "Both arms together: a pooled change is no effect of either way of walking.",
            "Each number is explained on the report it comes from; rows that are held are in the clinics' letters.",
        ),
    )  # fmt: skip


def _of(rows: pl.DataFrame, scale: Scale) -> pl.DataFrame:
    return rows.filter(measure=scale.measure, scale=scale.scale)


def _summary(
    source: Source, tonight: pl.DataFrame, rows: pl.DataFrame, lead: Scale
) -> tuple[blocks.Block, ...]:
    people = source.rows(
        "SELECT count(*) AS n, count(*) FILTER (is_withdrawn) AS gone FROM core_participant"
    ).row(0)
    due, came = source.rows("SELECT sum(n_expected), sum(n_received) FROM mart_completeness").row(0)
    watched = source.rows("SELECT falls_n, person_years, serious_n FROM mart_safety")
    serious = watched["serious_n"].sum()
    change = mean_interval(_of(rows, lead)["improvement"].drop_nulls())
    files, refused = int(tonight["files_n"].sum()), int(tonight["refused_n"].sum())
    behind = tonight.filter(pl.col("state") != "up to date")["clinic_name"].to_list()
    told = (
        f"{number(people[0])} participants are enrolled, {number(people[1])} have left, and {fraction(int(came or 0), int(due or 0))} "
        "forms due have come. "
        + (f"{lead.title} has improved by {number(change.estimate, lead.digits)} {lead.unit_text} on average "
           f"(95 % interval {interval(change.low, change.high, lead.digits)}) over both arms together. " if change else "")
        + f"The last night took in {number(files)} files, refused {number(refused)} and holds "
        f"{number(int(tonight['held_n'].sum()))} of their rows; "
        + (f"behind: {', '.join(behind)}." if behind else "every clinic is up to date.")
    )  # fmt: skip
    rate = rate_of_people(watched["falls_n"], watched["person_years"])
    tiles = (
        blocks.KeyNumber(number(people[0]), "participants", f"{number(people[1])} have left",
                         one("participants", people[0], "", Basis("core_participant"), "count(*)")),
        blocks.KeyNumber(fraction(int(came or 0), int(due or 0)).split(" (")[0], "forms that were due", "received of expected",
                         one("forms that came", came, "", Basis("mart_completeness"), "sum(n_received)")),
        blocks.KeyNumber(number(rate.estimate, 2) if rate.estimate is not None else "\N{EN DASH}", "falls per person-year",
                         f"95 % interval {interval(rate.low, rate.high, 2)}" if rate.estimate is not None else "no diaries yet",
                         estimated("falls per person-year", "1/year", Basis("mart_safety"), rate.estimate, rate.low, rate.high)),
        blocks.KeyNumber(number(int(serious or 0)), "serious adverse events", "since the start",
                         one("serious adverse events", serious, "", Basis("mart_safety"), "sum(serious_n)")),
    )  # fmt: skip
    return (blocks.Paragraph(told), blocks.KeyNumbers(tiles))


def _change(rows: pl.DataFrame, lead: Scale) -> blocks.Section:
    at = _of(rows, lead).drop_nulls("improvement")
    one = {name: at[name].drop_nulls().unique() for name in ("mcid", "mdc95")}
    drawn = change_dots(
        at.select(change="improvement"),
        measure=lead.title, unit=lead.unit_text, title=f"Each participant's change in {lead.title}",
        mcid=one["mcid"][0] if one["mcid"].len() == 1 else None, mdc=one["mdc95"][0] if one["mdc95"].len() == 1 else None,
        digits=lead.digits,
    )  # fmt: skip
    return blocks.Section("Change", (drawn,))


def _outcomes(source: Source, rows: pl.DataFrame) -> blocks.Section:
    listed = []
    # knee load is measured in a few people, both ways, and has a page of its own
    reports = {
        name: one for name, one in source.contract.study.reports.items() if name != "knee_load"
    }
    for report in reports.values():
        for scale in map(scale_of, (report.primary, *report.also[:2])):
            change = mean_interval(_of(rows, scale)["improvement"].drop_nulls())
            listed.append({
                "of_measure": scale.measure, "of_scale": scale.scale, "unit": scale.unit_text,
                "scale": f"{scale.title}, {scale.unit_text}", "n": _of(rows, scale)["improvement"].count(),
                "mean": change.estimate if change else None, "low": change.low if change else None,
                "high": change.high if change else None,
            })  # fmt: skip
    floats = dict.fromkeys(("mean", "low", "high"), pl.Float64)
    columns = [
        Column("scale", "Measure"), Column("n", "n", "number", of="count(*)"),
        Column("mean", "Mean improvement (95 % interval)", "estimate", 2, low="low", high="high", unit_from="unit", of="avg(improvement)"),
    ]  # fmt: skip
    visit = source.contract.study.primary_visit
    shown = table(
        pl.DataFrame(listed, schema_overrides=floats), columns, title=f"Change from baseline to {visit}, both arms together",
        note="Signed so that positive is better.",
        basis=Basis("mart_outcome", "is_primary AND improvement IS NOT NULL", {"of_measure": "measure", "of_scale": "scale"}),
    )  # fmt: skip
    return blocks.Section("Outcomes", (shown,))


def _clinics(tonight: pl.DataFrame) -> blocks.Section:
    columns = [
        Column("clinic_name", "Clinic"), Column("state", "State"), Column("participants_n", "Participants", "number", of="max(participants_n)"),
        *(Column(name, label, "number", table="ledger_delivery", where=_LAST, of=of) for name, label, of in (
            ("files_n", "Files came", "count(*)"), ("refused_n", "Refused", "count(*) FILTER (status = 'refused')"),
            ("accepted_n", "Rows accepted", "coalesce(sum(n_accepted), 0)"), ("held_n", "Held", "coalesce(sum(n_quarantined), 0)"))),
        Column("findings_open_n", "Open findings", "number", of="max(findings_open_n)"),
    ]  # fmt: skip
    return blocks.Section(
        "The last night, clinic by clinic",
        (
            table(
                tonight,
                columns,
                title="What came, and what is asked",
                basis=Basis("mart_clinic_quality", by={"clinic_id": "clinic_id"}),
            ),
        ),
    )
