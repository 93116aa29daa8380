"""Results of a table: each printed number once, in reading order, with the SQL of its own rows."""

from __future__ import annotations

import datetime as dt

import duckdb
import polars as pl
import pytest

from pipelines.reports.layout.results import Basis, arm_of, estimated, literal_of, of_table, one
from pipelines.reports.layout.tables import Column, inline, table

FRAME = pl.DataFrame({
    "visit": ["BL", "W6"], "n": [2, 1], "mean": [1.5, None], "low": [0.5, None], "high": [2.5, None], "part": [1, 0], "all": [4, 0],
})  # fmt: skip
COLUMNS = [
    Column("visit", "Visit"), Column("n", "n", "number", of="count(*)"),
    Column("mean", "Mean", "estimate", 1, low="low", high="high", unit="m/s", of="avg(value)"),
    Column("part", "Share", "percent", whole="all", of="count(*) FILTER (is_real) / count(*)"),
]  # fmt: skip
BASIS = Basis("mart_x", "measure = 'a'", {"visit": "visit_code"})


def test_every_number_in_reading_order_and_none_for_what_is_missing():
    found, places = of_table(FRAME, COLUMNS, "T", BASIS)
    assert found.select("statistic", "group", "value", "unit", "n").rows() == [
        ("T: n", "BL", 2.0, "", 2), ("T: Mean", "BL", 1.5, "m/s", 2), ("T: Mean, lower limit", "BL", 0.5, "m/s", 2),
        ("T: Mean, upper limit", "BL", 2.5, "m/s", 2), ("T: Share", "BL", 25.0, "%", 4), ("T: n", "W6", 1.0, "", 1),
    ]  # fmt: skip
    assert places == {(0, 1): 0, (0, 2): 1, (0, 3): 4, (1, 1): 5}


def test_the_sql_is_of_the_rows_own_rows_and_exact_where_an_expression_is_given():
    found, _ = of_table(FRAME, COLUMNS, "T", BASIS)
    rows = {row["statistic"]: row for row in found.filter(group="BL").to_dicts()}
    where = "measure = 'a' AND visit_code = 'BL'"
    assert rows["T: Mean"]["sql"] == f"SELECT avg(value) FROM mart_x WHERE {where}"
    assert rows["T: Mean"]["is_exact"]
    assert rows["T: Mean, lower limit"]["sql"] == f"SELECT * FROM mart_x WHERE {where}"
    assert not rows["T: Mean, lower limit"]["is_exact"]
    assert (
        rows["T: Share"]["sql"]
        == f"SELECT 100.0 * count(*) FILTER (is_real) / count(*) FROM mart_x WHERE {where}"
    )


def test_a_column_may_narrow_its_rows_and_name_another_table():
    columns = [Column("visit", "Visit"), Column("n", "n", "number", of="count(*)", where="day <= {all}", table="mart_y")]  # fmt: skip
    found, _ = of_table(FRAME.head(1), columns, "T", BASIS)
    assert (
        found["sql"][0]
        == "SELECT count(*) FROM mart_y WHERE measure = 'a' AND visit_code = 'BL' AND day <= 4"
    )


@pytest.mark.parametrize(
    ("value", "said"), [(None, "visit_code IS NULL"), ("O'Neil", "visit_code = 'O''Neil'")]
)
def test_a_key_that_is_missing_or_hostile(value, said):
    frame = FRAME.head(1).with_columns(visit=pl.lit(value, pl.String))
    found, _ = of_table(frame, COLUMNS, "T", BASIS)
    assert found["condition"][0] == f"measure = 'a' AND {said}"


def test_cells_tell_their_number_on_the_page():
    html = inline(table(FRAME, COLUMNS, title="T", basis=BASIS).html, "table-1", first=11)
    assert html.count("title=") == 4 and "data-place" not in html
    assert 'class="right" title="number 12">1.5 (0.5 to 2.5)</td>' in html
    assert 'class="right" title="number 16">1</td>' in html
    bare = table(FRAME, COLUMNS, title="T")
    assert "title=" not in inline(bare.html, "t") and bare.numbers.is_empty()


def test_a_single_number_and_an_estimate_with_limits():
    basis = Basis("mart_x")
    assert one("people", None, "", basis).is_empty()
    assert (
        one("people", 3, "", basis, "count(*)")["sql"][0]
        == "SELECT count(*) FROM mart_x WHERE true"
    )
    found = estimated("rate", "1/year", basis, 2.0, 1.0, None)
    assert found.select("statistic", "value").rows() == [
        ("rate", 2.0),
        ("rate, lower limit", 1.0),
    ]


@pytest.mark.parametrize("value", [True, 2, 0.1, "a'b", dt.date(2025, 1, 2)])
def test_a_literal_is_read_back_as_the_value(value):
    with duckdb.connect() as con:
        assert con.execute(f"SELECT {literal_of(value)} = ?", [value]).fetchall() == [(True,)]


def test_the_arm_of_a_table_without_one():
    with duckdb.connect() as con:
        con.execute("CREATE TABLE core_participant AS SELECT 'A' AS participant_id, 'BW' AS arm")
        con.execute("CREATE TABLE t AS SELECT unnest(['A', 'B']) AS participant_id")
        found = con.execute(f"SELECT participant_id FROM t WHERE {arm_of('t')} = 'BW'").fetchall()
    assert found == [("A",)]
