"""Entries of corrections.yaml, checked against the contract before any night relies on them."""

from __future__ import annotations

import datetime as dt

from pipelines.contracts.model import Contract, Correction, FieldDef

Value = str | int | float | bool | None


def fault_of(contract: Contract, entry: Correction) -> str | None:
    """What is wrong with an entry, or None. Never says a value."""
    table = contract.tables.get(entry.table)
    if table is None:
        return f"table `{entry.table}` is not declared"
    if entry.clinic_id not in contract.clinics:
        return f"clinic `{entry.clinic_id}` is not declared"
    for name in (entry.field, *entry.match):
        if name not in table.fields:
            return f"`{name}` is not a field of {entry.table}"
    if entry.field in table.key:
        return f"`{entry.field}` is part of the key: a row under another key is another row, ask for a resend"
    field = contract.fields[entry.field]
    for part, value in (("expect", entry.expect), ("value", entry.value)):
        if value is not None and not _is_of_type(field, value):
            return f"`{part}` is not a {field.type}"
    if entry.value is None and entry.field in table.required:
        return f"`value` is missing, and {entry.table} cannot do without `{entry.field}`"
    if entry.value is not None and not _is_valid(contract, field, entry.value):
        return "`value` is not one that the field may have"
    return None


def _is_of_type(field: FieldDef, value: Value) -> bool:
    if field.type in ("integer", "decimal"):
        kinds = int if field.type == "integer" else int | float
        return isinstance(value, kinds) and not isinstance(value, bool)
    if field.type == "boolean":
        return isinstance(value, bool)
    if not isinstance(value, str):
        return False
    try:
        if field.type == "date":
            return dt.date.fromisoformat(value).isoformat() == value
        return field.type != "instant" or dt.datetime.fromisoformat(value).tzinfo is None
    except ValueError:
        return False


def _is_valid(contract: Contract, field: FieldDef, value: Value) -> bool:
    if field.codes:
        return value in contract.codes[field.codes]
    return field.valid is None or field.valid[0] <= value <= field.valid[1]
