"""Tables that Python's csv module writes come back cell for cell; a bad line is found alone."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pipelines.contracts.shapes import Layout
from pipelines.forms import csv_encoding, read_table

LINE_END = re.compile("\r\n|\r|\n")
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
BOMS = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
ODD = st.text(alphabet="ab ,;\"'\r\n\t\u00e9\u20ac\u00df\u00a0", max_size=30)
PLAIN = st.text(alphabet="abc\u00e9 '.-0123456789", min_size=1, max_size=20)


def record(cells, dialect):
    out = io.StringIO()
    csv.writer(out, **dialect).writerow(cells)
    return out.getvalue()


def is_ambiguous(text, n_columns, delimiter):
    """Each line of the record has all the delimiters of one: held on purpose, see test_csv_text."""
    lines = LINE_END.split(text.removesuffix("\r\n").rstrip("\r\n"))
    full = all(line.count(delimiter) == n_columns - 1 for line in lines)
    return len(lines) > 1 and len(lines) * (n_columns - 1) >= 6 and full


@st.composite
def tables(draw, cell):
    n_columns = draw(st.integers(1, 6))
    line_end = draw(st.sampled_from(["\r\n", "\n", "\r"]))
    dialect = {
        "delimiter": draw(st.sampled_from(",;|\t")),
        "lineterminator": line_end,
        # before Python 3.13 the writer leaves CR bare where it is not part of the line end
        "quoting": draw(
            st.sampled_from(
                [csv.QUOTE_ALL, csv.QUOTE_MINIMAL] if line_end == "\r\n" else [csv.QUOTE_ALL]
            )
        ),
    }
    rows = draw(st.lists(st.lists(cell, min_size=n_columns, max_size=n_columns), max_size=12))
    return n_columns, dialect, rows


def read_all(path, layout, block_bytes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_encoding, "BLOCK_BYTES", block_bytes)
        found = list(read_table(path, "csv", layout, batch_rows=5))
    rows = [row for table in found for row in table.rows.rows()]
    broken = [row for table in found for row in table.broken.rows()]
    return rows, broken


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(table=tables(ODD), encoding=st.sampled_from(ENCODINGS), block_bytes=st.integers(100, 400))
def test_every_table_comes_back_as_it_was_written(tmp_path, table, encoding, block_bytes):
    n_columns, dialect, rows = table
    names = [f"H{n}" for n in range(n_columns)]  # no cell can say that
    text, expected = record(names, dialect), []
    line = 1 + len(LINE_END.findall(text))
    for cells in rows:
        written = record(cells, dialect)
        assume(not is_ambiguous(written, n_columns, dialect["delimiter"]))
        if any(cells):
            expected.append((line, *cells))
        text += written
        line += len(LINE_END.findall(written))
    content = BOMS.get(encoding, b"") + text.encode(encoding)
    if encoding == "cp1252":
        assume(text.isascii() or not csv_encoding.is_utf8(content))
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    layout = Layout(encoding=encoding, delimiter=dialect["delimiter"], header=tuple(names))

    found, broken = read_all(path, layout, block_bytes)

    assert broken == []
    assert found == expected


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(table=tables(PLAIN), data=st.data(), block_bytes=st.integers(100, 400))
def test_a_delimiter_too_many_or_too_few_breaks_its_own_line_only(
    tmp_path, table, data, block_bytes
):
    n_columns, dialect, rows = table
    assume(rows)
    delimiter = dialect["delimiter"]
    names = [f"H{n}" for n in range(n_columns)]  # no cell can say that
    lines = [record(cells, dialect) for cells in [names, *rows]]
    bad = data.draw(st.integers(1, len(rows)))
    fields = record(rows[bad - 1], {**dialect, "lineterminator": ""}).split(delimiter)
    place = data.draw(st.integers(0, n_columns - 1))
    if n_columns > 1 and place and data.draw(st.booleans()):
        fields[place - 1 : place + 1] = [fields[place - 1] + fields[place]]
        rule = "too_few_fields"
    else:
        fields.insert(place, "")
        rule = "too_many_fields"
    sent = delimiter.join(fields)
    lines[bad] = sent + dialect["lineterminator"]
    path = tmp_path / "table.csv"
    path.write_bytes("".join(lines).encode())
    layout = Layout(delimiter=delimiter, header=tuple(names))

    found, broken = read_all(path, layout, block_bytes)

    assert broken == [(bad + 1, rule, sent)]
    assert found == [(n + 2, *cells) for n, cells in enumerate(rows) if n + 1 != bad]


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(table=tables(PLAIN), data=st.data(), block_bytes=st.integers(100, 400))
def test_an_unbalanced_quote_breaks_its_own_line_only(tmp_path, table, data, block_bytes):
    n_columns, dialect, rows = table
    assume(rows)
    names = [f"H{n}" for n in range(n_columns)]  # no cell can say that
    lines = [record(cells, dialect) for cells in [names, *rows]]
    bad = data.draw(st.integers(1, len(rows)))
    place = data.draw(st.integers(0, n_columns - 1))
    sent = dialect["delimiter"].join(
        '"' + cell if n == place else cell for n, cell in enumerate(rows[bad - 1])
    )
    lines[bad] = sent + dialect["lineterminator"]
    path = tmp_path / "table.csv"
    path.write_bytes("".join(lines).encode())
    layout = Layout(delimiter=dialect["delimiter"], header=tuple(names))

    found, broken = read_all(path, layout, block_bytes)

    assert broken == [(bad + 1, "broken_quote", sent)]
    assert found == [(n + 2, *cells) for n, cells in enumerate(rows) if n + 1 != bad]
