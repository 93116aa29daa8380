"""One table's records as the texts that a clinic would write into its columns."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipelines import units
from pipelines.contracts.model import Clinic, ColumnMap, Contract, FieldDef, TableMap
from pipelines.errors import ContractError
from pipelines.standardise.values import date_format, time_format

UID = "_uid"
BOXES_EMPTY = "_boxes_empty"  # no checkbox of the record was answered: its form stays unopened
ISO_MOMENT = "%Y-%m-%dT%H:%M:%S"  # how a worksheet's date-and-time cell reads as text
_SIGNIFICANT_DIGITS = 5  # of a converted value: within 0.005 % of it
_DECIMALS = 6  # of a value in its own unit; beyond are only the ends of binary fractions
_MISSING_CYCLE = 10
_MISSING_PLAIN = 6  # so many gaps of each cycle take the clinic's first code, the others in turn


@dataclass(frozen=True)
class Columns:
    """What is needed to write one table of one file."""

    contract: Contract
    clinic: Clinic
    table: str
    map: TableMap
    date_cells: bool  # a worksheet with real date cells, which come back as ISO 8601


def texts(columns: Columns, records: pl.DataFrame) -> pl.DataFrame:
    """`_uid`, `_boxes_empty` and a text column per column of the clinic; gaps are its codes.

    Raises ContractError where the clinic has no word for a code.
    """
    declared = columns.contract.tables[columns.table].fields
    known = records.with_columns(
        pl.lit(None, pl.String).alias(name) for name in declared if name not in records.columns
    )
    written = [
        _cell(columns, name, meaning, place, known)
        for place, (name, meaning) in enumerate(columns.map.columns.items())
    ]
    boxes = [m.field for m in columns.map.columns.values() if m.checkbox]
    empty = pl.all_horizontal(pl.col(name).is_null() for name in boxes) if boxes else pl.lit(False)
    return known.select(UID, empty.alias(BOXES_EMPTY), *written)


def _cell(
    columns: Columns, name: str, meaning: ColumnMap, place: int, records: pl.DataFrame
) -> pl.Expr:
    if meaning.field:
        text = _value(columns, columns.contract.fields[meaning.field], meaning, records)
    else:
        text = _instant(columns, meaning)
    if meaning.checkbox:
        return text.fill_null(_box_word(columns, meaning)).alias(name)
    codes = tuple(dict.fromkeys((*columns.clinic.missing, *(meaning.missing or ()))))
    return text.fill_null(_gap(codes, place)).alias(name)


def _value(columns: Columns, field: FieldDef, meaning: ColumnMap, records: pl.DataFrame) -> pl.Expr:
    source, clinic = pl.col(meaning.field), columns.clinic
    if field.type == "text":
        return source.cast(pl.String)
    if field.type in ("code", "boolean"):
        return _word(columns, field, meaning, records[meaning.field])
    if field.type == "date":
        return source.cast(pl.Date).dt.strftime(date_format(meaning.dates or clinic.dates))
    if meaning.unit == "ft_in":
        inches = units.convert(source, field.unit, "in").round().cast(pl.Int64)
        return pl.format("{}'{}\"", inches // 12, inches % 12)
    number = source.cast(pl.Float64)
    if meaning.unit and meaning.unit != field.unit:
        number = units.convert(number, field.unit, meaning.unit).round_sig_figs(_SIGNIFICANT_DIGITS)
    if meaning.magnitude:
        number = pl.when(_belt_backward(columns)).then(-number).otherwise(number)
    return _number_text(number, clinic, grouped=field.unit is not None and not columns.date_cells)


def _number_text(number: pl.Expr, clinic: Clinic, *, grouped: bool) -> pl.Expr:
    """The declared decimal mark; every other number is grouped where the clinic does that."""
    number = number.round(_DECIMALS)
    number = pl.when(number == 0).then(0.0).otherwise(number)  # no minus before a zero
    text = number.cast(pl.String).str.replace(r"\.0$", "")
    if clinic.decimal == ",":
        text = text.str.replace(".", ",", literal=True)
    if not (grouped and clinic.thousands):
        return text
    with_marks, group = text, rf"${{1}}{clinic.thousands}${{2}}${{3}}"
    for _ in range(3):  # from the right, a group at a time
        with_marks = with_marks.str.replace(r"^([-+]?\d+)(\d{3})(\D.*)?$", group)
    return pl.when(pl.col(UID) % 2 == 0).then(with_marks).otherwise(text)


def _word(columns: Columns, field: FieldDef, meaning: ColumnMap, codes: pl.Series) -> pl.Expr:
    words = _words(columns, field, meaning)
    lacking = set(codes.drop_nulls().unique()) - set(words)
    if lacking:
        raise ContractError(
            f"{len(lacking)} codes of `{meaning.field}` have no word",
            where=f"{columns.clinic.clinic_id}.yaml, table {columns.table}",
            remedy=f"add a word for each code of `{field.codes or 'boolean'}`",
        )
    kind = pl.Boolean if field.type == "boolean" else pl.String
    return (
        pl.col(meaning.field).cast(kind).replace_strict(words, default=None, return_dtype=pl.String)
    )


def _words(columns: Columns, field: FieldDef, meaning: ColumnMap) -> dict[str | bool, str]:
    """Each code's first word."""
    declared = {**columns.clinic.words, **columns.map.words}
    first: dict[str | bool, str] = {}
    for word, code in (meaning.words or declared.get(field.codes or "boolean", {})).items():
        first.setdefault(code, word)
    return first


def _box_word(columns: Columns, meaning: ColumnMap) -> str:
    """A box that nobody ticked: exports cannot tell "no" from "not asked"."""
    return _words(columns, columns.contract.fields[meaning.field], meaning)[False]


def _instant(columns: Columns, meaning: ColumnMap) -> pl.Expr:
    """The clinic's wall clock; seconds are lost where it writes none."""
    clinic = columns.clinic
    local = (
        pl.col(meaning.time_of or meaning.local_of)
        .cast(pl.Datetime("us"))
        .dt.replace_time_zone("UTC")
        .dt.convert_time_zone(clinic.time_zone)
        .dt.replace_time_zone(None)
    )
    clock = time_format(clinic.times).replace("%I", "%-I")
    if meaning.time_of:
        return local.dt.strftime(clock)
    if columns.date_cells:
        return local.dt.strftime(ISO_MOMENT)
    return local.dt.strftime(f"{date_format(meaning.dates or clinic.dates)} {clock}")


def _belt_backward(columns: Columns) -> pl.Expr:
    """Belts that run in the direction of the test arm count their speed below zero."""
    tested = columns.contract.study.arms["test"]
    directions = [
        name for name in columns.contract.tables[columns.table].fields
        if columns.contract.fields[name].codes == "direction"
    ]  # fmt: skip
    if not directions:
        return pl.lit(False)
    return (pl.col(directions[0]).cast(pl.String) == tested).fill_null(False)


def _gap(codes: tuple[str, ...], place: int) -> pl.Expr:
    """How this record leaves this column empty: mostly by the clinic's first code."""
    turn = (pl.col(UID) * 7 + place * 3) % _MISSING_CYCLE
    other = (pl.col(UID) + place) % len(codes)
    chosen = pl.when(turn < _MISSING_PLAIN).then(0).otherwise(other).cast(pl.Int64)
    return chosen.replace_strict(dict(enumerate(codes)), return_dtype=pl.String)
