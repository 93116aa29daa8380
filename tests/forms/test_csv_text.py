"""CSV as clinics send it: real-shaped, truncated and hostile files."""

from __future__ import annotations

import polars as pl
import pytest

from pipelines.contracts.shapes import Layout
from pipelines.errors import ContractError, DeliveryRefused
from pipelines.forms import csv_encoding, limits, read_table

LAYOUT = Layout(header=("id", "pain", "note"))
HEAD = b"id,pain,note\n"

REAL = (
    "Created by: M. Weber;;\r\n"
    "Printed;10.03.2025;\r\n"
    "\r\n"
    "Kennung;Schmerz;Notiz;Gr\u00f6\u00dfe\r\n"
    '07-001;3,5;"sagt ""gut""; geht";5\'10"\r\n'
    ";;;\r\n"
    '07-002;;"zwei\r\nZeilen";\r\n'
    "Kennung;Schmerz;Notiz;Gr\u00f6\u00dfe\r\n"
    " 07-003 ;4;\u20ac 5;x\r\n"
    "Summe: 3 Zeilen\r\n"
    "Seite 1\r\n"
)
REAL_LAYOUT = Layout(
    encoding="cp1252",
    delimiter=";",
    header=("Kennung", "Notiz"),
    preamble={"sent_by": "Created by:", "printed": "Printed"},
    footer="Summe:",
    trailer_count=True,
)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
def test_a_german_export_reads_cell_for_cell(send, read, encoding, line_end):
    text = REAL.replace("\r\n", line_end)
    layout = Layout(**{**vars(REAL_LAYOUT), "encoding": encoding})

    table = read(send(text.encode(encoding)), layout)

    assert table.rows.rows() == [
        (5, "07-001", "3,5", 'sagt "gut"; geht', "5'10\""),
        (7, "07-002", "", f"zwei{line_end}Zeilen", ""),
        (10, " 07-003 ", "4", "\u20ac 5", "x"),
    ]
    assert table.rows.columns == ["row_no", "Kennung", "Schmerz", "Notiz", "Gr\u00f6\u00dfe"]
    assert table.broken.height == 0
    assert table.skipped == {
        "preamble": 3,
        "header": 1,
        "blank": 1,
        "repeated_header": 1,
        "footer": 2,
    }
    assert table.preamble == {"sent_by": "M. Weber", "printed": "10.03.2025"}


def test_row_no_is_int64_and_cells_are_text(send, read):
    table = read(send(HEAD + b"1,2,3\n"), LAYOUT)
    assert table.rows.schema == {
        "row_no": pl.Int64,
        "id": pl.String,
        "pain": pl.String,
        "note": pl.String,
    }


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b"b,2,3,4", "too_many_fields"),
        (b"b,2,3,", "too_many_fields"),
        (b'b,"2,3",4,5', "too_many_fields"),
        (b"b,2", "too_few_fields"),
        (b'b,"2,3"', "too_few_fields"),
        (b"b", "too_few_fields"),
        (b'b,"2,3', "broken_quote"),
        (b'b,"2"x,3', "broken_quote"),
        (b'b,2,"3', "broken_quote"),
        (b"b,2,caf\xe9", "undecodable_text"),
    ],
)
def test_a_line_that_does_not_split_is_held_and_its_neighbours_are_not(send, read, line, rule):
    path = send(HEAD + b'a,1,"x, y"\n' + line + b'\nc,3,"z"\n')

    table = read(path, LAYOUT)

    assert table.rows.rows() == [(2, "a", "1", "x, y"), (4, "c", "3", "z")]
    assert table.broken.rows() == [(3, rule, line.decode("utf-8", "backslashreplace"))]


def test_two_unbalanced_lines_in_a_row_are_two_broken_records(send, read):
    table = read(send(HEAD + b'a,"1,x\nb,"2,y\nc,3,z\n'), LAYOUT)
    assert table.broken.rows() == [(2, "broken_quote", 'a,"1,x'), (3, "broken_quote", 'b,"2,y')]
    assert table.rows.rows() == [(4, "c", "3", "z")]


def test_an_unbalanced_quote_swallows_nothing_up_to_a_stray_quote_far_below(send, read):
    good = b"".join(b"p%d,1,x\n" % n for n in range(50))
    table = read(send(HEAD + b'a,"1,x\n' + good + b"z,5'10\",w\n"), LAYOUT)
    assert table.broken.rows() == [(2, "broken_quote", 'a,"1,x')]
    assert table.rows["row_no"].to_list() == list(range(3, 54))
    assert table.rows.row(-1) == (53, "z", "5'10\"", "w")


