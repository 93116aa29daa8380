"""Clinics' files cut down to given lines: what is left is still a file of that clinic."""

from __future__ import annotations

import datetime as dt
import io
import re
from pathlib import Path

import polars as pl
from openpyxl import load_workbook

from pipelines.contracts.model import Contract
from tests.end_to_end.nights import put, rows

_COUNT = re.compile(rb"(Anzahl Zeilen;)\d+")  # the line that ends a table at one of the clinics
_KNOWN = """
    SELECT delivery_id, row_no FROM core_answer UNION SELECT delivery_id, row_no FROM quarantine_row
    UNION SELECT delivery_id, row_no FROM ledger_finding WHERE row_no IS NOT NULL"""


def deliver_lines(home: Path, contract: Contract, lines: pl.DataFrame, to: Path) -> int:
    """Lays into another home's landing folders the files that hold these lines, with no other line; how many files."""
    sent = [f"SELECT delivery_id, row_no FROM {table}" for table in _row_tables(home)]
    known = rows(home, f"{_KNOWN} UNION {' UNION '.join(sent)}")
    first = dict(known.group_by("delivery_id").agg(pl.col("row_no").min()).iter_rows())
    files = rows(
        home,
        "SELECT delivery_id, clinic_id, file_kind, file_name, sha256, sent_date FROM ledger_delivery",
    )
    lines = lines.drop_nulls("row_no").select("delivery_id", "table_name", "row_no").unique()
    wanted = lines.group_by("delivery_id").agg(keep=pl.struct("table_name", "row_no"))
    for row in files.join(wanted, on="delivery_id").sort("delivery_id").iter_rows(named=True):
        data = (home / "raw" / row["clinic_id"] / row["sha256"]).read_bytes()
        sheets = contract.clinics[row["clinic_id"]].files[row["file_kind"]].sheets
        keep = {(_sheet(sheets, one["table_name"]), one["row_no"]) for one in row["keep"]}
        cut = _cut(row["file_name"], data, keep, first[row["delivery_id"]])
        day = dt.datetime.combine(row["sent_date"], dt.time(20), dt.UTC)
        put(to, row["clinic_id"], row["file_name"], cut, day.timestamp())
    return wanted.height


def _sheet(sheets: dict, table: str) -> str | None:
    """The sheet of a workbook that has one for each table."""
    return sheets[table].sheet if table in sheets else None


def _row_tables(home: Path) -> list[str]:
    found = rows(
        home, "SELECT DISTINCT table_name FROM duckdb_columns() WHERE column_name = 'row_no'"
    )
    return [
        name for name in found["table_name"] if name.startswith("history_") or name in _sent(home)
    ]


def _sent(home: Path) -> set[str]:
    found = rows(home, "SELECT DISTINCT 'core_' || table_name AS name FROM ref_field")
    return set(found["name"]) & set(
        rows(home, "SELECT table_name FROM duckdb_tables()")["table_name"]
    )


def _cut(name: str, data: bytes, keep: set[tuple[str | None, int]], first: int) -> bytes:
    """The file with its head (all before the first row of data) and the lines to keep; a device's file stays whole."""
    if name.endswith(".xlsx"):
        return _cut_workbook(data, keep, first)
    lines = {line for _, line in keep}
    return _cut_lines(data, lines, first) if name.endswith(".csv") else data


def _cut_lines(data: bytes, keep: set[int], first: int) -> bytes:
    kept, inside, n = [], False, 0
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        if _COUNT.match(line):
            line = _COUNT.sub(rb"\g<1>%d" % n, line)
        elif number >= first and number not in keep and not inside:
            continue
        elif number >= first:
            n += not inside
            inside ^= line.count(b'"') % 2 == 1  # a cell with a line break goes on
        kept.append(line)
    return b"".join(kept)


def _cut_workbook(data: bytes, keep: set[tuple[str | None, int]], first: int) -> bytes:
    book = load_workbook(io.BytesIO(data))
    for sheet in book.worksheets:
        for line in range(first, sheet.max_row + 1):
            if not {(sheet.title, line), (None, line)} & keep:
                for cell in sheet[line]:
                    cell.value = None
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()
