"""Sheets -> the bytes of a workbook, with real dates and numbers, under merged titles."""

from __future__ import annotations

import datetime as dt
import io

import polars as pl
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from pipelines.contracts.model import Clinic, Contract, FileKind, LayoutDef, TableMap
from pipelines.synthetic.dialect.cells import ISO_MOMENT
from pipelines.synthetic.dialect.lines import Sheet, has_date_cells

_CREATED = dt.datetime(2025, 1, 1)  # fixed: the same sheets give the same bytes
_MOMENTS = (ISO_MOMENT, "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")
_NUMBER = r"^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,14})?$"  # a leading zero is a code's, not a number's


def workbook_bytes(
    contract: Contract,
    clinic: Clinic,
    kind: FileKind,
    sheets: tuple[Sheet, ...],
    said: dict[str, str],
) -> tuple[bytes, list[int]]:
    """The workbook, and the sheet row of each sheet's first record."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    book.set_properties({"title": clinic.name, "created": _CREATED})
    formats = {
        "title": book.add_format({"bold": True, "font_size": 14, "align": "center"}),
        "header": book.add_format({"bold": True, "text_wrap": True, "bottom": 1}),
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
        "moment": book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
    }
    first_rows = []
    for number, sheet in enumerate(sheets):
        layout, maps = _declared(kind, number)
        page = book.add_worksheet(sheet.sheet)
        row = _above(page, clinic, layout, sheet, said, formats)
        for place, name in enumerate(sheet.columns):
            page.write_string(row, place, name, formats["header"])
        page.freeze_panes(row + 1, 1)
        page.set_column(0, len(sheet.columns) - 1, 12)
        kinds = _cell_kinds(contract, clinic, kind, maps)
        for place, name in enumerate(sheet.columns):
            _column(page, row + 1, place, sheet.cells[name], kinds.get(name, "text"), formats)
        if layout.footer:
            page.write_string(row + 1 + sheet.cells.height, 0, layout.footer)
            page.write_number(row + 1 + sheet.cells.height, 1, sheet.cells.height)
        first_rows.append(row + 2)
    book.close()
    return buffer.getvalue(), first_rows


def _declared(kind: FileKind, number: int) -> tuple[LayoutDef, list[TableMap]]:
    if not kind.sheets:
        return kind.layout, list(kind.tables.values())
    table, layout = list(kind.sheets.items())[number]
    return layout, [kind.tables[table]]


def _above(
    page: Worksheet, clinic: Clinic, layout: LayoutDef, sheet: Sheet, said: dict[str, str],
    formats: dict[str, Format],
) -> int:  # fmt: skip
    """Writes the title and the labelled lines; gives the row of the header, counted from 0."""
    title = clinic.name if sheet.sheet is None else f"{clinic.name}: {sheet.sheet}"
    if len(sheet.columns) > 1:
        page.merge_range(0, 0, 0, len(sheet.columns) - 1, title, formats["title"])
    else:
        page.write_string(0, 0, title, formats["title"])
    for row, (key, label) in enumerate(layout.preamble.items(), start=1):
        page.write_string(row, 0, label)
        if said.get(key):
            page.write_string(row, 1, said[key])
    return len(layout.preamble) + 2  # one row stays empty


def _cell_kinds(
    contract: Contract, clinic: Clinic, kind: FileKind, maps: list[TableMap]
) -> dict[str, str]:
    """Columns of real dates and numbers, where they read as the clinic declares its texts."""
    found = {}
    for table_map in maps:
        for name, meaning in table_map.columns.items():
            type_ = contract.fields[meaning.field].type if meaning.field else None
            real_date = has_date_cells(kind, clinic.dates) and meaning.dates in (None, clinic.dates)
            if type_ == "date" and real_date:
                found[name] = "date"
            elif meaning.local_of and real_date:
                found[name] = "moment"
            elif (
                type_ in ("integer", "decimal")
                and meaning.unit != "ft_in"
                and clinic.decimal == "."
            ):
                found[name] = "number"
    return found


def _column(
    page: Worksheet,
    first_row: int,
    place: int,
    cells: pl.Series,
    kind: str,
    formats: dict[str, Format],
) -> None:
    """Each cell of one column; what does not read as its kind (a missing-value code) stays text."""
    typed = _typed(cells, kind).to_list()
    for row, (text, value) in enumerate(zip(cells.to_list(), typed, strict=True), start=first_row):
        if value is None:
            if text:
                page.write_string(row, place, text)
        elif kind == "number":
            page.write_number(row, place, value)
        else:
            page.write_datetime(row, place, value, formats[kind])


def _typed(cells: pl.Series, kind: str) -> pl.Series:
    """The cells as Excel's own values; null where the text is no such value."""
    cell = pl.col(cells.name)
    found = {
        "text": pl.lit(None, pl.String),
        "number": pl.when(cell.str.contains(_NUMBER)).then(cell).cast(pl.Float64),
        "date": cell.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")),
        "moment": pl.coalesce(
            cell.str.to_datetime(shape, time_unit="us", strict=False) for shape in _MOMENTS
        ),
    }[kind]
    return cells.to_frame().with_columns(typed=found)["typed"]
