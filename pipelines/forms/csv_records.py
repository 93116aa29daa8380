"""The records of a block, sorted into rows, broken records, blank lines and repeated headers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from pipelines.contracts.shapes import RawTable
from pipelines.errors import DeliveryRefused
from pipelines.forms.batching import broken_frame, skipped_counts
from pipelines.forms.csv_cells import cells_of
from pipelines.forms.csv_dialect import Dialect
from pipelines.forms.csv_encoding import is_utf8
from pipelines.forms.csv_scan import Scan, is_regular, scan
from pipelines.forms.csv_tidy import tidy
from pipelines.forms.footer import Footer
from pipelines.forms.header import ROW_NO, Header, columns_changed, is_other_header
from pipelines.forms.limits import MAX_RECORD_BYTES


@dataclass(frozen=True)
class Records:
    """The complete records of a block, all quotes in order."""

    text: bytes
    found: Scan
    sent: bytes  # the block as it came; `starts` and `ends` are offsets into it, per record
    starts: np.ndarray
    ends: np.ndarray
    row_nos: np.ndarray
    broken: list[tuple[int, str, str]]  # row_no, rule, text
    n_bytes: int
    n_lines: int


def records_of(
    data: bytes,
    dialect: Dialect,
    n_columns: int,
    footer: Footer,
    first_line: int,
    at_end: bool,
    where: str,
) -> Records:
    """The records of a block that begins where a record begins, on physical line `first_line`.

    Assumes: the block ends in a line end where `at_end`.
    """
    found = scan(data, dialect)
    left = len(data) - found.n_bytes
    if (
        left <= (0 if at_end else MAX_RECORD_BYTES)
        and is_utf8(data[: found.n_bytes])
        and is_regular(data, found, dialect, n_columns)
    ):
        records = Records(
            data,
            found,
            data,
            found.starts,
            found.ends,
            found.lines + first_line,
            [],
            found.n_bytes,
            found.n_lines,
        )
    else:
        records = _tidied(data, dialect, n_columns, footer, first_line, at_end)
    lengths = records.ends - records.starts
    if len(data) - records.n_bytes > MAX_RECORD_BYTES or (lengths > MAX_RECORD_BYTES).any():
        raise DeliveryRefused(
            "line_too_long",
            f"a line has more than {MAX_RECORD_BYTES} bytes",
            where=f"{where}, after line {first_line - 1}",
            remedy="check that the file is the agreed export; its lines do not end",
        )
    return records


def _tidied(
    data: bytes, dialect: Dialect, n_columns: int, footer: Footer, first_line: int, at_end: bool
) -> Records:
    tidied = tidy(data, dialect, n_columns, footer.pattern, at_end)
    text = b"".join(record + b"\n" for record in tidied.clean)
    spans = np.array(tidied.spans, np.int64).reshape(-1, 2)
    found = scan(text, dialect)
    assert len(found.starts) == len(
        spans
    )  # a record that tidy() made regular is one record to scan()
    return Records(
        text=text,
        found=found,
        sent=data,
        starts=spans[:, 0],
        ends=spans[:, 1],
        row_nos=np.array(tidied.lines, np.int64) + first_line,
        broken=[
            (line + first_line, rule, data[start:end].decode("utf-8", "backslashreplace"))
            for line, rule, start, end in tidied.broken
        ],
        n_bytes=tidied.n_bytes,
        n_lines=tidied.n_lines,
    )


def table_of(
    records: Records,
    header: Header,
    dialect: Dialect,
    preamble: dict[str, str],
    where: str,
    n_records: int,
) -> RawTable:
    """The first `n_records` as a table, each in `rows`, in `broken` or counted as skipped."""
    found, names = records.found, header.names
    n_fields = found.n_fields[:n_records]
    blank = (found.ends - found.starts)[:n_records] == n_fields - 1  # nothing but delimiters
    whole = (n_fields == len(names)) & ~blank
    chosen = np.flatnonzero(whole)
    rows = cells_of(records.text, found, chosen, names, dialect).insert_column(
        0, pl.Series(ROW_NO, records.row_nos[chosen], dtype=pl.Int64)
    )
    empty = _all_equal(rows, names, [""] * len(names)) if dialect.quote else None
    repeated = _all_equal(rows, names, header.cells)
    _refuse_other_header(rows, repeated, header, where)
    unwanted = repeated if empty is None else empty if repeated is None else repeated | empty
    broken = records.broken + _broken(
        records, np.flatnonzero(~whole & ~blank), header, dialect, where
    )
    return RawTable(
        rows=rows if unwanted is None else rows.filter(~unwanted),
        broken=broken_frame(broken),
        skipped=skipped_counts(
            blank=int(blank.sum()) + (0 if empty is None else int(empty.sum())),
            repeated_header=0 if repeated is None else int(repeated.sum()),
        ),
        preamble=preamble,
    )


def without_after(records: Records, row_no: int) -> Records:
    """The records without the broken ones from `row_no` on."""
    return replace(records, broken=[record for record in records.broken if record[0] < row_no])


def _all_equal(
    rows: pl.DataFrame, names: list[str], texts: list[str] | tuple[str, ...]
) -> pl.Series | None:
    """Which rows have these texts in their cells, blanks around them aside; None if no row has."""
    same = None
    for name, text in zip(names, texts, strict=True):
        here = rows[name] == "" if text == "" else rows[name].str.strip_chars() == text
        same = here if same is None else same & here
        if not same.any():
            return None
    return same


def _refuse_other_header(
    rows: pl.DataFrame, repeated: pl.Series | None, header: Header, where: str
) -> None:
    first = rows[header.names[0]].str.strip_chars()
    suspects = first.is_in(list(header.required))
    if repeated is not None:
        suspects &= ~repeated
    if suspects.any():
        for row_no, *cells in rows.filter(suspects).iter_rows():
            if is_other_header(cells, header):
                raise columns_changed(row_no, where)


def _broken(
    records: Records, wrong: np.ndarray, header: Header, dialect: Dialect, where: str
) -> list[tuple[int, str, str]]:
    n_columns = len(header.names)
    listed = []
    for row_no, n_fields, start, end in zip(
        records.row_nos[wrong].tolist(),
        records.found.n_fields[wrong].tolist(),
        records.starts[wrong].tolist(),
        records.ends[wrong].tolist(),
        strict=True,
    ):
        sent = records.sent[start:end]
        if is_other_header(dialect.cells(sent) or (), header):
            raise columns_changed(row_no, where)
        rule = "too_many_fields" if n_fields > n_columns else "too_few_fields"
        listed.append((row_no, rule, sent.decode("utf-8", "backslashreplace")))
    return listed
