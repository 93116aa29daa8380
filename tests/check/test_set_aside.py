"""The clinics' rows alone: the same results as if the reserved clinic's rows had never been there."""

from __future__ import annotations

import pytest

from pipelines.check.double_entry import check_deliveries
from pipelines.check.set_aside import without
from tests.check.cases import between, connection_with, given, no_row, suite_of, unique

CLINICS = [
    {"delivery_id": "a", "clinic_id": "alder", "row_no": 1, "x": 5, "row_key": "1"},
    {"delivery_id": "a", "clinic_id": "alder", "row_no": 2, "x": 50, "row_key": "2"},
    {"delivery_id": "a", "clinic_id": "alder", "row_no": 3, "x": None, "row_key": "3"},
]
CANARIES = [
    {"delivery_id": "c", "clinic_id": "canary", "row_no": 1, "x": 60, "row_key": "1"},
    {"delivery_id": "c", "clinic_id": "canary", "row_no": 2, "x": None, "row_key": "1"},
    {"delivery_id": "c", "clinic_id": "canary", "row_no": 3, "x": None, "row_key": None},
]
RULES = [given("x"), between("x", 1, 40), no_row("x_small", "x > 55"), unique("row_key")]


def results(rows: list[dict]):
    con = connection_with(rows, {})
    outcome = check_deliveries(con, "staged", RULES, suite_of(RULES))
    return without(
        con, "staged", RULES, outcome.results, outcome.findings, "canary"
    ), outcome.results


def test_the_results_are_those_of_the_clinics_alone() -> None:
    found, together = results(CLINICS + CANARIES)
    alone, same = results(CLINICS)

    assert found == alone == same
    assert together != alone


@pytest.mark.parametrize("rows", [CANARIES, CANARIES[:1]])
def test_where_only_canaries_came_there_is_nothing_to_show(rows: list[dict]) -> None:
    assert results(rows)[0] == []


def test_a_rule_that_the_clinics_rows_never_meet_has_no_rows() -> None:
    found, _ = results([{**CLINICS[2]}, *CANARIES])

    assert {one.rule: one.state for one in found}["x_valid"] == "not_applicable"