def test_lines_that_each_have_all_delimiters_are_not_one_record(send, read):
    head = b"id,pain,side,note\n"
    table = read(send(head + b'a,1,"left,x\nb,2,right",y\n'), Layout(header=("id", "side")))
    assert table.rows.height == 0
    assert table.broken.rows() == [
        (2, "broken_quote", 'a,1,"left,x'),
        (3, "broken_quote", 'b,2,right",y'),
    ]


def test_the_tail_of_a_broken_record_is_no_row(send, read):
    path = send(HEAD + b'"He said "ok"\nand left",2,x\nb,3,y\n')
    table = read(path, LAYOUT)
    assert table.rows.rows() == [(4, "b", "3", "y")]
    assert table.broken["row_no"].to_list() == [2, 3]


def test_a_surplus_delimiter_breaks_a_record_of_several_lines_as_one(send, read):
    path = send(HEAD + b'a,"two\nlines",,x\nb,3,y\n')
    table = read(path, LAYOUT)
    assert table.broken.rows() == [(2, "too_many_fields", 'a,"two\nlines",,x')]
    assert table.rows.rows() == [(4, "b", "3", "y")]


def test_a_quote_over_too_many_lines_is_unbalanced(send, read):
    lines = b"".join(b"x\n" for _ in range(limits.MAX_CELL_LINES))
    table = read(send(HEAD + b'a,1,"note\n' + lines + b'end"\nb,3,y\n'), LAYOUT)
    assert table.broken["rule"][0] == "broken_quote"
    assert table.broken["row_no"][0] == 2
    assert table.rows.rows() == [(2 + limits.MAX_CELL_LINES + 2, "b", "3", "y")]


def test_an_unbalanced_quote_at_the_end_does_not_take_the_footer_with_it(send, read):
    layout = Layout(header=("id", "pain", "note"), footer="Total:", trailer_count=True)
    table = read(send(HEAD + b'a,1,x\nb,"2,y\nTotal: 2\n'), layout)
    assert table.rows.height == 1
    assert table.broken.rows() == [(3, "broken_quote", 'b,"2,y')]


