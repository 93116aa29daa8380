"""Numbers as data: all that the pages print is there, and each is what its SQL gives."""

from __future__ import annotations

import re

import duckdb
import polars as pl
import pytest

from pipelines.errors import BackstepError
from pipelines.reports import discovered, results

NIGHT = "2025-11-04T031500Z"
NUMBER = re.compile(r'<t[dh][^>]*class="right"([^>]*)>([^<]+)</t[dh]>')


@pytest.fixture(params=["open", "closed"])
def side(request):
    return request.param


@pytest.fixture
def found(home, side):
    return results.read(home / "reports" / NIGHT / side)


@pytest.fixture
def con(home, side):
    with duckdb.connect(str(home / "warehouse" / f"{side}.duckdb"), read_only=True) as con:
        yield con


def test_each_number_that_sql_alone_makes_is_what_its_sql_gives(found, con):
    exact = found.filter("is_exact")
    assert exact.height > 400
    for row in exact.iter_rows(named=True):
        ((value,),) = con.execute(row["sql"]).fetchall()
        assert float(value) == pytest.approx(row["value"], rel=1e-9), row


def test_the_rows_of_every_other_number_are_there(found, con):
    for query in found.filter(~pl.col("is_exact"), pl.col("value") != 0)["sql"].unique():
        assert con.execute(f"SELECT count(*) FROM ({query})").fetchall()[0][0] > 0, query


def test_every_number_in_a_table_of_a_report_is_a_result(home, side, found):
    for name in discovered():
        path = home / "reports" / NIGHT / side / f"{name}.html"
        if not path.is_file():
            continue
        tables = re.sub(r"<thead>.*?</thead>", "", path.read_text("utf-8"), flags=re.S)
        cells = [cell for cell in NUMBER.findall(tables) if cell[1] != "\N{EN DASH}"]
        assert [cell for cell in cells if "number " not in cell[0]] == [], name
        told = [int(re.search(r"number (\d+)", cell[0])[1]) for cell in cells]
        assert set(told) <= set(found.filter(report=name)["number"].to_list())
        assert len(told) == len(set(told))


def test_numbers_count_from_one_without_a_gap(found):
    for (_,), rows in found.group_by("report"):
        assert rows["number"].to_list() == list(range(1, rows.height + 1))


def test_no_open_number_rests_on_an_arm(home):
    said = results.read(home / "reports" / NIGHT / "open")
    assert said.filter(pl.col("sql").str.contains(r"\barm\b")).is_empty()


def test_a_number_or_report_that_is_not_there_is_told(found):
    with pytest.raises(BackstepError, match="no report `nothing`"):
        results.find(found, "nothing", 1)
    with pytest.raises(BackstepError, match="its numbers are 1 to"):
        results.find(found, "knee_pain", 99_999)


def test_a_night_without_numbers_has_none(tmp_path):
    assert results.read(tmp_path) is None
