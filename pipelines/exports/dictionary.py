"""What every exported column means, from the contract, and for derived columns from `derived_columns.yaml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import polars as pl
import yaml

from pipelines.contracts.model import Contract, FieldDef
from pipelines.contracts.tables import COMMON, day_columns

SCHEMA = dict.fromkeys(
    ("table", "column", "type", "unit", "description", "codes", "valid"), pl.String
)


@cache
def derived_columns() -> dict[str, str]:
    """Column -> what it means, for columns that no clinic sends."""
    path = Path(__file__).with_name("derived_columns.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def dictionary(contract: Contract, tables: dict[str, dict[str, str]]) -> pl.DataFrame:
    """One row per exported column: table, column, type, unit, description, codes, valid range."""
    rows = [
        (table, column, kind, *_words(contract, table, column))
        for table, columns in tables.items()
        for column, kind in columns.items()
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _words(contract: Contract, table: str, column: str) -> tuple[str | None, ...]:
    """Unit, description, codes, valid range."""
    name = table.removeprefix("core_")
    if name in contract.tables:
        days = day_columns(contract, name)
        if column in days:
            return (
                None,
                f"Study day of {days[column]}: {contract.fields[days[column]].description}",
                None,
                None,
            )
    for key in (f"{table}.{column}", column):
        if key in derived_columns() and (key != column or column not in contract.fields):
            return None, derived_columns()[key], None, None
    if column in contract.fields:
        field = contract.fields[column]
        return field.unit, field.description, _codes(contract, field), _span(field)
    return None, COMMON[column][1] if column in COMMON else None, None, None


def _codes(contract: Contract, field: FieldDef) -> str | None:
    if field.codes is None:
        return None
    return "; ".join(f"{code} = {words}" for code, words in contract.codes[field.codes].items())


def _span(field: FieldDef) -> str | None:
    return None if field.valid is None else f"{field.valid[0]} to {field.valid[1]}"
