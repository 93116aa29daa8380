"""Rows that a clinic corrected in a letter's workbook: what each takes the place of, and for how long. Decision 0020."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import polars as pl

from pipelines.contracts.sql_text import parquet

RETURNED_SCHEMA = {
    "delivery_id": pl.String, "table_name": pl.String, "row_no": pl.Int64,
    "source_delivery_id": pl.String, "source_row_no": pl.Int64,
}  # fmt: skip
_TABLES = """
    CREATE TEMP TABLE returned_row (
        delivery_id VARCHAR, table_name VARCHAR, row_no BIGINT, root_id VARCHAR, root_no BIGINT, rank_no BIGINT
    );
    CREATE TEMP TABLE repeated_row (
        table_name VARCHAR, root_id VARCHAR, root_no BIGINT, delivery_id VARCHAR, row_no BIGINT, rank_no BIGINT
    );
    CREATE TEMP TABLE replaced_row (
        delivery_id VARCHAR, table_name VARCHAR, row_no BIGINT, by_delivery_id VARCHAR, by_row_no BIGINT
    )
"""
_ROOTS = """
    INSERT INTO returned_row
    WITH RECURSIVE answer AS (
        SELECT a.* FROM answer_in AS a JOIN delivery AS d USING (delivery_id)
    ), origin AS (
        SELECT delivery_id, table_name, row_no, source_delivery_id AS root_id, source_row_no AS root_no FROM answer
        UNION
        SELECT o.delivery_id, o.table_name, o.row_no, a.source_delivery_id, a.source_row_no
        FROM origin AS o JOIN answer AS a
            ON a.delivery_id = o.root_id AND a.table_name = o.table_name AND a.row_no = o.root_no
    )
    SELECT o.delivery_id, o.table_name, o.row_no, o.root_id, o.root_no, d.rank_no
    FROM origin AS o JOIN delivery AS d USING (delivery_id)
    ANTI JOIN answer AS a ON a.delivery_id = o.root_id AND a.table_name = o.table_name AND a.row_no = o.root_no
"""
_REPEATS = """
    INSERT INTO repeated_row
    WITH told AS ({rows}),
    root AS (
        SELECT DISTINCT r.root_id, r.root_no, t.told, d.scope_key, d.rank_no
        FROM returned_row AS r JOIN told AS t ON t.delivery_id = r.root_id AND t.row_no = r.root_no
        JOIN delivery AS d ON d.delivery_id = r.root_id
        WHERE r.table_name = '{table}'
    )
    SELECT DISTINCT '{table}', r.root_id, r.root_no, t.delivery_id, t.row_no, d.rank_no
    FROM root AS r JOIN told AS t USING (told)
    JOIN delivery AS d ON d.delivery_id = t.delivery_id AND d.scope_key = r.scope_key AND d.rank_no >= r.rank_no
"""
_REPLACED = """
    INSERT INTO replaced_row
    WITH standing AS (
        SELECT * FROM returned_row AS r
        WHERE EXISTS (SELECT 1 FROM delivery AS d WHERE d.delivery_id = r.root_id AND d.is_latest)
            OR EXISTS (
                SELECT 1 FROM repeated_row AS x JOIN delivery AS d USING (delivery_id)
                WHERE d.is_latest AND x.table_name = r.table_name AND x.root_id = r.root_id AND x.root_no = r.root_no)
    ), last AS (
        SELECT * FROM standing
        QUALIFY row_number() OVER (PARTITION BY table_name, root_id, root_no ORDER BY rank_no DESC, row_no DESC) = 1
    ), stale AS (
        SELECT r.delivery_id, r.table_name, r.row_no, n.delivery_id AS by_delivery_id, NULL AS by_row_no
        FROM returned_row AS r ANTI JOIN standing USING (table_name, root_id, root_no)
        LEFT JOIN delivery AS d ON d.delivery_id = r.root_id
        LEFT JOIN delivery AS n ON n.scope_key = d.scope_key AND n.is_latest
    ), answered AS (
        SELECT delivery_id, table_name, row_no, root_id, root_no FROM returned_row
        UNION SELECT delivery_id, table_name, row_no, root_id, root_no FROM repeated_row
        UNION SELECT root_id, table_name, root_no, root_id, root_no FROM returned_row
    )
    SELECT a.delivery_id, a.table_name, a.row_no, l.delivery_id, l.row_no
    FROM answered AS a JOIN last AS l USING (table_name, root_id, root_no)
    WHERE (a.delivery_id, a.row_no) <> (l.delivery_id, l.row_no)
    UNION
    SELECT * FROM stale
"""


def settle(
    con: duckdb.DuckDBPyConnection,
    returned: pl.DataFrame,
    core: Mapping[str, list[Path]],
    quarantine: Mapping[str, list[Path]],
) -> None:
    """Makes `returned_row`, `repeated_row` and `replaced_row` from what the returned workbooks answer (RETURNED_SCHEMA).

    A returned row goes back to the row of the clinic's own file that it corrects, its root, also over other returned
    rows. It stands while that file is the latest of its scope, or the latest still says word for word what the root
    said; the last one then takes the place of the root, of its repetitions, and of the returned rows before it.
    Assumes the table `delivery`; the paths are the accepted and the held rows of each table.
    """
    con.execute(_TABLES)
    if returned.is_empty():
        return
    con.register("answer_in", returned.select(*RETURNED_SCHEMA).to_arrow())
    con.execute(_ROOTS)
    con.unregister("answer_in")
    for table in sorted(set(returned["table_name"])):
        rows = [
            f"SELECT delivery_id, row_no, {told} AS told FROM {parquet(paths)}"
            for told, paths in (
                ("to_json([CAST(row_key AS VARCHAR), CAST(content AS VARCHAR)])", core.get(table)),
                ("sent", quarantine.get(table)),
            )
            if paths
        ]
        if rows:
            con.execute(_REPEATS.format(rows=" UNION ALL ".join(rows), table=table))
    con.execute(_REPLACED)
