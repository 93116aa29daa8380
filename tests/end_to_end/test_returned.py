"""Held rows that come back corrected in the letter's workbook: what they close, replace, and when they no longer count."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import openpyxl
import pytest

from pipelines import stages
from pipelines.identity import make_id
from tests.end_to_end.nights import put, rows, take_in, twin

NIGHTS = [f"2025-11-{day}T03:15:00Z" for day in range(12, 17)]
LETTER = "2025-11-12T031500Z"
TIME, CODE, DATE = "Time (s)", "Subject ID", "Date"
TIMES_OF = "SELECT time_s FROM core_balance_test WHERE participant_id = '{}' AND delivery_id IN ({}) ORDER BY ALL"


def _sent(cutoff: str) -> float:
    return (dt.datetime.fromisoformat(cutoff) - dt.timedelta(hours=9)).timestamp()


def _night(home: Path, cutoff: str) -> None:
    take_in(home, cutoff)
    stages.build_warehouse(str(home), cutoff)
    stages.render_letters(str(home), cutoff)


def _spoilt(header: str, line: str, mark: str, **cells: str) -> str:
    names, parts = header.split(mark), line.split(mark)
    for name, cell in cells.items():
        parts[names.index(name)] = cell
    return mark.join(parts)


def _written(home: Path, night: str, clinic: str, form: str) -> Path:
    (path,) = (home / "letters" / night / clinic).glob(f"held_rows_{form}_*.xlsx")
    return path


def _corrected(path: Path, changes: dict[str, dict[str, object]], edit=None) -> bytes:
    """The workbook as a clinic saves it: cells by the line of the file they came in, and the clinic's column."""
    book = openpyxl.load_workbook(path)
    for sheet in book:
        names = [cell.value for cell in sheet[2]]
        for row in sheet.iter_rows(min_row=3):
            for column, value in changes.get(row[2].value, {}).items():
                row[names.index(column)].value = value
        if edit:
            edit(sheet)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _queries(home: Path, table: str, clinic: str = "alder") -> set[tuple[str, str, int, str]]:
    """Rule, file, line and state of every query about a table."""
    found = rows(
        home,
        f"""SELECT q.rule, d.file_name, q.row_no, q.state FROM ref_query AS q JOIN ledger_delivery AS d USING (delivery_id)
        WHERE q.clinic_id = '{clinic}' AND q.table_name = '{table}' AND d.sent_date >= DATE '2025-11-11'""",
    )
    return set(found.iter_rows())


def _delivery(home: Path, name: str) -> dict:
    found = rows(home, f"SELECT * FROM ledger_delivery WHERE file_name = '{name}'")
    return found.row(0, named=True)


@pytest.fixture(scope="module")
def asked(clean, tmp_path_factory) -> tuple[Path, list[str]]:
    """A home after a night on which six rows of a form were held, and those rows as they were meant."""
    home = twin(clean.home, tmp_path_factory.mktemp("asked"))
    (source,) = (home / "synthetic" / "night_1" / "alder").glob("balance_*.csv")
    header, *lines = source.read_text(encoding="utf-8").splitlines()
    code = lines[1].split(",")[0]
    swapped = code[:-1] + str((int(code[-1]) + 1) % 10)
    broken = [
        _spoilt(header, lines[0], ",", **{TIME: "abc"}),
        _spoilt(header, lines[1], ",", **{CODE: swapped}),
        _spoilt(header, lines[2], ",", **{CODE: make_id("01", 777)}),
        _spoilt(header, lines[3], ",", **{TIME: "abc"}),
        _spoilt(header, lines[4], ",", **{TIME: "abc"}),
        _spoilt(header, lines[5], ",", **{DATE: "31/31/2025"}),
    ]
    put(home, "alder", "balance_20251111.csv", "\n".join([header, *broken, ""]).encode(), _sent(NIGHTS[0]))  # fmt: skip
    _night(home, NIGHTS[0])
    return home, lines


@pytest.fixture(scope="module")
def answered(asked, tmp_path_factory) -> tuple[Path, str, list[str]]:
    """The night after: four rows corrected, one wrongly, one left alone."""
    before, lines = asked
    home = twin(before, tmp_path_factory.mktemp("answered"))
    path = _written(home, LETTER, "alder", "balance")
    changes = {
        "2": {TIME: "9.8"},
        "3": {CODE: lines[1].split(",")[0]},
        "4": {CODE: lines[2].split(",")[0], TIME: "7.5"},
        "5": {TIME: "x9"},
        "7": {DATE: lines[5].split(",")[2], TIME: "11.5"},
    }
    name = f"{path.stem} corrected (1).xlsx"
    put(home, "alder", name, _corrected(path, changes), _sent(NIGHTS[1]))
    _night(home, NIGHTS[1])
    return home, name, lines