@pytest.mark.parametrize(
    ("content", "layout", "reason"),
    [
        (b"", LAYOUT, "empty"),
        (b"\xef\xbb\xbf \r\n", LAYOUT, "empty"),
        (HEAD + b"a,1,x\nb,2", LAYOUT, "truncated"),
        (HEAD + b'a,1,x\nb,2,"cut in the mid', LAYOUT, "truncated"),
        (HEAD + b'a,1,x\nb,2,"cut\nin a cell', LAYOUT, "truncated"),
        (HEAD + b"a,1,x\nb,2,caf\xc3", LAYOUT, "truncated"),
        (HEAD + b"a,1,x\n", Layout(header=("id",), footer="End"), "truncated"),
        (
            HEAD + b"a,1,x\nEnd 2 rows\n",
            Layout(header=("id",), footer="End", trailer_count=True),
            "truncated",
        ),
        (
            HEAD + b"a,1,x\nEnd\n",
            Layout(header=("id",), footer="End", trailer_count=True),
            "truncated",
        ),
        (HEAD + b"a,1,x\nEnd\nb,2,y\n", Layout(header=("id",), footer="End"), "data_after_footer"),
        (HEAD.decode().encode("utf-16") + b"x", Layout(encoding="utf-16"), "truncated"),
        (b"id,pain\na,1\n", LAYOUT, "columns_missing"),
        (b"id,pain,note,id\na,1,x,b\n", LAYOUT, "duplicate_columns"),
        (b"id,pain,note,row_no\na,1,x,b\n", LAYOUT, "duplicate_columns"),
        (HEAD + b"a,1,x\npain,id,note\n", LAYOUT, "columns_changed"),
        (HEAD + b"a,1,x\nid,pain,note,new\n", LAYOUT, "columns_changed"),
        (HEAD + b"a,1,\0\n", LAYOUT, "binary_in_text"),
        (b"\xff\xfe" + HEAD, LAYOUT, "wrong_encoding"),
        (b"\xef\xbb\xbf" + HEAD, Layout(encoding="cp1252"), "wrong_encoding"),
        (HEAD.decode().encode("utf-16-le"), Layout(encoding="utf-16"), "wrong_encoding"),
        (HEAD + "a,1,caf\u00e9\n".encode(), Layout(encoding="cp1252"), "wrong_encoding"),
        (HEAD + b"a,1,\x93quoted\x94\n", Layout(encoding="latin-1"), "wrong_encoding"),
        (HEAD + b"a,1,caf\xe9\n" * 11, LAYOUT, "wrong_encoding"),
        (HEAD + b"a,1," + b"x" * (limits.MAX_RECORD_BYTES + 1) + b"\n", LAYOUT, "line_too_long"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(send, read, content, layout, reason):
    with pytest.raises(DeliveryRefused) as refused:
        read(send(content), layout)
    assert refused.value.reason == reason
    assert refused.value.remedy


def test_too_many_columns_are_refused(send, read):
    header = ",".join(f"c{n}" for n in range(limits.MAX_COLUMNS + 1)).encode()
    with pytest.raises(DeliveryRefused) as refused:
        read(send(header + b"\n"), Layout(header=("c0",)))
    assert refused.value.reason == "too_many_columns"


def test_missing_columns_are_named_and_values_are_not(send, read):
    path = send(b"id,secret-value\n01-001,9\n")
    with pytest.raises(DeliveryRefused) as refused:
        read(path, LAYOUT)
    assert "pain, note" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_few_undecodable_lines_among_many_are_held_one_by_one(send, read):
    lines = [b"p%d,1,x" % n for n in range(2000)]
    for n in range(0, 1800, 150):
        lines[n] += b"\xff"
    table = read(send(HEAD + b"\n".join(lines) + b"\n"), LAYOUT)
    assert table.rows.height == 2000 - 12
    assert table.broken["row_no"].to_list() == [n + 2 for n in range(0, 1800, 150)]
    assert table.broken["sent"][0] == "p0,1,x\\xff"
    assert set(table.broken["rule"]) == {"undecodable_text"}


def test_bytes_that_the_code_page_does_not_have_are_held(send, read):
    layout = Layout(encoding="cp1252", header=("id",))
    table = read(send(HEAD + b"a,1,\xe9\nb,2,\x81\n"), layout)
    assert table.rows.rows() == [(2, "a", "1", "\u00e9")]
    assert table.broken.rows() == [(3, "undecodable_text", "b,2,\\x81")]


def test_hostile_header_and_cells_are_only_text(send, read):
    path = send(b"id,\"x'); DROP TABLE core_pain;--\",=cmd|' /C calc'!A0\na,<script>,=1+1\n")
    table = read(path, Layout(header=("id",)))
    assert table.rows.columns[2:] == ["x'); DROP TABLE core_pain;--", "=cmd|' /C calc'!A0"]
    assert table.rows.rows() == [(2, "a", "<script>", "=1+1")]


def test_nameless_columns_are_kept_by_their_place(send, read):
    table = read(send(b"id,,note,\na,1,x,2\n"), Layout(header=("id",)))
    assert table.rows.columns == ["row_no", "id", "(column 2)", "note", "(column 4)"]
    assert table.rows.rows() == [(2, "a", "1", "x", "2")]


def test_header_in_quotes_over_two_lines_counts_its_lines(send, read):
    table = read(send(b'"id","pain\n(0-10)"\n"a","1"\n'), Layout(header=("pain\n(0-10)",)))
    assert table.rows.rows() == [(3, "a", "1")]
    assert table.skipped == {"header": 2}


def test_a_table_without_rows_is_one_empty_batch(send):
    (table,) = read_table(send(HEAD), "csv", LAYOUT)
    assert table.rows.columns == ["row_no", "id", "pain", "note"]
    assert table.rows.height == 0


def test_unquoted_dialect_takes_quotes_as_text(send, read):
    table = read(send(b'id|note\na|say "x\n'), Layout(delimiter="|", quote="", header=("id",)))
    assert table.rows.rows() == [(2, "a", 'say "x')]


def test_batches_have_the_asked_size_and_no_line_twice(send, monkeypatch):
    monkeypatch.setattr(csv_encoding, "BLOCK_BYTES", 100)
    lines = [b"p%d,1,x" % n if n % 10 else b"p%d,1" % n for n in range(1, 101)]
    path = send(HEAD + b"\n".join(lines) + b"\n")

    tables = list(read_table(path, "csv", LAYOUT, batch_rows=7))

    assert max(table.rows.height for table in tables) == 7
    rows = [row_no for table in tables for row_no in table.rows["row_no"]]
    broken = [row_no for table in tables for row_no in table.broken["row_no"]]
    assert broken == list(range(11, 102, 10))
    assert sorted(rows + broken) == list(range(2, 102))
    assert sum(table.skipped["header"] for table in tables) == 1


@pytest.mark.parametrize(
    "layout",
    [
        Layout(delimiter="||"),
        Layout(delimiter=""),
        Layout(quote=","),
        Layout(encoding="klingon"),
        Layout(encoding="base64"),
    ],
)
def test_a_layout_that_cannot_be_meant_is_the_contract_s_fault(send, read, layout):
    with pytest.raises(ContractError):
        read(send(HEAD), layout)


def test_an_unknown_format_is_the_contract_s_fault(send, read):
    with pytest.raises(ContractError):
        read(send(HEAD), LAYOUT, "parquet")
