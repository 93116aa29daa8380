"""A row that breaks no rule of its table, worked out from the contract alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import polars as pl

from pipelines import identity
from pipelines.contracts import predicates
from pipelines.contracts.canary import CLINIC_ID
from pipelines.contracts.model import Contract, FieldDef
from pipelines.contracts.rule_list import rules_of
from pipelines.contracts.rules import Rule
from pipelines.contracts.tables import POLARS

_MOST_TRIED = 20_000
_DAY = dt.date(2025, 1, 15)
_UID = "_uid"


def clean_rows(contract: Contract, table: str, n_rows: int) -> pl.DataFrame | None:
    """`_uid` from 0 and the table's fields in study terms, each row under a key of its own; None where none is found.

    Optional fields stay empty unless a rule asks for them. Assumes the contract with the reserved clinic.
    """
    declared = contract.tables[table]
    own = _own_key(contract, table)
    row = _row(contract, table) if own else None
    if own is None or row is None:
        return None
    prefix = contract.clinics[CLINIC_ID].prefix
    return row.join(pl.DataFrame({_UID: range(n_rows)}), how="cross").select(
        pl.col(_UID),
        *(name for name in declared.fields if name != own),
        pl.Series(own, [
            _key_value(contract.fields[own], own, prefix, n) for n in range(n_rows)
        ], POLARS[contract.fields[own].type]),
    )  # fmt: skip


def _own_key(contract: Contract, table: str) -> str | None:
    """The field of the key that tells the rows apart."""
    for kind in ("text", "integer", "date"):
        for name in contract.tables[table].key:
            if contract.fields[name].type == kind:
                return name
    return None


def _key_value(field: FieldDef, name: str, prefix: str, n: int) -> Any:
    if name == "participant_id":
        return identity.make_id(prefix, n + 1)
    if field.type == "text":
        return f"{CLINIC_ID} {n}"
    return _typical(field) + (dt.timedelta(n) if field.type == "date" else n)


def _row(contract: Contract, table: str) -> pl.DataFrame | None:
    """One row that breaks no rule; fields that broken rules read are tried with other values."""
    rules = [
        r for r in rules_of(contract, table) if not r.from_faults and r.name != "one_row_per_key"
    ]
    declared = contract.tables[table]
    reads = {rule.name: _read_by(rule) & set(declared.fields) for rule in rules}
    free = set(declared.required)
    while True:
        tried = _tried(contract, table, free)
        breaking = _breaking(tried, rules)
        good = tried.filter(~pl.any_horizontal(pl.lit(False), *breaking.iter_columns()))
        if good.height:
            return good.head(1)
        more = {f for name in breaking.columns if breaking[name].any() for f in reads[name]} - free
        if not more or tried.height >= _MOST_TRIED:
            return None
        free |= more


def _read_by(rule: Rule) -> set[str]:
    return {rule.field} if rule.field else predicates.columns_of(rule.breaks)


def _tried(contract: Contract, table: str, free: set[str]) -> pl.DataFrame:
    """Every combination of some values of the free fields; the others are empty."""
    declared = contract.tables[table]
    frame = pl.DataFrame({"_": [0]})
    for name in declared.fields:
        values = _values(contract, name) if name in free else [None]
        if name in free and name not in declared.required:
            values = [None, *values]
        column = pl.DataFrame({name: pl.Series(values, dtype=POLARS[contract.fields[name].type])})
        frame = frame.join(column, how="cross").head(_MOST_TRIED)
    return frame.drop("_")


def _values(contract: Contract, name: str) -> list[Any]:
    field = contract.fields[name]
    if name == "participant_id":
        return [identity.make_id(contract.clinics[CLINIC_ID].prefix, 1)]
    if field.codes:
        return list(contract.codes[field.codes])
    return {"boolean": [True, False], "text": [CLINIC_ID]}.get(field.type) or [_typical(field)]


def _typical(field: FieldDef) -> Any:
    """A number or a time from the middle of what is plausible."""
    span = field.plausible or field.valid
    if field.type == "date":
        low, high = (dt.date.fromisoformat(str(end)) for end in span) if span else (_DAY, _DAY)
        return min(max(_DAY, low), high)
    if field.type == "instant":
        return dt.datetime.combine(_DAY, dt.time(10))
    middle = (span[0] + span[1]) / 2 if span else 1
    return int(middle) if field.type == "integer" else middle


def _breaking(rows: pl.DataFrame, rules: list[Rule]) -> pl.DataFrame:
    """A Boolean column for each rule: whether the row breaks it."""
    columns = ", ".join(f'coalesce({rule.breaks}, FALSE) AS "{rule.name}"' for rule in rules)
    with duckdb.connect() as con:
        con.execute("SET threads = 1")
        con.register("tried", rows.to_arrow())
        return con.execute(f"SELECT {columns} FROM tried").pl()