def test_the_workbook_tells_each_held_row_in_the_clinics_columns(asked):
    home, _ = asked
    sheet = openpyxl.load_workbook(_written(home, LETTER, "alder", "balance"))["balance_test"]
    names = [cell.value for cell in sheet[2]]
    assert names[4:6] == [CODE, "Visit"]
    lines = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=3)]
    assert [line[2] for line in lines] == ["2", "3", "4", "5", "6", "7"]
    assert lines[2][4] == make_id("01", 777)  # held at the build, shown as it was sent
    marked = [
        names[cell.column - 1]
        for row in sheet.iter_rows(min_row=3, max_row=4)
        for cell in row
        if cell.fill.fill_type == "solid"
    ]
    assert marked == [TIME, CODE]
    assert {cell.number_format for cell in sheet[3][4:]} == {"@"}


def test_what_was_corrected_is_solved_by_the_workbook_and_the_rest_is_not(answered):
    home, name, _ = answered
    file = "balance_20251111.csv"
    assert _queries(home, "balance_test") == {
        ("unreadable_number", file, 2, "solved"),
        ("wrong_check_digit", file, 3, "solved"),
        ("participant_enrolled", file, 4, "solved"),
        ("unreadable_number", name, 6, "wrongly_corrected"),
        ("unreadable_number", file, 6, "pending"),
        ("unreadable_date", file, 7, "solved"),
    }
    by = rows(
        home,
        "SELECT DISTINCT d.file_name FROM ref_query AS q JOIN ledger_delivery AS d "
        "ON d.delivery_id = q.solved_by_delivery_id WHERE q.table_name = 'balance_test' AND q.clinic_id = 'alder'",
    )
    assert by["file_name"].to_list() == [name]


def test_corrected_rows_count_and_say_what_they_took_the_place_of(answered):
    home, name, _ = answered
    back = _delivery(home, name)
    assert [back[n] for n in ("n_received", "n_accepted", "n_quarantined", "n_duplicate")] == [
        5,
        4,
        1,
        0,
    ]
    found = rows(home, f"SELECT time_s, row_no FROM core_balance_test WHERE delivery_id = '{back['delivery_id']}'")  # fmt: skip
    assert {(3, 9.8), (5, 7.5), (8, 11.5)} <= set(found.select("row_no", "time_s").iter_rows())
    gone = rows(
        home,
        f"SELECT state, replaced_by_row_no, replaced_reason FROM history_balance_test "
        f"WHERE participant_id = '{make_id('01', 777)}' AND replaced_by_delivery_id = '{back['delivery_id']}'",
    )
    assert gone.rows() == [("superseded", 5, "return")]
    still = rows(
        home,
        "SELECT d.file_name, f.row_no FROM ledger_finding AS f JOIN ledger_delivery AS d USING (delivery_id) "
        "WHERE f.table_name = 'balance_test' AND f.clinic_id = 'alder' AND f.is_open AND f.severity = 'quarantine'",
    )
    assert set(still.iter_rows()) == {("balance_20251111.csv", 6), (name, 6)}


def test_a_row_mended_wrongly_goes_out_again_and_closes_the_first_question_in_the_end(
    answered, tmp_path
):
    home = twin(answered[0], tmp_path)
    path = _written(home, "2025-11-13T031500Z", "alder", "balance")
    data = _corrected(path, {"6": {TIME: "8.25"}})
    put(home, "alder", path.name, data, _sent(NIGHTS[2]))
    _night(home, NIGHTS[2])
    assert {state for *_, state in _queries(home, "balance_test")} == {"solved"}
    back = _delivery(home, path.name)["delivery_id"]
    found = rows(home, f"SELECT time_s FROM core_balance_test WHERE delivery_id = '{back}'")
    # row 6 of both files: the one left alone, and the one mended wrongly
    assert found["time_s"].to_list() == [8.25, 8.25]
    assert not list((home / "letters" / "2025-11-14T031500Z" / "alder").glob("held_rows_balance*"))


def test_the_night_is_built_again_to_the_same_bytes(answered):
    from tests.end_to_end.nights import exports

    home, *_ = answered
    stages.build_warehouse(str(home), NIGHTS[1], past=True)
    assert exports(home / "warehouse" / "past" / "2025-11-13T031500Z") == exports(
        home / "warehouse"
    )


@pytest.mark.parametrize(
    ("edit", "clinic", "reason"),
    [
        (None, "alder", "nothing_corrected"),
        (lambda sheet: setattr(sheet, "title", "Sheet1"), "alder", "sheet_missing"),
        (None, "birke", "wrong_clinic"),
    ],
)
def test_a_workbook_that_answers_nothing_is_refused_and_says_why(
    asked, tmp_path, edit, clinic, reason
):
    home = twin(asked[0], tmp_path)
    path = _written(home, LETTER, "alder", "balance")
    put(home, clinic, path.name, _corrected(path, {}, edit), _sent(NIGHTS[1]))
    take_in(home, NIGHTS[1])
    stages.build_warehouse(str(home), NIGHTS[1])
    said = _delivery(home, path.name)
    assert (said["status"], said["reason"]) == ("refused", reason)
    assert said["remedy"]


