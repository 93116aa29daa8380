"""Columns of a large CSV or Parquet table, some rows at a time, in bounded memory."""

from __future__ import annotations

import codecs
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import duckdb
import polars as pl

from pipelines.errors import DeliveryRefused

MAX_BYTES = 64 << 30
_MAX_HEAD = 1 << 16  # bytes in which the header row must lie
_USUAL_LINE, _MAX_LINE = 1 << 10, 1 << 20
_MAX_COLUMNS = 512
_MAX_BLOCK_BYTES = 12 << 20
_MEMORY = "192MB"  # of the Parquet reader
_PARQUET = b"PAR1"
_PARQUET_TYPES = {"Float64": "DOUBLE", "Float32": "FLOAT", "Int64": "BIGINT", "String": "VARCHAR"}


@dataclass(frozen=True)
class Head:
    """Where the rows of a CSV begin and what their cells are called."""

    names: tuple[str, ...]
    above: tuple[str, ...]  # the lines above the header row
    begins_at: int
    first_line: int  # from 1
    line_bytes: float  # of the first rows, on average
    is_quoted: bool


@dataclass(frozen=True)
class Block:
    """Rows `first_row` and on; a cell that is not of its column's type is null."""

    first_row: int
    frame: pl.DataFrame
    is_cut: bool = False  # the file ends in a row that may have lost digits; it is left out


def is_parquet(path: Path) -> bool:
    """Whether the file begins as Parquet does."""
    with path.open("rb") as file:
        return file.read(4) == _PARQUET


def csv_head(
    path: Path, columns: tuple[str, ...], delimiter: str, quote: str, encoding: str
) -> Head:
    """The header row: the first line that has all of `columns`. Refused where there is none."""
    if "a,1".encode(encoding) != b"a,1" or len(delimiter) != 1 or len(delimiter.encode()) != 1:
        raise _refused("wrong_encoding", f"samples cannot be in {encoding}", path.name)
    with path.open("rb") as file:
        head = file.read(_MAX_HEAD)
    mark = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    lines = head[mark:].splitlines(keepends=True)
    at, above = mark, []
    for number, line in enumerate(lines, start=1):
        text = line.decode(encoding, errors="replace").rstrip("\r\n")
        at += len(line)
        names = [name.strip(" \t" + quote) for name in text.split(delimiter)]
        if set(columns) <= set(names) and len(names) <= _MAX_COLUMNS:
            twice = [name for name in columns if names.count(name) > 1]
            if twice:
                raise _refused("duplicate_columns", f"column `{twice[0]}` stands twice", path.name)
            rows = [row for row in lines[number : number + 50] if row.endswith(b"\n")]
            width = sum(map(len, rows)) / len(rows) if rows else 64.0
            is_quoted = bool(quote) and quote.encode(encoding) in b"".join(rows)
            return Head(tuple(names), tuple(above), at, number + 1, max(width, 8.0), is_quoted)
        above.append(text)
    missing = ", ".join(f"`{name}`" for name in columns)
    raise _refused("columns_missing", f"no line near the top has the columns {missing}", path.name)


def csv_blocks(
    path: Path,
    head: Head,
    types: dict[str, pl.DataType],
    n_rows: int,
    *,
    delimiter: str = ",",
    quote: str = '"',
    decimal: str = ".",
) -> Iterator[Block]:
    """The columns named in `types`, about `n_rows` rows at a time."""
    size = int(min(max(n_rows * head.line_bytes, 1 << 16), _MAX_BLOCK_BYTES))
    style = _Style(head, delimiter, quote if head.is_quoted else None, decimal == ",")
    row, at, n_bytes = head.first_line, head.begins_at, path.stat().st_size
    with path.open("rb") as file:
        while at < n_bytes:
            stop = _end_of_lines(file, at, size, n_bytes)
            if stop is None:
                raise _refused("line_too_long", f"row {row} has more than 1 MB", path.name)
            file.seek(at)
            whole, is_cut = file.read(stop - at), False
            at = stop
            if at == n_bytes:
                data, whole = whole, whole.rstrip(b" \t\r\n")
                if (
                    len(whole) == len(data)
                    and whole
                    and not _is_last_cell_spare(whole, style, types)
                ):
                    is_cut = True
                    whole = whole[: whole.rfind(b"\n") + 1]
            if whole or is_cut:
                frame = _parsed(whole, style, types)
                yield Block(row, frame, is_cut)
                row += frame.height


def _end_of_lines(file: BinaryIO, at: int, size: int, n_bytes: int) -> int | None:
    """Where the last line ends that begins at `at` or later and lies within `size` bytes; at most the file's end.

    Sought before the lines are read, so that they are not copied. A line longer than `size` is taken
    whole; None where one is too long for that.
    """
    stop = at + size
    while stop < n_bytes:
        for reach in (_USUAL_LINE, _MAX_LINE):
            low = max(at, stop - reach)
            file.seek(low)
            found = file.read(stop - low).rfind(b"\n")
            if found >= 0:
                return low + found + 1
        if stop - at > _MAX_LINE:
            return None
        stop += size
    return n_bytes


