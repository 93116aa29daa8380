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

    Only the rows that others took the place of are written down (`passed_<table>`): cost follows them, not all rows.
    They are added to `gone_row`.
    Assumes the table `delivery` (delivery_id, clinic_id, scope_key, keyed, rank_no, is_latest, received_utc,
    sent_by, reason) and `replaced_row` (see `returned`). Rows of a delivery that is not the latest of its scope, and
    rows that a returned row took the place of, are never current.
    """
    if not accepted and not held:
        _nothing_came(con, contract, table)
        return
    fields = contract.tables[table].fields
    rows = _parquet(accepted, contract, table)
    wide = ", ".join(f"r.{n}" for n in (*fields, *local_dates(contract, table).values()))
    con.execute(f"""
        CREATE TEMP VIEW version AS
        SELECT r.delivery_id, r.row_no, r.row_key, r.content, d.scope_key, d.keyed, d.rank_no,
            d.is_latest AND x.delivery_id IS NULL AS is_latest
        FROM {rows} AS r JOIN delivery AS d USING (delivery_id)
        LEFT JOIN replaced_row AS x
            ON x.table_name = '{table}' AND x.delivery_id = r.delivery_id AND x.row_no = r.row_no
    """)
    con.execute(f"""
        CREATE TEMP TABLE held_key AS
        SELECT DISTINCT q.row_key, d.scope_key FROM {_held(held)} AS q JOIN delivery AS d USING (delivery_id)
        WHERE d.is_latest AND q.row_key IS NOT NULL
    """)
    con.execute(f"""
        CREATE TEMP TABLE passed_{table} AS
        WITH several AS (
            SELECT row_key FROM version WHERE is_latest GROUP BY row_key HAVING count(*) > 1
        )
        SELECT * FROM version WHERE NOT is_latest
        UNION ALL
        SELECT v.* FROM version AS v SEMI JOIN several USING (row_key) WHERE v.is_latest
        QUALIFY row_number() OVER (PARTITION BY v.row_key ORDER BY v.rank_no DESC, v.row_no) > 1
    """)
    con.execute(f"""
        CREATE TEMP TABLE moved_{table} AS
        SELECT DISTINCT l.row_key
        FROM version AS l JOIN passed_{table} AS v USING (row_key)
        ANTI JOIN passed_{table} AS o ON o.delivery_id = l.delivery_id AND o.row_no = l.row_no
        WHERE v.keyed = 'increment' AND l.keyed = 'increment' AND v.content <> l.content
    """)
    con.execute(f"""
        CREATE TEMP VIEW winner_{table} AS
        SELECT r.delivery_id, r.row_no, r.row_key, r.content, d.rank_no, m.row_key IS NOT NULL AS changed
        FROM {rows} AS r JOIN delivery AS d ON d.delivery_id = r.delivery_id AND d.is_latest
        ANTI JOIN passed_{table} AS o ON o.delivery_id = r.delivery_id AND o.row_no = r.row_no
        LEFT JOIN moved_{table} AS m ON m.row_key = r.row_key
    """)
    corrected = any(entry.table == table for entry in contract.corrections)
    con.execute(f"""
        CREATE TEMP {"TABLE" if corrected else "VIEW"} current_{table} AS
        SELECT r.delivery_id, r.clinic_id, r.row_no, r.row_key, r.sent, {wide}, d.rank_no, m.row_key IS NOT NULL AS changed
        FROM {rows} AS r JOIN delivery AS d ON d.delivery_id = r.delivery_id AND d.is_latest
        ANTI JOIN passed_{table} AS o ON o.delivery_id = r.delivery_id AND o.row_no = r.row_no
        LEFT JOIN moved_{table} AS m ON m.row_key = r.row_key
    """)
    con.execute(f"""
        CREATE TABLE history_{table} AS
        WITH gone AS (
            SELECT v.*, coalesce(c.delivery_id, CASE WHEN x.by_row_no IS NOT NULL THEN x.by_delivery_id END) AS by_row,
                coalesce(c.row_no, x.by_row_no) AS by_row_no, h.row_key IS NOT NULL AS is_held,
                coalesce(x.by_delivery_id, s.delivery_id) AS by_scope
            FROM passed_{table} AS v
            LEFT JOIN winner_{table} AS c USING (row_key)
            LEFT JOIN replaced_row AS x
                ON x.table_name = '{table}' AND x.delivery_id = v.delivery_id AND x.row_no = v.row_no
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
        SELECT DISTINCT delivery_id, '{table}', row_no, TRUE FROM passed_{table}
        UNION
        SELECT delivery_id, table_name, row_no, TRUE FROM replaced_row WHERE table_name = '{table}'
        UNION
        SELECT q.delivery_id, '{table}', q.row_no, TRUE FROM {_held(held)} AS q
        JOIN delivery AS d USING (delivery_id)
        JOIN winner_{table} AS c ON c.row_key = q.row_key AND c.rank_no > d.rank_no
        JOIN delivery AS e ON e.delivery_id = c.delivery_id AND e.clinic_id = d.clinic_id
    """)
    con.execute("DROP VIEW version; DROP TABLE held_key")


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
