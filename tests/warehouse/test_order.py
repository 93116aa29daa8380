"""The order of the marts is read from their SQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import BuildStopped
from pipelines.warehouse.order import build_order, reads


def order_of(folder: Path, **files: str) -> list[str]:
    for name, sql in files.items():
        (folder / f"{name}.sql").write_text(sql)
    return [path.stem for path in build_order(folder)]


def test_a_mart_comes_after_what_it_reads_and_equals_by_name(tmp_path: Path) -> None:
    found = order_of(
        tmp_path,
        a="SELECT * FROM c",
        b="SELECT * FROM core_x",
        c="SELECT * FROM b JOIN d USING (k)",
        d="SELECT 1 AS k",
    )

    assert found == ["b", "d", "c", "a"]


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT * FROM a, b", {"a", "b"}),
        ("SELECT (SELECT max(x) FROM a) FROM b WHERE EXISTS (SELECT 1 FROM c WHERE c.x = b.x)", {"a", "b", "c"}),
        ("WITH w AS (SELECT * FROM a) SELECT * FROM w JOIN b USING (k)", {"a", "b"}),
        ("WITH w AS (SELECT * FROM a), v AS (SELECT * FROM w) SELECT * FROM v", {"a"}),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", {"a"}),  # the inner one is the table
        ("SELECT * FROM a UNION ALL SELECT * FROM b", {"a", "b"}),
        ("SELECT * FROM (SELECT * FROM a) AS s", {"a"}),
        ("SELECT * FROM main.a", {"a"}),
        ("-- reads nothing\nSELECT 1", set()),
        ("SELECT * FROM a WHERE x IN (SELECT x FROM b) -- FROM c", {"a", "b"}),
        ("SELECT 'FROM c' AS t FROM a", {"a"}),
        ("SELECT * FROM a ANTI JOIN b USING (k)", {"a", "b"}),
        ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r, a", {"a"}),
    ],
)  # fmt: skip
def test_what_a_select_reads(sql: str, tables: set[str]) -> None:
    assert reads(sql, "x.sql") == tables


@pytest.mark.parametrize(
    "sql",
    ["", "-- nothing", "DROP TABLE a", "CREATE TABLE a AS SELECT 1", "INSERT INTO a SELECT 1", "SELECT 1; SELECT 2",
     "SELECT 1; DROP TABLE a", "COPY a TO 'x'", "ATTACH 'x'", "UPDATE a SET x = 1", "SELECT FROM WHERE", "PRAGMA x"],
)  # fmt: skip
def test_anything_but_one_select_is_refused_by_its_file(sql: str) -> None:
    with pytest.raises(BuildStopped) as caught:
        reads(sql, "mart_x.sql")

    assert caught.value.where == "mart_x.sql"
    assert caught.value.remedy


@pytest.mark.parametrize(
    "files", [{"a": "SELECT * FROM b", "b": "SELECT * FROM a"}, {"a": "SELECT * FROM a"},
              {"a": "SELECT * FROM b", "b": "SELECT * FROM c", "c": "SELECT * FROM a", "d": "SELECT 1"}],
)  # fmt: skip
def test_marts_that_read_each_other_are_named(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(BuildStopped) as caught:
        order_of(tmp_path, **files)

    assert "a" in caught.value.what
    assert "d" not in caught.value.what.split(":")[1]


def test_an_empty_folder_has_no_order(tmp_path: Path) -> None:
    assert build_order(tmp_path) == []
