"""Quarantine: the held rows of a delivery as the clinic sent them, with the rules they broke."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl

from pipelines import files
from pipelines.contracts.layouts import layouts_of
from pipelines.contracts.model import Clinic, Contract, FileKind
from pipelines.contracts.returned import kind_of
from pipelines.contracts.rule_list import LINE_TABLE
from pipelines.contracts.sql_text import literal
from pipelines.forms import read_table


def write_held(
    con: duckdb.DuckDBPyConnection,
    home: Path,
    contract: Contract,
    clinic_id: str,
    delivery_id: str,
    read: dict,
    tables: list[str],
) -> None:
    """Writes `quarantine/<table>/<clinic>/<delivery>.parquet` for each table that has held rows.

    `sent` is the whole line in the file's own columns, as JSON; for a device file, which has no lines, the record.
    """
    kind = kind_of(contract.clinics[clinic_id], read["file_kind"])
    raw = home / "raw" / clinic_id / read["sha256"]
    for table in tables:
        held = con.execute(
            f"SELECT DISTINCT row_no FROM finding_{table} WHERE severity = 'quarantine' AND delivery_id = ?",
            [delivery_id],
        ).pl()["row_no"]
        lines = lines_of(raw, contract.clinics[clinic_id], kind, table, held)
        con.register("line_text", lines.to_arrow())
        target = home / "quarantine" / table / clinic_id / f"{delivery_id}.parquet"
        with files.atomic_path(target) as aside:
            con.execute(f"""
                COPY (
                    SELECT s.delivery_id, s.clinic_id, any_value(f.table_name) AS table_name, s.row_no,
                        CAST(any_value(s.row_key) AS VARCHAR) AS row_key,
                        coalesce(any_value(c.cells), any_value(CAST(s.sent AS VARCHAR)),
                            any_value(CAST(to_json(s) AS VARCHAR))) AS sent,
                        list_sort(list_distinct(list(f.rule))) AS rules
                    FROM staged_{table} AS s
                    JOIN finding_{table} AS f USING (delivery_id, row_no)
                    LEFT JOIN line_text AS c ON c.row_no = s.row_no
                    WHERE f.severity = 'quarantine' AND s.delivery_id = '{delivery_id}'
                    GROUP BY s.delivery_id, s.clinic_id, s.row_no ORDER BY s.row_no
                ) TO {literal(aside)} (FORMAT parquet, COMPRESSION zstd)
            """)
        con.unregister("line_text")


def lines_of(
    raw: Path, clinic: Clinic, kind: FileKind, table: str, held: pl.Series
) -> pl.DataFrame:
    """`row_no` and `cells` (JSON) of the held lines, read from the raw copy once more; none of a device's file."""
    found = [pl.DataFrame(schema={"row_no": pl.Int64, "cells": pl.String})]
    if kind.format != "device" and table != LINE_TABLE:
        for layout, tables in layouts_of(clinic, kind):
            if table in tables:
                for batch in read_table(raw, kind.format, layout):
                    rows = batch.rows.filter(pl.col("row_no").is_in(held.implode()))
                    cells = pl.struct(pl.exclude("row_no")).struct.json_encode()
                    found.append(rows.select("row_no", cells=cells))
    return pl.concat(found)
