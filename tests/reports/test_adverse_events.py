"""Adverse events of the safety page: person-time, relatedness in the closed report, small counts in the open one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import duckdb
import polars as pl
import pytest

from pipelines.contracts.load import load_contract
from pipelines.reports import adverse_events

CONTRACT = load_contract(Path(__file__).resolve().parents[2] / "schemas")
PEOPLE = pl.DataFrame({
    "participant_id": [f"p{n:02}" for n in range(40)], "clinic_id": ["alder"] * 20 + ["birke"] * 20,
    "arm": ["FW", "BW"] * 20, "record_years": [0.5] * 40,
    "events_after_n": [2] * 8 + [None] * 12 + [1] * 9 + [None] * 11,
}, schema_overrides={"events_after_n": pl.Int64})  # fmt: skip
EVENTS = pl.DataFrame({
    "participant_id": [f"p{n:02}" for n in range(8) for _ in range(2)] + [f"p{n:02}" for n in range(20, 29)],
    "clinic_id": ["alder"] * 16 + ["birke"] * 9, "severity_code": ["mild"] * 14 + ["severe"] * 2 + ["moderate"] * 9,
    "serious": [False] * 14 + [True] * 2 + [False] * 9,
    "relatedness_code": ["unrelated"] * 16 + ["possible"] * 8 + [None],
})  # fmt: skip


def source(audience: str):
    con = duckdb.connect()
    con.register("core_participant", PEOPLE.to_arrow())
    con.register("core_adverse_event", EVENTS.to_arrow())
    return SimpleNamespace(
        audience=audience, contract=CONTRACT, rows=lambda query: con.execute(query).pl()
    )


def tables(audience: str, group: str) -> dict[str, object]:
    shown = adverse_events.section(source(audience), PEOPLE, EVENTS, group).blocks
    return {block.title: block for block in shown}


def test_a_rate_is_events_over_the_years_recorded():
    """Alder: 16 events in 20 half years, 1.60 a year; birke: 9 in 10 years, 0.90."""
    html = tables("open", "clinic_id")["Adverse events and the time they could be reported in"].html
    assert "1.60" in html and "0.90" in html
    assert html.count("10.0") >= 2


def test_relatedness_is_for_those_who_may_know_the_arm():
    """Alder's 16 are unrelated, 8 of each arm; eight of birke's nine are possibly related, one is not judged."""
    closed = tables("closed", "arm")["Adverse events by relatedness"]
    assert closed.by_arm
    assert "possibly related" in closed.html and "not given" in closed.html
    assert closed.html.count(">8<") == 2
    assert "Adverse events by relatedness" not in tables("open", "clinic_id")


@pytest.mark.parametrize(
    ("audience", "group", "hidden"), [("open", "clinic_id", True), ("closed", "arm", False)]
)
def test_one_person_with_severe_events_is_not_told_openly(audience, group, hidden):
    """Severe: 2 events of one person. Mild 14, moderate 9: the smaller goes with it."""
    html = tables(audience, group)["Adverse events by severity"].html
    assert (">14<" in html, ">9<" in html, ">2<" in html) == (True, not hidden, not hidden)


def test_a_rate_that_would_tell_a_hidden_count_is_hidden_with_it():
    """Four of birke's 20 have an event: their rate times the printed years is that count."""
    few = EVENTS.filter(~pl.col("participant_id").is_in(["p24", "p25", "p26", "p27", "p28"]))
    people = PEOPLE.with_columns(
        events_after_n=pl.when(pl.col("participant_id").is_in(["p24", "p25", "p26", "p27", "p28"]))
        .then(None)
        .otherwise("events_after_n")
    )
    shown = adverse_events.section(source("open"), people, few, "clinic_id").blocks
    rates = next(block for block in shown if block.title.endswith("reported in"))
    assert "10.0" in rates.html and "0.40" not in rates.html
