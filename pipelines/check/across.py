"""Rules over several tables, on the build's own connection: Great Expectations decides, SQL extracts."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import polars as pl

from pipelines.check import double_entry
from pipelines.check.night import FINDING_COLUMNS
from pipelines.contracts.across import across_rules, across_view
from pipelines.contracts.model import Contract
from pipelines.errors import BuildStopped


def check_across(con: duckdb.DuckDBPyConnection, contract: Contract, suites: Path) -> pl.DataFrame:
    """Findings of every cross-table rule over the current rows. Raises BuildStopped where a rule could not run.

    Assumes the tables that `pipelines.contracts.across.across_view` names.
    """
    schema = dict.fromkeys(FINDING_COLUMNS, pl.String) | {"row_no": pl.Int64}
    found = [pl.DataFrame(schema=schema)]
    for table in contract.tables:
        if not con.execute(f"SELECT count(*) FROM winner_{table}").fetchall()[0][0]:
            continue  # no row, so no rule can be put to one
        rules = across_rules(contract, table)
        con.execute(f"CREATE TEMP TABLE across_{table} AS {across_view(contract, table)}")
        suite = json.loads((suites / f"across_{table}.json").read_text(encoding="utf-8"))
        outcome = double_entry.check_view(con, f"across_{table}", rules, suite)
        if outcome.not_checked:
            raise BuildStopped(
                f"rules over several tables could not be checked: {', '.join(sorted(outcome.not_checked))}",
                where=table,
                remedy="run the build again; if it stays, keep the staging folder and report it",
            )
        words = pl.DataFrame(
            [
                {"rule": r.name, "kind": r.kind, "severity": r.severity, "remedy": r.remedy}
                for r in rules
            ]
        )
        con.register("found", outcome.findings.to_arrow())
        clinics = con.sql(f"""
            SELECT delivery_id, row_no, any_value(clinic_id) AS clinic_id
            FROM across_{table} SEMI JOIN found USING (delivery_id, row_no) GROUP BY ALL
        """).pl()
        con.unregister("found")
        found.append(
            outcome.findings.join(words, on="rule")
            .join(clinics, on=["delivery_id", "row_no"])
            .with_columns(
                table_name=pl.lit(table),
                field=pl.lit(None, pl.String),
                content=pl.lit(None, pl.String),
            )
            .select(pl.col(name).cast(kind) for name, kind in schema.items())
        )
        con.execute(f"DROP TABLE across_{table}")
    return pl.concat(found).sort("clinic_id", "delivery_id", "table_name", "row_no", "rule")
