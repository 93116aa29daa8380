"""One column of text -> one column of a contract type. What is not readable becomes NULL."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from pipelines import units
from pipelines.contracts.model import Clinic, ColumnMap, FieldDef
from pipelines.contracts.tables import POLARS

_DATE_PARTS = {"YYYY": "%Y", "MM": "%m", "DD": "%d"}
_TIME_FORMATS = {
    "h:mm AM/PM": "%I:%M %p",
    "HH:MM": "%H:%M",
    "HH:MM:SS": "%H:%M:%S",
    "HH.MM": "%H.%M",
}
_NOT_ASCII = {
    "\u2212": "-", "\u2013": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ",
    **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
}  # fmt: skip
_CLOCK = r"\d{1,2}[:.]\d\d(?:\D|$)"  # 12.3 is what a spreadsheet makes of 12.30, and no 12:03
_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2100
_FEW = 0.25  # distinct texts per cell, up to which it pays to look at each text once

FAULT_OF = {
    "integer": "unreadable_number", "decimal": "unreadable_number", "date": "unreadable_date",
    "boolean": "unknown_code", "code": "unknown_code",
}  # fmt: skip


def clean(rows: pl.DataFrame, missing: dict[str, tuple[str, ...]]) -> pl.DataFrame:
    """The columns named in `missing` without surrounding blanks; missing-value words become NULL.

    Minus signs, blanks and digits that only look like ASCII become ASCII. A column with few distinct
    texts comes back as an Enum, so that whatever follows is done once per text and not once per row.
    """
    return rows.select(_clean(rows[name], words) for name, words in missing.items())


def _clean(column: pl.Series, missing: tuple[str, ...]) -> pl.Series:
    distinct = column.unique().drop_nulls()
    if distinct.len() > column.len() * _FEW:
        return _plain(column, missing)
    cleaned = _plain(distinct, missing)
    if distinct.len() == 1 and not column.null_count():
        return cleaned.cast(pl.Enum(cleaned.drop_nulls())).new_from_index(0, column.len())
    kinds = pl.Enum(cleaned.unique(maintain_order=True).drop_nulls())
    place = column.cast(pl.Enum(distinct)).to_physical()
    return cleaned.cast(kinds).gather(place).alias(column.name)


def _plain(column: pl.Series, missing: tuple[str, ...]) -> pl.Series:
    if column.str.len_bytes().sum() != column.str.len_chars().sum():
        column = column.str.replace_many(list(_NOT_ASCII), list(_NOT_ASCII.values()))
    words = list(dict.fromkeys(("", *missing)))
    name = column.name
    stripped = column.str.strip_chars().to_frame()
    return stripped.select(
        pl.when(~pl.col(name).is_in(words)).then(pl.col(name)).alias(name)
    ).to_series()


def by_text(cells: pl.Series, make: Callable[[pl.Expr], pl.Expr]) -> pl.Series:
    """What `make` gives for each cleaned cell, worked out once per distinct text where they are few."""
    name = cells.name
    if not isinstance(cells.dtype, pl.Enum):
        return cells.to_frame().select(make(pl.col(name)).alias(name)).to_series()
    made = cells.dtype.categories.alias(name).to_frame().select(make(pl.col(name)).alias(name))
    return made.to_series().gather(cells.to_physical())


def _ascii(word: str) -> str:
    """A declared word as `clean` leaves it in a cell."""
    for odd, plain in _NOT_ASCII.items():
        word = word.replace(odd, plain)
    return word.strip()


def value(
    field: FieldDef, meaning: ColumnMap, clinic: Clinic, words: dict, cell: pl.Expr
) -> pl.Expr:
    """The typed value of a cleaned cell; NULL where it cannot be read as declared."""
    if field.type == "text":
        return cell
    if field.type in ("code", "boolean"):
        table = meaning.words or words.get(field.codes or "boolean", {})
        table = {_ascii(word): code for word, code in table.items()}
        return cell.replace_strict(table, default=None, return_dtype=POLARS[field.type])
    if field.type == "date":
        return date(cell, meaning.dates or clinic.dates)
    if meaning.unit == "ft_in":
        return units.convert(units.feet_inches_to_cm(cell), "cm", field.unit)
    found = number(cell, clinic)
    if meaning.magnitude:
        found = found.abs()
    if meaning.unit and meaning.unit != field.unit:
        found = units.convert(found, meaning.unit, field.unit)
    if field.unit == "s":  # a stopwatch text says its own unit
        found = pl.coalesce(found, minutes_seconds(cell, clinic))
    if field.type == "integer":
        whole = found.round() == found
        return pl.when(whole & (found.abs() < 2**31)).then(found).cast(pl.Int32, strict=False)
    return found


def number(cell: pl.Expr, clinic: Clinic) -> pl.Expr:
    """A finite number written with the clinic's decimal mark; anything else is NULL."""
    text = cell
    if clinic.thousands:
        mark = "." if clinic.thousands == "." else clinic.thousands
        grouped = text.str.contains(  # no group begins with 0: 0.250 is the other decimal mark
            rf"^[-+]?[1-9]\d{{0,2}}(?:\{mark}\d{{3}})+(?:\{clinic.decimal}\d+)?$"
        )
        text = pl.when(grouped).then(text.str.replace_all(mark, "", literal=True)).otherwise(text)
    if clinic.decimal == ",":
        text = pl.when(~text.str.contains(".", literal=True)).then(
            text.str.replace(",", ".", literal=True)
        )
    found = text.cast(pl.Float64, strict=False)
    return pl.when(found.is_finite()).then(found)


