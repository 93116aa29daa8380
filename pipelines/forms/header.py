"""Header rows: which columns a table has, and why a file is refused for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.errors import DeliveryRefused
from pipelines.forms.limits import MAX_COLUMNS

ROW_NO = "row_no"


@dataclass(frozen=True)
class Header:
    """The header row."""

    cells: tuple[str, ...]  # without blanks around them; "" where a column has no name
    names: list[str]  # the same, where nameless columns are called by their place
    required: frozenset[str]


def header_of(cells: Sequence[str], required: Iterable[str], where: str) -> Header:
    """The header of these cells; refused when columns cannot be told apart by name."""
    if len(cells) > MAX_COLUMNS:
        raise too_many_columns(len(cells), where)
    names = [cell or f"(column {place})" for place, cell in enumerate(cells, 1)]
    first_places: dict[str, int] = {ROW_NO: 0}
    for place, name in enumerate(names, 1):
        if name in first_places:
            other = first_places[name]
            raise DeliveryRefused(
                "duplicate_columns",
                f"columns {other} and {place} have the same name"
                if other
                else f"column {place} is called {ROW_NO}, which is the name of the line number",
                where=where,
                remedy="give each column its own name and send the file again",
            )
        first_places[name] = place
    return Header(tuple(cells), names, frozenset(required))


def is_other_header(cells: Iterable[str], header: Header) -> bool:
    """Whether a row names all required columns: a second table with other columns begins there."""
    return len(header.required) > 1 and header.required <= {cell.strip() for cell in cells}


def columns_changed(row_no: int, where: str) -> DeliveryRefused:
    """What is said of a file with two tables whose columns differ."""
    return DeliveryRefused(
        "columns_changed",
        f"a second header row with other columns stands on line {row_no}",
        where=where,
        remedy="send one table per file",
    )


def too_many_columns(n_columns: int, where: str) -> DeliveryRefused:
    """What is said of a table wider than any form."""
    return DeliveryRefused(
        "too_many_columns",
        f"the table has {n_columns} columns, more than {MAX_COLUMNS}",
        where=where,
        remedy="check the delimiter and the export; a form has far fewer columns",
    )


def missing_columns(
    rows: Sequence[Sequence[str]], required: Sequence[str], where: str
) -> DeliveryRefused:
    """What is said of a file without the declared header, from the row that comes nearest to it."""
    nearest = max(rows, key=lambda cells: len(set(required) & set(cells)), default=())
    missing = [name for name in required if name not in nearest]
    return DeliveryRefused(
        "columns_missing",
        "the header row lacks these columns: " + ", ".join(missing)
        if len(missing) < len(set(required))
        else "no line is a header row; expected the columns: " + ", ".join(required),
        where=where,
        remedy="export the file with the agreed columns, or declare the clinic's new column names",
    )
