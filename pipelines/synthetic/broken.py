"""Which rules within a table a record breaks, as the contract itself says."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.contracts.rule_list import rules_of
from pipelines.synthetic import frames
from pipelines.synthetic.faults import Place, Row


def as_sent(place: Place, row: Row) -> Row:
    """The record as the clinic's file can say it: unsent fields empty, its constants in place."""
    sent = place.sent_fields
    return {
        name: place.map.constants.get(name, row.get(name) if name in sent else None)
        for name in place.contract.tables[place.table].fields
    }


def broken_rules(contract: Contract, table: str, rows: list[Row]) -> list[list[str]]:
    """The rules within the table that each record breaks."""
    rules = [
        r for r in rules_of(contract, table) if not r.from_faults and r.name != "one_row_per_key"
    ]
    frame = _frame(contract, table, rows).with_columns(
        row_no=pl.int_range(pl.len()),
        delivery_id=pl.lit("d"),
        faults=pl.lit([], pl.List(pl.String)),
    )
    with duckdb.connect() as con:
        con.register("record", frame)
        columns = ", ".join(f'coalesce({rule.breaks}, FALSE) AS "{rule.name}"' for rule in rules)
        found = con.execute(f"SELECT {columns} FROM record ORDER BY row_no").pl()
    names = np.array(found.columns)
    return [list(names[list(flags)]) for flags in found.iter_rows()]


def _frame(contract: Contract, table: str, rows: list[Row]) -> pl.DataFrame:
    types = {n: frames.POLARS_TYPES[contract.fields[n].type] for n in contract.tables[table].fields}
    data: dict[str, list[Any]] = {
        name: [plain(row[name], kind) for row in rows] for name, kind in types.items()
    }
    return pl.DataFrame(data, schema=types)


def plain(value: Any, kind: pl.DataType) -> Any:
    return float(value) if kind == pl.Float64 and value is not None else value
