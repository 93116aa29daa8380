"""Workbooks of held rows, one per kind of file: a clinic corrects the cells and sends the workbook back."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import xlsxwriter
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from pipelines.check.held_rows import lines_of
from pipelines.contracts.model import Clinic, TableMap
from pipelines.contracts.returned import (
    REFERENCE,
    TOLD,
    columns_of,
    file_name,
    form_of,
    kind_of,
    reference,
)
from pipelines.reports.source import Source

HOW = (
    "Correct the yellow cells, and whatever else is wrong in a row; leave the columns that begin with Backstep as they "
    "are; save, and put the workbook into your landing folder. A row that you leave alone stays open."
)
_NOT_BACK = (
    "These rows cannot be corrected here: mend them at their source and send the file again."
)
_APART = "not to be sent back"
_NARROWEST, _WIDEST = 8, 30
_TOLD_WIDTHS = (26, 28, 6, 60)  # reference, file, line, what to do


@dataclass(frozen=True)
class Book:
    """One workbook: its name, and its rows as `held` gives them."""

    name: str
    rows: pl.DataFrame


def held(source: Source, clinic: Clinic, raw: Path) -> pl.DataFrame:
    """The held rows that letters speak of, one line each, `sent` (JSON) being the line of the clinic's file.

    A row that was held for what other tables say is read again from the raw copy, as the warehouse knows it only in
    the study's terms. Device records have no line; theirs are left as they are.
    """
    rows = source.rows(
        """
        SELECT d.file_name, d.file_kind, d.sha256, d.sent_date, q.delivery_id, q.table_name, q.row_no, q.sent, q.held_at,
            string_agg(DISTINCT f.remedy, ' ' ORDER BY f.remedy) AS remedies,
            list_sort(list_distinct(list(f.field) FILTER (f.field IS NOT NULL))) AS fields
        FROM quarantine_row AS q JOIN ledger_delivery AS d USING (delivery_id)
        JOIN ledger_finding AS f ON f.delivery_id = q.delivery_id AND f.table_name = q.table_name AND f.row_no = q.row_no
        SEMI JOIN ref_query AS o ON o.state <> 'solved' AND o.delivery_id = f.delivery_id AND o.table_name = f.table_name
            AND o.rule = f.rule AND o.field IS NOT DISTINCT FROM f.field
            AND list_contains(string_split(o.lines, ', '), CAST(f.row_no AS VARCHAR))
        WHERE q.clinic_id = ? AND f.is_open AND f.severity = 'quarantine'
        GROUP BY ALL ORDER BY d.file_name, q.table_name, q.row_no
    """,
        [clinic.clinic_id],
    )
    found = [pl.DataFrame(schema={"delivery_id": pl.String, "table_name": pl.String, "row_no": pl.Int64, "cells": pl.String})]  # fmt: skip
    for (sha256, kind, delivery_id, table), some in rows.filter(held_at="build").group_by(
        "sha256", "file_kind", "delivery_id", "table_name", maintain_order=True
    ):
        if form_of(clinic, str(kind)):
            declared = kind_of(clinic, str(kind))
            lines = lines_of(
                raw / clinic.clinic_id / str(sha256), clinic, declared, str(table), some["row_no"]
            )
            found.append(lines.select(delivery_id=pl.lit(delivery_id), table_name=pl.lit(table), row_no="row_no", cells="cells"))  # fmt: skip
    at = ["delivery_id", "table_name", "row_no"]
    return rows.join(pl.concat(found), on=at, how="left", maintain_order="left").with_columns(
        sent=pl.coalesce("cells", "sent")
    ).drop("cells")  # fmt: skip


def books(rows: pl.DataFrame, clinic: Clinic, cutoff: dt.datetime) -> list[Book]:
    """A workbook per kind of file. It is dated by the letter, or by the newest file it corrects if that is later."""
    by_form = rows.with_columns(
        form=pl.col("file_kind").map_elements(lambda kind: form_of(clinic, kind) or kind, pl.String)
    )
    made = []
    for (form,), some in by_form.group_by("form", maintain_order=True):
        newest = some["sent_date"].max()
        day = max(cutoff.date(), newest) if isinstance(newest, dt.date) else cutoff.date()
        made.append(Book(file_name(str(form), day), some))
    return sorted(made, key=lambda book: book.name)


def write(book: Book, clinic: Clinic, cutoff: dt.datetime, path: Path) -> None:
    """The workbook, a sheet per table; every cell is text, so that no formula can run and nothing is retyped."""
    form = str(book.rows["form"][0])
    tables = clinic.files[form].tables
    with xlsxwriter.Workbook(
        str(path), {"strings_to_formulas": False, "strings_to_urls": False}
    ) as file:
        file.set_properties({"title": f"Held rows: {form}", "created": cutoff})
        apart = []
        for (table,), rows in book.rows.group_by("table_name", maintain_order=True):
            of_table = tables.get(str(table))
            lines = [(row, json.loads(row["sent"] or "{}")) for row in rows.iter_rows(named=True)]
            is_line = [of_table is not None and set(cells) != {"sent"} for _, cells in lines]
            back = [line for line, good in zip(lines, is_line, strict=True) if good]
            apart += [line for line, good in zip(lines, is_line, strict=True) if not good]
            if back and of_table is not None:
                _sheet(file, str(table), of_table, back)
        if apart:
            _apart(file, apart)


def _sheet(file: Workbook, name: str, table: TableMap, lines: list[tuple[dict, dict]]) -> None:
    """The rows of one table that may be corrected here, in the clinic's columns."""
    columns = [c for c in columns_of(table) if any(c in cells for _, cells in lines)]
    meant = {c: m.field or m.time_of or m.local_of for c, m in table.columns.items()}
    as_text, at_fault = (
        file.add_format({"num_format": "@", **more}) for more in ({}, {"bg_color": "#FFF2A8"})
    )
    sheet = _begun(file, name, HOW, [REFERENCE, *TOLD, *columns])
    for at, (row, cells) in enumerate(lines, start=2):
        texts = [_text(cells.get(column)) for column in columns]
        of_row = reference(row["delivery_id"], row["row_no"], texts)
        _told(sheet, at, of_row, row)
        wrong = set(row["fields"] or ())
        for place, (column, text) in enumerate(zip(columns, texts, strict=True), start=len(_TOLD_WIDTHS)):  # fmt: skip
            look = at_fault if meant.get(column) in wrong else as_text
            if text:
                sheet.write_string(at, place, text, look)
            else:
                sheet.write_blank(at, place, None, look)
    for place, column in enumerate(columns, start=len(_TOLD_WIDTHS)):
        longest = max(len(_text(cells.get(column)) or "") for _, cells in lines)
        width = min(max(_NARROWEST, len(column) + 2, longest + 2), _WIDEST)
        sheet.set_column(place, place, width, as_text)


