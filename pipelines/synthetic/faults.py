"""The catalogue of faults that can be planted: what each does to a record, and which rule must find it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from pipelines.contracts.model import Clinic, ColumnMap, Contract, FileKind, TableMap

Row = dict[str, Any]
Level = Literal["value", "row", "text", "line", "file"]
FORMS = ("csv", "xlsx", "redcap")


@dataclass(frozen=True)
class Place:
    """Where a fault is planted: one table in one kind of file of one clinic."""

    contract: Contract
    clinic: Clinic
    file_kind: str
    table: str

    @property
    def file(self) -> FileKind:
        """The file as its clinic declares it."""
        return self.clinic.files[self.file_kind]

    @property
    def map(self) -> TableMap:
        """How the file's columns become the table."""
        return self.file.tables[self.table]

    def column_of(self, name: str) -> tuple[str, ColumnMap] | None:
        """The column that carries a field, or an instant's own clock time, with its meaning."""
        for column, meaning in self.map.columns.items():
            if name in (meaning.field, meaning.time_of, meaning.local_of):
                return column, meaning
        return None

    @property
    def sent_fields(self) -> set[str]:
        """Fields whose value travels in the file; constants of the clinic do not."""
        own = {m.field for m in self.map.columns.values() if m.field}
        return (own | set(self.map.instants)) - set(self.map.constants)


@dataclass(frozen=True)
class Fault:
    """One way in which a clinic goes wrong, and the rule that must say so.

    value: a record is changed in study terms before it is written. row: a record is added.
    text: the text of a cell is changed. line: bytes of a line. file: a whole hostile file.
    """

    kind: str
    rule: str
    table: str  # empty at level file
    level: Level
    needs: tuple[str, ...] = ()  # fields the clinic must send
    formats: tuple[str, ...] = FORMS
    where: pl.Expr | None = field(default=None, compare=False)  # records it may be planted in
    edits: Callable[[Row, Place], list[Row]] | None = None  # candidates, the first best is taken
    texts: Callable[[Row, Place], dict[str, str]] | None = None  # field -> text of its cell
    ghost: bool = False  # planted in an added record that no other record refers to
    applies: Callable[[Place], bool] = lambda place: True
    group: str = ""  # of the faults of one group only a few are planted, not all


def fits(fault: Fault, place: Place) -> bool:
    """True where the fault can be planted in this kind of file."""
    return (
        place.file.format in fault.formats
        and set(fault.needs) <= place.sent_fields
        and fault.applies(place)
    )


def changed(**values: Any) -> Callable[[Row, Place], list[Row]]:
    """An edit that sets fields to fixed values."""
    return lambda row, place: [values]


def computed(compute: Callable[[Row], Row]) -> Callable[[Row, Place], list[Row]]:
    """An edit whose values come from the record itself."""
    return lambda row, place: [compute(row)]


def days(count: int) -> dt.timedelta:
    return dt.timedelta(days=count)


def minutes(count: int) -> dt.timedelta:
    return dt.timedelta(minutes=count)


def catalogue(contract: Contract) -> tuple[Fault, ...]:
    """Every fault, in a fixed order, each kind once."""
    from pipelines.synthetic import fault_cells, fault_fields, fault_files, fault_lines, fault_rows

    found = (
        *fault_fields.faults(contract),
        *fault_rows.faults(contract),
        *fault_cells.faults(contract),
        *fault_lines.faults(contract),
        *fault_files.faults(),
    )
    kinds = [fault.kind for fault in found]
    assert len(set(kinds)) == len(kinds), "two faults have the same kind"
    return found
