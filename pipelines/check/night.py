"""Everything that was standardised tonight: checked, then split into core, quarantine and findings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl

from pipelines import files
from pipelines.check import data_docs, double_entry, held_rows, set_aside, suite
from pipelines.contracts.canary import CLINIC_ID as CANARIES
from pipelines.contracts.model import Contract
from pipelines.contracts.rule_list import LINE_TABLE, rules_of
from pipelines.contracts.rules import Rule
from pipelines.contracts.sql_text import literal, parquet

_LARGE_BYTES = 16 * 2**20  # parts larger than this stay on disk while they are checked
FINDING_COLUMNS = (
    "delivery_id",
    "clinic_id",
    "table_name",
    "row_no",
    "field",
    "rule",
    "kind",
    "severity",
    "remedy",
    "content",  # tells whether the value changed; stays in the private ledger
)


@dataclass
class Tally:
    """What the check of one delivery found."""

    n_received: int = 0
    n_quarantined: int = 0
    n_duplicate: int = 0
    tables: list[str] = field(default_factory=list)
    held_tables: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        return {
            "n_received": self.n_received, "n_quarantined": self.n_quarantined, "n_duplicate": self.n_duplicate,
            "n_accepted": self.n_received - self.n_quarantined - self.n_duplicate,
        }  # fmt: skip


def check_staged(
    home: Path, contract: Contract, suites: Path, deliveries: list[dict], night: str
) -> dict[str, dict]:
    """Checks the staged deliveries and writes their core, quarantine, findings and the night's Data Docs.

    Canaries are checked in the same run; Data Docs show the clinics' rows, and stand where only canaries came again.
    Returns the check entry of each, for the ledger: until it stands there, the delivery counts as not checked.
    """
    staging = home / "staging"
    read = {
        d["delivery_id"]: files.read_json(path)
        for d in deliveries
        if (path := staging / "read" / f"{d['delivery_id']}.json").is_file()
    }
    if read:
        suite.import_ahead()
    tallies = {name: Tally() for name in read}
    clinic_of = {d["delivery_id"]: d["clinic_id"] for d in deliveries}
    con = duckdb.connect()
    con.execute("SET enable_progress_bar = false")  # it would be drawn into the log
    try:
        results = {}
        tables = [t for t in [*contract.tables, LINE_TABLE] if _load(con, staging, t, list(read))]
        for table in tables:
            results[table] = _check_table(con, contract, suites, table, tallies)
        entries = {
            name: _write(
                con, home, contract, clinic_of[name], name, tables, read[name], tallies[name]
            )
            for name in read
        }
    finally:
        con.close()
    docs = home / "data_docs" / night
    if set(clinic_of.values()) - {CANARIES} or not docs.is_dir():
        shown = {table: found for table, found in results.items() if found}
        pages = data_docs.render_data_docs(shown, _suites(suites, list(shown)), night)
        for name, page in pages.items():
            files.write_bytes_atomic(docs / name, page.encode())
    return entries


def _load(con: duckdb.DuckDBPyConnection, staging: Path, table: str, names: list[str]) -> bool:
    parts = [path for name in names for path in sorted((staging / table / name).glob("*.parquet"))]
    if not parts:
        return False
    large = sum(path.stat().st_size for path in parts) > _LARGE_BYTES
    con.execute(f"""
        CREATE {"VIEW" if large else "TABLE"} part_{table} AS SELECT * FROM {parquet(parts)}
    """)
    con.execute(f"""
        CREATE TABLE duplicate_{table} AS
        WITH alike AS (SELECT row_hash FROM part_{table} GROUP BY row_hash HAVING count(*) > 1)
        SELECT delivery_id, row_no FROM part_{table} SEMI JOIN alike USING (row_hash)
        QUALIFY row_number() OVER (PARTITION BY delivery_id, row_key, row_hash ORDER BY row_no) > 1
    """)
    twice = con.execute(f"SELECT count(*) FROM duplicate_{table}").fetchall()[0][0]
    once = f"ANTI JOIN duplicate_{table} USING (delivery_id, row_no)" if twice else ""
    con.execute(f"CREATE VIEW staged_{table} AS SELECT * FROM part_{table} {once}")
    return True


def _check_table(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    suites: Path,
    table: str,
    tallies: dict[str, Tally],
) -> list:
    rules = rules_of(contract, table)
    outcome = double_entry.check_deliveries(con, f"staged_{table}", rules, _suite(suites, table))
    for delivery_id, names in outcome.not_checked.items():
        tallies[delivery_id].not_checked += [f"{table}.{name}" for name in names]
    fields = contract.tables[table].fields if table != LINE_TABLE else ()
    _name_findings(con, table, fields, rules, outcome.findings)
    for delivery_id, n, n_duplicate, n_held in con.execute(f"""
        SELECT s.delivery_id, count(*), any_value(coalesce(d.n, 0)), count(h.row_no)
        FROM staged_{table} AS s
        LEFT JOIN (SELECT delivery_id, count(*) AS n FROM duplicate_{table} GROUP BY ALL) AS d USING (delivery_id)
        LEFT JOIN (SELECT DISTINCT delivery_id, row_no FROM finding_{table} WHERE severity = 'quarantine') AS h
            ON h.delivery_id = s.delivery_id AND h.row_no = s.row_no
        GROUP BY s.delivery_id
    """).fetchall():
        tally = tallies[delivery_id]
        tally.n_received += n + n_duplicate
        tally.n_duplicate += n_duplicate
        tally.n_quarantined += n_held
        if table != LINE_TABLE and n > n_held:
            tally.tables.append(table)
        if n_held:
            tally.held_tables.append(table)
    return set_aside.without(
        con, f"staged_{table}", rules, outcome.results, outcome.findings, CANARIES
    )


def _name_findings(
    con: duckdb.DuckDBPyConnection,
    table: str,
    fields: Iterable[str],
    rules: list[Rule],
    findings: pl.DataFrame,
) -> None:
    """`finding_<table>`: kind, severity and remedy beside each finding, and a digest of what was found at fault.

    The digest is that of the field's value, or of the row's cells where the rule has no field or none could be read.

    A required field that is empty because it could not be read has one finding, the one that says why; but only
    if that one holds the row.
    """
    holding = ", ".join(
        f"'{r.name}'" for r in rules if r.from_faults and r.severity == "quarantine"
    )
    rule_rows = pl.DataFrame(
        [
            {"rule": r.name, "kind": r.kind, "severity": r.severity, "remedy": r.remedy,
             "is_of_cells": r.from_faults or r.field is None}
            for r in rules
        ]
    )  # fmt: skip
    con.register("found", findings.to_arrow())
    con.register("rule_row", rule_rows.to_arrow())
    named = "s.table_name" if table == LINE_TABLE else f"'{table}'"
    values = " ".join(f"WHEN '{name}' THEN CAST(s.{name} AS VARCHAR)" for name in fields)
    value = f"CASE f.field {values} END" if values else "NULL"
    con.execute(f"""
        CREATE TABLE finding_{table} AS
        SELECT f.delivery_id, s.clinic_id, {named} AS table_name, f.row_no, nullif(f.field, '') AS field, f.rule,
            r.kind, r.severity, r.remedy,
            md5(CASE WHEN r.is_of_cells OR f.field = '' THEN CAST(s.row_hash AS VARCHAR) ELSE coalesce({value}, '') END)
                AS content
        FROM found AS f
        JOIN rule_row AS r USING (rule)
        JOIN staged_{table} AS s ON s.delivery_id = f.delivery_id AND s.row_no = f.row_no
        WHERE NOT (f.rule = f.field || '_given'
            AND len(list_filter(s.faults, lambda x: ends_with(x, ':' || f.field)
                AND split_part(x, ':', 1) IN ({holding or "''"}))) > 0)
    """)
    con.unregister("found")
    con.unregister("rule_row")


def _write(
    con: duckdb.DuckDBPyConnection,
    home: Path,
    contract: Contract,
    clinic_id: str,
    delivery_id: str,
    tables: list[str],
    read: dict,
    tally: Tally,
) -> dict:
    """Writes what a delivery's check found; the entry that says so."""
    entry = {
        "read_as": read.get("read_as"),
        "preamble": read["preamble"],
        "skipped": read["skipped"],
        "n_records": read["n_records"],
        "unknown_columns": read["unknown_columns"],
        "answers": read["answers"],
        **tally.counts(),
        "tables": sorted(tally.tables),
        "held_tables": sorted(tally.held_tables),
    }
    if (
        tally.not_checked
    ):  # what could not run has passed nothing: the delivery waits for the next night
        return entry | {
            "contract": None,
            "status": "not_checked",
            "reason": "not_checked",
            "what": f"{len(tally.not_checked)} rules could not be checked: "
            + ", ".join(tally.not_checked[:5]),
        }
    for table in tally.tables:
        target = home / "core" / table / clinic_id / f"{delivery_id}.parquet"
        fields = ", ".join(f"s.{name}" for name in contract.tables[table].fields)
        with files.atomic_path(target) as aside:
            con.execute(f"""
                COPY (
                    SELECT s.* EXCLUDE (faults, row_hash), hash({fields}) AS content
                    FROM staged_{table} AS s
                    ANTI JOIN (SELECT * FROM finding_{table} WHERE severity = 'quarantine') AS h
                        ON h.delivery_id = s.delivery_id AND h.row_no = s.row_no
                    WHERE s.delivery_id = '{delivery_id}'
                ) TO {literal(aside)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
            """)
    held_rows.write_held(con, home, contract, clinic_id, delivery_id, read, tally.held_tables)
    return entry | {
        "contract": contract.clinic_digests[clinic_id],
        "status": "accepted",
        "has_findings": _write_findings(
            con, home, clinic_id, delivery_id, tables, read["unknown_columns"]
        ),
    }