def _apart(file: Workbook, lines: list[tuple[dict, dict]]) -> None:
    """Records of devices, and lines that could not be split into columns: to look at, not to correct."""
    columns = list(dict.fromkeys(column for _, cells in lines for column in cells if column != "row_no"))  # fmt: skip
    sheet = _begun(file, _APART, _NOT_BACK, ["Table", *TOLD, *columns])
    for at, (row, cells) in enumerate(lines, start=2):
        _told(sheet, at, row["table_name"], row)
        for place, column in enumerate(columns, start=len(_TOLD_WIDTHS)):
            if text := _text(cells.get(column)):
                sheet.write_string(at, place, text)


def _begun(file: Workbook, name: str, how: str, titles: list[str]) -> Worksheet:
    """A sheet with what to do in its first line, and its columns' names in the second."""
    sheet = file.add_worksheet(name)
    sheet.write_string(0, 0, how, file.add_format({"italic": True}))
    head = file.add_format({"bold": True, "bottom": 1})
    for place, title in enumerate(titles):
        sheet.write_string(1, place, title, head)
    for place, width in enumerate(_TOLD_WIDTHS):
        sheet.set_column(place, place, width, file.add_format({"font_color": "#666666"}))
    sheet.freeze_panes(2, len(_TOLD_WIDTHS))
    return sheet


def _told(sheet: Worksheet, at: int, first: str, row: dict) -> None:
    told = (first, row["file_name"], str(row["row_no"]), row["remedies"])
    for place, text in enumerate(told):
        sheet.write_string(at, place, text)


def _text(cell: object) -> str | None:
    return cell if isinstance(cell, str) or cell is None else json.dumps(cell)
