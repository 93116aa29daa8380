"""Text rows of one file -> the staged frame of one contract table."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipelines import clock, identity
from pipelines.contracts.model import Clinic, Contract, TableMap
from pipelines.contracts.shapes import Delivery
from pipelines.contracts.tables import staged_schema
from pipelines.standardise import values

_OPENED = ("1", "2")  # REDCap: form unverified or complete


@dataclass(frozen=True)
class Mapping:
    """What is needed to turn one clinic's columns into one table."""

    contract: Contract
    clinic: Clinic
    table: str
    columns: TableMap
    shared_file: bool  # the file's lines carry several tables: not every line is a record of this one


def records_of(rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """The lines that carry a record of this table, with the mapped columns cleaned and typed as text."""
    keep = pl.lit(True)
    for column, allowed in mapping.columns.rows_where.items():
        keep &= pl.col(column).fill_null("").is_in(list(allowed))
    rows = rows.filter(keep)
    wanted = [column for column in mapping.columns.columns if column in rows.columns]
    cells = rows.select(
        "row_no",
        *([mapping.columns.complete] if mapping.columns.complete else []),
        *(
            values.clean(
                rows[c],
                mapping.clinic.missing + (mapping.columns.columns[c].missing or ()),
            )
            for c in wanted
        ),
        row_hash=rows.select(wanted).hash_rows(),
    )
    if not mapping.shared_file:
        return cells
    key = mapping.contract.tables[mapping.table].key
    telling = [
        column
        for column in wanted
        if mapping.columns.columns[column].field not in key
        and not mapping.columns.columns[column].checkbox
    ]
    present = (
        pl.any_horizontal(pl.col(c).is_not_null() for c in telling)
        if telling
        else pl.lit(True)
    )
    if mapping.columns.complete:
        present |= pl.col(mapping.columns.complete).is_in(_OPENED)
    return cells.filter(present.fill_null(False))


def stage(cells: pl.DataFrame, mapping: Mapping, delivery: Delivery) -> pl.DataFrame:
    """The staged frame of the table: typed fields, and the faults of each row by name."""
    contract, clinic, table = mapping.contract, mapping.clinic, mapping.table
    words = {**clinic.words, **mapping.columns.words}
    found: dict[str, pl.Expr] = {}
    faults: dict[str, pl.Expr] = {}
    for column, meaning in mapping.columns.columns.items():
        if meaning.field is None or column not in cells.columns:
            continue
        field, cell = contract.fields[meaning.field], pl.col(column)
        if meaning.checkbox and mapping.columns.complete:
            cell = pl.when(pl.col(mapping.columns.complete).is_in(_OPENED)).then(cell)
        found[meaning.field] = values.value(field, meaning, clinic, words, cell)
        if field.type != "text":
            faults[f"{values.FAULT_OF[field.type]}:{meaning.field}"] = (
                cell.is_not_null() & found[meaning.field].is_null()
            )
    for name, value in mapping.columns.constants.items():
        found[name] = pl.lit(value)
    for name in mapping.columns.instants:
        found[name], more = _instant(name, mapping, cells.columns)
        faults |= more
    schema = staged_schema(contract, table)
    fields = contract.tables[table].fields
    typed = cells.select(
        "row_no",
        "row_hash",
        *(
            found.get(name, pl.lit(None)).cast(schema[name]).alias(name)
            for name in fields
        ),
        *(mask.alias(f"fault {name}") for name, mask in faults.items()),
        sent=_sent(cells.columns, mapping),
    )
    return _finish(typed, mapping, delivery)


def _finish(typed: pl.DataFrame, mapping: Mapping, delivery: Delivery) -> pl.DataFrame:
    """Adds identity, key and the list of faults; only columns that have a fault cost anything."""
    masks = [name for name in typed.columns if name.startswith("fault ")]
    broken = [name for name in masks if typed[name].any()]
    lists = [pl.when(name).then(pl.lit(name.removeprefix("fault "))) for name in broken]
    if "participant_id" in typed.columns:
        fault = identity.id_fault(pl.col("participant_id"), mapping.clinic.prefix)
        lists.append(fault + ":participant_id")
    declared = mapping.contract.tables[mapping.table]
    key = [
        pl.col(name).cast(pl.String)
        if name in declared.required
        else pl.col(name).cast(pl.String).fill_null("")
        for name in declared.key
    ]
    staged = typed.with_columns(
        delivery_id=pl.lit(delivery.delivery_id),
        clinic_id=pl.lit(delivery.clinic_id),
        row_key=pl.concat_str(key, separator="|"),
        faults=pl.concat_list(lists).list.drop_nulls()
        if lists
        else pl.lit([], pl.List(pl.String)),
    )
    return staged.select(
        pl.col(name).cast(kind)
        for name, kind in staged_schema(mapping.contract, mapping.table).items()
    )


def _instant(
    name: str, mapping: Mapping, present: list[str]
) -> tuple[pl.Expr, dict[str, pl.Expr]]:
    """The UTC instant of a local date and time, and what may be wrong with it."""
    clinic, source = mapping.clinic, mapping.columns.instants[name]
    if source.local is not None:
        if source.local not in present:
            return pl.lit(None), {}
        cell = pl.col(source.local)
        local = values.moment(
            cell,
            mapping.columns.columns[source.local].dates or clinic.dates,
            clinic.times,
        )
        unreadable = {f"unreadable_date:{name}": cell.is_not_null() & local.is_null()}
    else:
        if source.date not in present or source.time not in present:
            return pl.lit(None), {}
        day = values.date(
            pl.col(source.date),
            mapping.columns.columns[source.date].dates or clinic.dates,
        )
        time = values.time_of_day(pl.col(source.time), clinic.times)
        local = day.dt.combine(time, time_unit="us")
        # An unreadable date is the date column's own fault; here only the clock time is judged.
        unreadable = {
            f"unreadable_time:{name}": pl.col(source.time).is_not_null()
            & time.is_null()
        }
    resolved = clock.local_to_utc(local, clinic.time_zone)
    fault = resolved.struct.field("fault")
    return resolved.struct.field("utc"), unreadable | {
        f"{rule}:{name}": (fault == rule).fill_null(False)
        for rule in (clock.NONEXISTENT, clock.AMBIGUOUS)
    }


def _sent(present: list[str], mapping: Mapping) -> pl.Expr:
    """The cells whose text was converted to another unit or clock, as JSON."""
    converted = [
        column
        for column, meaning in mapping.columns.columns.items()
        if column in present and (meaning.unit or meaning.time_of or meaning.local_of)
    ]
    if not converted:
        return pl.lit(None, pl.String)
    return pl.struct(converted).struct.json_encode()
