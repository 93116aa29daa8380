"""Tables of a warehouse: which columns they have, and how they are written as Parquet and CSV."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines.contracts.sql_text import literal


def columns_of(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Table -> column -> DuckDB type, of the database in use, in the order of the columns."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in con.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = current_database() AND NOT internal ORDER BY table_name, column_index"
    ).fetchall():
        found.setdefault(table, {})[column] = kind
    return found


def quoted(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def as_written(column: str, kind: str) -> str:
    """SQL of a column as files hold it: sums of counts as 64-bit integers, which Parquet has."""
    return (
        f"CAST({quoted(column)} AS BIGINT) AS {quoted(column)}"
        if kind == "HUGEINT"
        else quoted(column)
    )


def write_table(con: duckdb.DuckDBPyConnection, select: str, folder: Path, name: str) -> int:
    """How many rows were written to `parquet/<name>.parquet` and `csv/<name>.csv`, in a fixed order.

    Texts stand in the CSV as they are, quoted where they must be: a NULL is nothing between two
    commas, an empty text is `""`.
    """
    for kind in ("parquet", "csv"):
        (folder / kind).mkdir(exist_ok=True)
    con.execute(f"CREATE OR REPLACE TEMP TABLE as_exported AS {select} ORDER BY ALL")
    con.execute(
        f"COPY as_exported TO {literal(folder / 'parquet' / f'{name}.parquet')} "
        "(FORMAT parquet, COMPRESSION zstd)"
    )
    con.execute(
        f"COPY as_exported TO {literal(folder / 'csv' / f'{name}.csv')} (FORMAT csv, HEADER)"
    )
    rows = con.execute("SELECT count(*) FROM as_exported").fetchall()[0][0]
    con.execute("DROP TABLE as_exported")
    return rows
