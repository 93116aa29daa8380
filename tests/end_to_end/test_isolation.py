"""One clinic's bad file, whatever is in it, leaves the other clinics' numbers as they were."""

from __future__ import annotations

import io
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from polars.exceptions import PanicException

from pipelines import stages
from pipelines.check import engine
from tests.end_to_end.nights import put, results_hash, rows, run_night, take_in, twin

NIGHT_3 = "2025-11-12T03:15:00Z"
SQL = '"); DROP TABLE core_session; --'
MARKUP = '<script>alert("x")</script>'
FORMULA = '=HYPERLINK("http://example.org","look")'


@pytest.fixture(scope="module")
def quiet(clean, tmp_path_factory) -> Path:
    """The clean study on a third night on which nothing came."""
    home = twin(clean.home, tmp_path_factory.mktemp("quiet"))
    run_night(home, NIGHT_3)
    return home


@pytest.fixture(scope="module")
def untouched(quiet) -> Callable[[str], dict[str, str]]:
    known: dict[str, dict[str, str]] = {}
    return lambda clinic: known.setdefault(clinic, _others(quiet, clinic))


def _others(home: Path, *clinics: str) -> dict[str, str]:
    """Hash of the other clinics' rows of every core, history, mart and reference table."""
    return results_hash(home, but=(), without_clinics=clinics)


def _sent(home: Path, clinic: str, pattern: str) -> list[str]:
    """The lines of a good file of the first night."""
    (path,) = (home / "synthetic" / "night_1" / clinic).glob(pattern)
    return path.read_text(encoding="utf-8").splitlines()


def _bomb() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr("xl/workbook.xml", "<workbook/>")
        book.writestr("xl/worksheets/sheet1.xml", bytes(60_000_000))
    return data.getvalue()


def _wide(header: str) -> bytes:
    names = header + "".join(f",column {n}" for n in range(10_000))
    return f"{names}\n{',' * names.count(',')}\n".encode()


