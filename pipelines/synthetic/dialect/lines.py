"""Records of several tables -> the lines of one file; a REDCap line carries several records."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.model import Contract, FileKind, TableMap
from pipelines.synthetic.dialect.cells import BOXES_EMPTY, UID, Columns, texts

TABLES, UIDS = "_tables", "_uids"
_INSTANCE, _INSTRUMENT, _GROUP = (
    "redcap_repeat_instance", "redcap_repeat_instrument", "redcap_data_access_group"
)  # fmt: skip
_UNOPENED, _COMPLETE = "0", "2"
_RANK = "_rank"


@dataclass(frozen=True)
class Sheet:
    """The lines of one table of text: a file, or one sheet of a workbook.

    `cells` has one String column per name in `columns`, in which nothing is null, then `_tables`
    and `_uids`: two lists of one length that name the records of the line.
    """

    sheet: str | None
    columns: tuple[str, ...]
    cells: pl.DataFrame


def render(
    contract: Contract, clinic_id: str, file_kind: str, records: dict[str, pl.DataFrame]
) -> tuple[Sheet, ...]:
    """The records as the clinic would write them, one Sheet per sheet of the file.

    `records` has, by contract table, frames with `_uid` and fields in study terms; a field or table
    that is not there is empty. Lines keep the records' order; shared lines go by participant.
    """
    clinic = contract.clinics[clinic_id]
    kind = clinic.files[file_kind]
    real_dates = has_date_cells(kind, clinic.dates)
    written = {
        table: texts(
            Columns(contract, clinic, table, table_map, real_dates),
            _records_of(contract, table, records),
        )
        for table, table_map in kind.tables.items()
    }
    if kind.sheets:
        return tuple(
            _one_table(layout.sheet or table, table, kind.tables[table], written[table])
            for table, layout in kind.sheets.items()
        )
    if len(kind.tables) == 1:
        ((table, table_map),) = kind.tables.items()
        return (_one_table(kind.layout.sheet, table, table_map, written[table]),)
    return (_shared(kind, clinic_id, written),)


def has_date_cells(kind: FileKind, dates: str) -> bool:
    """Whether dates are written as real dates of a worksheet, which read as ISO 8601."""
    return kind.format == "xlsx" and dates == "YYYY-MM-DD"


def _records_of(contract: Contract, table: str, records: dict[str, pl.DataFrame]) -> pl.DataFrame:
    if table in records:
        return records[table].with_columns(pl.col(UID).cast(pl.Int64))
    return pl.DataFrame(
        schema={UID: pl.Int64} | dict.fromkeys(contract.tables[table].fields, pl.String)
    )


def _one_table(sheet: str | None, table: str, table_map: TableMap, written: pl.DataFrame) -> Sheet:
    cells = written.with_columns(_extra(table_map, "").values())
    columns = _columns_of(table_map, ())
    return Sheet(sheet, tuple(columns), cells.select(
        *columns,
        pl.concat_list(pl.lit(table)).alias(TABLES), pl.concat_list(UID).alias(UIDS),
    ))  # fmt: skip


def _shared(kind: FileKind, clinic_id: str, written: dict[str, pl.DataFrame]) -> Sheet:
    """Records agree on a line when the columns that several tables have say the same of them."""
    anchors = _anchors(kind)
    parts, lines = {}, []
    for order, (table, table_map) in enumerate(kind.tables.items()):
        frame = written[table].with_columns(_extra(table_map, "").values())
        frame = frame.with_columns(
            pl.lit("").alias(name) for name in anchors if name not in frame.columns
        )
        # Equal texts twice in one table are two lines: a line holds one record of a table.
        frame = frame.with_columns(pl.int_range(pl.len()).over(anchors).alias(_RANK))
        own = [name for name in _columns_of(table_map, anchors) if name not in anchors]
        parts[table] = frame.select(*anchors, _RANK, *own, pl.col(UID).alias(f"{UID} {table}"))
        lines.append(frame.select(*anchors, _RANK, _order=pl.lit(order), _first=UID))
    spine = (
        pl.concat(lines).group_by(*anchors, _RANK)
        .agg(pl.col("_order").min(), pl.col("_first").sort_by("_order").first())
        .sort(anchors[0], "_order", "_first", *anchors, _RANK)
    )  # fmt: skip
    for part in parts.values():
        spine = spine.join(part, on=[*anchors, _RANK], how="left", maintain_order="left")
    columns = list(dict.fromkeys(
        [*anchors, *(c for m in kind.tables.values() for c in m.ignore)]
        + [c for m in kind.tables.values() for c in _columns_of(m, anchors)]
    ))  # fmt: skip
    filled = spine.with_columns(
        *(_unopened(kind.tables[table], table) for table in kind.tables),
        *_bookkeeping(columns, clinic_id),
    )
    return Sheet(kind.layout.sheet, tuple(columns), filled.select(
        *(pl.col(c).fill_null("") if c in filled.columns else pl.lit("").alias(c) for c in columns),
        _listed({table: pl.lit(table) for table in kind.tables}).alias(TABLES),
        _listed({table: pl.col(f"{UID} {table}") for table in kind.tables}).alias(UIDS),
    ))  # fmt: skip


def _anchors(kind: FileKind) -> list[str]:
    """Columns that tell which line a record belongs to."""
    tables = kind.tables.values()
    count = Counter(column for table in tables for column in {**table.columns, **table.rows_where})
    marks = {column for table in tables for column in table.rows_where}
    return [column for column, n in count.items() if n > 1 or column in marks]


def _columns_of(table_map: TableMap, anchors: list[str] | tuple[str, ...]) -> list[str]:
    complete = [table_map.complete] if table_map.complete else []
    return list(dict.fromkeys(
        [*anchors, *table_map.columns, *complete] if anchors
        else [*table_map.columns, *table_map.rows_where, *complete, *table_map.ignore]
    ))  # fmt: skip


def _extra(table_map: TableMap, blank: str) -> dict[str, pl.Expr]:
    """The columns of a table that no field has."""
    found = {name: pl.lit(blank).alias(name) for name in table_map.ignore}
    for name, allowed in table_map.rows_where.items():
        if name not in table_map.columns:
            found[name] = pl.lit(allowed[0]).alias(name)
    if table_map.complete:
        state = pl.when(BOXES_EMPTY).then(pl.lit(_UNOPENED)).otherwise(pl.lit(_COMPLETE))
        found[table_map.complete] = state.alias(table_map.complete)
    return found


def _unopened(table_map: TableMap, table: str) -> pl.Expr:
    """A form that could stand on the line and was not opened reads 0, elsewhere nothing."""
    if not table_map.complete:
        return pl.lit(None).alias(f"_no {table}")
    here = pl.all_horizontal(
        pl.lit(True),
        *(pl.col(name).is_in(list(allowed)) for name, allowed in table_map.rows_where.items()),
    )
    name = table_map.complete
    return pl.when(here).then(pl.col(name).fill_null(_UNOPENED)).otherwise(pl.col(name)).alias(name)


def _bookkeeping(columns: list[str], clinic_id: str) -> list[pl.Expr]:
    """What REDCap itself writes on every line."""
    found = []
    if _INSTANCE in columns and _INSTRUMENT in columns:
        number = (pl.col(_RANK) + 1).cast(pl.String)
        found.append(pl.when(pl.col(_INSTRUMENT) != "").then(number).alias(_INSTANCE))
    if _GROUP in columns:
        found.append(pl.lit(clinic_id).alias(_GROUP))
    return found


def _listed(values: dict[str, pl.Expr]) -> pl.Expr:
    """The values of the tables that the line carries."""
    carried = [
        pl.when(pl.col(f"{UID} {table}").is_not_null()).then(value)
        for table, value in values.items()
    ]
    return pl.concat_list(carried).list.drop_nulls()
