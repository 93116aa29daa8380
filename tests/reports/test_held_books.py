"""Workbooks of held rows: whole, by kind of file, dated so that they outrank what they correct."""

from __future__ import annotations

import datetime as dt

import openpyxl
import polars as pl
import pytest

from pipelines.contracts.load import load_contract
from pipelines.contracts.returned import REFERENCE, TOLD, digest
from pipelines.reports import held_books
from pipelines.settings import load_settings

CUTOFF = dt.datetime(2025, 11, 12, 3, 15)


@pytest.fixture(scope="module")
def alder(tmp_path_factory):
    return load_contract(load_settings(tmp_path_factory.mktemp("home")).schemas).clinics["alder"]


def _held(**more) -> pl.DataFrame:
    row = {
        "file_name": "pain_20251111.csv", "file_kind": "pain", "sent_date": dt.date(2025, 11, 11), "delivery_id": "alder-0123456789ab",
        "table_name": "pain", "row_no": 4, "sent": '{"Subject ID": "01-001-9", "Visit": "=1+1"}', "remedies": "Mend it.",
        "fields": ["visit_code"],
    }  # fmt: skip
    return pl.DataFrame([row | more])


def _written(rows: pl.DataFrame, clinic, folder):
    (book,) = held_books.books(rows, clinic, CUTOFF)
    held_books.write(book, clinic, CUTOFF, folder / book.name)
    again = folder / "again.xlsx"
    held_books.write(book, clinic, CUTOFF, again)
    assert again.read_bytes() == (folder / book.name).read_bytes()
    return book.name, openpyxl.load_workbook(folder / book.name)


def test_a_row_stands_as_it_was_sent_behind_what_is_ours(alder, tmp_path):
    name, book = _written(_held(), alder, tmp_path)
    assert name == "held_rows_pain_20251112.xlsx"
    assert book.sheetnames == ["pain"]
    how, names, row = ([cell.value for cell in line] for line in book["pain"].iter_rows())
    assert how[0] == held_books.HOW
    assert names == [REFERENCE, *TOLD, "Subject ID", "Visit"]
    cells = ["01-001-9", "=1+1"]
    assert row == [
        f"alder-0123456789ab:4:{digest(cells)}",
        "pain_20251111.csv",
        "4",
        "Mend it.",
        *cells,
    ]
    assert {cell.data_type for cell in book["pain"][3]} == {"s"}
    assert [cell.fill.fill_type for cell in book["pain"][3][4:]] == [None, "solid"]


def test_it_is_dated_by_the_newest_file_where_a_clinic_is_a_day_ahead(alder):
    rows = pl.concat([_held(), _held(sent_date=dt.date(2025, 11, 13), row_no=5)])
    assert [book.name for book in held_books.books(rows, alder, CUTOFF)] == [
        "held_rows_pain_20251113.xlsx"
    ]


@pytest.mark.parametrize(
    "more",
    [{"sent": '{"sent": "a,b,,,,"}'}, {"file_kind": "watch", "table_name": "wear_bout", "sent": '{"steps_n": 4}'}],
)  # fmt: skip
def test_what_has_no_cells_of_the_clinics_own_is_shown_apart(alder, tmp_path, more):
    _, book = _written(_held(**more), alder, tmp_path)
    assert book.sheetnames == ["not to be sent back"]
    assert [cell.value for cell in book.worksheets[0][3]][1:4] == [
        "pain_20251111.csv",
        "4",
        "Mend it.",
    ]
    assert REFERENCE not in [cell.value for cell in book.worksheets[0][2]]
