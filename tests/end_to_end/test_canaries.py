"""Canaries fly in every night, are counted in nothing, and every page says what became of them."""

from __future__ import annotations

import re

import pytest

from pipelines.check import held_rows
from pipelines.reports.layout import pdf
from tests.end_to_end.nights import NIGHT_1, NIGHT_2, rows, tables, twin

STAMP_2 = "2025-11-11T031500Z"
CAUGHT, MISSED = "Canaries: 13 planted, 13 caught", "Canaries: 13 planted, 6 caught"


@pytest.mark.parametrize("side", ["open", "closed"])
def test_no_table_has_a_row_of_theirs_but_the_one_that_counts_them(clean, side):
    counted = rows(
        clean.home, "SELECT sum(planted_n), sum(caught_n), count(*) FROM ref_canary", side
    )
    assert counted.rows() == [(13, 13, 13)]
    told = [
        f"{table}.{column}"
        for table, columns in tables(clean.home, side).items()
        for column in columns
        if table != "ref_canary"
        and rows(
            clean.home,
            f"SELECT count(*) FROM {table} WHERE contains(lower(CAST({column} AS VARCHAR)), 'canary')",
            side,
        ).item()
    ]
    assert told == []


def test_every_page_of_a_night_says_that_they_were_caught(faulty):
    pages = list((faulty.home / "reports" / STAMP_2).rglob("*.html"))
    assert len(pages) >= 8
    assert [p.name for p in pages if CAUGHT not in p.read_text().partition("<footer>")[2]] == []
    letters = list((faulty.home / "letters" / STAMP_2).rglob("letter.html"))
    assert letters
    assert not any("anar" in page.read_text() for page in letters)
    assert not any("canary" in p.read_text() for p in (faulty.home / "data_docs").rglob("*.html"))


def test_what_is_kept_does_not_grow_but_for_a_count_each_night(clean):
    theirs = sorted(
        path.relative_to(clean.home).as_posix()
        for path in clean.home.rglob("*")
        if path.is_file() and re.search("canar", path.relative_to(clean.home).as_posix())
    )
    assert theirs == [
        f"ledger/canaries/{night.replace(':', '')}.json" for night in (NIGHT_1, NIGHT_2)
    ]


def test_a_quarantine_that_is_lost_shows_on_every_page_and_in_the_exit_code(
    clean, tmp_path, backstep, monkeypatch
):
    home = twin(clean.home, tmp_path)
    monkeypatch.setattr(pdf, "missing", lambda: "not needed here")
    monkeypatch.setattr(held_rows, "write_held", lambda *_: None)

    code, said = backstep("nightly", "--home", str(home), "--cutoff", NIGHT_2)

    assert code == 15
    assert "index.html" in said
    pages = list((home / "reports" / STAMP_2).rglob("*.html"))
    assert len(pages) >= 8
    for page in pages:
        text = page.read_text()
        assert MISSED in text.partition("<footer>")[2], page.name
        assert "Not caught: " in text and "(rule wrong_check_digit)" in text, page.name
    assert rows(home, "SELECT count(*) FROM ref_canary WHERE caught_n = 0").item() == 7

    monkeypatch.undo()
    monkeypatch.setattr(pdf, "missing", lambda: "not needed here")
    code, said = backstep("nightly", "--home", str(home), "--cutoff", NIGHT_2)

    assert code == 0
    assert CAUGHT in said
    assert MISSED not in (home / "reports" / "index.html").read_text()
