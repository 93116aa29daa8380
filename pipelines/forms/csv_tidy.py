"""Blocks in which some quote is out of place or some byte is no character, record by record.

Few blocks come here, so that the usual ones need no such care. What comes out is regular again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pipelines.forms.csv_dialect import LINE_END, Dialect
from pipelines.forms.csv_encoding import is_utf8
from pipelines.forms.csv_scan import each_line_full
from pipelines.forms.limits import MAX_CELL_LINES, MAX_RECORD_BYTES

_LINE_BREAK = re.compile(rb"[\r\n]")


@dataclass
class Tidied:
    """A block of records set in order; positions are byte offsets into the block as it came."""

    clean: list[bytes] = field(default_factory=list)  # regular records, without line ends
    spans: list[tuple[int, int]] = field(default_factory=list)  # where each of them stood
    lines: list[int] = field(default_factory=list)  # the physical line of each, from 0
    broken: list[tuple[int, str, int, int]] = field(default_factory=list)  # line, rule, start, end
    n_bytes: int = 0  # dealt with up to here
    n_lines: int = 0


def tidy(
    data: bytes, dialect: Dialect, n_columns: int, footer: re.Pattern[bytes] | None, at_end: bool
) -> Tidied:
    """The regular records of a block and the broken ones.

    A quote that is never closed, or closed in the middle of a cell, breaks the record on whose line
    it stands. The next record begins on the next line that can be one; lines before it with too few
    delimiters are the rest of the broken one.
    Assumes: the block begins where a record begins, and ends in a line end where `at_end`.
    """
    out = Tidied()
    at = 0
    doubtful = False  # behind a broken quote
    while at < len(data):
        end, rule = _record_end(data, at, dialect, n_columns, footer, at_end)
        after = _after_line_end(data, end, at_end)
        if after is None:
            break
        sent = data[at:end]
        if rule is None and doubtful and _may_close(sent, dialect, n_columns):
            rule = "broken_quote"
            doubtful = False
        else:
            doubtful = rule is not None
        if rule is None and not is_utf8(sent):
            rule = "undecodable_text"
        if rule is None:
            out.clean.append(_requoted(sent, dialect))
            out.spans.append((at, end))
            out.lines.append(out.n_lines)
        else:
            out.broken.append((out.n_lines, rule, at, end))
        out.n_lines += 1 + _n_line_ends(sent)
        at = after
    out.n_bytes = at
    return out


def _record_end(
    data: bytes,
    at: int,
    dialect: Dialect,
    n_columns: int,
    footer: re.Pattern[bytes] | None,
    at_end: bool,
) -> tuple[int, str | None]:
    """Where the record that starts at `at` ends, and `broken_quote` if that is what it has.

    It is the end of `data` where that cannot be known yet.
    """
    line_end = _line_end(data, at)
    if not dialect.quote or data.find(dialect.quote, at, line_end) < 0:
        return line_end, None
    match = dialect.record.match(data, at)
    if match is not None:
        end = match.end()
        if end == line_end or (end == len(data) and not at_end and not _too_long(data[at:])):
            return end, None
        record = data[at:end]
        if _plausible(record, dialect, n_columns):
            return end, None
        suspect_until = end
    else:
        suspect_until = _where_it_fails(data, at, dialect)
        if suspect_until >= len(data) and not at_end and not _too_long(data[at:]):
            return len(data), None  # the closing quote may come with the next block
    end = _fragments_end(data, at, line_end, suspect_until, dialect, n_columns, footer, at_end)
    return end, "broken_quote"


def _plausible(record: bytes, dialect: Dialect, n_columns: int) -> bool:
    """Whether several lines are one record, rather than several behind an unbalanced quote."""
    if _too_long(record) or each_line_full(record, dialect, n_columns):
        return False
    if len(dialect.fields(record)) == n_columns:
        return True
    rest = LINE_END.split(record)[1:]
    return not any(_is_clean(line, dialect, n_columns) for line in rest)


def _too_long(record: bytes) -> bool:
    return len(record) > MAX_RECORD_BYTES or _n_line_ends(record) >= MAX_CELL_LINES


def _where_it_fails(data: bytes, at: int, dialect: Dialect) -> int:
    """Where the first quote breaks the record; the end of `data` if one is never closed."""
    while match := dialect.field.match(data, at):
        at = match.end() + 1
    return dialect.opened.match(data, at).end()


def _fragments_end(
    data: bytes,
    at: int,
    line_end: int,
    suspect_until: int,
    dialect: Dialect,
    n_columns: int,
    footer: re.Pattern[bytes] | None,
    at_end: bool,
) -> int:
    """The end of a broken record: its line, and the lines that can only be the rest of it."""
    end = line_end
    n_quotes = data.count(dialect.quote, at, line_end)
    for _ in range(MAX_CELL_LINES):
        start = _after_line_end(data, end, at_end=True)
        still_open = start is not None and (start <= suspect_until or n_quotes % 2 == 1)
        if not still_open:
            return end
        if start >= len(data):
            return end if at_end else len(data)
        line_end = _line_end(data, start)
        line = data[start:line_end]
        if line.count(dialect.delimiter) >= n_columns - 1 or footer and footer.match(line):
            return end
        match = dialect.record.match(data, start)
        if match is not None and _is_clean(match[0], dialect, n_columns):
            return end
        end = line_end
        n_quotes += line.count(dialect.quote)
    return end


def _requoted(record: bytes, dialect: Dialect) -> bytes:
    """The record with those cells quoted that hold a quote as plain text."""
    quote = dialect.quote
    if not quote or quote not in record:
        return record
    return dialect.delimiter.join(
        quote + cell.replace(quote, quote * 2) + quote
        if quote in cell and not cell.startswith(quote)
        else cell
        for cell in dialect.fields(record)
    )


def _is_clean(record: bytes, dialect: Dialect, n_columns: int) -> bool:
    """Whether a record has all its fields, and no quote as plain text in them."""
    fields = dialect.fields(record)
    return (
        fields is not None
        and len(fields) == n_columns
        and not any(dialect.quote in cell and not cell.startswith(dialect.quote) for cell in fields)
    )


def _may_close(record: bytes, dialect: Dialect, n_columns: int) -> bool:
    """Whether a line behind a broken quote may be its rest, although it has fields enough."""
    return record.count(dialect.quote) % 2 == 1 and not _is_clean(record, dialect, n_columns)


def _line_end(data: bytes, at: int) -> int:
    match = _LINE_BREAK.search(data, at)
    return match.start() if match else len(data)


def _after_line_end(data: bytes, end: int, at_end: bool) -> int | None:
    """Where the next line starts; None if this one has not ended yet, as far as the block shows."""
    match = LINE_END.match(data, end)
    if match is None or (match[0] == b"\r" and match.end() == len(data) and not at_end):
        return None
    return match.end()


def _n_line_ends(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
