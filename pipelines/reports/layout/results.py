"""A page's numbers as rows: what is printed, of whom, and the SQL that gives it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from pipelines.contracts.sql_text import literal

if TYPE_CHECKING:
    from pipelines.reports.layout.tables import Column

# `sql` gives the number itself where SQL alone makes it (`is_exact`), else the rows that a model or a rate is made of.
# `table_name` and `condition` are those rows.
SCHEMA = pl.Schema({
    "statistic": pl.String, "group": pl.String, "value": pl.Float64, "unit": pl.String, "n": pl.Int64,
    "sql": pl.String, "is_exact": pl.Boolean, "table_name": pl.String, "condition": pl.String,
})  # fmt: skip


@dataclass(frozen=True)
class Basis:
    """The rows of one table of the database that printed numbers are made from.

    `by` maps a column of the printed frame to a column of `table`: each printed row rests on the rows that agree in
    them. `n` names the frame's column of how many people or things stand behind a row.
    """

    table: str
    where: str = ""
    by: Mapping[str, str] = field(default_factory=dict)
    n: str = ""

    def condition(self, row: Mapping[str, Any], further: str = "") -> str:
        """The SQL condition of one printed row."""
        keys = [
            f"{column} IS NULL" if row[name] is None else f"{column} = {literal_of(row[name])}"
            for name, column in self.by.items()
        ]
        return " AND ".join(filter(None, [self.where, *keys, further])) or "true"


def of_table(
    frame: pl.DataFrame, columns: Sequence[Column], title: str, basis: Basis
) -> tuple[pl.DataFrame, dict[tuple[int, int], int]]:
    """The numbers of a table in reading order (SCHEMA), and for each cell (row, column) the place of its first number."""
    found: list[dict[str, Any]] = []
    places = {}
    words = [column.name for column in columns if column.kind == "text"]
    for at, row in enumerate(frame.iter_rows(named=True)):
        group = ", ".join(str(row[name]) for name in words if row[name] is not None)
        for place, column in enumerate(columns):
            parts = list(_parts(column, row))
            if parts:
                places[at, place] = len(found)
            found += [
                _result(f"{title}: {said}", group, value, _unit(column, row), _whole(row, basis, column),
                        column.table or basis.table, basis.condition(row, column.where.format(**row)), of.format(**row))
                for said, value, of in parts
            ]  # fmt: skip
    return pl.DataFrame(found, schema=SCHEMA), places


def arm_of(table: str) -> str:
    """The arm of a row of a table that has participants and no arm, for `Basis.by`."""
    return (
        f"(SELECT p.arm FROM core_participant AS p WHERE p.participant_id = {table}.participant_id)"
    )


def estimated(
    statistic: str,
    unit: str,
    basis: Basis,
    value: float | None,
    low: float | None,
    high: float | None,
) -> pl.DataFrame:
    """An estimate and the limits of its interval, as `one`."""
    parts = {statistic: value, f"{statistic}, lower limit": low, f"{statistic}, upper limit": high}
    return pl.concat([one(said, number, unit, basis) for said, number in parts.items()])


def rows_sql(basis: Basis) -> str:
    """The rows behind a whole table, and what tells those of one printed row apart."""
    by = f" -- one printed row: its {', '.join(basis.by.values())}" if basis.by else ""
    return f"SELECT * FROM {basis.table} WHERE {basis.where or 'true'}{by}"


def one(statistic: str, value: float | None, unit: str, basis: Basis, of: str = "") -> pl.DataFrame:
    """A single number that is no cell of a table; no row where it is not known."""
    made = _result(statistic, "", value, unit, None, basis.table, basis.condition({}), of)
    return pl.DataFrame([] if _unknown(value) else [made], schema=SCHEMA)


def _result(
    statistic: str, group: str, value: float, unit: str, n: int | None, table: str, condition: str, of: str
) -> dict[str, Any]:  # fmt: skip
    return {
        "statistic": statistic, "group": group, "value": value, "unit": unit, "n": n,
        "sql": f"SELECT {of or '*'} FROM {table} WHERE {condition}", "is_exact": bool(of),
        "table_name": table, "condition": condition,
    }  # fmt: skip


def _parts(column: Column, row: Mapping[str, Any]) -> Iterator[tuple[str, float, str]]:
    """(what, value, SQL expression) of each number in a cell; nothing for text and for what is not known."""
    if column.kind == "text":
        return
    if column.kind == "percent":
        part, whole = row[column.name], row[column.whole]
        if not (_unknown(part) or _unknown(whole) or whole == 0):
            yield column.label, 100 * part / whole, f"100.0 * {column.of}" if column.of else ""
        return
    if column.kind != "interval" and not _unknown(row[column.name]):
        yield column.label, float(row[column.name]), column.of
    for bound, name in (("lower limit", column.low), ("upper limit", column.high)):
        if name and not _unknown(row[name]):
            yield f"{column.label}, {bound}", float(row[name]), ""


def _unknown(value: Any) -> bool:
    return value is None or math.isnan(value)


def _unit(column: Column, row: Mapping[str, Any]) -> str:
    if column.kind in ("percent", "p"):
        return "%" if column.kind == "percent" else "1"
    return str(row[column.unit_from]) if column.unit_from else column.unit


def _whole(row: Mapping[str, Any], basis: Basis, column: Column) -> int | None:
    """How many stand behind a number: the whole of a share, else the row's n."""
    name = column.whole or column.n or basis.n or ("n" if "n" in row else "")
    value = row[name] if name else None
    return None if _unknown(value) else int(value)


def literal_of(value: Any) -> str:
    """A value as SQL writes it."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return str(value)
    return f"DATE {literal(value)}" if isinstance(value, dt.date) else literal(value)
