"""ledger_delivery, ledger_finding, quarantine_row and ledger_calendar of the closed database."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.contracts.rule_list import LINE_TABLE
from pipelines.contracts.sql_text import parquet
from pipelines.errors import BuildStopped

DELIVERY_SCHEMA = {
    "delivery_id": pl.String, "clinic_id": pl.String, "file_name": pl.String, "file_kind": pl.String,
    "sha256": pl.String, "received_utc": pl.Datetime("us"), "sent_date": pl.Date, "revision": pl.Int32,
    "status": pl.String, "reason": pl.String, "what": pl.String, "remedy": pl.String,
    "n_received": pl.Int64, "n_accepted": pl.Int64, "n_quarantined": pl.Int64, "n_duplicate": pl.Int64,
    "scope_key": pl.String, "keyed": pl.String, "sent_by": pl.String, "resend_reason": pl.String,
    "names_participant": pl.Boolean,
}  # fmt: skip
FINDING_SCHEMA = {
    "delivery_id": pl.String, "clinic_id": pl.String, "table_name": pl.String, "row_no": pl.Int64,
    "field": pl.String, "rule": pl.String, "kind": pl.String, "severity": pl.String, "remedy": pl.String,
}  # fmt: skip


def register_deliveries(con: duckdb.DuckDBPyConnection, deliveries: pl.DataFrame) -> None:
    """The temporary table `delivery` that orders accepted deliveries as their senders do."""
    con.register("incoming", deliveries.to_arrow())
    con.execute("""
        CREATE TEMP TABLE delivery AS
        SELECT delivery_id, clinic_id, scope_key, keyed, received_utc, sent_by, resend_reason AS reason,
            row_number() OVER (ORDER BY sent_date NULLS FIRST, keyed = 'return', revision, received_utc, sha256) AS rank_no,
            row_number() OVER (PARTITION BY scope_key ORDER BY sent_date DESC NULLS LAST, revision DESC,
                received_utc DESC, sha256 DESC) = 1 AS is_latest
        FROM incoming WHERE status = 'accepted'
    """)
    con.execute("CREATE TEMP TABLE delivery_in AS SELECT * FROM incoming")
    con.unregister("incoming")


def write_findings(con: duckdb.DuckDBPyConnection, paths: list[Path], across: pl.DataFrame) -> None:
    """ledger_finding: every finding of every delivery; `is_open` while the row it names is still what counts.

    What a rule or a field that nobody knows might tell is taken to tell the arm.
    """
    con.register("across_finding", across.to_arrow())
    earlier = f"SELECT {', '.join(FINDING_SCHEMA)} FROM {parquet(paths)} UNION ALL" if paths else ""
    con.execute(f"""
        CREATE TABLE ledger_finding AS
        SELECT f.*, coalesce(d.is_latest, TRUE) AND coalesce(NOT w.is_gone, TRUE) AS is_open,
            coalesce(r.reveals_arm, TRUE) OR coalesce(g.reveals_arm, FALSE) AS reveals_arm
        FROM ({earlier} SELECT {", ".join(FINDING_SCHEMA)} FROM across_finding) AS f
        LEFT JOIN delivery AS d USING (delivery_id)
        LEFT JOIN gone_row AS w ON w.delivery_id = f.delivery_id AND w.table_name = f.table_name AND w.row_no = f.row_no
        LEFT JOIN ref_rule AS r ON r.rule = f.rule AND r.table_name IN (f.table_name, '{LINE_TABLE}')
        LEFT JOIN ref_field AS g ON g.table_name = f.table_name AND g.field = f.field
        ORDER BY f.clinic_id, f.delivery_id, f.table_name, f.row_no, f.rule, f.field
    """)
    con.unregister("across_finding")


def write_deliveries(con: duckdb.DuckDBPyConnection) -> None:
    """ledger_delivery: one row per file that arrived, with its counts; rows held at build count as quarantined."""
    con.execute("""
        CREATE TABLE ledger_delivery AS
        WITH held AS (SELECT delivery_id, count(*) AS held_n FROM held_row GROUP BY delivery_id),
        flagged AS (
            SELECT delivery_id, count(*) AS flagged_n FROM ledger_finding WHERE severity = 'flag' GROUP BY delivery_id
        )
        SELECT d.delivery_id, d.clinic_id, d.file_name, d.file_kind, d.sha256, d.received_utc, d.sent_date, d.revision,
            d.status, d.reason, d.what, d.remedy, d.n_received,
            d.n_accepted - coalesce(h.held_n, 0) AS n_accepted, d.n_quarantined + coalesce(h.held_n, 0) AS n_quarantined,
            d.n_duplicate, coalesce(f.flagged_n, 0) AS n_flagged, d.names_participant
        FROM delivery_in AS d LEFT JOIN held AS h USING (delivery_id) LEFT JOIN flagged AS f USING (delivery_id)
        ORDER BY d.clinic_id, d.received_utc, d.delivery_id
    """)
    broken = con.execute(
        "SELECT count(*) FROM ledger_delivery WHERE n_received IS DISTINCT FROM n_accepted + n_quarantined + n_duplicate "
        "OR least(n_accepted, n_quarantined, n_duplicate) < 0"
    ).fetchall()[0][0]
    if broken:
        raise BuildStopped(
            f"{broken} deliveries do not reconcile: received is not accepted + quarantined + duplicate",
            remedy="this is a fault of Backstep, not of a clinic; keep the ledger and report it",
        )


def write_quarantine(con: duckdb.DuckDBPyConnection, contract: Contract, paths: list[Path]) -> None:
    """quarantine_row: rows held at check as the clinic sent them, and those held at build in study terms."""
    parts = (
        [
            f"SELECT delivery_id, clinic_id, table_name, row_no, sent, 'check' AS held_at FROM {parquet(paths)}"
        ]
        if paths
        else []
    )
    for table, declared in contract.tables.items():
        fields = ", ".join(f"{name} := c.{name}" for name in declared.fields)
        parts.append(f"""
            SELECT h.delivery_id, h.clinic_id, h.table_name, h.row_no,
                CAST(to_json(struct_pack({fields})) AS VARCHAR) AS sent, 'build' AS held_at
            FROM held_row AS h JOIN current_{table} AS c USING (delivery_id, row_no) WHERE h.table_name = '{table}'""")
    con.execute(
        f"CREATE TABLE quarantine_row AS SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY ALL"
    )
