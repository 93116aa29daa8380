"""Names used in one file of the contract must exist in another."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NoReturn
from zoneinfo import available_timezones

from pipelines import units
from pipelines.contracts import canary, predicates
from pipelines.contracts.corrections import fault_of
from pipelines.contracts.model import Clinic, Contract, Table, TableMap
from pipelines.contracts.tables import local_dates
from pipelines.contracts.yaml_lines import line_of, load
from pipelines.errors import BackstepError, ContractError, StudyFileError

SPECIAL_UNITS = {"ft_in": "in"}  # ways of writing -> a unit of the same dimension


def check_references(contract: Contract, schemas: Path) -> None:
    """Raises ContractError at the first name that leads nowhere."""
    for name, field in contract.fields.items():
        if field.codes and field.codes not in contract.codes:
            _fault(
                schemas / "fields.yaml",
                (name,),
                f"code list `{field.codes}` is not in codes.yaml",
            )
        if field.unit and not units.known(field.unit, field.unit):
            _fault(schemas / "fields.yaml", (name,), f"unit `{field.unit}` is not known")
    for form in contract.study.expected_forms:
        if form not in contract.tables:
            at = ("expected_forms", form)
            _fault(
                schemas / "study.yaml", at, f"`{form}` is not declared under schemas/tables",
                StudyFileError,
            )  # fmt: skip
    for number, entry in enumerate(contract.corrections):
        if fault := fault_of(contract, entry):
            at = ("corrections", number)
            _fault(schemas / "corrections.yaml", at, fault, StudyFileError)
    for name, table in contract.tables.items():
        _check_table(contract, name, table, schemas / "tables" / f"{name}.yaml")
    prefixes: dict[str, str] = {}
    for name, clinic in contract.clinics.items():
        path = schemas / "clinics" / f"{name}.yaml"
        if name == canary.CLINIC_ID:
            _fault(
                path,
                ("name",),
                f"`{name}` is reserved: the planted faults of a night travel under it",
            )
        if clinic.prefix in prefixes:
            _fault(
                path,
                ("prefix",),
                f"prefix {clinic.prefix} belongs to {prefixes[clinic.prefix]}",
            )
        prefixes[clinic.prefix] = name
        _check_clinic(contract, clinic, path)


def _check_table(contract: Contract, name: str, table: Table, path: Path) -> None:
    for part in ("required", "optional"):
        for index, field in enumerate(getattr(table, part)):
            if field not in contract.fields:
                _fault(path, (part, index), f"field `{field}` is not in fields.yaml")
    for field in (*table.key, table.date):
        if field not in table.fields:
            _fault(path, ("key",), f"`{field}` is not a field of this table")
    for rule, body in table.rules.items():
        predicates.parse(body.holds, set(table.fields), where=partial(_at, path, ("rules", rule)))
    for rule, body in table.across.items():
        at = ("across", rule)
        other = contract.tables.get(body.exists.table)
        if other is None:
            _fault(path, at, f"table `{body.exists.table}` is not declared")
        for theirs, ours in body.exists.match.items():
            if theirs not in other.fields or ours not in table.fields:
                _fault(
                    path,
                    at,
                    f"`match` names `{theirs}: {ours}`, which are not columns of both tables",
                )
        if body.exists.where:
            predicates.parse(
                body.exists.where,
                set(table.fields),
                other=set(other.fields),
                where=partial(_at, path, at),
            )
        if body.when:
            predicates.parse(
                body.when, set(table.fields), other=set(), where=partial(_at, path, at)
            )
        for instant, theirs in predicates.local_dates_of(body.when, body.exists.where):
            if instant not in local_dates(contract, body.exists.table if theirs else name):
                _fault(path, at, f"`local_date` is of an instant, and `{instant}` is none")


def _check_clinic(contract: Contract, clinic: Clinic, path: Path) -> None:
    if clinic.time_zone not in available_timezones():
        _fault(path, ("time_zone",), f"time zone `{clinic.time_zone}` is not an IANA name")
    _check_words(contract, clinic.words, path, ("words",))
    for kind, file in clinic.files.items():
        if file.sheets and set(file.sheets) != set(file.tables):
            odd = ", ".join(sorted(set(file.sheets) ^ set(file.tables)))
            _fault(
                path,
                ("files", kind, "sheets"),
                f"`sheets` and `tables` differ in: {odd}",
            )
        for table, table_map in file.tables.items():
            at = ("files", kind, "tables", table)
            if table not in contract.tables:
                _fault(path, at, f"table `{table}` is not declared under schemas/tables")
            fields = contract.tables[table].fields
            _check_words(contract, table_map.words, path, (*at, "words"))
            for field, constant in table_map.constants.items():
                here = (*at, "constants", field)
                if field not in fields:
                    _fault(path, here, f"`{field}` is not a field of {table}")
                codes = contract.fields[field].codes
                if codes and constant not in contract.codes[codes]:
                    _fault(path, here, f"`{constant}` is not a code of `{codes}`")
            for column, meaning in table_map.columns.items():
                target = meaning.field or meaning.time_of or meaning.local_of
                here = (*at, "columns", column)
                if target not in fields:
                    _fault(path, here, f"`{target}` is not a field of {table}")
                field = contract.fields[target]
                if meaning.field and field.type == "instant":
                    _fault(
                        path,
                        here,
                        f"`{target}` is an instant: use `local_of` or `time_of`",
                    )
                if not meaning.field and field.type != "instant":
                    _fault(path, here, f"`{target}` is not an instant: use `field`")
                unit = SPECIAL_UNITS.get(meaning.unit, meaning.unit)
                if unit and not (field.unit and units.known(unit, field.unit)):
                    _fault(
                        path,
                        here,
                        f"unit `{meaning.unit}` cannot become {field.unit or 'a number without unit'}",
                    )
                _check_codes(contract, clinic, table_map, column, path, here)
            _check_once(table_map, path, at)
            _check_instants(table_map, path, at)
            mapped = (
                {m.field for m in table_map.columns.values()}
                | set(table_map.constants)
                | set(table_map.instants)
            )
            for field in contract.tables[table].required:
                if field not in mapped:
                    _fault(path, at, f"required field `{field}` is not mapped")


def _check_codes(
    contract: Contract, clinic: Clinic, table_map: TableMap, column: str, path: Path, at: tuple
) -> None:
    """A column of codes needs words, and its words must mean codes of its list."""
    meaning = table_map.columns[column]
    field = contract.fields[meaning.field] if meaning.field else None
    if field is None or field.type not in ("code", "boolean"):
        return
    name = field.codes or "boolean"
    if meaning.words is not None:
        _check_words(contract, {name: meaning.words}, path, at)
    elif not {**clinic.words, **table_map.words}.get(name):
        _fault(path, at, f"no `words` say what this clinic writes for `{name}`")


def _check_once(table_map: TableMap, path: Path, at: tuple) -> None:
    """A field has one source: one column, or a constant."""
    seen = set(table_map.constants)
    for column, meaning in table_map.columns.items():
        if meaning.field in seen:
            _fault(path, (*at, "columns", column), f"`{meaning.field}` is given twice")
        if meaning.field:
            seen.add(meaning.field)


def _check_instants(table_map: TableMap, path: Path, at: tuple) -> None:
    for target, instant in table_map.instants.items():
        for column in (instant.local, instant.date, instant.time):
            if column is not None and column not in table_map.columns:
                _fault(
                    path,
                    (*at, "instants", target),
                    f"column `{column}` is not under `columns`",
                )
    for column, meaning in table_map.columns.items():
        wanted = meaning.time_of or meaning.local_of
        if wanted and wanted not in table_map.instants and meaning.time_of:
            _fault(
                path,
                (*at, "columns", column),
                f"`instants` does not say which date `{wanted}` goes with",
            )


def _check_words(contract: Contract, words: dict, path: Path, at: tuple) -> None:
    for name, mapping in words.items():
        if name != "boolean" and name not in contract.codes:
            _fault(path, (*at, name), f"code list `{name}` is not in codes.yaml")
        allowed = {True, False} if name == "boolean" else set(contract.codes[name])
        for word, code in mapping.items():
            if code not in allowed:
                _fault(path, (*at, name, word), f"`{code}` is not a code of `{name}`")


def _at(path: Path, at: tuple) -> str:
    return f"{path.name}:{line_of(load(path)[1], at)}"


def _fault(
    path: Path, at: tuple, what: str, error: type[BackstepError] = ContractError
) -> NoReturn:
    raise error(
        f"{'.'.join(map(str, at))}: {what}",
        where=_at(path, at),
        remedy="correct the name here, or declare it where it belongs",
    )
