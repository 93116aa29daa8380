"""Which row of each key is current, and what became of the others."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines.contracts.model import Contract
from pipelines.contracts.sql_text import parquet
from pipelines.contracts.tables import duckdb_type, local_dates


def load_versions(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    table: str,
    accepted: list[Path],
    held: list[Path],
) -> None:
    """Makes `current_<table>` and `history_<table>` from core and quarantine Parquet.

    Rows that later ones took the place of are added to `gone_row`.
    Assumes the table `delivery` (delivery_id, clinic_id, scope_key, keyed, rank_no, is_latest, received_utc,
    sent_by, reason). Rows of a delivery that is not the latest of its scope are never current.
    """
    if not accepted and not held:
        _nothing_came(con, contract, table)
        return
    fields = contract.tables[table].fields
    rows = _parquet(accepted, contract, table)
    wide = ", ".join(f"r.{n}" for n in (*fields, *local_dates(contract, table).values()))
    con.execute(f"""
        CREATE TEMP TABLE version AS
        SELECT r.delivery_id, r.row_no, r.row_key, r.content, d.scope_key, d.keyed, d.rank_no, d.is_latest
        FROM {rows} AS r JOIN delivery AS d USING (delivery_id)
    """)
    con.execute(f"""
        CREATE TEMP TABLE held_key AS
        SELECT DISTINCT q.row_key, d.scope_key FROM {_held(held)} AS q JOIN delivery AS d USING (delivery_id)
        WHERE d.is_latest AND q.row_key IS NOT NULL
    """)
    con.execute(f"""
        CREATE TEMP TABLE winner_{table} AS
        WITH latest AS (
            SELECT delivery_id, row_no, row_key, content, keyed, rank_no FROM version WHERE is_latest
            QUALIFY row_number() OVER (PARTITION BY row_key ORDER BY rank_no DESC, row_no) = 1
        ), moved AS (
            SELECT DISTINCT l.row_key FROM latest AS l JOIN version AS v USING (row_key)
            WHERE v.keyed = 'increment' AND l.keyed = 'increment' AND v.content <> l.content
        )
        SELECT l.delivery_id, l.row_no, l.row_key, l.content, l.rank_no, m.row_key IS NOT NULL AS changed
        FROM latest AS l LEFT JOIN moved AS m USING (row_key)
    """)
    corrected = any(entry.table == table for entry in contract.corrections)
    con.execute(f"""
        CREATE TEMP {"TABLE" if corrected else "VIEW"} current_{table} AS
        SELECT r.delivery_id, r.clinic_id, r.row_no, r.row_key, r.sent, {wide}, w.rank_no, w.changed
        FROM {rows} AS r JOIN winner_{table} AS w USING (delivery_id, row_no)
    """)
    con.execute(f"""
        CREATE TABLE history_{table} AS
        WITH gone AS (
            SELECT v.*, c.delivery_id AS by_row, c.row_no AS by_row_no, h.row_key IS NOT NULL AS is_held,
                s.delivery_id AS by_scope
            FROM version AS v
            LEFT JOIN winner_{table} AS c USING (row_key)
            LEFT JOIN held_key AS h ON h.row_key = v.row_key AND h.scope_key = v.scope_key
            LEFT JOIN delivery AS s ON s.scope_key = v.scope_key AND s.is_latest
            WHERE c.row_key IS NULL OR c.content <> v.content
            QUALIFY row_number() OVER (PARTITION BY v.row_key, v.content ORDER BY v.rank_no, v.row_no) = 1
        )
        SELECT r.delivery_id, r.clinic_id, r.row_no, {", ".join(f"r.{n}" for n in fields)}, r.sent,
            CASE WHEN g.by_row IS NOT NULL THEN 'superseded' WHEN g.is_held THEN 'held' ELSE 'removed' END AS state,
            b.delivery_id AS replaced_by_delivery_id, g.by_row_no AS replaced_by_row_no,
            b.received_utc AS replaced_utc, coalesce(b.sent_by, b.clinic_id) AS replaced_by,
            coalesce(b.reason, b.keyed) AS replaced_reason
        FROM {rows} AS r JOIN gone AS g ON g.delivery_id = r.delivery_id AND g.row_no = r.row_no
        LEFT JOIN delivery AS b ON b.delivery_id = coalesce(g.by_row, g.by_scope)
        ORDER BY g.row_key, g.rank_no, g.row_no
    """)
    con.execute(f"""
        INSERT INTO gone_row
        SELECT DISTINCT v.delivery_id, '{table}', v.row_no, TRUE FROM version AS v
        ANTI JOIN winner_{table} AS c ON c.delivery_id = v.delivery_id AND c.row_no = v.row_no
        UNION
        SELECT q.delivery_id, '{table}', q.row_no, TRUE FROM {_held(held)} AS q
        JOIN delivery AS d USING (delivery_id)
        JOIN winner_{table} AS c ON c.row_key = q.row_key AND c.rank_no > d.rank_no
        JOIN delivery AS e ON e.delivery_id = c.delivery_id AND e.clinic_id = d.clinic_id
    """)
    con.execute("DROP TABLE version; DROP TABLE held_key")


def _nothing_came(con: duckdb.DuckDBPyConnection, contract: Contract, table: str) -> None:
    """The same tables without a row, and without a fortieth of a second for each of them."""
    fields = contract.tables[table].fields
    rows = _parquet([], contract, table)
    wide = ", ".join(f"r.{n}" for n in (*fields, *local_dates(contract, table).values()))
    con.execute(f"""
        CREATE TEMP TABLE winner_{table} (
            delivery_id VARCHAR, row_no BIGINT, row_key VARCHAR, content UBIGINT, rank_no BIGINT, changed BOOLEAN
        );
        CREATE TEMP TABLE current_{table} AS
        SELECT r.delivery_id, r.clinic_id, r.row_no, r.row_key, r.sent, {wide},
            CAST(NULL AS BIGINT) AS rank_no, CAST(NULL AS BOOLEAN) AS changed
        FROM {rows} AS r;
        CREATE TABLE history_{table} AS
        SELECT r.delivery_id, r.clinic_id, r.row_no, {", ".join(f"r.{n}" for n in fields)}, r.sent,
            CAST(NULL AS VARCHAR) AS state, CAST(NULL AS VARCHAR) AS replaced_by_delivery_id,
            CAST(NULL AS BIGINT) AS replaced_by_row_no, CAST(NULL AS TIMESTAMP) AS replaced_utc,
            CAST(NULL AS VARCHAR) AS replaced_by, CAST(NULL AS VARCHAR) AS replaced_reason
        FROM {rows} AS r
    """)


def _parquet(paths: list[Path], contract: Contract, table: str) -> str:
    if not paths:
        columns = (
            {
                "delivery_id": "VARCHAR",
                "clinic_id": "VARCHAR",
                "row_no": "BIGINT",
                "row_key": "VARCHAR",
                "sent": "VARCHAR",
                "content": "UBIGINT",
            }
            | {n: duckdb_type(contract.fields[n]) for n in contract.tables[table].fields}
            | dict.fromkeys(local_dates(contract, table).values(), "DATE")
        )
        return (
            "(SELECT "
            + ", ".join(f"CAST(NULL AS {k}) AS {n}" for n, k in columns.items())
            + " WHERE FALSE)"
        )
    return parquet(paths)


def _held(paths: list[Path]) -> str:
    if not paths:
        return "(SELECT NULL::VARCHAR AS delivery_id, NULL::VARCHAR AS row_key, NULL::BIGINT AS row_no WHERE FALSE)"
    return parquet(paths)
