"""Every SQL example of README and guide runs, gives rows, and has the columns that are printed below it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "analyst_guide.md"
_BLOCK = re.compile(r"^```sql\n(?P<sql>.*?)^```\n(?:\n```text\n(?P<header>[^\n]*)\n)?", re.M | re.S)
_TABLE_ROW = re.compile(r"^\| (?P<tables>`[^|]*) \| [^|]* \| (?P<key>[a-z0-9_, ]+) \|$", re.M)


class Example(NamedTuple):
    place: str
    sql: str
    header: str | None


def _examples() -> list[Example]:
    found = []
    for path in (ROOT / "README.md", GUIDE):
        text = path.read_text(encoding="utf-8")
        found += [
            Example(
                f"{path.name}:{text.count(chr(10), 0, m.start()) + 1}",
                m["sql"].strip(),
                m["header"],
            )
            for m in _BLOCK.finditer(text)
        ]
    return found


def _declared_keys() -> list[tuple[str, str]]:
    return [
        (table, row["key"])
        for row in _TABLE_ROW.finditer(GUIDE.read_text(encoding="utf-8"))
        for table in re.findall(r"`(\w+)`", row["tables"])
    ]


@pytest.fixture
def open_database(study_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(study_home)
    with duckdb.connect("warehouse/open.duckdb", read_only=True) as con:
        yield con


@pytest.mark.parametrize("example", _examples(), ids=lambda example: example.place)
def test_an_example_gives_rows_and_the_columns_printed_below_it(open_database, example):
    cursor = open_database.execute(example.sql)

    columns = [column[0] for column in cursor.description]

    assert cursor.fetchall()
    assert example.header is not None, "print the first rows below the query"
    assert example.header.split() == columns


def test_the_readme_asks_three_questions_and_the_guide_ten():
    headings = re.findall(r"^### (\d+)\. ", GUIDE.read_text(encoding="utf-8"), re.M)
    in_readme = [example for example in _examples() if example.place.startswith("README")]

    assert headings == [str(number) for number in range(1, 11)]
    assert len(in_readme) == 3


def test_the_guide_lists_every_table_of_the_open_database(open_database):
    present = {
        row[0] for row in open_database.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    }

    assert {table for table, _ in _declared_keys()} == present


@pytest.mark.parametrize(("table", "key"), _declared_keys())
def test_the_key_that_the_guide_names_is_unique(open_database, table, key):
    rows, keys = open_database.execute(
        f"SELECT count(*), count(DISTINCT ({key})) FROM {table}"
    ).fetchall()[0]

    assert rows > 0
    assert keys == rows
