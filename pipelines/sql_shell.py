"""A read-only SQL shell on one database file; nothing outside the file can be read or written."""

from __future__ import annotations

from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from pipelines.errors import BackstepError, BuildStopped

_SHOWN = 200


def run(path: Path, query: str | None, out: Console) -> None:
    """Answers one query, or reads queries until the end of input."""
    if not path.is_file():
        raise BuildStopped(
            "there is no warehouse yet", where=path.name, remedy="run `backstep nightly` first"
        )
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
        if query is not None:
            _answer(con, query, out)
            return
        out.print(
            "Read-only. End a query with ; and leave with Ctrl-D. SHOW TABLES; and DESCRIBE <table>; help to look around."
        )
        text = ""
        while True:
            try:
                text += input("... " if text else "sql> ") + "\n"
            except (EOFError, KeyboardInterrupt):
                out.print()
                return
            if text.rstrip().endswith(";"):
                try:
                    _answer(con, text, out)
                except BackstepError as fault:
                    out.print(str(fault), markup=False, style="red")
                text = ""


def _answer(con: duckdb.DuckDBPyConnection, query: str, out: Console) -> None:
    try:
        cursor = con.execute(query)
        rows = cursor.fetchmany(_SHOWN + 1)
    except duckdb.Error as fault:
        raise BackstepError(
            str(fault), remedy="see schemas/DICTIONARY.md for tables and columns"
        ) from None
    table = Table(*(column[0] for column in cursor.description or []))
    for row in rows[:_SHOWN]:
        table.add_row(*("" if value is None else str(value) for value in row))
    out.print(table)
    if len(rows) > _SHOWN:
        out.print(f"first {_SHOWN} rows; add LIMIT or aggregate to see others")
