"""Text rows of one file -> the staged frame of one contract table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import polars as pl

from pipelines import clock, identity
from pipelines.contracts.model import Clinic, ColumnMap, Contract, FieldDef, TableMap
from pipelines.contracts.shapes import BROKEN_SCHEMA, Delivery
from pipelines.contracts.tables import local_date_name, local_dates, staged_schema
from pipelines.errors import DeliveryRefused
from pipelines.standardise import values

_OPENED = ("1", "2")  # REDCap: form unverified or complete


@dataclass(frozen=True)
class Mapping:
    """What is needed to turn one clinic's columns into one table."""

    contract: Contract
    clinic: Clinic
    table: str
    columns: TableMap
    shared_file: (
        bool  # the file's lines carry several tables: not every line is a record of this one
    )


def records_of(rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """The lines that carry a record of this table, with the mapped columns cleaned and typed as text.

    `row_sent` keeps, as JSON, the cells that will be converted, exactly as sent.
    Raises DeliveryRefused where a column is absent without which no line can become a record.
    """
    _require_columns(rows.columns, mapping)
    keep = pl.lit(True)
    for column, allowed in mapping.columns.rows_where.items():
        keep &= pl.col(column).fill_null("").is_in(list(allowed))
    rows = rows.filter(keep)
    wanted = [column for column in mapping.columns.columns if column in rows.columns]
    complete = [mapping.columns.complete] if mapping.columns.complete else []
    missing = {
        c: mapping.clinic.missing + (mapping.columns.columns[c].missing or ()) for c in wanted
    }
    cells = pl.concat(
        [
            rows.select(
                "row_no",
                *complete,
                row_hash=rows.select(wanted).hash_rows(),
                row_sent=_sent(wanted, mapping),
            ),
            values.clean(rows, missing),
        ],
        how="horizontal",
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
        pl.any_horizontal(pl.col(c).is_not_null() for c in telling) if telling else pl.lit(True)
    )
    if mapping.columns.complete:
        present |= pl.col(mapping.columns.complete).is_in(_OPENED)
    return cells.filter(present.fill_null(False))


def _require_columns(present: list[str], mapping: Mapping) -> None:
    required = mapping.contract.tables[mapping.table].required
    needed = [*mapping.columns.rows_where, mapping.columns.complete]
    needed += [c for c, m in mapping.columns.columns.items() if m.field in required]
    for name in set(mapping.columns.instants) & set(required):
        source = mapping.columns.instants[name]
        needed += [source.local, source.date, source.time]
    absent = sorted({c for c in needed if c is not None} - set(present))
    if absent:
        raise DeliveryRefused(
            "columns_missing",
            f"these columns of {mapping.table} are missing: {', '.join(absent)}",
            remedy="export the file with every column of the sending guide, named as there",
        )


def unclaimed(
    rows: pl.DataFrame, claimed: pl.Series, mappings: list[Mapping]
) -> tuple[pl.DataFrame, int]:
    """Lines that are a record of no table: those with content as broken lines, and how many were empty.

    A line of a file whose lines carry several tables may belong to a form nobody opened; that is empty.
    """
    if len(mappings) == 1:
        return pl.DataFrame(schema=BROKEN_SCHEMA), 0
    rows = rows.join(claimed.to_frame("row_no"), on="row_no", how="anti", maintain_order="left")
    silent = {"row_no"}
    for mapping in mappings:
        key = mapping.contract.tables[mapping.table].key
        silent |= set(mapping.columns.rows_where) | {mapping.columns.complete}
        silent |= {c for c, m in mapping.columns.columns.items() if m.field in key or m.checkbox}
    words = ["", *mappings[0].clinic.missing]
    telling = [c for c in rows.columns if c not in silent and not c.startswith("redcap_")]
    content = pl.any_horizontal(
        [pl.col(c).is_not_null() & ~pl.col(c).str.strip_chars().is_in(words) for c in telling]
        or [pl.lit(False)]
    )
    strange = rows.filter(content)
    sent = pl.concat_str(
        [pl.col(c).fill_null("") for c in strange.columns if c != "row_no"], separator=","
    )
    broken = strange.select("row_no", rule=pl.lit("unknown_line_kind"), sent=sent)
    return broken.cast(BROKEN_SCHEMA), rows.height - strange.height


def stage(cells: pl.DataFrame, mapping: Mapping, delivery: Delivery) -> pl.DataFrame:
    """The staged frame of the table: typed fields, and the faults of each row by name."""
    contract, clinic, table = mapping.contract, mapping.clinic, mapping.table
    words = {**clinic.words, **mapping.columns.words}
    cells = _opened_only(cells, mapping)
    column_of = {
        meaning.field: column
        for column, meaning in mapping.columns.columns.items()
        if meaning.field and column in cells.columns
    }
    schema = staged_schema(contract, table)
    found = {
        name: values.by_text(
            cells[column],
            partial(
                _typed, contract.fields[name], mapping.columns.columns[column], clinic, words,
                schema[name],
            ),
        ).alias(name)
        for name, column in column_of.items()
    }  # fmt: skip
    constants = {name: pl.lit(value) for name, value in mapping.columns.constants.items()}
    typed = cells.select(
        "row_no",
        "row_hash",
        *(
            found[n] if n in found else constants.get(n, pl.lit(None)).cast(schema[n]).alias(n)
            for n in contract.tables[table].fields
        ),
        sent="row_sent",
    )
    faults = _unreadable(typed, cells, column_of, contract)
    for name in mapping.columns.instants:
        instant, day, more = _instant(name, mapping, cells)
        typed = typed.with_columns(instant.alias(name), day.alias(local_date_name(name)))
        faults |= more
    return _finish(typed, faults, mapping, delivery)


def _typed(
    field: FieldDef,
    meaning: ColumnMap,
    clinic: Clinic,
    words: dict,
    dtype: pl.DataType,
    cell: pl.Expr,
) -> pl.Expr:
    return values.value(field, meaning, clinic, words, cell).cast(dtype)


def _opened_only(cells: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """A box of a form that nobody opened was not left unticked: it is missing."""
    boxes = [c for c, m in mapping.columns.columns.items() if m.checkbox and c in cells.columns]
    if not boxes or not mapping.columns.complete:
        return cells
    opened = pl.col(mapping.columns.complete).is_in(_OPENED)
    return cells.with_columns(pl.when(opened).then(pl.col(c)).alias(c) for c in boxes)


def _unreadable(
    typed: pl.DataFrame, cells: pl.DataFrame, column_of: dict[str, str], contract: Contract
) -> dict[str, pl.Series]:
    """Where a cell has text and its field no value, by `rule:field`; only columns that have such cells."""
    return {
        f"{values.FAULT_OF[contract.fields[name].type]}:{name}": cells[column].is_not_null()
        & typed[name].is_null()
        for name, column in column_of.items()
        if contract.fields[name].type != "text"
        and typed[name].null_count() != cells[column].null_count()
    }


def _finish(
    typed: pl.DataFrame, faults: dict[str, pl.Series], mapping: Mapping, delivery: Delivery
) -> pl.DataFrame:
    """Adds identity, key and the list of faults; only faults that occur cost anything."""
    lists = [
        pl.DataFrame({name: mask}).select(pl.when(name).then(pl.lit(name)).alias(name)).to_series()
        for name, mask in faults.items()
        if mask.any()
    ]
    if "participant_id" in typed.columns:
        lists += _id_faults(typed["participant_id"], mapping.clinic.prefix)
    declared = mapping.contract.tables[mapping.table]
    key = [
        pl.col(name).cast(pl.String)
        if name in declared.required
        else pl.col(name).cast(pl.String).fill_null("")
        for name in declared.key
    ]
    named = pl.concat_list(lists).list.drop_nulls() if lists else pl.lit([], pl.List(pl.String))
    days = [
        pl.lit(None, pl.Date).alias(day)
        for day in local_dates(mapping.contract, mapping.table).values()
        if day not in typed.columns
    ]
    return typed.with_columns(
        *days,
        delivery_id=pl.lit(delivery.delivery_id),
        clinic_id=pl.lit(delivery.clinic_id),
        row_key=pl.concat_str(key, separator="|"),
        faults=named,
    ).select(
        pl.col(name).cast(kind)
        for name, kind in staged_schema(mapping.contract, mapping.table).items()
    )


def _id_faults(ids: pl.Series, prefix: str) -> list[pl.Series]:
    """`rule:participant_id` for each row, judged once per distinct code; nothing where all are good."""
    judged = ids.unique().to_frame("id").with_columns(fault=identity.id_fault(pl.col("id"), prefix))
    bad = judged.drop_nulls("fault")
    if bad.is_empty():
        return []
    named = bad["fault"] + ":participant_id"
    return [ids.replace_strict(bad["id"], named, default=None, return_dtype=pl.String)]


def _instant(
    name: str, mapping: Mapping, cells: pl.DataFrame
) -> tuple[pl.Series, pl.Series, dict[str, pl.Series]]:
    """The UTC instant of a local date and time, its local date, and what may be wrong with it."""
    clinic, source = mapping.clinic, mapping.columns.instants[name]
    if not {c for c in (source.local, source.date, source.time) if c} <= set(cells.columns):
        nothing = pl.Series([None] * cells.height, dtype=pl.Datetime("us"))
        return nothing, nothing.dt.date(), {}
    order = mapping.columns.columns[source.local or source.date].dates or clinic.dates
    if source.local is not None:
        local = values.by_text(
            cells[source.local], lambda cell: values.moment(cell, order, clinic.times)
        )
        unreadable = {
            f"unreadable_date:{name}": cells[source.local].is_not_null() & local.is_null()
        }
    else:
        parts = pl.DataFrame(
            {
                "day": values.by_text(cells[source.date], lambda cell: values.date(cell, order)),
                "time": values.by_text(
                    cells[source.time], lambda cell: values.time_of_day(cell, clinic.times)
                ),
            }
        )
        local = parts.select(pl.col("day").dt.combine(pl.col("time"), time_unit="us")).to_series()
        # An unreadable date is the date column's own fault; here only the clock time is judged.
        blank = cells[source.time].is_null()
        unreadable = {f"unreadable_time:{name}": ~blank & parts["time"].is_null()}
    resolved = (
        local.to_frame("local")
        .select(clock.local_to_utc(pl.col("local"), clinic.time_zone).alias("r"))
        .unnest("r")
    )
    return (
        resolved["utc"],
        local.dt.date(),
        unreadable
        | {
            f"{rule}:{name}": (resolved["fault"] == rule).fill_null(False)
            for rule in (clock.NONEXISTENT, clock.AMBIGUOUS)
        },
    )


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