def minutes_seconds(cell: pl.Expr, clinic: Clinic) -> pl.Expr:
    """Seconds from a stopwatch text such as `0:12.3`."""
    mark = "," if clinic.decimal == "," else "."
    parts = cell.str.extract_groups(rf"^(\d{{1,2}}):([0-5]\d(?:\{mark}\d+)?)$")
    seconds = (
        parts.struct.field("2").str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    )
    return parts.struct.field("1").cast(pl.Float64, strict=False) * 60 + seconds


def date(cell: pl.Expr, order: str) -> pl.Expr:
    """A calendar date written in the declared order with a four-digit year."""
    found = cell.str.to_date(date_format(order), strict=False)
    return pl.when(found.dt.year().is_between(_EARLIEST_YEAR, _LATEST_YEAR)).then(found)


def moment(cell: pl.Expr, order: str, times: str) -> pl.Expr:
    """A local date and time in one cell, as declared; ISO text with a T is accepted where years come first."""
    shape = f"{date_format(order)} {time_format(times)}"
    cell = pl.when(cell.str.contains(r"[ T]" + _CLOCK)).then(cell)
    found = cell.str.to_datetime(shape, time_unit="us", strict=False)
    if order.startswith("YYYY"):
        for iso in ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):
            found = pl.coalesce(found, cell.str.to_datetime(iso, time_unit="us", strict=False))
    return pl.when(found.dt.year().is_between(_EARLIEST_YEAR, _LATEST_YEAR)).then(found)


def time_of_day(cell: pl.Expr, times: str) -> pl.Expr:
    """A clock time as declared, with or without seconds."""
    cell = pl.when(cell.str.contains("^" + _CLOCK)).then(cell)
    found = cell.str.to_time(time_format(times), strict=False)
    if times != "h:mm AM/PM":
        found = pl.coalesce(found, cell.str.to_time("%H:%M:%S", strict=False))
    return found


def date_format(order: str) -> str:
    """`DD.MM.YYYY` as strptime says it."""
    for part, directive in _DATE_PARTS.items():
        order = order.replace(part, directive)
    return order


def time_format(times: str) -> str:
    return _TIME_FORMATS[times]


def swapped(order: str) -> str | None:
    """The date order a careless export would use instead: day and month changed over."""
    if order.startswith("YYYY"):
        return None
    return order.replace("MM", "??").replace("DD", "MM").replace("??", "DD")
