"""Tables: escaped, without style or links, numbers to the right, missing said in a legend."""

import re

import polars as pl
import pytest

from pipelines.reports.layout.tables import Column, inline, table

HOSTILE = 'x > id="table-1" </td></table><script>alert(1)</script>'


def cells(html: str) -> list[str]:
    return re.findall(r"<t[dh] ?[^>]*>(.*?)</t[dh]>", html, re.DOTALL)


def test_each_kind_of_column_is_written_as_its_kind():
    frame = pl.DataFrame(
        {"a": ["x"], "n": [9], "all": [12], "e": [0.06], "lo": [-0.01], "hi": [0.11], "p": [0.0001]}
    )
    columns = [
        Column("a", "Clinic"),
        Column("n", "n", "number"),
        Column("e", "Change", "signed", 2),
        Column("n", "Share", "percent", whole="all"),
        Column("lo", "Interval", "interval", 2, low="lo", high="hi"),
        Column("e", "Effect", "estimate", 2, low="lo", high="hi"),
        Column("p", "p", "p"),
    ]

    made = table(frame, columns, title="t")

    assert cells(made.html)[7:] == [
        "x",
        "9",
        "+0.06",
        "75\u202f%",
        "\u22120.01 to 0.11",
        "0.06 (\u22120.01 to 0.11)",
        "&lt;0.001",
    ]
    assert made.html.count('class="right"') == 12  # head and cell of the six that are numbers
    assert made.legend == ""


def test_text_and_labels_appear_as_text():
    made = table(pl.DataFrame({"a": [HOSTILE]}), [Column("a", "A <i> & b")], title="t")

    assert "<script" not in made.html and "<i>" not in made.html
    assert "A &lt;i&gt; &amp; b" in made.html
    assert made.html.count("</table>") == 1
    assert "id=&quot;table-1&quot;" in inline(made.html, "table-9")


def test_missing_is_an_en_dash_with_a_legend():
    frame = pl.DataFrame({"a": [None], "n": [None]}, schema={"a": pl.String, "n": pl.Int64})

    made = table(frame, [Column("a", "A"), Column("n", "N", "number")], title="t")

    assert cells(made.html)[2:] == ["\u2013", "\u2013"]
    assert made.legend == "\u2013 not available."


def test_no_style_no_link_and_first_cell_is_the_row_header():
    made = table(
        pl.DataFrame({"a": ["x"], "b": ["two\nlines"]}),
        [Column("a", "A"), Column("b", "B")],
        title="t",
    )

    assert not re.search(r"style|https?:|gt_", made.html)
    assert '<th scope="row" headers="table-c0" class="left">x</th>' in made.html
    assert re.search(r'<td headers="table-c1" class="left">two\nlines</td>', made.html)


def test_ids_are_those_of_the_page_and_agree_with_headers():
    made = table(pl.DataFrame({"a": ["x"]}), [Column("a", "A")], title="t")

    shown = inline(made.html, "table-7")

    assert 'id="table-7-c0"' in shown and 'headers="table-7-c0"' in shown
    assert '"table-c0"' not in shown


def test_an_empty_frame_says_so():
    made = table(
        pl.DataFrame(schema={"a": pl.String, "n": pl.Int64}),
        [Column("a", "A"), Column("n", "N", "number")],
        title="t",
    )

    assert '<td colspan="2">No rows yet</td>' in made.html


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="nowhere"):
        table(pl.DataFrame({"a": [1]}), [Column("nowhere", "A")], title="t")
