"""Which rows of a returned workbook are answers, which were left alone, and which nobody can place."""

from __future__ import annotations

import polars as pl
import pytest

from pipelines.contracts.returned import REFERENCE, kind_of, reference
from pipelines.contracts.shapes import BROKEN_SCHEMA, RawTable
from pipelines.errors import DeliveryRefused
from pipelines.standardise.returned import nothing_corrected, split, tables_present

FILE = "cedro-0123456789ab"
COLUMNS = ("redcap_repeat_instrument", "record_id", "koos_p1")
WRITTEN = ("", "03-001-1", "9")


def _split(contract, *rows: tuple):
    """`rows` are a reference and the three cells each."""
    clinic = contract.clinics["cedro"]
    frame = pl.DataFrame(
        [(place, *row) for place, row in enumerate(rows, start=3)],
        schema={"row_no": pl.Int64, REFERENCE: pl.String} | dict.fromkeys(COLUMNS, pl.String), orient="row",
    )  # fmt: skip
    batch = RawTable(frame, pl.DataFrame(schema=BROKEN_SCHEMA), {"blank": 0}, {})
    return split(batch, clinic, kind_of(clinic, "held_rows_redcap"), "koos")


def test_a_changed_row_answers_its_source_and_an_untouched_or_emptied_one_nothing(contract):
    mine = [reference(FILE, line, WRITTEN) for line in (4, 5, 6)]
    told, answers = _split(contract, (mine[0], None, "03-001-1", "3"), (mine[1], *WRITTEN), (mine[2], None, None, " "))  # fmt: skip
    assert answers.rows() == [("koos", 3, FILE, 4)]
    assert told.rows.rows() == [(3, mine[0], None, "03-001-1", "3")]
    assert told.broken.is_empty()
    assert told.skipped == {"blank": 0, "untouched": 2}


def test_what_nobody_can_place_is_held_by_name(contract):
    mine = [reference(FILE, line, WRITTEN) for line in (4, 5)]
    told, answers = _split(
        contract, (None, "", "03-001-1", "3"), ("nonsense", "", "03-001-1", "3"), (mine[0], "", "03-001-1", "1"),
        (mine[0], "", "03-001-1", "2"), (mine[1], "quedas", "03-001-1", "2"),
    )  # fmt: skip
    assert answers.is_empty() and told.rows.is_empty()
    held = [(line, "unknown_reference") for line in (3, 4, 5, 6)] + [(7, "unknown_line_kind")]
    assert told.broken.select("row_no", "rule").rows() == held
    assert told.broken["sent"][0] == ",,03-001-1,3"


def test_another_clinics_workbook_is_refused_whole(contract):
    with pytest.raises(DeliveryRefused) as fault:
        _split(contract, (reference("birke-0123456789ab", 4, WRITTEN), "", "03-001-1", "3"))
    assert fault.value.reason == "wrong_clinic"


def test_a_workbook_needs_one_of_its_sheets(contract, tmp_path):
    import openpyxl

    kind = kind_of(contract.clinics["cedro"], "held_rows_redcap")
    book = openpyxl.Workbook()
    book.active.title = "koos"
    book.save(tmp_path / "a.xlsx")
    assert tables_present(tmp_path / "a.xlsx", kind) == {"koos"}
    book.active.title = "Sheet1"
    book.save(tmp_path / "b.xlsx")
    with pytest.raises(DeliveryRefused) as fault:
        tables_present(tmp_path / "b.xlsx", kind)
    assert fault.value.reason == "sheet_missing"
    assert nothing_corrected("b.xlsx").reason == "nothing_corrected"
