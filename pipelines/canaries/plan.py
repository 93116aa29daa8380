"""Which faults are planted: worked out from the study's own tables, the same for every night."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from pipelines import identity
from pipelines.canaries.clean import clean_rows
from pipelines.contracts import predicates
from pipelines.contracts.canary import CLINIC_ID, file_kind, form_tables
from pipelines.contracts.model import Contract, FieldDef

CLEAN, REPEATED = "clean_row", "repeated_row"
_IN_BOOK = (CLEAN, "missing_value")  # what the workbook carries; the other faults go into text
_NO_NUMBER, _NO_CODE, _NO_DATE = "1O", "no such word", "03/04/25"


@dataclass(frozen=True)
class Canary:
    """One planted row, or one planted file. `rule` is what must catch it; None where nothing may."""

    fault: str
    table: str
    rule: str | None
    severity: str  # quarantine | flag | refuse | duplicate | none
    text: tuple[str, str] | None = None  # field, and what is written into its cell


@dataclass(frozen=True)
class Carrier:
    """A good file: its kind, and its rows in study terms with the canary that each is."""

    kind: str
    table: str
    rows: pl.DataFrame
    canaries: tuple[Canary, ...]


@dataclass(frozen=True)
class Plan:
    """Two files that are read, and what becomes of the spoilt copies of each."""

    text: Carrier
    book: Carrier
    lost_column: Canary
    broken_book: Canary

    def canaries(self) -> list[Canary]:
        return [*self.text.canaries, *self.book.canaries, self.lost_column, self.broken_book]


def plan(contract: Contract) -> Plan | None:
    """What flies tonight; None for a study that has no form whose rules a made-up row can meet.

    Assumes the contract with the reserved clinic. The rules are named as the rule list must name them, and not
    taken from it: a rule that it has lost is missed.
    """
    usable = [table for table in form_tables(contract) if contract.tables[table].required]
    found = {table: _faults(contract, table) for table in usable}
    # The table that can have most of the faults, and of those the smallest: it costs least to check.
    order = sorted(found, key=lambda name: (-len(found[name]), len(contract.tables[name].fields)))
    text = _first(contract, order, "csv", found)
    if text is None:
        return None
    few = {name: [one for one in faults if one.fault in _IN_BOOK] for name, faults in found.items()}
    others = [name for name in order if name != text.table]  # a study may have but one form
    book = _first(contract, [*others, text.table], "xlsx", few)
    assert book is not None  # the table of the text file will do
    return Plan(
        text, book,
        Canary("lost_column", text.table, "columns_missing", "refuse"),
        Canary("broken_workbook", book.table, "truncated", "refuse"),
    )  # fmt: skip


def _first(
    contract: Contract, tables: list[str], file_format: str, faults: dict[str, list[Canary]]
) -> Carrier | None:
    """The first of the tables for which a row can be made that breaks no rule."""
    for table in tables:
        rows = clean_rows(contract, table, len(faults[table]))
        if rows is not None:
            return _carrier(table, file_format, rows, faults[table])
    return None


def _carrier(table: str, file_format: str, rows: pl.DataFrame, canaries: list[Canary]) -> Carrier:
    if any(one.fault == REPEATED for one in canaries):
        first, at = rows.head(1), [one.fault for one in canaries].index(REPEATED)
        again = first.with_columns(rows[at : at + 1][rows.columns[0]])
        rows = pl.concat([rows[:at], again, rows[at + 1 :]])
    return Carrier(file_kind(table, file_format), table, rows, tuple(canaries))


def _faults(contract: Contract, table: str) -> list[Canary]:
    """A clean row first, since the repeated row says it again."""
    found = [Canary(CLEAN, table, None, "none"), Canary(REPEATED, table, "duplicate", "duplicate")]
    for fault, (usable, rule, severity, text) in _SPOILT.items():
        names = [name for name in _own_fields(contract, table) if usable(contract.fields[name])]
        if names:
            written = text(contract.fields[names[0]])
            found.append(
                Canary(fault, table, rule.format(field=names[0]), severity, (names[0], written))
            )
    declared = contract.tables[table]
    due = [name for name in declared.key if name in declared.required and name != "participant_id"]
    for name in (due or list(declared.required))[-1:]:
        if contract.fields[name].type != "instant":
            found.append(Canary("missing_value", table, f"{name}_given", "quarantine", (name, "")))
    if "participant_id" in declared.fields:
        found.append(
            Canary(
                "unknown_participant", table, identity.WRONG_CHECK_DIGIT, "quarantine",
                ("participant_id", _wrong_id(contract.clinics[CLINIC_ID].prefix)),
            )
        )  # fmt: skip
    return found


def _own_fields(contract: Contract, table: str) -> list[str]:
    """Fields that no rule of the table reads together with others, those that may be empty first."""
    declared = contract.tables[table]
    read = {name for rule in declared.rules.values() for name in predicates.columns_of(rule.holds)}
    fields = [*declared.optional, *declared.required]
    return [name for name in fields if name not in read and name != "participant_id"]


def _wrong_id(prefix: str) -> str:
    good = identity.make_id(prefix, 1)
    return good[:-1] + str((int(good[-1]) + 1) % 10)


def _beyond(field: FieldDef) -> str:
    return str(math.floor(field.valid[1]) + 1)


def _doubtful(field: FieldDef) -> str:
    """The end of what can be true, on the side where less is plausible."""
    (low, high), likely = field.valid, field.plausible
    return str(high if likely[1] < high else low)


def _can_be_doubtful(field: FieldDef) -> bool:
    """Whether a number of this field can be true and not plausible."""
    if not _is_number(field) or field.valid is None or field.plausible is None:
        return False
    return field.plausible[1] < field.valid[1] or field.plausible[0] > field.valid[0]


def _is_number(field: FieldDef) -> bool:
    return field.type in ("integer", "decimal")


_Spoilt = tuple[Callable[[FieldDef], bool], str, str, Callable[[FieldDef], str]]
# fault: (fields it can befall, the rule that catches it, what follows, the text of the cell)
_SPOILT: dict[str, _Spoilt] = {
    "out_of_range": (lambda f: _is_number(f) and f.valid is not None, "{field}_valid", "quarantine", _beyond),
    "implausible": (
        _can_be_doubtful, "{field}_plausible", "flag", _doubtful),
    "unknown_code": (lambda f: f.type == "code", "unknown_code", "quarantine", lambda f: _NO_CODE),
    "unreadable_number": (_is_number, "unreadable_number", "quarantine", lambda f: _NO_NUMBER),
    "ambiguous_date": (lambda f: f.type == "date", "unreadable_date", "quarantine", lambda f: _NO_DATE),
}  # fmt: skip
