"""Worksheets as batches of text rows, with the row numbers that Excel shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl
import python_calamine as calamine

from pipelines.contracts.shapes import Layout, RawTable
from pipelines.errors import DeliveryRefused
from pipelines.forms.batching import batches, broken_frame, skipped_counts
from pipelines.forms.content import recognise
from pipelines.forms.footer import Footer, check_footer, data_after_footer, footer_of
from pipelines.forms.header import (
    ROW_NO,
    Header,
    columns_changed,
    header_of,
    is_other_header,
    missing_columns,
)
from pipelines.forms.limits import MAX_HEAD_LINES
from pipelines.forms.xlsx_package import SheetFacts, damaged, sheet_facts
from pipelines.forms.xlsx_text import text_of

_ROWS_AT_ONCE = 10_000
Row = tuple[int, list[str | None]]  # sheet row and its cells from column A


@dataclass(frozen=True)
class _Head:
    header: Header
    preamble: dict[str, str]
    row_no: int


def read_xlsx(path: Path, layout: Layout, *, batch_rows: int) -> Iterator[RawTable]:
    """The rows of one worksheet in batches; empty cells are null, for a sheet has no cell there."""
    return batches(_parts(path, layout), batch_rows)


def sheet_names(path: Path) -> list[str]:
    """The names of the worksheets. Raises DeliveryRefused where the file is no workbook, or a damaged one."""
    with _opened(path) as workbook:
        return _worksheets(workbook)


def _parts(path: Path, layout: Layout) -> Iterator[RawTable]:
    with _opened(path) as workbook:
        yield from _tables(workbook, path, layout)


@contextmanager
def _opened(path: Path) -> Iterator[calamine.CalamineWorkbook]:
    """The workbook; whatever the reader trips over while it is open says that the file is damaged."""
    where = path.name
    if recognise(path) != "xlsx":
        raise DeliveryRefused(
            "unknown_format",
            "the content is not a workbook",
            where=where,
            remedy="save it in Excel as .xlsx and send it again",
        )
    try:
        with calamine.CalamineWorkbook.from_path(path) as workbook:
            yield workbook
    except (calamine.CalamineError, OSError, ValueError, OverflowError) as error:
        raise damaged(where) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # what a bug in the Rust reader looks like
            raise
        raise damaged(where) from error


def _tables(workbook: calamine.CalamineWorkbook, path: Path, layout: Layout) -> Iterator[RawTable]:
    where = path.name
    name = _sheet_name(workbook, layout.sheet, where)
    facts = sheet_facts(path, name)
    rows = _rows(workbook.get_sheet_by_name(name), facts, layout.decimal)
    head = _head(rows, layout, where)
    yield _above(head)
    footer, n_records = footer_of(layout), 0
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        last = next((place for place, row in enumerate(some) if _is_footer(row, footer)), None)
        table = _table(some[:last], head, facts, where)
        n_records += table.rows.height + table.broken.height
        yield table
        if last is not None:
            break
    else:
        check_footer(footer, None, n_records, where)
        return
    below = [*some[last:], *rows]
    check_footer(footer, _joined(below[0][1], " "), n_records, where)
    if any(_n_filled(row[1]) >= max(2, len(head.header.names)) for row in below[1:]):
        raise data_after_footer(where)
    yield RawTable(
        table.rows.clear(), broken_frame([]), skipped_counts(footer=len(below)), head.preamble
    )


def _worksheets(workbook: calamine.CalamineWorkbook) -> list[str]:
    return [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.typ == calamine.SheetTypeEnum.WorkSheet
    ]


def _sheet_name(workbook: calamine.CalamineWorkbook, wanted: str | None, where: str) -> str:
    names = _worksheets(workbook)
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted not in names:
        raise DeliveryRefused(
            "sheet_missing",
            f"the workbook has no worksheet named '{wanted}'"
            if wanted is not None
            else f"the workbook has {len(names)} worksheets, and the declaration names none",
            where=where,
            remedy="give the worksheet the agreed name, or declare it as `sheet`",
        )
    return wanted


def _rows(sheet: calamine.CalamineSheet, facts: SheetFacts, decimal: str) -> Iterator[Row]:
    """Each row of the sheet from its first, as text, error cells included."""
    left = 0 if sheet.start is None else sheet.start[1]  # the reader skips columns, but no rows
    values = () if sheet.start is None else sheet.iter_rows()
    in_error: dict[int, list[int]] = {}
    for row, column in facts.errors:
        in_error.setdefault(row, []).append(column)
    n_rows = 0
    for n_rows, cells in enumerate(values, 1):
        texts = [None] * left + [text_of(cell, decimal) for cell in cells]
        yield n_rows, _with_errors(texts, n_rows, in_error, facts)
    for row_no in range(n_rows + 1, facts.last_row + 1):
        yield row_no, _with_errors([], row_no, in_error, facts)


def _with_errors(
    cells: list[str | None], row_no: int, in_error: dict[int, list[int]], facts: SheetFacts
) -> list[str | None]:
    for column in in_error.get(row_no, ()):
        cells.extend([None] * (column - len(cells)))
        cells[column - 1] = facts.errors[row_no, column]
    return cells


def _head(rows: Iterator[Row], layout: Layout, where: str) -> _Head:
    """The first row that holds all names of `layout.header`, and the labelled texts above it."""
    preamble: dict[str, str] = {}
    seen: list[Sequence[str]] = []
    for row_no, row in islice(rows, MAX_HEAD_LINES):
        cells = [(cell or "").strip() for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells and set(layout.header) <= set(cells):
            return _Head(header_of(cells, layout.header, where), preamble, row_no)
        seen.append(cells)
        filled = [cell for cell in cells if cell]
        for key, label in layout.preamble.items():
            if key not in preamble and filled and filled[0].startswith(label):
                behind = filled[0][len(label) :].strip()
                preamble[key] = behind or (filled[1] if len(filled) > 1 else "")
    if not any(any(cells) for cells in seen):
        raise DeliveryRefused(
            "empty",
            "the worksheet has no content",
            where=where,
            remedy="export the file and send it again",
        )
    raise missing_columns(seen, layout.header, where)


def _above(head: _Head) -> RawTable:
    columns = {ROW_NO: pl.Int64} | dict.fromkeys(head.header.names, pl.String)
    return RawTable(
        rows=pl.DataFrame(schema=columns),
        broken=broken_frame([]),
        skipped=skipped_counts(preamble=head.row_no - 1, header=1),
        preamble=head.preamble,
    )


def _table(rows: list[Row], head: _Head, facts: SheetFacts, where: str) -> RawTable:
    """The rows as a table, each in `rows`, in `broken` or counted as skipped."""
    names = head.header.names
    width = len(names)
    unvalued = {row for row, _ in facts.unvalued}
    kept: list[list[object]] = []
    broken: list[tuple[int, str, str]] = []
    n_blank = n_repeated = 0
    for row_no, cells in rows:
        if any(cell is not None for cell in cells[width:]):
            broken.append((row_no, "too_many_fields", _joined(cells, "\t")))
        elif row_no in unvalued:
            broken.append((row_no, "formula_without_value", _joined(cells, "\t")))
        elif not _n_filled(cells):
            n_blank += 1
        elif _is_header(cells, head.header):
            n_repeated += 1
        elif is_other_header((cell or "" for cell in cells), head.header):
            raise columns_changed(row_no, where)
        else:
            kept.append([row_no, *cells[:width], *[None] * (width - len(cells))])
    schema = {ROW_NO: pl.Int64} | dict.fromkeys(names, pl.String)
    return RawTable(
        rows=pl.DataFrame(kept, schema=schema, orient="row"),
        broken=broken_frame(broken),
        skipped=skipped_counts(blank=n_blank, repeated_header=n_repeated),
        preamble=head.preamble,
    )


def _is_header(cells: list[str | None], header: Header) -> bool:
    stripped = [(cell or "").strip() for cell in cells[: len(header.cells)]]
    return stripped == list(header.cells)


def _is_footer(row: Row, footer: Footer) -> bool:
    if not footer.text:
        return False
    first = next((cell for cell in row[1] if cell is not None), "")
    return first.lstrip().startswith(footer.text.decode())


def _n_filled(cells: list[str | None]) -> int:
    return sum(cell is not None for cell in cells)


def _joined(cells: list[str | None], between: str) -> str:
    return between.join(cell or "" for cell in cells)