def _packed_again(workbook: bytes) -> bytes:
    """The same workbook in other bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(data, "w") as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, (2025, 11, 11, 0, 0, 0)), old.read(name))
    return data.getvalue()


def _ledger(home: Path) -> dict[str, tuple[str, str | None]]:
    found = rows(home, "SELECT file_name, status, reason FROM ledger_delivery")
    return {name: (status, reason) for name, status, reason in found.iter_rows()}


REFUSED = {
    "an empty file": ("alder", "sessions_20251111.csv", "empty"),
    "a zip bomb": ("deodar", "Backstep_Sessions_20251111.xlsx", "archive_bomb"),
    "random bytes": ("alder", "koos_20251111.csv", None),
    "random bytes as a recording": ("birke", "02-001-4_20251111_1.fit", "unknown_format"),
    "ten thousand columns": ("alder", "pain_20251111.csv", "too_many_columns"),
}


_SLOW = ("an empty file", "ten thousand columns", "random bytes", "random bytes as a recording")


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=pytest.mark.slow if c in _SLOW else ()) for c in REFUSED]
)
def test_a_file_that_cannot_be_used_is_refused_alone(quiet, untouched, tmp_path, case):
    clinic, name, reason = REFUSED[case]
    data = {
        "an empty file": b"",
        "a zip bomb": _bomb(),
        "ten thousand columns": _wide(_sent(quiet, "alder", "pain_*")[0]),
    }.get(case, random.Random(5).randbytes(20_000))
    home = twin(quiet, tmp_path)
    put(home, clinic, name, data)
    run_night(home, NIGHT_3)
    status, why = _ledger(home)[name]
    assert status == "refused"
    assert reason is None or why == reason
    assert _others(home, clinic) == untouched(clinic)
    # The refused file changed nothing at its own clinic either, but for the count of its files.
    own, was = results_hash(home, but=()), results_hash(quiet, but=())
    assert {name for name in own if own[name] != was[name]} <= {
        "open.mart_clinic_quality",
        "closed.mart_clinic_quality",
    }


def test_sql_in_a_header_is_only_a_name(quiet, untouched, tmp_path):
    header, *lines = _sent(quiet, "alder", "pain_*")
    quoted = '"' + SQL.replace('"', '""') + '"'
    text = "\n".join([f"{header},{quoted}", *(f"{line},1" for line in lines)]) + "\n"
    home = twin(quiet, tmp_path)
    put(home, "alder", "pain_20251111.csv", text.encode())
    run_night(home, NIGHT_3)
    assert _ledger(home)["pain_20251111.csv"] == ("accepted", None)
    finding = rows(home, "SELECT field, severity FROM ledger_finding WHERE rule = 'unknown_column'")
    assert finding.rows() == [(SQL, "flag")]
    assert rows(home, "SELECT count(*) FROM core_session").item() > 0
    assert _others(home, "alder") == untouched("alder")


def test_markup_formulas_and_paths_stay_text(quiet, untouched, tmp_path):
    """In a held row's free text, in a column's name and in a participant's code."""
    header, *lines = _sent(quiet, "alder", "sessions_*")
    names = header.split(",")
    note, rpe = names.index("Note"), names.index("RPE")
    texts = [MARKUP.replace('"', "'"), '"' + FORMULA.replace('"', '""') + '"', "plain"]
    spoiled = []
    for line, text in zip([one for one in lines if '"' not in one], texts, strict=False):
        cells = line.split(",")
        cells[note], cells[rpe] = text, "99"  # no such exertion: the row is held
        spoiled.append([*cells, "1"])
    spoiled[2][0] = "../../x"
    assert all(len(cells) == len(names) + 1 for cells in spoiled)
    text = "\n".join([f"{header},<b>extra</b>", *map(",".join, spoiled)]) + "\n"
    home = twin(quiet, tmp_path)
    put(home, "alder", "sessions_20251111.csv", text.encode())
    before = {path.name for path in tmp_path.parent.iterdir()}
    run_night(home, NIGHT_3)
    stages.render_letters(str(home), NIGHT_3)

    assert _others(home, "alder") == untouched("alder")
    assert {path.name for path in tmp_path.parent.iterdir()} == before
    held = rows(home, "SELECT sent FROM quarantine_row WHERE clinic_id = 'alder'")
    assert held.height == 3
    assert rows(home, "SELECT 1 FROM core_session WHERE participant_id LIKE '%x'").height == 0
    folder = home / "letters" / "2025-11-12T031500Z" / "alder"
    letter = (folder / "letter.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;extra&lt;/b&gt;" in letter
    assert "<b>extra" not in letter
    assert "<script>alert" not in letter
    (path,) = folder.glob("held_rows_sessions_*.xlsx")
    sheet = openpyxl.load_workbook(path).worksheets[0]
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {FORMULA, texts[0], "../../x"} <= {cell.value for cell in cells}
    assert {cell.data_type for cell in cells} == {"s"}


HOSTILE_NAMES = [
    b"pain_20251111.csv\n.csv",
    b"'; DROP TABLE core_session; --.csv",
    b"<img src=x onerror=alert(1)>.csv",
    b"%2e%2e%2fpain_20251111.csv",
    b"\\..\\..\\pain_20251111.csv",
    "pain_20251111\u202evsc.csv".encode(),
    b"pain_\xff\xfe20251111.csv",
    b"-rf.csv",
    b"$(touch x).csv",
    b"a" * 251 + b".csv",
]


def test_file_names_made_to_harm(quiet, untouched, tmp_path):
    home = twin(quiet, tmp_path)
    folder = os.fsencode(home / "landing" / "alder")
    for number, name in enumerate(HOSTILE_NAMES):
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(b"Subject ID,Visit\n%d,BL\n" % number)
        os.utime(path, (1_762_800_000, 1_762_800_000))
    run_night(home, NIGHT_3)
    stages.render_letters(str(home), NIGHT_3)
    refused = rows(home, "SELECT file_name FROM ledger_delivery WHERE reason = 'unknown_file_name'")
    assert refused.height == len(HOSTILE_NAMES)
    assert _others(home, "alder") == untouched("alder")
    letter = home / "letters" / "2025-11-12T031500Z" / "alder" / "letter.html"
    assert "<img src=x" not in letter.read_text(encoding="utf-8")
    again = take_in(home, NIGHT_3)
    assert again == {"deliveries": {}}


def test_a_check_that_cannot_run_is_not_passed(quiet, untouched, tmp_path, monkeypatch):
    """Great Expectations fails on one clinic's rows: its delivery waits, and the others are loaded."""
    real = engine.validator

    def sick(connection, view):
        if connection.execute(
            f"SELECT count(*) FROM \"{view}\" WHERE clinic_id = 'alder'"
        ).fetchone()[0]:
            raise RuntimeError("this suite is sick")
        return real(connection, view)

    home = twin(quiet, tmp_path)
    header, first, *_ = _sent(quiet, "alder", "diaries_*")
    put(home, "alder", "diaries_20251111.csv", f"{header}\n{first}\n\n".encode())
    (safety,) = (quiet / "synthetic" / "night_1" / "deodar").glob("*Safety*")
    put(home, "deodar", "Backstep_Safety_20251111.xlsx", _packed_again(safety.read_bytes()))
    monkeypatch.setattr(engine, "validator", sick)
    counts = take_in(home, NIGHT_3)["deliveries"]
    monkeypatch.undo()
    by_clinic = {name.split("-")[0]: said["status"] for name, said in counts.items()}
    assert by_clinic == {"alder": "not_checked", "deodar": "accepted"}
    stages.build_warehouse(str(home), NIGHT_3)
    assert _ledger(home)["diaries_20251111.csv"] == ("not_checked", "not_checked")
    stale = rows(home, "SELECT clinic_id, is_stale FROM ref_clinic", "open")
    assert set(stale.filter("is_stale")["clinic_id"]) == {"alder"}
    assert _others(home, "alder", "deodar") == _others(quiet, "alder", "deodar")
    # The next night checks it, and nobody is stale any more.
    take_in(home, NIGHT_3)
    stages.build_warehouse(str(home), NIGHT_3)
    assert _ledger(home)["diaries_20251111.csv"] == ("accepted", None)
    assert not rows(home, "SELECT bool_or(is_stale) FROM ref_clinic").item()


def test_a_reader_that_crashes_stops_nobody_by_hand(
    quiet, untouched, tmp_path, monkeypatch, backstep
):
    """Polars panics on one clinic's file; `backstep check` reads the others' all the same."""
    real = stages.standardise_delivery

    def crashing(home, delivery, cutoff):
        if delivery["clinic_id"] == "alder":
            raise PanicException("an index lies out of bounds")
        return real(home, delivery, cutoff)

    home = twin(quiet, tmp_path)
    header, first, *_ = _sent(quiet, "alder", "diaries_*")
    put(home, "alder", "diaries_20251111.csv", f"{header}\n{first}\n\n".encode())
    at = ("--home", str(home), "--cutoff", NIGHT_3)
    assert backstep("receive", *at)[0] == 0
    monkeypatch.setattr(stages, "standardise_delivery", crashing)
    code, said = backstep("check", *at)
    assert code == 0
    assert "PanicException; the other clinics go on" in said
    assert "out of bounds" not in said
    stages.build_warehouse(str(home), NIGHT_3)
    assert _ledger(home)["diaries_20251111.csv"] == ("not_checked", "not_checked")
    stale = rows(home, "SELECT clinic_id FROM ref_clinic WHERE is_stale", "open")
    assert stale["clinic_id"].to_list() == ["alder"]
    assert _others(home, "alder") == untouched("alder")
