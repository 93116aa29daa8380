"""Exactly the rows that break a rule are extracted, once for each rule and field."""

from __future__ import annotations

import polars as pl

from pipelines.check.extract import FAILING_SCHEMA, failing_rows, unlisted_faults
from tests.check.cases import between, connection_with, fault, given, no_row, one_of, unique

FAULTS = {"faults": pl.List(pl.String)}
ROWS = [
    {"delivery_id": "b", "row_no": 9, "x": 5, "s": "k", "faults": None},
    {"delivery_id": "a", "row_no": 2, "x": None, "s": "k", "faults": ["lost:x", "lost:s", "odd:s", "lost:x"]},
    {"delivery_id": "a", "row_no": 3, "x": 99, "s": "k", "faults": []},
    {"delivery_id": "a", "row_no": 4, "x": 1, "s": None, "faults": ["too_long:"]},
    {"delivery_id": "a", "row_no": 5, "x": 1, "s": None, "faults": ["lost:x:y"]},
]  # fmt: skip


def extracted(rules, rows=ROWS) -> list[tuple]:
    found = failing_rows(connection_with(rows, FAULTS), "staged", rules)
    assert dict(found.schema) == FAILING_SCHEMA
    return found.rows()


def test_column_rules_name_their_field_and_row_rules_none() -> None:
    rules = [
        given("x"),
        between("x", 1, 5),
        one_of("s", ["z"]),
        no_row("x_s", "x = 99 AND s = 'k'"),
    ]
    assert extracted(rules) == [
        ("a", 2, "s", "s_listed"),
        ("a", 2, "x", "x_given"),
        ("a", 3, "s", "s_listed"),
        ("a", 3, None, "x_s"),
        ("a", 3, "x", "x_valid"),
        ("b", 9, "s", "s_listed"),
    ]


def test_the_field_of_a_fault_comes_from_the_list() -> None:
    assert extracted([fault("lost"), fault("odd"), fault("too_long")]) == [
        ("a", 2, "s", "lost"),
        ("a", 2, "x", "lost"),
        ("a", 2, "s", "odd"),
        ("a", 4, None, "too_long"),
        ("a", 5, "x:y", "lost"),
    ]


def test_a_key_is_unique_within_its_delivery_and_only_where_it_is_given() -> None:
    assert extracted([unique("s")]) == [
        ("a", 2, None, "one_row_per_s"),
        ("a", 3, None, "one_row_per_s"),
    ]


def test_an_undecided_predicate_is_no_failure() -> None:
    assert extracted([no_row("unknown", "x > NULL"), no_row("x_big", "NOT (x < 99)")]) == [
        ("a", 3, None, "x_big")
    ]


def test_no_rule_and_no_failure_give_an_empty_frame() -> None:
    assert extracted([]) == []
    assert extracted([between("x", 0, 99), unique("x", "s")]) == []


def test_a_fault_that_no_rule_reads_is_named() -> None:
    con = connection_with(ROWS, FAULTS)
    assert unlisted_faults(con, "staged", [fault("lost")]) == {"a": ["odd", "too_long"]}
    assert unlisted_faults(con, "staged", []) == {"a": ["lost", "odd", "too_long"]}
    rules = [fault("lost"), fault("odd"), fault("too_long")]
    assert unlisted_faults(con, "staged", rules) == {}


def test_a_view_without_faults_has_none_unlisted() -> None:
    assert unlisted_faults(connection_with([{"x": 1}]), "staged", []) == {}