def test_rows_nobody_can_place_are_held_and_the_others_used(asked, tmp_path):
    home = twin(asked[0], tmp_path)
    path = _written(home, LETTER, "alder", "balance")

    def add_and_copy(sheet) -> None:
        cells = [cell.value for cell in sheet[3]]
        sheet.append([None, *cells[1:]])  # a new row, without a reference of ours
        twice = [cell.value for cell in sheet[6]]
        sheet.append([*twice[:-1], "1.1"])  # the row of line 5, a second time and changed

    changes = {"2": {TIME: "9.8"}, "5": {TIME: "9.1"}}
    put(home, "alder", path.name, _corrected(path, changes, add_and_copy), _sent(NIGHTS[1]))
    take_in(home, NIGHTS[1])
    stages.build_warehouse(str(home), NIGHTS[1])
    said = _delivery(home, path.name)
    assert [said[n] for n in ("n_received", "n_accepted", "n_quarantined")] == [4, 1, 3]
    found = rows(home, f"SELECT row_no, rule FROM ledger_finding WHERE delivery_id = '{said['delivery_id']}' ORDER BY 1")  # fmt: skip
    assert found.rows() == [
        (6, "unknown_reference"),
        (9, "unknown_reference"),
        (10, "unknown_reference"),
    ]


def test_a_number_typed_as_a_number_is_read_with_the_clinics_decimal_mark(clean, tmp_path):
    home = twin(clean.home, tmp_path)
    (source,) = (home / "synthetic" / "night_1" / "birke").glob("gehtests_*.csv")
    text = source.read_text(encoding="cp1252").splitlines()
    head = next(n for n, line in enumerate(text) if line.startswith("Teilnehmercode;"))
    text[head + 1] = _spoilt(text[head], text[head + 1], ";", **{"Zeit (s)": "abc"})
    name = source.name.replace(".csv", "_rev7.csv")
    put(home, "birke", name, ("\r\n".join(text) + "\r\n").encode("cp1252"), _sent(NIGHTS[0]))
    _night(home, NIGHTS[0])
    path = _written(home, LETTER, "birke", "tests")
    data = _corrected(path, {str(head + 2): {"Zeit (s)": 5.125}})
    put(home, "birke", path.name, data, _sent(NIGHTS[1]))
    _night(home, NIGHTS[1])
    back = _delivery(home, path.name)
    found = rows(
        home, f"SELECT time_s FROM core_walk_test WHERE delivery_id = '{back['delivery_id']}'"
    )
    assert found["time_s"].to_list() == [5.125]


def test_of_a_snapshot_it_stands_while_the_next_says_the_same_and_ends_when_the_row_is_gone(
    clean, tmp_path
):
    home = twin(clean.home, tmp_path)
    (source,) = (home / "synthetic" / "night_2" / "cedro").glob("cedro_redcap_*.csv")
    header, *lines = source.read_text(encoding="utf-8-sig").splitlines()
    names = header.split(",")
    at = next(n for n, line in enumerate(lines) if line.split(",")[names.index("koos_p1")] in set("01234"))  # fmt: skip
    lines[at] = _spoilt(header, lines[at], ",", koos_p1="9")

    def snapshot(day: int, kept: list[str]) -> None:
        text = "\n".join([header, *kept, ""])
        put(home, "cedro", f"cedro_redcap_202511{day}.csv", text.encode("utf-8-sig"), _sent(NIGHTS[day - 11]))  # fmt: skip

    def now() -> tuple[list[float], set[str]]:
        who = lines[at].split(",")[0]
        visit = "" if back is None else f"AND delivery_id = '{back}'"
        found = rows(home, f"SELECT answer FROM core_answer WHERE participant_id = '{who}' AND item = 'p1' {visit}")  # fmt: skip
        states = {
            state for rule, _, _, state in _queries(home, "koos", "cedro") if "koos_p1" in rule
        }
        return found["answer"].to_list(), states

    back = None
    snapshot(11, lines)
    _night(home, NIGHTS[0])
    path = _written(home, LETTER, "cedro", "redcap")
    put(
        home,
        "cedro",
        path.name,
        _corrected(path, {str(at + 2): {"koos_p1": "2"}}),
        _sent(NIGHTS[1]),
    )
    snapshot(12, lines)  # the clinic's own records still say what they said
    _night(home, NIGHTS[1])
    back = _delivery(home, path.name)["delivery_id"]
    assert now() == ([2.0], {"solved"})
    snapshot(13, [line for n, line in enumerate(lines) if n != at])  # withdrawn there
    _night(home, NIGHTS[2])
    assert now()[0] == []
    snapshot(14, [*lines[:at], _spoilt(header, lines[at], ",", koos_p1="8"), *lines[at + 1 :]])
    _night(home, NIGHTS[3])
    assert now()[0] == []
    assert now()[1] & {"reopened", "wrongly_corrected"}
