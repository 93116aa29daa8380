"""Workbooks: values as text, rows under Excel's own numbers, and what is lost or unsafe in them."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile

import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from pipelines.contracts.shapes import Layout
from pipelines.errors import DeliveryRefused
from pipelines.forms import limits, read_table
from pipelines.forms.xlsx_text import text_of

LAYOUT = Layout(header=("id", "value"), sheet="Data")
SHEET = "xl/worksheets/sheet1.xml"


def saved(rows, *, at=(1, 1), mac=False, other_sheets=()) -> bytes:
    """A workbook with one sheet, `Data`, whose rows start at the given row and column."""
    book = openpyxl.Workbook()
    if mac:
        book.epoch = CALENDAR_MAC_1904
    sheet = book.active
    sheet.title = "Data"
    for name in other_sheets:
        book.create_sheet(name)
    for row_no, row in enumerate(rows, at[0]):
        for column_no, value in enumerate(row, at[1]):
            if value is not None:
                sheet.cell(row_no, column_no, value)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_part(content: bytes, part: str, change) -> bytes:
    """The workbook with one part of its XML changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", 8) as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change(data) if name == part else data)
    return out.getvalue()


@pytest.fixture
def read_book(send, read):
    def whole(content, layout=LAYOUT, **options):
        return read(send(content, "sent.xlsx"), layout, "xlsx", **options)

    return whole


def test_a_real_shaped_sheet_under_titles(read_book):
    rows = [
        ["Rehabilitation trial", None, None],
        ["Created by: Dr. Roe", None, None],
        ["Site", None, "Cedar"],
        [None, None, None],
        ["id", "value", "note"],
        ["c1", 5, "x"],
        ["c2", 0.1, None],
        [None, None, None],
        ["id", "value", "note"],
        ["c3", True, " kept "],
        ["Total: 3", None, None],
        ["printed by Excel", None, None],
    ]
    layout = Layout(
        header=("id", "note"),
        sheet="Data",
        preamble={"sent_by": "Created by:", "site": "Site"},
        footer="Total",
        trailer_count=True,
    )

    table = read_book(saved(rows), layout)

    assert table.rows.columns == ["row_no", "id", "value", "note"]
    assert table.rows.rows() == [
        (6, "c1", "5", "x"),
        (7, "c2", "0.1", None),
        (10, "c3", "TRUE", " kept "),
    ]
    assert table.broken.height == 0
    assert table.preamble == {"sent_by": "Dr. Roe", "site": "Cedar"}
    assert table.skipped == {
        "preamble": 4,
        "header": 1,
        "blank": 1,
        "repeated_header": 1,
        "footer": 2,
    }


@pytest.mark.parametrize("mac", [False, True])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (dt.date(2025, 3, 10), "2025-03-10"),
        (dt.datetime(2025, 3, 10, 14, 30), "2025-03-10T14:30:00"),
        (dt.datetime(2025, 3, 10, 14, 30, 59), "2025-03-10T14:30:59"),
        (dt.time(14, 30), "14:30:00"),
        (dt.timedelta(hours=26, minutes=30), "26:30:00"),
    ],
)
def test_dates_in_both_date_systems(read_book, value, expected, mac):
    table = read_book(saved([["id", "value"], ["a", value]], mac=mac))
    assert table.rows.rows() == [(2, "a", expected)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5.0, "5"),
        (-3, "-3"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.3"),
        (1234567.125, "1234567.125"),
        (123456789012345.0, "123456789012345"),
        (1e20, "100000000000000000000"),
        (0.0000001, "0.0000001"),
        (0.0, "0"),
        (True, "TRUE"),
        (False, "FALSE"),
        ("007", "007"),
        ("", None),
        (dt.timedelta(minutes=-90), "-1:30:00"),
        (dt.datetime(2025, 3, 10, 14, 29, 59, 999500), "2025-03-10T14:30:00"),
        (dt.datetime(2025, 3, 10, 14, 30, 15, 123000), "2025-03-10T14:30:15.123000"),
    ],
)
def test_values_become_the_text_a_person_would_type(value, expected):
    assert text_of(value) == expected


def test_a_table_that_does_not_start_in_the_corner(read_book):
    table = read_book(saved([["id", "value"], ["a", 1]], at=(4, 3)))
    assert table.rows.columns == ["row_no", "(column 1)", "(column 2)", "id", "value"]
    assert table.rows.rows() == [(5, None, None, "a", "1")]


def test_error_cells_stay_as_text(read_book):
    rows = [["id", "value"], ["a", "#N/A"], ["b", "#REF!"], ["#DIV/0!", None]]
    table = read_book(saved(rows))
    assert table.rows.rows() == [(2, "a", "#N/A"), (3, "b", "#REF!"), (4, "#DIV/0!", None)]


