"""Where the records and fields of a block of delimited text lie, found for all bytes at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.forms.csv_dialect import Dialect
from pipelines.forms.limits import MAX_CELL_LINES, MAX_RECORD_BYTES

_LF, _CR = 10, 13
_TELLING_DELIMITERS = 6  # with fewer, the lines of one cell have those of a record by chance


@dataclass(frozen=True)
class Scan:
    """The complete records of a block; all positions are byte offsets into it."""

    n_bytes: int  # the records end here; what follows is not complete
    n_lines: int  # physical lines up to there
    separators: np.ndarray  # the byte that ends each field
    last_field: np.ndarray  # per record: index of its last separator
    starts: np.ndarray  # per record
    ends: np.ndarray  # per record, without line end
    n_fields: np.ndarray
    lines: np.ndarray  # per record: physical line on which it starts, from 0
    doubled: np.ndarray  # the second quote of each doubled pair
    n_doubled: (
        np.ndarray | None
    )  # per separator: doubled quotes before it; None where there are none


def scan(data: bytes, dialect: Dialect) -> Scan:
    """The records of a block that begins where a record begins; quotes are paired from its start.

    The result means something only where `is_regular` says so. A last line without line end is
    left out, and so is one that ends in CR as the very last byte, since LF may follow.
    """
    block = np.frombuffer(data, np.uint8)
    delimiter, quote = dialect.delimiter[0], dialect.quote[0] if dialect.quote else None
    special = (block == delimiter) | (block == _LF)
    if b"\r" in data:
        special |= _bare_cr(block)
    quoted = quote is not None and dialect.quote in data
    if quoted:
        special |= block == quote
    at = np.flatnonzero(special)
    kind = block[at]
    line_ends = kind != delimiter
    n_doubled, doubled = None, at[:0]
    if not quoted:
        separators, ends_record, physical = at, line_ends, line_ends
    else:
        is_quote = kind == quote
        inside = np.bitwise_xor.accumulate(is_quote.view(np.uint8)).view(bool)
        outside = ~(inside | is_quote)
        physical = line_ends & ~is_quote
        separators, ends_record = at[outside], physical[outside]
        second = is_quote[1:] & is_quote[:-1] & inside[1:] & (np.diff(at) == 1)
        if second.any():
            second = np.concatenate(([False], second))
            doubled = at[second]
            n_doubled = np.cumsum(second)[outside]
    last_field = np.flatnonzero(ends_record)
    ends = separators[last_field]
    n_bytes = int(ends[-1]) + 1 if len(ends) else 0
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    line_at = at[physical]
    n_lines = int(np.searchsorted(line_at, n_bytes))
    one_line_each = n_lines == len(starts)
    lines = np.arange(n_lines) if one_line_each else np.searchsorted(line_at, starts)
    return Scan(
        n_bytes=n_bytes,
        n_lines=n_lines,
        separators=separators,
        last_field=last_field,
        starts=starts,
        ends=_without_cr(block, starts, ends),
        n_fields=np.diff(last_field, prepend=-1),
        lines=lines,
        doubled=doubled,
        n_doubled=n_doubled,
    )


def is_regular(data: bytes, found: Scan, dialect: Dialect, n_columns: int) -> bool:
    """Whether each quote opens, closes or doubles a cell's text, and no record is suspect."""
    if not dialect.quote or dialect.quote not in data[: found.n_bytes]:
        return True
    block = np.frombuffer(data, np.uint8)
    at = np.flatnonzero(block[: found.n_bytes] == dialect.quote[0])
    beside = np.zeros(256, bool)
    beside[[dialect.delimiter[0], dialect.quote[0], _LF, _CR]] = True
    opening, closing = at[::2], at[1::2]
    if not beside[block[closing + 1]].all() or not beside[block[opening[opening > 0] - 1]].all():
        return False
    return not _suspect(block, found, dialect, n_columns)


def _suspect(block: np.ndarray, found: Scan, dialect: Dialect, n_columns: int) -> bool:
    """Whether a record over several lines may be several records behind an unbalanced quote."""
    n_lines = np.diff(found.lines, append=found.n_lines)
    long = n_lines > 1
    if not long.any():
        return False
    if (
        n_lines.max() > MAX_CELL_LINES
        or (found.ends - found.starts)[long].max() > MAX_RECORD_BYTES
        or (found.n_fields[long] != n_columns).any()
    ):
        return True
    line_at = np.flatnonzero(((block == _LF) | _bare_cr(block))[: found.n_bytes])
    delimiter_at = np.flatnonzero(block[: found.n_bytes] == dialect.delimiter[0])
    per_line = np.diff(np.searchsorted(delimiter_at, line_at), prepend=0)
    full = np.logical_and.reduceat(per_line == n_columns - 1, found.lines)
    telling = n_lines * (n_columns - 1) >= _TELLING_DELIMITERS
    return bool((full & long & telling).any())


def each_line_full(record: bytes, dialect: Dialect, n_columns: int) -> bool:
    """Whether each line of a record has all the delimiters of one: its quote is unbalanced."""
    lines = record.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return len(lines) * (n_columns - 1) >= _TELLING_DELIMITERS and all(
        line.count(dialect.delimiter) == n_columns - 1 for line in lines
    )


def field_bounds(
    data: bytes, found: Scan, records: np.ndarray, n_columns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start, end and separator's index of each field of the given records, record by record."""
    if len(records) == len(found.starts):
        index = np.arange(len(records) * n_columns)
    else:
        first = found.last_field[records] - n_columns + 1
        index = (first[:, None] + np.arange(n_columns)).reshape(-1)
    ends = found.separators[index]
    starts = found.separators[index - 1] + 1
    starts[index == 0] = 0
    ends[n_columns - 1 :: n_columns] = found.ends[records]
    return starts, ends, index


def _bare_cr(block: np.ndarray) -> np.ndarray:
    """CR that is a line end by itself; not that of CR LF, nor one whose successor is not known."""
    bare = block == _CR
    bare[:-1] &= block[1:] != _LF
    bare[-1:] = False
    return bare


def _without_cr(block: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The ends of records, before the CR where CR LF ends them."""
    before = block[np.maximum(ends - 1, 0)] == _CR
    return ends - (before & (ends > starts) & (block[ends] == _LF))
