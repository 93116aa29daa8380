"""What a returned row takes the place of, and when it no longer counts."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from pipelines.warehouse.returned import RETURNED_SCHEMA
from tests.warehouse.cases import Sent, ask, built, fall, people

FALLS = "SELECT fall_no, hopkins_grade, row_no FROM core_fall ORDER BY ALL"
OPEN = "SELECT rule FROM ledger_finding WHERE is_open ORDER BY ALL"
HELD = {"row_key": "k", "sent": '{"line": "as it was"}'}


def day(n: int) -> dt.date:
    return dt.date(2025, 11, n)


def snapshot(n: int, held: dict | None = HELD, *falls) -> Sent:
    return Sent(
        f"snapshot_{n}.csv", {"fall": list(falls)} if falls else {}, {"fall": [held]} if held else {}, sent_date=day(n),
        keyed="snapshot", scope="alder/falls",
    )  # fmt: skip


def back(n: int, *falls) -> Sent:
    return Sent(
        f"held_rows_falls_2025110{n}.xlsx", {"fall": list(falls)}, sent_date=day(n), keyed="return"
    )


def answers(*pairs: tuple[Sent, int, Sent, int]) -> pl.DataFrame:
    return pl.DataFrame(
        [(r.delivery_id, "fall", row_no, s.delivery_id, of) for r, row_no, s, of in pairs],
        schema=RETURNED_SCHEMA, orient="row",
    )  # fmt: skip


def test_it_stands_while_the_latest_file_says_what_the_corrected_row_said(tmp_path, contract):
    first, again, mine = snapshot(1), snapshot(3), back(2, fall(1))
    said = answers((mine, 2, first, 102))
    assert ask(built(tmp_path, contract, people(), first, mine, again, returned=said), FALLS) == [
        (1, "2", 2)
    ]


@pytest.mark.parametrize(
    "later", [snapshot(3, None, fall(9)), snapshot(3, HELD | {"sent": '{"line": "another"}'})]
)
def test_it_ends_when_the_row_is_gone_or_says_something_else(tmp_path, contract, later):
    first, mine = snapshot(1), back(2, fall(1))
    said = answers((mine, 2, first, 102))
    warehouse = built(tmp_path, contract, people(), first, mine, later, returned=said)
    assert 1 not in [row[0] for row in ask(warehouse, FALLS)]
    told = ask(warehouse, "SELECT fall_no, state, replaced_by_delivery_id FROM history_fall")
    assert told == [(1, "removed", later.delivery_id)]


def test_the_last_of_two_workbooks_counts_and_one_may_correct_another(tmp_path, contract):
    first, mine = snapshot(1), back(2, fall(1, hopkins_grade="3"))
    more = back(3, fall(1, hopkins_grade="4"), fall(2))
    said = answers((mine, 2, first, 102), (more, 2, mine, 2))
    warehouse = built(tmp_path, contract, people(), first, mine, more, returned=said)
    assert ask(warehouse, FALLS) == [(1, "4", 2), (2, "2", 3)]
    twice = answers((mine, 2, first, 102), (more, 2, first, 102))
    other = built(tmp_path / "other", contract, people(), first, mine, more, returned=twice)
    assert ask(other, FALLS) == [(1, "4", 2), (2, "2", 3)]


def test_it_takes_the_place_of_a_row_whose_key_was_wrong_and_outranks_its_source_of_the_same_day(
    tmp_path, contract
):
    source = Sent("falls.csv", {"fall": [fall(7)]}, sent_date=day(2), revision=5)
    mine = back(2, fall(1))
    warehouse = built(
        tmp_path, contract, people(), source, mine, returned=answers((mine, 2, source, 2))
    )
    assert ask(warehouse, FALLS) == [(1, "2", 2)]
    told = ask(
        warehouse,
        "SELECT fall_no, state, replaced_by_delivery_id, replaced_by_row_no FROM history_fall",
    )
    assert told == [(7, "superseded", mine.delivery_id, 2)]


def test_a_later_file_of_the_clinic_outranks_it(tmp_path, contract):
    source = Sent("falls.csv", {}, {"fall": [HELD]}, sent_date=day(1))
    mine, later = (
        back(2, fall(1)),
        Sent("more.csv", {"fall": [fall(1, hopkins_grade="1")]}, sent_date=day(3)),
    )
    warehouse = built(
        tmp_path, contract, people(), source, mine, later, returned=answers((mine, 2, source, 102))
    )
    assert ask(warehouse, FALLS) == [(1, "1", 2)]


def test_one_that_answers_a_file_nobody_has_counts_for_nothing(tmp_path, contract):
    mine = back(2, fall(1))
    ghost = Sent("ghost.csv", {})
    assert (
        ask(built(tmp_path, contract, people(), mine, returned=answers((mine, 2, ghost, 4))), FALLS)
        == []
    )
