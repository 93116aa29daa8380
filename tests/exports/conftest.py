"""Exports of one made-up study, and a small warehouse whose rows are written by hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from pipelines.contracts.load import load_contract
from pipelines.contracts.model import Contract
from pipelines.contracts.open_views import SHARED, open_select, shared_select
from pipelines.contracts.sql_text import literal
from pipelines.exports import export

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load_contract(ROOT / "schemas")


@pytest.fixture(scope="session")
def exported(rendered_home, contract, tmp_path_factory) -> Callable[[str, str], Path]:
    """The folder of one kind for one audience; each is made once."""
    place, made = tmp_path_factory.mktemp("exports"), {}

    def folder(kind: str, audience: str) -> Path:
        if (kind, audience) not in made:
            made[kind, audience] = place / f"{kind}_{audience}"
            export(
                rendered_home / "warehouse", made[kind, audience], contract, kind, audience,
                sql=ROOT / "sql",
                codes=place / "keys" / "new_codes.csv",
            )  # fmt: skip
        return made[kind, audience]

    return folder


@pytest.fixture
def by_hand(rendered_home, contract, tmp_path) -> Callable[[dict[str, list[dict]]], Path]:
    """A warehouse that holds only the rows given, per closed table; the open side follows by the open views."""

    def warehouse(rows: dict[str, list[dict]]) -> Path:
        folder = tmp_path / "by_hand"
        folder.mkdir()
        for side in ("open", "closed"):
            shutil.copyfile(
                rendered_home / "warehouse" / f"{side}.duckdb", folder / f"{side}.duckdb"
            )
        with duckdb.connect(str(folder / "closed.duckdb")) as con:
            tables = con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
            for (table,) in tables:
                if table.startswith(("core_", "mart_")):
                    con.execute(f"DELETE FROM {table}")
            for table, given in rows.items():
                for row_no, row in enumerate(given, start=1):
                    full = {"clinic_id": "alder", "delivery_id": "alder-0", "row_no": row_no} | row
                    marks = ", ".join("?" * len(full))
                    con.execute(
                        f"INSERT INTO {table} ({', '.join(full)}) VALUES ({marks})",
                        list(full.values()),
                    )
        with duckdb.connect(str(folder / "open.duckdb")) as con:
            con.execute(f"ATTACH {literal(folder / 'closed.duckdb')} AS closed (READ_ONLY)")
            for table in rows:
                name = table.removeprefix("core_")
                select = open_select(contract, name) if name in contract.tables else None
                if select is None and table in SHARED:
                    select = shared_select(table)
                if select is not None:
                    con.execute(f"CREATE OR REPLACE TABLE {table} AS {select}")
            for (table,) in tables:
                if table.startswith(("core_", "mart_")) and table not in rows:
                    con.execute(f"DELETE FROM {table}") if _has(con, table) else None
        return folder

    return warehouse


def _has(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    return bool(
        con.execute(
            "SELECT 1 FROM duckdb_tables() WHERE table_name = ? AND database_name = current_database()",
            [table],
        ).fetchall()
    )
