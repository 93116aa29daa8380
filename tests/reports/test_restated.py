"""What moved since the last night: which numbers, and by which files."""

from __future__ import annotations

import datetime as dt

import duckdb
import polars as pl
import pytest

from pipelines.reports import restated, results
from pipelines.reports.layout.page import render_page
from pipelines.reports.source import opened
from pipelines.warehouse.lineage import Lineage
from tests.warehouse.cases import ADA, BOB, SQL, Sent, built, fall, participant

FIRST, SECOND = dt.datetime(2025, 11, 3, 3), dt.datetime(2025, 11, 4, 3)


def numbers(*rows: tuple) -> pl.DataFrame:
    """(statistic, group, value, n) as results of one report on falls of one participant."""
    return pl.DataFrame(
        [
            {"report": "safety", "number": place, "statistic": what, "group": group, "value": value, "unit": "", "n": n,
             "sql": "", "is_exact": True, "table_name": "mart_safety", "condition": f"participant_id = '{group}'"}
            for place, (what, group, value, n) in enumerate(rows, start=1)
        ],
        schema=results.RESULTS,
    )  # fmt: skip


def test_a_number_moves_where_its_shown_digits_do():
    was = numbers(("falls", "a", 2.0, 1), ("rate", "a", 0.5, 1), ("rate", "b", 1.0, 1))
    now = numbers(("falls", "a", 3.0, 1), ("rate", "a", 0.5000001, 1), ("rate", "c", 1.0, 1))
    moved = restated.moved(was, now)
    assert moved.select("statistic", "group", "was", "value").rows() == [("falls", "a", 2.0, 3.0)]


def test_numbers_of_the_same_name_are_matched_in_their_order():
    was = numbers(("n", "a", 2.0, 1), ("n", "a", 5.0, 1))
    now = numbers(("n", "a", 2.0, 1), ("n", "a", 6.0, 1))
    assert restated.moved(was, now).select("number", "was").rows() == [(2, 5.0)]


@pytest.fixture(scope="module")
def warehouse(contract, tmp_path_factory):
    """Ada's fall was sent again with another grade, Bob's is new."""
    return built(
        tmp_path_factory.mktemp("restated"), contract,
        Sent("people.csv", {"participant": [participant(), participant(BOB)]}, received_utc=FIRST),
        Sent("old.csv", {"fall": [fall(hopkins_grade="1")]}, received_utc=FIRST),
        Sent("new.csv", {"fall": [fall(), fall(1, BOB)]}, received_utc=SECOND, sent_date=dt.date(2025, 11, 4)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def contract():
    from pathlib import Path

    from pipelines.contracts.load import load_contract

    return load_contract(Path(__file__).parents[2] / "schemas")


@pytest.fixture
def told(warehouse, contract):
    was = numbers(("falls", ADA, 0.0, 1), ("falls", BOB, 0.0, 1))
    now = numbers(("falls", ADA, 1.0, 1), ("falls", BOB, 1.0, 1))
    before = restated.Before(FIRST, "2025-11-03 03:00 UTC", "0.1.0", was)
    with opened(warehouse, contract, "closed") as source:
        gone = restated.replaced(source, FIRST)
        lineage = Lineage(source.con, contract, SQL)
        found = restated.moved_by(source, lineage, restated.moved(was, now), gone, FIRST)
        yield gone, found, restated.page(source, lineage, now, before, gone)


def test_what_a_later_version_replaced_is_listed(told):
    gone, _, _ = told
    assert gone.select("table_name", "state").rows() == [("fall", "superseded")]


def test_only_the_number_whose_value_was_replaced_is_restated_and_both_name_the_file(told):
    _, found, _ = told
    assert found.select("group", "because", "is_restated").rows() == [
        (ADA, "1", True),
        (BOB, "1", False),
    ]


def test_the_page_says_how_many_and_lists_the_files(told):
    _, _, page = told
    said = page.summary[0].text
    assert (
        "Of 2 numbers in this night's reports, 2 are others than on 2025-11-03 03:00 UTC." in said
    )
    assert "1 of them are restated" in said and "have changed since" in said
    html = render_page(page)
    assert (
        html.count("new.csv") == 2 and "old.csv" not in html
    )  # what replaced, and the list of files


def test_a_number_that_nothing_new_stands_under_moved_otherwise(warehouse, contract):
    now = numbers(("falls", ADA, 1.0, 1))
    moved = restated.moved(numbers(("falls", ADA, 2.0, 2)), now)
    with opened(warehouse, contract, "closed") as source:
        none = restated.replaced(source, SECOND)
        assert none.is_empty()
        lineage = Lineage(source.con, contract, SQL)
        found = restated.moved_by(source, lineage, moved, none, SECOND)
    assert (
        found["because"][0].startswith("none: ") and found["is_restated"][0]
    )  # fewer stand behind it


def test_the_night_before_is_the_latest_earlier_one_that_kept_its_numbers(tmp_path):
    for name, kept in (("2025-11-01T031500Z", True), ("2025-11-02T031500Z", False), ("2025-11-05T031500Z", True)):  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "night.json").write_text(
            f'{{"cutoff": "{name[:10]} 03:15 UTC", "code_version": "0.1.0"}}'
        )
        if kept:
            results.write(tmp_path / name / "open", numbers(("falls", "a", 1.0, 1)))
    found = restated.last_night(tmp_path / "2025-11-03T031500Z", "open", "night.json")
    assert found.cutoff == dt.datetime(2025, 11, 1, 3, 15) and found.numbers.height == 1
    assert restated.last_night(tmp_path / "2025-11-01T031500Z", "open", "night.json") is None


def test_the_database_is_left_as_it_was(warehouse, told):
    with duckdb.connect(str(warehouse / "closed.duckdb"), read_only=True) as con:
        names = con.execute("SELECT table_name FROM information_schema.tables").fetchall()
    assert ("line_under",) not in names
