"""Names, kinds and references of workbooks that come back."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from pipelines.contracts import returned
from pipelines.contracts.layouts import layouts_of


def test_a_workbook_is_known_by_the_name_it_was_given_and_by_what_stands_behind_the_date(contract):
    clinic = contract.clinics["alder"]
    name = returned.file_name("sessions", dt.date(2025, 11, 12))
    assert name == "held_rows_sessions_20251112.xlsx"
    for one in (
        name,
        "held_rows_sessions_20251112 (1).xlsx",
        "held_rows_sessions_20251112_corrected.xlsx",
    ):
        said = returned.said_by_name(clinic, one)
        assert said == {"kind": "held_rows_sessions", "sent": "20251112"}
        assert re.fullmatch(returned.kind_of(clinic, said["kind"]).name, one)["sent"] == "20251112"


@pytest.mark.parametrize(
    "name",
    ["held_rows_sessions_202511129.xlsx", "held_rows_nothing_20251112.xlsx", "held_rows_watch_20251112.xlsx",
     "held_rows_sessions_20251112.csv", "sessions_20251112.csv"],
)  # fmt: skip
def test_other_names_are_none_of_ours(contract, name):
    assert returned.said_by_name(contract.clinics["alder"], name) is None


def test_its_kind_has_a_sheet_per_table_and_the_clinics_decimal_mark(contract):
    clinic = contract.clinics["birke"]
    kind = returned.kind_of(clinic, "held_rows_tests")
    assert (kind.keyed, kind.format, kind.answers) == ("return", "xlsx", "tests")
    ((layout, tables),) = layouts_of(clinic, kind)
    assert (layout.sheet, layout.decimal, tables) == ("walk_test", ",", ["walk_test"])
    assert kind.tables["walk_test"].columns == clinic.files["tests"].tables["walk_test"].columns
    assert set(kind.tables["walk_test"].ignore) == {returned.REFERENCE, *returned.TOLD}
    assert (
        returned.form_of(clinic, "held_rows_tests") == returned.form_of(clinic, "tests") == "tests"
    )
    assert returned.form_of(clinic, "watch") is None
    with pytest.raises(KeyError):
        returned.kind_of(clinic, "held_rows_nothing")


def test_a_row_of_a_form_that_shares_its_lines_bears_what_tells_its_form(contract):
    table = contract.clinics["cedro"].files["redcap"].tables["koos"]
    columns = returned.columns_of(table)
    assert {"redcap_repeat_instrument", "koos_complete", "record_id", "koos_p1"} <= set(columns)
    assert len(columns) == len(set(columns))


def test_a_reference_tells_the_row_and_whether_its_cells_changed():
    one = returned.reference("alder-0123456789ab", 7, ["a", None, "b"])
    pattern = returned.reference_pattern("alder")
    assert re.fullmatch(pattern, one).groups() == (
        "alder-0123456789ab",
        "7",
        returned.digest(["a", "", "b"]),
    )
    assert returned.digest(["a", "b", None]) != returned.digest(["a", None, "b"])
    assert re.fullmatch(returned.reference_pattern("birke"), one) is None
