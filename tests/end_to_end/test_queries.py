"""Questions to clinics through two nights: what was mended closes, what was not stands, what was mended wrongly is told."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from pathlib import Path

import duckdb
import pytest

from pipelines import stages
from tests.end_to_end.nights import exports, put, rows, take_in

CLINIC, FORM = "alder", "balance_test"
FIRST, SECOND, THIRD = "2025-11-12T03:15:00Z", "2025-11-13T03:15:00Z", "2025-11-28T03:15:00Z"
LAST_NIGHT = "2025-11-11T03:15:00Z"
PLANTED, MENDED, WRONGLY = range(10), range(7), 7


def _night(home: Path, cutoff: str, name: str | None = None, text: str = "") -> str:
    """The words of the letter after a night on which one file came."""
    if name:
        sent = dt.datetime.fromisoformat(cutoff) - dt.timedelta(hours=9)
        put(home, CLINIC, name, text.encode(), sent.timestamp())
    take_in(home, cutoff)
    stages.build_warehouse(str(home), cutoff)
    stages.render_letters(str(home), cutoff)
    folder = home / "letters" / re.sub(r"(\d\d):(\d\d):(\d\d)", r"\1\2\3", cutoff) / CLINIC
    page = (folder / "letter.html").read_text(encoding="utf-8")
    words = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", words)).split())


def _spoilt(lines: list[str], column: int, cells: dict[int, str]) -> list[str]:
    out = []
    for number, line in enumerate(lines):
        parts = line.split(",")
        parts[column] = cells.get(number, parts[column])
        out.append(",".join(parts))
    return out


def _states(home: Path) -> dict[str, int]:
    """How many queries of this form's planted fault stand in each state."""
    return dict(
        rows(
            home,
            f"SELECT state, count(*) FROM ref_query WHERE clinic_id = '{CLINIC}' AND table_name = '{FORM}' "
            "AND rule = 'unreadable_number' AND field = 'time_s' GROUP BY ALL",
        ).rows()
    )


@pytest.fixture(scope="module")
def played(clean, tmp_path_factory):
    """A home after three nights of ten planted faults, and the words of each night's letter."""
    from tests.end_to_end.nights import twin

    home = twin(clean.home, tmp_path_factory.mktemp("queries"))
    (source,) = (home / "synthetic" / "night_1" / CLINIC).glob("balance_*.csv")
    header, *lines = source.read_text(encoding="utf-8").splitlines()
    column = header.split(",").index("Time (s)")
    lines = lines[: len(PLANTED)]
    assert len(lines) == len(PLANTED)
    broken = _spoilt(lines, column, dict.fromkeys(PLANTED, "abc"))
    mended = _spoilt(lines, column, dict.fromkeys(set(PLANTED) - set(MENDED), "abc"))
    again = _spoilt(mended, column, {WRONGLY: "x9"})
    head = [header]
    stages.render_letters(str(home), LAST_NIGHT)  # what earlier nights found was asked then
    letters = [
        _night(home, FIRST, "balance_20251111.csv", "\n".join([*head, *broken]) + "\n"),
        _night(home, SECOND, "balance_20251112.csv", "\n".join([*head, *again]) + "\n"),
    ]
    with duckdb.connect(str(home / "warehouse" / "closed.duckdb"), read_only=True) as con:
        solved_by = con.execute(
            "SELECT DISTINCT d.file_name, q.age_days, q.asked_n FROM ref_query AS q "
            "JOIN ledger_delivery AS d ON d.delivery_id = q.solved_by_delivery_id "
            "WHERE q.rule = 'unreadable_number' AND q.field = 'time_s'"
        ).fetchall()
    second = _states(home), exports(home / "warehouse")
    letters.append(_night(home, THIRD))
    return home, letters, second, solved_by


def test_ten_faults_are_asked_about(played):
    _, (first, *_), _, _ = played
    assert "Questions in this letter: 10, of them 10 not asked before." in first
    assert "10 rows are held back" in first


def test_seven_are_solved_and_three_stand_of_which_one_was_mended_wrongly(played):
    _, (_, second, _), (states, _), solved_by = played
    assert states == {"solved": 7, "wrongly_corrected": 1, "answered": 2}
    assert solved_by == [("balance_20251112.csv", 1, 1)]
    assert "3 rows are held back" in second
    assert (
        "Questions in this letter: 3, of them 1 where a row came back changed and still does not fit; "
        "2 where a row came back as it was." in second
    )
    assert (
        second.count("lines 10, 11 Time (s)") == 1
    )  # one person's: one line of the letter for both
    assert second.count("sent again as it was; asked on 2025-11-12") == 1
    assert "Solved since our last questions, on 2025-11-12: 7." in second
    assert second.count("changed, and still does not fit; asked on 2025-11-12") == 1


def test_the_letter_names_participant_file_line_column_and_what_to_do(played):
    home, (_, second, _), _, _ = played
    line = WRONGLY + 2  # the header is line 1
    (source,) = (home / "synthetic" / "night_1" / CLINIC).glob("balance_*.csv")
    code = source.read_text(encoding="utf-8").splitlines()[line - 1].split(",")[0]
    assert f"{code} balance_20251112.csv, line {line} Time (s) " in second


def test_what_stays_without_an_answer_is_asked_again_when_overdue(played):
    home, (*_, third), _, _ = played
    assert _states(home) == {"solved": 7, "wrongly_corrected": 1, "answered": 2}
    # beside questions of earlier nights, which are overdue too
    assert "1 where a row came back changed and still does not fit" in third
    assert "2 where a row came back as it was" in third


def test_an_earlier_night_is_built_again_with_the_states_it_had(played):
    home, _, (_, then), _ = played
    stages.build_warehouse(str(home), SECOND, past=True)
    again = exports(home / "warehouse" / "past" / "2025-11-13T031500Z")
    assert {name for name in then if again[name] != then[name]} == set()


def test_the_open_side_knows_queries_without_what_tells_the_arm(played):
    home, *_ = played
    columns = rows(home, "SELECT * FROM ref_query LIMIT 0", "open").columns
    assert not {"subject", "content", "reveals_arm"} & set(columns)
    hidden = rows(home, "SELECT query_id FROM ref_query WHERE reveals_arm")["query_id"]
    shown = rows(home, "SELECT query_id FROM ref_query", "open")["query_id"]
    assert not set(hidden) & set(shown)
    assert shown.len() >= 10
