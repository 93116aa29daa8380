"""What `backstep status` says of open queries."""

from __future__ import annotations

import duckdb

from pipelines import overview


def _warehouse(folder, queries):
    path = folder / "closed.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE ref_query (clinic_id VARCHAR, state VARCHAR, age_days BIGINT)")
        con.executemany("INSERT INTO ref_query VALUES (?, ?, ?)", queries)
    return path


def test_open_queries_are_counted_by_state_with_the_age_of_the_oldest(tmp_path):
    path = _warehouse(
        tmp_path,
        [("alder", "pending", 3), ("alder", "wrongly_corrected", 9), ("alder", "pending", 5),
         ("alder", "solved", 40), ("birke", "new", 0), ("cedro", "solved", 2)],
    )  # fmt: skip
    assert overview._open_queries(path) == {
        "alder": ("pending 2, wrongly corrected 1", 9),
        "birke": ("new 1", 0),
    }


def test_before_the_first_night_no_queries_are_told(tmp_path):
    assert overview._open_queries(tmp_path / "closed.duckdb") == {}