@dataclass(frozen=True)
class _Style:
    """How the rows of a CSV are written."""

    head: Head
    delimiter: str
    quote: str | None
    is_comma: bool  # the decimal mark


def _is_last_cell_spare(data: bytes, style: _Style, types: dict[str, pl.DataType]) -> bool:
    """Whether the last line has all its cells, and the last one, perhaps cut, is not used."""
    line = data[data.rfind(b"\n") + 1 :]
    is_full = line.count(style.delimiter.encode()) == len(style.head.names) - 1
    return is_full and style.head.names[-1] not in types


def _parsed(data: bytes, style: _Style, types: dict[str, pl.DataType]) -> pl.DataFrame:
    """The wanted columns of whole lines, one row per line."""
    frame = _cells(data, style, types)
    numbers = [name for name, kind in types.items() if kind != pl.String]
    nulls = frame.select(pl.any_horizontal(pl.col(numbers).is_null()).sum()).item() or 0
    if nulls * 2 <= frame.height:
        return frame
    # perhaps there are only spaces around the numbers: slower, so not tried at first
    texts = _cells(data, style, dict.fromkeys(types, pl.String))
    mark = "," if style.is_comma else "."
    return texts.with_columns(
        pl.col(name)
        .str.strip_chars()
        .str.replace(mark, ".", literal=True)
        .cast(types[name], strict=False)
        for name in numbers
    )


def _cells(data: bytes, style: _Style, types: dict[str, pl.DataType]) -> pl.DataFrame:
    """The cells of the wanted columns; those of a line with too many cells are null, all of them."""
    if not data:
        return pl.DataFrame(schema=types)
    n_columns = len(style.head.names)
    places = {name: f"column_{style.head.names.index(name) + 1}" for name in types}
    schema = {f"column_{i + 1}": pl.String for i in range(n_columns + 1)}
    schema |= {places[name]: kind for name, kind in types.items()}
    beyond = f"column_{n_columns + 1}"

    def cells(data: bytes, quote: str | None) -> pl.DataFrame:
        frame = pl.read_csv(
            data,
            has_header=False,
            schema=schema,
            columns=[name for name in schema if name in places.values() or name == beyond],
            separator=style.delimiter,
            quote_char=quote,
            decimal_comma=style.is_comma,
            ignore_errors=True,
            truncate_ragged_lines=True,
            missing_columns="insert",
            extra_columns="ignore",
            encoding="utf8-lossy",
        )
        fits = pl.col(beyond).is_null()
        if frame[beyond].null_count() == frame.height:
            return frame.select(pl.col(place).alias(name) for name, place in places.items())
        return frame.select(
            pl.when(fits).then(pl.col(place)).alias(name) for name, place in places.items()
        )

    if style.quote is None:
        return cells(data, None)
    n_lines = data.count(b"\n") + (not data.endswith(b"\n"))
    try:
        with warnings.catch_warnings():  # of lines that a quote without end has joined
            warnings.simplefilter("ignore")
            frame = cells(data, style.quote)
        if frame.height != n_lines:
            frame = None
    except pl.exceptions.PolarsError:
        frame = None
    return cells(data.replace(style.quote.encode(), b""), None) if frame is None else frame


def parquet_blocks(
    path: Path, types: dict[str, pl.DataType | None], n_rows: int
) -> Iterator[Block]:
    """The columns named in `types`; None asks for the microseconds of a time stamp column."""
    connection = duckdb.connect(config={"memory_limit": _MEMORY, "threads": 1})
    try:
        source = "read_parquet(?, hive_partitioning = false)"
        there = connection.execute(f"DESCRIBE SELECT * FROM {source}", [str(path)]).fetchall()
        kinds = {name: kind for name, kind, *_ in there}
        missing = [f"`{name}`" for name in types if name not in kinds]
        if missing:
            what = f"the table has no column {', '.join(missing)}"
            raise _refused("columns_missing", what, path.name)
        cells = ", ".join(_cell(name, kind, kinds[name], path.name) for name, kind in types.items())
        reader = connection.execute(f"SELECT {cells} FROM {source}", [str(path)])
        row = 1
        for batch in reader.to_arrow_reader(n_rows):
            frame = pl.from_arrow(batch)
            yield Block(row, frame)
            row += frame.height
    except duckdb.Error as fault:
        what = f"the Parquet file cannot be read ({type(fault).__name__})"
        raise _refused("damaged", what, path.name) from None
    finally:
        connection.close()


def _cell(name: str, kind: pl.DataType | None, stored: str, where: str) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    if kind is not None:
        return f"TRY_CAST({quoted} AS {_PARQUET_TYPES[str(kind)]}) AS {quoted}"
    if not stored.startswith("TIMESTAMP"):
        raise _refused("wrong_type", f"column `{name}` is {stored} and no time stamp", where)
    return f"epoch_us({quoted}) AS {quoted}"


def _refused(reason: str, what: str, where: str) -> DeliveryRefused:
    remedy = "export the table again as the clinic's file under schemas/clinics declares it"
    return DeliveryRefused(reason, what, where=where, remedy=remedy)
