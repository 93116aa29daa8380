"""Quarantine: the held rows of a delivery as the clinic sent them, with the rules they broke."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from pipelines import files


def write_held(
    con: duckdb.DuckDBPyConnection, home: Path, clinic_id: str, delivery_id: str, tables: list[str]
) -> None:
    """Writes `quarantine/<table>/<clinic>/<delivery>.parquet` for each table that has held rows.

    `sent` is the whole line in the file's own columns, as JSON; for a device file, which has no lines, the record.
    """
    for table in tables:
        target = home / "quarantine" / table / clinic_id / f"{delivery_id}.parquet"
        with files.atomic_path(target) as aside:
            con.execute(f"""
                COPY (
                    SELECT s.delivery_id, s.clinic_id, any_value(f.table_name) AS table_name, s.row_no,
                        CAST(any_value(s.row_key) AS VARCHAR) AS row_key,
                        coalesce(any_value(CAST(c.cells AS VARCHAR)), any_value(CAST(s.sent AS VARCHAR)),
                            any_value(CAST(to_json(s) AS VARCHAR))) AS sent,
                        list_sort(list_distinct(list(f.rule))) AS rules
                    FROM staged_{table} AS s
                    JOIN finding_{table} AS f USING (delivery_id, row_no)
                    LEFT JOIN {_cells(home / "staging" / "cells" / delivery_id, table)} AS c ON c.line_no = s.row_no
                    WHERE f.severity = 'quarantine' AND s.delivery_id = '{delivery_id}'
                    GROUP BY s.delivery_id, s.clinic_id, s.row_no ORDER BY s.row_no
                ) TO '{_quoted(aside)}' (FORMAT parquet, COMPRESSION zstd)
            """)


def _cells(folder: Path, table: str) -> str:
    """The text of the delivery's lines that this table's rows came from."""
    parts = sorted([*folder.glob(f"{table}--*.parquet"), *folder.glob("all--*.parquet")])
    if not parts:
        return "(SELECT NULL::BIGINT AS line_no, NULL::VARCHAR AS cells WHERE FALSE)"
    union = " UNION ALL ".join(
        f"SELECT row_no AS line_no, to_json(t) AS cells FROM (SELECT * FROM read_parquet('{_quoted(part)}')) AS t"
        for part in parts
    )
    return f"({union})"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def clear_staged(staging: Path, delivery_id: str) -> None:
    """Removes the staged parts of a delivery that has been checked."""
    for folder in staging.glob(f"*/{delivery_id}"):
        shutil.rmtree(folder)
    (staging / "read" / f"{delivery_id}.json").unlink(missing_ok=True)
