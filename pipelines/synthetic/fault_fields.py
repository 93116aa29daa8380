"""Faults that every table can have, worked out from the contract: ids, missing values, ranges, keys."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import polars as pl

from pipelines import identity
from pipelines.contracts import predicates
from pipelines.contracts.model import Contract, Table
from pipelines.contracts.rule_list import rules_of
from pipelines.synthetic.faults import Fault, Place, Row, days

# Their rows come from device files, not from forms.
DEVICE_TABLES = ("recording", "wear_bout", "wear_day", "knee_moment")
# Tables where a record that is held would be missed: others refer to it, or there are few. Such faults go into a
# record that exists for nothing else.
_GHOSTLY = ("participant", "device_assignment", "adverse_event", "fall", "lab_trial")
_NOT_REDCAP = ("csv", "xlsx")
_UNKNOWN_NUMBERS = range(860, 985)  # numbers that no clinic hands out


def faults(contract: Contract) -> Iterator[Fault]:
    """Faults of ids, required fields, ranges and keys of every table that comes in forms."""
    for table, declared in contract.tables.items():
        if table in DEVICE_TABLES:
            continue
        yield from _identity(table)
        yield from _missing(table, declared)
        yield from _ranges(contract, table)
        yield _same_key(table, declared)
        if declared.answers:
            yield _no_answer(contract, table, declared)


def whole_record(table: str) -> pl.Expr | None:
    """Records that nothing else refers to, so that holding them holds nothing else."""
    return {
        "session": pl.col("fall_n").fill_null(0) == 0,
        "fall": ~pl.col("in_session"),
    }.get(table)


def ghostly(table: str) -> bool:
    """True for tables whose records must not be held."""
    return table in _GHOSTLY


def _identity(table: str) -> Iterator[Fault]:
    def malformed(row: Row, place: Place) -> list[Row]:
        clinic, number, check = row["participant_id"].split("-")
        return [{"participant_id": f"{clinic}-{number.replace('0', 'O', 1)}-{check}"}] if "0" in number else [
            {"participant_id": f"{int(clinic)}-{number}-{check}"}
        ]  # fmt: skip

    def transposed(row: Row, place: Place) -> list[Row]:
        clinic, number, check = row["participant_id"].split("-")
        for a, b in ((1, 2), (0, 1)):
            if number[a] != number[b]:
                swapped = list(number)
                swapped[a], swapped[b] = swapped[b], swapped[a]
                return [{"participant_id": f"{clinic}-{''.join(swapped)}-{check}"}]
        return [{"participant_id": f"{clinic}-{number}-{(int(check) + 1) % 10}"}]

    def other_clinic(row: Row, place: Place) -> list[Row]:
        prefixes = {clinic.prefix for clinic in place.contract.clinics.values()}
        others = sorted(prefixes - {place.clinic.prefix}) or ["99"]
        return [{"participant_id": identity.make_id(others[0], int(row["participant_id"][3:6]))}]

    def training(row: Row, place: Place) -> list[Row]:
        return [
            {
                "participant_id": identity.make_id(
                    place.clinic.prefix, identity.FIRST_TEST_NUMBER + 3
                )
            }
        ]

    def not_enrolled(row: Row, place: Place) -> list[Row]:
        number = _UNKNOWN_NUMBERS[int(row["_uid"]) % len(_UNKNOWN_NUMBERS)]
        return [{"participant_id": identity.make_id(place.clinic.prefix, number)}]

    kinds = [
        (identity.MALFORMED, malformed),
        (identity.WRONG_CHECK_DIGIT, transposed),
        (identity.OTHER_CLINIC, other_clinic),
        (identity.TEST_PARTICIPANT, training),
    ]
    if table != "participant":
        kinds.append(("participant_enrolled", not_enrolled))
    for rule, edit in kinds:
        yield Fault(
            kind=f"{table}.{rule}", rule=rule, table=table, level="value", needs=("participant_id",),
            where=whole_record(table), edits=edit, ghost=ghostly(table),
        )  # fmt: skip


def _missing(table: str, declared: Table) -> Iterator[Fault]:
    for name in declared.required:
        # A REDCap line is found by its key; without it there is no record to speak of.
        formats = (
            _NOT_REDCAP if name in (*declared.key, declared.date) else ("csv", "xlsx", "redcap")
        )
        yield Fault(
            kind=f"{table}.{name}_given", rule=f"{name}_given", table=table, level="value",
            needs=(name,), formats=formats, where=whole_record(table), ghost=ghostly(table),
            edits=lambda row, place, name=name: [{name: None}],
        )  # fmt: skip


def _ranges(contract: Contract, table: str) -> Iterator[Fault]:
    series = _series(contract)
    for rule in rules_of(contract, table):
        if rule.field is None or rule.name.rsplit("_", 1)[1] not in ("valid", "plausible"):
            continue
        part = rule.name.rsplit("_", 1)[1]
        own = whole_record(table)
        # A fall outside sessions never has a session number, so none can be asked for.
        usable = (
            pl.lit(True)
            if (table, rule.field) == ("fall", "session_no")
            else pl.col(rule.field).is_not_null()
        )
        yield Fault(
            kind=f"{table}.{rule.name}", rule=rule.name, table=table, level="value", needs=(rule.field,),
            where=usable if own is None else usable & own,
            ghost=ghostly(table) and part == "valid", group=f"{table} items" if rule.field in series else "",
            edits=lambda row, place, name=rule.field, part=part: outside(place, name, part),
        )  # fmt: skip


def _series(contract: Contract) -> set[str]:
    """Items that stand for many: all but the first of each questionnaire's items."""
    found: set[str] = set()
    for table in contract.tables.values():
        if table.answers:
            items = [name for name in table.fields if name.startswith(table.answers.items)]
            found |= set(items[1:])
    return found


