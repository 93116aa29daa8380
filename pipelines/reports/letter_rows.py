"""The rows a letter speaks of: whose they are."""

from __future__ import annotations

import json

import polars as pl

from pipelines.contracts.model import Clinic, Contract
from pipelines.contracts.returned import kind_of
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
    declared = kind_of(clinic, kind).tables.get(table) if kind else None
    columns = declared.columns if declared else {}
    names = [name for name, meaning in columns.items() if meaning.field == "participant_id"]
    return next((cells[name] for name in names if cells.get(name)), cells.get("participant_id"))
