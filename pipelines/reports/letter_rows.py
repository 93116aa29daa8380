"""The rows a letter speaks of: whose they are, and a workbook of those that are held."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import polars as pl
import xlsxwriter

from pipelines.contracts.model import Clinic, Contract
from pipelines.reports.source import Source


def named(source: Source, clinic: Clinic, queries: pl.DataFrame) -> pl.DataFrame:
    """The queries with `participant`, the code as the clinic wrote it; empty where the row tells none."""
    at = ["delivery_id", "table_name", "row_no"]
    wanted = queries.select(at).unique().drop_nulls()
    source.con.register("wanted", wanted.to_arrow())
    held = source.rows("""
        SELECT q.delivery_id, q.table_name, q.row_no, q.held_at, q.sent, d.file_kind FROM quarantine_row AS q
        SEMI JOIN wanted AS w ON w.delivery_id = q.delivery_id AND w.table_name = q.table_name AND w.row_no = q.row_no
        JOIN ledger_delivery AS d ON d.delivery_id = q.delivery_id
        ORDER BY ALL
    """)
    known = source.rows(
        " UNION ALL ".join(_rows_of(source.contract, table) for table in source.contract.tables)
    )
    source.con.unregister("wanted")
    codes = held.with_columns(
        participant=pl.Series(
            [_code(clinic, *row) for row in held.select("file_kind", "table_name", "held_at", "sent").iter_rows()],
            dtype=pl.String,
        )
    ).select(*at, "participant")  # fmt: skip
    found = pl.concat([codes, known]).unique(at, keep="first", maintain_order=True)
    return queries.join(found, on=at, how="left").with_columns(pl.col("participant").fill_null(""))


def _rows_of(contract: Contract, table: str) -> str:
    answers = contract.tables[table].answers
    core = f"core_{table}" if answers is None else "core_answer"
    which = "" if answers is None else f"WHERE c.measure = '{answers.measure}'"
    who = "c.participant_id" if "participant_id" in contract.tables[table].fields else "NULL"
    return f"""
        SELECT DISTINCT c.delivery_id, '{table}' AS table_name, c.row_no, {who} AS participant FROM {core} AS c
        SEMI JOIN (SELECT * FROM wanted WHERE table_name = '{table}') AS w
            ON w.delivery_id = c.delivery_id AND w.row_no = c.row_no {which}"""


def _code(
    clinic: Clinic, kind: str | None, table: str, held_at: str, sent: str | None
) -> str | None:
    """The participant's code in a held row, in whichever column the clinic writes it."""
    cells = json.loads(sent) if sent else {}
    if held_at == "build":
        return cells.get("participant_id")
    declared = clinic.files[kind].tables.get(table) if kind else None
    columns = declared.columns if declared else {}
    names = [name for name, meaning in columns.items() if meaning.field == "participant_id"]
    return next((cells[name] for name in names if cells.get(name)), cells.get("participant_id"))


def write_workbook(rows_held: pl.DataFrame, cutoff: dt.datetime, path: Path) -> None:
    """The held rows in the clinic's own columns, one sheet per form; every cell is text, so no formula can run."""
    with xlsxwriter.Workbook(
        str(path), {"strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        book.set_properties({"title": "Held rows", "created": cutoff})
        head = book.add_format({"bold": True, "bottom": 1})
        if not rows_held.height:
            book.add_worksheet("nothing held").write_string(0, 0, "No row is held back.")
        for (name,), rows in rows_held.group_by("table_name", maintain_order=True):
            sheet = book.add_worksheet(str(name)[:31])
            sheet.freeze_panes(1, 3)
            records = [json.loads(sent) if sent else {} for sent in rows["sent"]]
            keys = list(
                dict.fromkeys(key for record in records for key in record if key != "row_no")
            )
            for place, title in enumerate(["file", "line", "why", "what to do", *keys]):
                sheet.write_string(0, place, title, head)
            lines = zip(
                rows["file_name"],
                rows["row_no"],
                rows["rules"],
                rows["remedies"],
                records,
                strict=True,
            )
            for at, (file, line, why, remedy, record) in enumerate(lines, start=1):
                cells = [file, str(line), why, remedy, *(record.get(key) for key in keys)]
                for place, cell in enumerate(cells):
                    if cell is not None:
                        sheet.write_string(
                            at, place, cell if isinstance(cell, str) else json.dumps(cell)
                        )
