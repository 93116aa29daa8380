"""Every mart on small tables by hand: `tests/sql/<mart>/<case>.yaml` says what goes in and what must come out.

A case gives only the columns that matter; the others are NULL. Reference tables are those of a real build. Each case
runs on the closed and on the open side's tables.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import sqlglot
from sqlglot import exp

from pipelines.contracts.load import load_contract
from pipelines.contracts.yaml_lines import load
from pipelines.receive.calendar import CALENDAR_SCHEMA
from pipelines.warehouse.build import Inputs, build
from pipelines.warehouse.ledgers import DELIVERY_SCHEMA, FINDING_SCHEMA
from pipelines.warehouse.order import build_order, reads

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MARTS = ROOT / "sql" / "marts"
CASES = sorted(HERE.glob("*/*.yaml"))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that nobody has sent anything to."""
    folder = tmp_path_factory.mktemp("empty")
    inputs = Inputs(
        deliveries=pl.DataFrame(schema=DELIVERY_SCHEMA), core={}, quarantine={}, findings=[],
        calendar=pl.DataFrame(schema=CALENDAR_SCHEMA), stale={}, cutoff=dt.datetime(2025, 11, 4, 3, 15),
    )  # fmt: skip
    contract = load_contract(ROOT / "schemas")
    build(folder, ROOT / "sql", contract, inputs, lambda _: pl.DataFrame(schema=FINDING_SCHEMA))
    return folder


def result(
    database: Path, mart: str, inputs: dict[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """What the mart makes of the rows, with the marts that it reads made of the same rows."""
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{database}' AS empty (READ_ONLY)")
        marts = {path.stem for path in MARTS.glob("*.sql")}
        for (table,) in con.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'empty'"
        ).fetchall():
            if table not in marts:
                con.execute(f"CREATE TABLE {table} AS SELECT * FROM empty.{table}")
        for table, rows in inputs.items():
            if table.startswith("ref_"):
                con.execute(f"DELETE FROM {table}")
            for row in rows:
                con.execute(
                    f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                    list(row.values()),
                )
        for path in build_order(MARTS):
            con.execute(f"CREATE TABLE {path.stem} AS {path.read_text(encoding='utf-8')}")
        return con.sql(f"SELECT * FROM {mart}").pl().to_dicts()


def by_exact_cells(row: dict[str, Any]) -> str:
    return repr([cell for cell in row.values() if not isinstance(cell, float)])


@pytest.mark.parametrize("side", ["closed", "open"])
@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_mart_gives_what_was_worked_by_hand(case: Path, side: str, empty: Path) -> None:
    said, _ = load(case)
    assert set(said) == {"why", "inputs", "expect"}
    names = list(said["expect"][0]) if said["expect"] else []
    assert all(list(row) == names for row in said["expect"]), (
        "every expected row names the same columns"
    )

    rows = result(empty / f"{side}.duckdb", case.parent.name, said["inputs"])

    found = sorted(({name: row[name] for name in names} for row in rows), key=by_exact_cells)
    wanted = sorted(said["expect"], key=by_exact_cells)
    assert len(found) == len(wanted)
    for row, expected in zip(found, wanted, strict=True):
        near = {
            name: pytest.approx(cell, rel=1e-9) if isinstance(cell, float) else cell
            for name, cell in expected.items()
        }
        assert row == near


def test_every_mart_has_a_case_and_every_case_a_mart() -> None:
    assert {case.parent.name for case in CASES} == {path.stem for path in MARTS.glob("*.sql")}


def test_marts_read_only_what_both_sides_have(empty: Path) -> None:
    sides = []
    for side in ("closed", "open"):
        with duckdb.connect(str(empty / f"{side}.duckdb"), read_only=True) as con:
            sides.append(
                {
                    name
                    for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
                }
            )
    for path in MARTS.glob("*.sql"):
        assert reads(path.read_text(encoding="utf-8"), path.name) <= sides[0] & sides[1], path.name


def test_a_mart_writes_no_threshold_of_its_own() -> None:
    """Thresholds are rows with a source: no number above 1 stands in a comparison of the outcome marts."""
    for name in ("mart_outcome", "mart_balance", "mart_gait_speed", "mart_knee_pain"):
        tree = sqlglot.parse_one(
            (MARTS / f"{name}.sql").read_text(encoding="utf-8"), dialect="duckdb"
        )
        compared = [c for kind in (exp.GT, exp.GTE, exp.LT, exp.LTE) for c in tree.find_all(kind)]
        assert not [
            c.sql()
            for c in compared
            if isinstance(c.expression, exp.Literal) and c.expression.this not in ("0", "1")
        ]