def _write_findings(
    con: duckdb.DuckDBPyConnection,
    home: Path,
    clinic_id: str,
    delivery_id: str,
    tables: list[str],
    unknown_columns: list[str],
) -> bool:
    columns = ", ".join(FINDING_COLUMNS)
    parts = [
        con.execute(
            f"SELECT {columns} FROM finding_{table} WHERE delivery_id = ?", [delivery_id]
        ).pl()
        for table in tables
    ]
    parts.append(pl.DataFrame(
        [{"delivery_id": delivery_id, "clinic_id": clinic_id, "table_name": "", "row_no": None, "field": name[:60],
          "rule": "unknown_column", "kind": "conformance", "severity": "flag",
          "remedy": "Tell us what this column means, or leave it out; it was not used."} for name in unknown_columns],
        schema=dict.fromkeys(FINDING_COLUMNS, pl.String) | {"row_no": pl.Int64},
    ))  # fmt: skip
    found = pl.concat(parts, how="vertical_relaxed").sort("table_name", "row_no", "rule", "field")
    if found.height:
        files.write_parquet(
            found, home / "ledger" / "findings" / clinic_id / f"{delivery_id}.parquet"
        )
    return bool(found.height)


def _suite(suites: Path, name: str) -> dict:
    return json.loads((suites / f"{name}.json").read_text(encoding="utf-8"))


def _suites(suites: Path, tables: list[str]) -> dict[str, dict]:
    return {table: _suite(suites, table) for table in tables}
