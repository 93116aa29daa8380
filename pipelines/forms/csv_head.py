"""The lines above a table and its header row: what the file says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.contracts.shapes import Layout
from pipelines.forms.csv_dialect import LINE_END, Dialect
from pipelines.forms.header import Header, header_of, missing_columns
from pipelines.forms.limits import MAX_HEAD_LINES


@dataclass(frozen=True)
class Head:
    """Everything above the first record."""

    header: Header
    preamble: dict[str, str]
    n_preamble_lines: int
    n_header_lines: int
    n_bytes: int


def find_head(data: bytes, dialect: Dialect, layout: Layout, where: str) -> Head:
    """The first line that holds all names of `layout.header`, and what stands above it.

    Without declared names it is the first line that is not blank. Refuses a file without one.
    """
    preamble: dict[str, str] = {}
    seen: list[list[str]] = []
    at = 0
    for n_above in range(MAX_HEAD_LINES):
        if at >= len(data):
            break
        line_end = LINE_END.search(data, at)
        line = data[at : line_end.start() if line_end else len(data)]
        match = dialect.record.match(data, at)
        record = match[0] if match else line
        cells = [cell.strip() for cell in dialect.cells(record) or ()]
        seen.append(cells)
        if any(cells) and set(layout.header) <= set(cells):
            end = LINE_END.match(data, at + len(record))
            return Head(
                header=header_of(cells, layout.header, where),
                preamble=preamble,
                n_preamble_lines=n_above,
                n_header_lines=1 + len(LINE_END.findall(record)),
                n_bytes=end.end() if end else len(data),
            )
        preamble |= _labelled(line, dialect, layout.preamble, preamble)
        at = line_end.end() if line_end else len(data)
    raise missing_columns(seen, layout.header, where)


def _labelled(
    line: bytes, dialect: Dialect, labels: dict[str, str], known: dict[str, str]
) -> dict[str, str]:
    """The texts behind the labels that this line starts with; a label's first line counts."""
    text = line.decode("utf-8", "backslashreplace").strip()
    delimiter, quote = dialect.delimiter.decode(), dialect.quote.decode()
    if quote and text.startswith(quote):
        text = delimiter.join(dialect.cells(line.strip()) or [text])
    return {
        key: text[len(label) :].strip(" \t\u00a0" + delimiter)
        for key, label in labels.items()
        if key not in known and text.startswith(label)
    }