def test_a_formula_counts_by_its_saved_value_and_is_held_without_one(read_book):
    content = saved([["id", "value"], ["a", "=1+1"], ["b", "=2+2"], ["c", "=TRIM(A1)"]])

    def save_one_value(xml: bytes) -> bytes:
        xml = re.sub(rb"<f>1\+1</f>(?:<v ?/>|<v></v>)", rb"<f>1+1</f><v>2</v>", xml)
        return re.sub(rb'<c r="B4"><f>', rb'<c r="B4" t="str"><f>', xml)

    table = read_book(with_part(content, SHEET, save_one_value))

    assert table.rows.rows() == [(2, "a", "2"), (4, "c", None)]
    assert table.broken.rows() == [(3, "formula_without_value", "b\t")]


def test_text_beyond_the_header_is_too_many_fields(read_book):
    table = read_book(saved([["id", "value"], ["a", 1, None, "shifted"], ["b", 2]]))
    assert table.broken.rows() == [(2, "too_many_fields", "a\t1\t\tshifted")]
    assert table.rows.rows() == [(3, "b", "2")]


def test_batches_have_the_asked_size(send):
    path = send(saved([["id", "value"], *([f"p{n}", n] for n in range(25))]), "sent.xlsx")
    tables = list(read_table(path, "xlsx", LAYOUT, batch_rows=10))
    assert [table.rows.height for table in tables] == [10, 10, 5]
    assert [n for table in tables for n in table.rows["row_no"]] == list(range(2, 27))


@pytest.mark.parametrize(
    ("content", "layout", "reason"),
    [
        (saved([["id", "value"]]), Layout(sheet="Other"), "sheet_missing"),
        (saved([["id", "value"]], other_sheets=("B",)), Layout(), "sheet_missing"),
        (saved([["id"], ["a"]]), LAYOUT, "columns_missing"),
        (saved([["id", "value", "id"]]), LAYOUT, "duplicate_columns"),
        (saved([["id", "value"], ["value", "id"]]), LAYOUT, "columns_changed"),
        (saved([]), LAYOUT, "empty"),
        (saved([["id", "value"]])[:-30], LAYOUT, "truncated"),
        (b"id,value\n", LAYOUT, "unknown_format"),
        (
            saved([["id", "value"], ["a", 1]]),
            Layout(header=("id",), footer="End"),
            "truncated",
        ),
        (
            saved([["id", "value"], ["a", 1], ["End: 2", None]]),
            Layout(header=("id",), footer="End", trailer_count=True),
            "truncated",
        ),
        (
            saved([["id", "value"], ["a", 1], ["End", None], ["b", 2]]),
            Layout(header=("id",), footer="End"),
            "data_after_footer",
        ),
        (
            saved([["id", "value", *(f"c{n}" for n in range(limits.MAX_COLUMNS))]]),
            LAYOUT,
            "too_many_columns",
        ),
    ],
)
def test_a_workbook_that_cannot_be_trusted_is_refused(read_book, content, layout, reason):
    with pytest.raises(DeliveryRefused) as refused:
        read_book(content, layout)
    assert refused.value.reason == reason
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda xml: xml.replace(b'r="A2"', b'r="XFD1048576"'), "too_many_columns"),
        (lambda xml: xml.replace(b'r="A2"', b'r="CV900000"'), "too_large"),
        (lambda xml: b'<!DOCTYPE x [<!ENTITY a "b">]>' + xml, "damaged"),
        (lambda xml: xml[:-40], "damaged"),
        (lambda xml: b"", "damaged"),
    ],
)
def test_a_hostile_sheet_is_refused_before_it_is_laid_out(read_book, change, reason):
    content = with_part(saved([["id", "value"], ["a", 1]]), SHEET, change)
    with pytest.raises(DeliveryRefused) as refused:
        read_book(content)
    assert refused.value.reason == reason


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.integers(0, 5000), byte=st.binary(min_size=1, max_size=3), part=st.sampled_from(
    [SHEET, "xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels"]
))  # fmt: skip
def test_scribbled_xml_is_read_or_refused_but_never_crashes(tmp_path, at, byte, part):
    content = with_part(
        saved([["id", "value"], ["a", 1], ["b", dt.date(2025, 3, 10)]]),
        part,
        lambda xml: xml[: at % len(xml)] + byte + xml[at % len(xml) + len(byte) :],
    )
    path = tmp_path / "scribbled.xlsx"
    path.write_bytes(content)
    try:
        tables = list(read_table(path, "xlsx", LAYOUT))
    except DeliveryRefused:
        return
    assert tables[0].rows.columns[:3] == ["row_no", "id", "value"]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(
            st.text(alphabet="abc \u00e9\u20ac<&>\"'=\n", min_size=1, max_size=12),
            st.integers(-(10**9), 10**9),
        ),
        max_size=20,
    )
)
def test_every_sheet_comes_back_as_it_was_written(tmp_path, rows):
    path = tmp_path / "table.xlsx"
    with xlsxwriter.Workbook(path) as book:  # keeps texts in one shared list, as Excel does
        sheet = book.add_worksheet("Data")
        for row_no, (text, number) in enumerate([("id", "value"), *rows]):
            sheet.write_string(row_no, 0, text)
            sheet.write(row_no, 1, number)

    found = [row for table in read_table(path, "xlsx", LAYOUT) for row in table.rows.rows()]
    assert found == [(n, text, str(number)) for n, (text, number) in enumerate(rows, 2)]
