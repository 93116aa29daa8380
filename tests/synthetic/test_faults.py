"""Every rule has a fault that breaks it, and no fault spills over into another's record."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from pipelines.contracts.across import CHANGED, across_rules
from pipelines.contracts.rule_list import LINE_TABLE, rules_of
from pipelines.synthetic import choose, faults, plant
from pipelines.synthetic.broken import as_sent, broken_rules
from pipelines.synthetic.fault_cells import clock_change
from pipelines.synthetic.fault_fields import DEVICE_TABLES
from pipelines.synthetic.fault_lines import break_line
from pipelines.synthetic.faults import Place
from pipelines.synthetic.truth import make_trial

AS_OF = dt.date(2025, 11, 2)
# Rules that no clinic's form can break: an instant in one column has no clock time of its own.
OUT_OF_REACH = {("treadmill", "unreadable_time")}
# Rules of rows that answer a letter, which no clinic's own files hold: tests/end_to_end/test_returned.py breaks them.
OF_ANSWERS = {"unknown_reference"}


@pytest.fixture(scope="module")
def catalogue(contract):
    return faults.catalogue(contract)


@pytest.fixture(scope="module")
def trial(contract):
    return make_trial(contract, participants=120, seed=1, as_of=AS_OF)


@pytest.fixture(scope="module")
def planned(contract, trial, catalogue):
    return plant.plan(contract, trial, catalogue, np.random.default_rng(5))


def _form_tables(contract):
    return [table for table in contract.tables if table not in DEVICE_TABLES]


def test_every_rule_of_every_form_table_has_a_fault(contract, catalogue):
    known = {(fault.table, fault.rule) for fault in catalogue}
    missing = [
        (table, rule.name)
        for table in _form_tables(contract)
        for rule in (*rules_of(contract, table), *across_rules(contract, table))
        if (table, rule.name) not in known and rule.name != CHANGED
    ]
    assert missing == []


def test_every_rule_of_broken_lines_has_a_fault(contract, catalogue):
    known = {fault.rule for fault in catalogue if fault.level == "line"}
    assert {rule.name for rule in rules_of(contract, LINE_TABLE)} - known == OF_ANSWERS


def test_there_are_at_least_forty_five_kinds_of_rule(catalogue):
    assert len({fault.rule for fault in catalogue}) >= 45
    assert len({fault.kind for fault in catalogue}) == len(catalogue)


def test_every_fault_is_planted_somewhere(contract, catalogue, planned):
    kinds = set(planned.expected["kind"])
    sent = {
        (table, field)
        for table in _form_tables(contract)
        for place in choose.places(contract, table)
        for field in place.sent_fields
    }
    left_out = [
        fault.kind for fault in catalogue
        if fault.level != "file" and not fault.group and fault.kind not in kinds
        and (fault.table, fault.rule) not in OUT_OF_REACH
        and all((fault.table, field) in sent for field in fault.needs)
    ]  # fmt: skip
    assert left_out == []


def test_one_of_each_group_is_planted(catalogue, planned):
    groups = {fault.kind: fault.group for fault in catalogue if fault.group}
    planted = {groups[kind] for kind in planned.expected["kind"] if kind in groups}
    assert planted == set(groups.values())


def test_every_planted_fault_breaks_its_own_rule(catalogue, planned):
    rule_of = {fault.kind: fault.rule for fault in catalogue}
    found = planned.expected.group_by("kind").agg("rule")
    assert all(rule_of[kind] in rules for kind, rules in found.iter_rows())


def test_no_record_carries_two_faults(planned):
    carriers = planned.expected.group_by("table_name", "_uid").agg(pl.col("kind").n_unique())
    assert carriers["kind"].max() == 1


def test_records_without_a_planned_fault_stay_as_they_were(contract, trial, planned):
    after = plant.applied(contract, planned, trial.records)
    for table, frame in trial.records.items():
        edited = list(planned.edited.get(table, {}))
        added = [row["_uid"] for row in planned.added.get(table, [])]
        untouched = frame.filter(~pl.col("_uid").is_in(edited))
        again = after[table].filter(~pl.col("_uid").is_in([*edited, *added]))
        assert again.equals(untouched)
        assert after[table].height == frame.height + len(added)
        assert after[table]["_uid"].is_unique().all()


def test_records_are_held_only_where_nothing_refers_to_them(contract, trial, planned):
    """A held participant, device interval, fall or event is one that was added for the purpose."""
    held = {
        (table, rule.name)
        for table in _form_tables(contract)
        for rule in (*rules_of(contract, table), *across_rules(contract, table))
        if rule.severity == "quarantine"
    }
    for table in ("participant", "device_assignment", "fall", "adverse_event"):
        rows = planned.expected.filter(pl.col("table_name") == table)
        carriers = [
            uid for uid, rule in rows.select("_uid", "rule").iter_rows() if (table, rule) in held
        ]
        assert not set(carriers) & set(trial.records[table]["_uid"])


def test_the_plan_names_every_rule_that_its_records_break(contract, trial, planned):
    """Rules within a table, evaluated on the edited records as their clinics can send them."""
    after = plant.applied(contract, planned, trial.records)
    at_text = {(text.table, text.uid) for text in planned.texts}
    for table in _form_tables(contract):
        own = {r.name for r in rules_of(contract, table) if not r.from_faults} - {"one_row_per_key"}
        place_of = {place.clinic.clinic_id: place for place in choose.places(contract, table)}
        rows = [
            row for row in after[table].iter_rows(named=True)
            if (table, row["_uid"]) not in at_text and row["clinic_id"] in place_of
        ]  # fmt: skip
        sent = [as_sent(place_of[row["clinic_id"]], row) for row in rows]
        broken = broken_rules(contract, table, sent)
        found = {
            (row["_uid"], rule) for row, rules in zip(rows, broken, strict=True) for rule in rules
        }
        expected = planned.expected.filter(
            pl.col("table_name") == table, pl.col("rule").is_in(list(own))
        )
        told = {
            pair
            for pair in expected.select("_uid", "rule").iter_rows()
            if (table, pair[0]) not in at_text
        }
        assert found == told, table


# Europe/Berlin and America/New_York in 2025, from the tz database; Asia/Kolkata has no summer time.
@pytest.mark.parametrize(
    ("zone", "skipped", "twice"),
    [
        ("Europe/Berlin", dt.datetime(2025, 3, 30, 2, 30), dt.datetime(2025, 10, 26, 2, 30)),
        ("America/New_York", dt.datetime(2025, 3, 9, 2, 30), dt.datetime(2025, 11, 2, 1, 30)),
        ("Asia/Kolkata", None, None),
    ],
)
def test_clock_changes(zone, skipped, twice):
    assert clock_change(zone, "nonexistent_local_time") == skipped
    assert clock_change(zone, "ambiguous_local_time") == twice


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ("too_many_fields", b'a,"b, c",d,x\r'),
        ("too_few_fields", b"a\r"),
        ("broken_quote", b'a,"b, c","d\r'),
        ("undecodable_text", b'a,"b, c",\xffd\r'),
    ],
)
def test_one_line_is_broken_and_the_others_keep_their_numbers(contract, rule, broken):
    place = Place(contract, contract.clinics["alder"], "tests", "walk_test")
    data = b'h1,h2,h3\r\na,"b, c",d\r\ne,f,g\r\n'
    assert break_line(data, 2, rule, place).split(b"\n") == [b"h1,h2,h3\r", broken, b"e,f,g\r", b""]