def outside(place: Place, name: str, part: str) -> list[Row]:
    """Values out of range, above and below; with the neighbours that would complain too left empty."""
    neighbours = _neighbours(place.contract.tables[place.table], name)
    clears = [{}, dict.fromkeys(neighbours), *({other: None} for other in neighbours)]
    return [
        {name: value, **clear}
        for value in _out_of_range(place.contract, name, part)
        for clear in clears
    ]


def _out_of_range(contract: Contract, name: str, part: str) -> list[Any]:
    field = contract.fields[name]
    low, high = getattr(field, part)
    if field.type == "date":
        # A slip in the century's digits is what people make; it keeps day and month.
        return [dt.date.fromisoformat(high) + days(400), dt.date.fromisoformat(low) - days(400)]
    if part == "plausible":
        bottom, top = field.valid or (low - abs(low) - 10, high * 2 + 10)
        above, below = high + 0.4 * (top - high), low - 0.4 * (low - bottom)
    else:
        step = max(1.0, 0.06 * abs(high))
        above, below = high + step, low - max(1.0, 0.06 * abs(low))
    values = [round(above, 2), round(below, 2)]
    if field.type == "integer":
        values = [int(above) if int(above) > high else int(above) + 1, int(below // 1)]
    return [value for value in values if not low <= value <= high]


def _neighbours(table: Table, name: str) -> list[str]:
    """Optional fields that share a row rule with this one."""
    found: list[str] = []
    for rule in table.rules.values():
        columns = predicates.columns_of(rule.holds)
        if name in columns:
            found += [
                c for c in sorted(columns - {name, *table.required, *table.key}) if c not in found
            ]
    return found


def _same_key(table: str, declared: Table) -> Fault:
    """A second row of the same key with other content: which one is right?"""

    def another(row: Row, place: Place) -> list[Row]:
        types = ("integer", "decimal", "code", "date")
        free = [
            name for name in declared.fields
            if name not in declared.key and row[name] is not None and place.contract.fields[name].type in types
        ]  # fmt: skip
        return [{name: _another(place.contract, name, row[name])} for name in free]

    return Fault(
        kind=f"{table}.one_row_per_key", rule="one_row_per_key", table=table, level="row",
        needs=tuple(name for name in declared.key if name in declared.required), formats=_NOT_REDCAP,
        where=whole_record(table), ghost=ghostly(table), edits=another,
    )  # fmt: skip


def _another(contract: Contract, name: str, value: Any) -> Any:
    """Another good value of the field."""
    field = contract.fields[name]
    if field.type == "code":
        return next(
            code for code in contract.codes[field.codes] if code not in (value, "both", "other")
        )
    if field.type == "date":
        return value + days(1)
    high = (field.valid or (0, 100))[1]
    step = 1 if field.type == "integer" or high <= 10 else 2
    return value + step if value + step <= high else value - step


def _no_answer(contract: Contract, table: str, declared: Table) -> Fault:
    items = [name for name in declared.fields if name.startswith(declared.answers.items)]
    return Fault(
        kind=f"{table}.some_item_answered", rule="some_item_answered", table=table, level="value",
        formats=_NOT_REDCAP, edits=lambda row, place: [dict.fromkeys(items)],
    )  # fmt: skip
