"""The part of the safety page on adverse events: how many, in whom, how severe, related to what, over which time."""

from __future__ import annotations

import polars as pl

from pipelines.analysis.summary import rate_of_people
from pipelines.reports import small_cells
from pipelines.reports.layout import blocks
from pipelines.reports.layout.results import Basis, arm_of
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.source import Source

SERIOUS = "serious"


def section(
    source: Source, people: pl.DataFrame, events: pl.DataFrame, group: str
) -> blocks.Section:
    """Counts by `group`, by severity and, in the closed report, by relatedness."""
    counted = _counted(source, people, events, group)
    by_arm, note = source.audience == "closed", small_cells.note_for(source)
    first = Column(group, "Arm" if by_arm else "Clinic")
    counts = table(
        counted,
        [
            first, Column("n", "Participants", "number", of="count(*)"),
            Column("people_n", "With any event", "number", of="count(*) FILTER (adverse_events_n > 0)"),
            Column("people_n", "Share", "percent", whole="n", of="count(*) FILTER (adverse_events_n > 0) / count(*)"),
            Column("events_n", "Events", "number", of="coalesce(sum(adverse_events_n), 0)"),
            Column("serious_people_n", "With a serious event", "number", of="count(*) FILTER (serious_n > 0)"),
            Column("serious_n", "Serious events", "number", of="coalesce(sum(serious_n), 0)"),
        ],
        title="Adverse events, participants and events apart", by_arm=by_arm, note=note, basis=Basis("mart_safety", by={group: group}),
    )  # fmt: skip
    rates = table(
        counted,
        [first, Column("years", "Person-years", "number", 1, unit="years", of="sum(record_years)"),
         Column("rate", "Events per year (95 % interval)", "estimate", 2, low="low", high="high", unit="1/year")],
        title="Adverse events and the time they could be reported in", by_arm=by_arm, note=note, basis=Basis("mart_safety", by={group: group}),
    )  # fmt: skip
    listed = (counts, rates, _severity(source, events))
    closed = (_relatedness(source),) if source.audience == "closed" else ()
    return blocks.Section("Adverse events", (*listed, *closed))


def _counted(
    source: Source, people: pl.DataFrame, events: pl.DataFrame, group: str
) -> pl.DataFrame:
    """Per group: people, those with any and with a serious event, events, years and the rate; protected where open."""
    known = events if group in events.columns else events.join(
        people.select("participant_id", group), on="participant_id"
    )  # fmt: skip
    counts = known.group_by(group).agg(
        events_n=pl.len(),
        people_n=pl.col("participant_id").n_unique(),
        serious_n=pl.col(SERIOUS).sum(),
        serious_people_n=pl.col("participant_id").filter(pl.col(SERIOUS)).n_unique(),
    )
    rates = pl.DataFrame([
        {group: name, "n": rows.height, "years": rows["record_years"].sum(), "rate": rate.estimate, "low": rate.low, "high": rate.high}
        for (name,), rows in people.group_by(group)
        for rate in [rate_of_people(rows["events_after_n"].fill_null(0), rows["record_years"])]
    ], schema={group: pl.String, "n": pl.Int64} | dict.fromkeys(("years", "rate", "low", "high"), pl.Float64))  # fmt: skip
    counted = (
        rates.join(counts, on=group, how="left")
        .with_columns(pl.col("events_n", "people_n", "serious_n", "serious_people_n").fill_null(0))
        .sort(group)
    )
    if source.audience == "closed":
        return counted
    parts = {"people_n": ("events_n", "rate", "low", "high"), "serious_people_n": ("serious_n",)}
    return small_cells.without_few(source, counted, "n", parts)


def _relatedness(source: Source) -> blocks.Table:
    """By arm; the open database does not have what a clinic thinks of the arm's part in an event."""
    words = source.contract.codes["relatedness"]
    counted = source.rows("""
        SELECT p.arm, e.relatedness_code AS code, count(*) AS n, count(DISTINCT participant_id) AS people_n,
            count(*) FILTER (e.serious) AS serious_n
        FROM core_adverse_event AS e JOIN core_participant AS p USING (participant_id) GROUP BY ALL""")
    order = [*words, "not given"]
    listed = (
        counted.with_columns(how=pl.col("code").fill_null("not given").cast(pl.Enum(order)))
        .sort("how", "arm")
        .with_columns(pl.col("how").cast(pl.String).replace(words))
    )
    return table(
        listed,
        [Column("how", "Related to the walking"), Column("arm", "Arm"), Column("n", "Events", "number", n="people_n", of="count(*)"),
         Column("people_n", "Participants", "number", n="people_n", of="count(DISTINCT participant_id)"),
         Column("serious_n", "Of them serious", "number", n="people_n", of="count(*) FILTER (serious)")],
        title="Adverse events by relatedness", by_arm=True, note="As the clinic judged it, knowing the arm.",
        basis=Basis("core_adverse_event", by={"code": "relatedness_code", "arm": arm_of("core_adverse_event")}),
    )  # fmt: skip


def _severity(source: Source, events: pl.DataFrame) -> blocks.Table:
    order = pl.Enum(["mild", "moderate", "severe", "not given"])
    counted = (
        events.with_columns(severity=pl.col("severity_code").fill_null("not given").cast(order))
        .group_by("severity")
        .agg(pl.col("severity_code").first(), n=pl.len(), people_n=pl.col("participant_id").n_unique(), serious_n=pl.col(SERIOUS).sum())
        .sort("severity")
        .with_columns(pl.col("severity").cast(pl.String))
    )  # fmt: skip
    columns = [
        Column("severity", "Severity"), Column("n", "Events", "number", n="people_n", of="count(*)"),
        Column("people_n", "Participants", "number", n="people_n", of="count(DISTINCT participant_id)"),
        *([Column("serious_n", "Of them serious", "number", n="people_n", of="count(*) FILTER (serious)")] if source.audience == "closed" else []),
    ]  # fmt: skip
    shown = small_cells.few_of_total(source, counted)
    return table(
        shown, columns, title="Adverse events by severity", note=small_cells.note_for(source),
        basis=Basis("core_adverse_event", by={"severity_code": "severity_code"}),
    )  # fmt: skip
