"""Delimited text as batches of text rows, each split into exactly its header's columns or held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.contracts.shapes import Layout, RawTable
from pipelines.forms.batching import batches, broken_frame, skipped_counts
from pipelines.forms.csv_dialect import LINE_END, Dialect, dialect_of
from pipelines.forms.csv_encoding import check_text, utf8_blocks
from pipelines.forms.csv_head import Head, find_head
from pipelines.forms.csv_records import Records, records_of, table_of, without_after
from pipelines.forms.footer import Footer, check_footer, cut_in_a_line, data_after_footer, footer_of
from pipelines.forms.header import ROW_NO
from pipelines.forms.limits import MAX_RECORD_BYTES

_SIGNS_OF_A_CUT = ("too_few_fields", "broken_quote", "undecodable_text")


def read_csv(path: Path, layout: Layout, *, batch_rows: int) -> Iterator[RawTable]:
    """The rows of a CSV file in batches; refuses a file that cannot be trusted."""
    return batches(_parts(path, layout), batch_rows)


def _parts(path: Path, layout: Layout) -> Iterator[RawTable]:
    dialect, footer, where = dialect_of(layout), footer_of(layout), path.name
    blocks = _marked(utf8_blocks(check_text(path, layout.encoding)))
    first, alone = next(blocks)
    head = find_head(first, dialect, layout, where)
    yield _above(head)
    line, rest, n_records, behind = head.n_preamble_lines + head.n_header_lines + 1, b"", 0, None
    for block, at_end in chain([(first[head.n_bytes :], alone)], blocks):
        if behind is not None:
            behind = _bounded(behind + block, where)
            continue
        data = rest + block
        cut = at_end and bool(data) and not data.endswith((b"\n", b"\r"))
        if at_end and data and not data.endswith(b"\n"):
            data += b"\n"  # behind a lone CR this makes CR LF, still one line end
        records = records_of(data, dialect, len(head.header.names), footer, line, at_end, where)
        last = footer_record(records, footer, dialect)
        if last is not None:
            behind = _bounded(data[records.starts[last] :], where)
            records = without_after(records, int(records.row_nos[last]))
        table = table_of(
            records,
            head.header,
            dialect,
            head.preamble,
            where,
            len(records.starts) if last is None else last,
        )
        if cut and not footer.text:
            _refuse_cut(table, records, where)
        n_records += table.rows.height + table.broken.height
        yield table
        rest, line = data[records.n_bytes :], line + records.n_lines
    yield _below(behind, head, footer, dialect, n_records, where)


def footer_record(records: Records, footer: Footer, dialect: Dialect) -> int | None:
    """The first record that starts with the footer's text, if there is one."""
    at = records.sent.find(footer.text) if footer.text else -1
    while at >= 0:
        nearest = int(np.searchsorted(records.starts, at, "right")) - 1
        if nearest >= 0 and at < records.ends[nearest]:
            before = records.sent[records.starts[nearest] : at]
            if footer.pattern.fullmatch(before + footer.text):
                return nearest
        at = records.sent.find(footer.text, at + 1)
    return None


def _marked(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block, and whether it is the last."""
    before = None
    for block in blocks:
        if before is not None:
            yield before, False
        before = block
    yield before or b"", True


def _above(head: Head) -> RawTable:
    columns = {ROW_NO: pl.Int64} | dict.fromkeys(head.header.names, pl.String)
    return RawTable(
        rows=pl.DataFrame(schema=columns),
        broken=broken_frame([]),
        skipped=skipped_counts(preamble=head.n_preamble_lines, header=head.n_header_lines),
        preamble=head.preamble,
    )


def _below(
    behind: bytes | None, head: Head, footer: Footer, dialect: Dialect, n_records: int, where: str
) -> RawTable:
    """The lines from the footer on, counted, once the footer agrees and no rows stand behind it."""
    lines = [] if behind is None else LINE_END.split(behind)
    if lines and not lines[-1]:
        lines.pop()
    text = lines[0].decode("utf-8", "backslashreplace") if lines else None
    check_footer(footer, text, n_records, where)
    n_columns = len(head.header.names)
    for line in lines[1:]:
        cells = dialect.cells(line)
        if n_columns > 1 and cells and len(cells) >= n_columns and any(cells):
            raise data_after_footer(where)
    above = _above(head)
    return RawTable(above.rows, above.broken, skipped_counts(footer=len(lines)), head.preamble)


def _bounded(behind: bytes, where: str) -> bytes:
    if len(behind) > 2 * MAX_RECORD_BYTES + (8 << 20):
        raise data_after_footer(where)
    return behind


def _refuse_cut(table: RawTable, records: Records, where: str) -> None:
    """Refuses a file without a last line end whose last record is not whole: the rest is lost."""
    if not table.broken.height:
        return
    row_no, rule, _ = table.broken.row(-1)
    ends_whole = len(records.row_nos) and int(records.row_nos[-1]) > row_no
    if rule in _SIGNS_OF_A_CUT and not ends_whole:
        raise cut_in_a_line(row_no, where)
