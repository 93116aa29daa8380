"""The engine reads what the caller's connection sees, changes nothing there, and keeps silent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipelines.check import engine
from pipelines.check.suite import run_suite
from tests.check.cases import (
    between,
    connection_with,
    given,
    looks_like,
    no_row,
    one_of,
    suite_of,
    unique,
)

ALL_FORMS = [
    given("x"),
    between("x", 1, 3),
    one_of("s", ["a", "b"]),
    looks_like("s", "^[ab]$"),
    unique("s"),
    no_row("x_not_two", "x = 2"),
]
ROWS = [{"x": 1, "s": "a"}, {"x": 2, "s": "a"}, {"x": None, "s": "c"}, {"x": 9, "s": None}]
FAILED = {
    "x_given": 1,
    "x_valid": 1,
    "s_listed": 1,
    "s_form": 1,
    "one_row_per_s": 2,
    "x_not_two": 1,
}


def counts(con: duckdb.DuckDBPyConnection, view: str) -> dict[str, int]:
    return {result.rule: result.n_failed for result in run_suite(con, view, suite_of(ALL_FORMS))}


def test_a_table_and_a_view_over_parquet_are_counted_alike(tmp_path: Path) -> None:
    con = connection_with(ROWS)
    con.execute(f"COPY staged TO '{tmp_path}/rows.parquet'")
    con.execute(f"CREATE VIEW \"on Disk\" AS SELECT * FROM '{tmp_path}/*.parquet'")
    assert counts(con, "staged") == FAILED
    assert counts(con, "on Disk") == FAILED


def test_the_callers_temporary_table_and_open_transaction_are_seen_and_left_alone() -> None:
    con = connection_with(ROWS)
    con.execute("BEGIN")
    con.execute("CREATE TEMP TABLE mine AS SELECT * FROM staged")
    con.execute("INSERT INTO staged SELECT * FROM staged")
    assert counts(con, "mine") == FAILED
    assert counts(con, "staged")["x_given"] == 2
    con.execute("ROLLBACK")
    assert con.execute("SELECT count(*) FROM staged").fetchall() == [(4,)]
    assert con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'mine'"
    ).fetchall() == [(0,)]


def test_a_result_outlives_the_next_statement_and_the_rollback() -> None:
    wrapper = engine._Borrowed(connection_with(ROWS))
    first, second = wrapper.cursor(), wrapper.cursor()
    first.execute("SELECT row_no FROM staged ORDER BY row_no")
    second.execute("SELECT 7")
    wrapper.rollback()
    assert [first.fetchone(), *first.fetchmany(2), *first.fetchall()] == [(1,), (2,), (3,), (4,)]
    assert first.fetchone() is None
    assert second.fetchall() == [(7,)]


def test_closing_what_great_expectations_holds_does_not_close_the_connection() -> None:
    con = connection_with(ROWS)
    with engine.quiet():
        engine.validator(con, "staged").execution_engine.close()
    assert con.execute("SELECT 1").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "metric",
    [
        "column_values.match_regex.condition",
        "column_values.not_match_regex.condition",
        "table.column_types",
        "unexpected_rows_query.row_count",
    ],
)
def test_only_this_engine_has_its_own_metrics(metric: str) -> None:
    with engine.quiet():
        engine.execution_engine_class()
        from great_expectations.expectations import registry

    providers = registry._get_metric_definition(metric)["providers"]
    assert providers["DuckDBExecutionEngine"][0].__module__ == "pipelines.check.engine"
    others = {name: one[0].__module__ for name, one in providers.items() if "DuckDB" not in name}
    assert "SqlAlchemyExecutionEngine" in others
    assert all(module.startswith("great_expectations.") for module in others.values())


def test_other_dialects_compile_as_before() -> None:
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql, sqlite

    counts(connection_with(ROWS), "staged")
    match = sa.select(sa.column("s").regexp_match("a"))
    assert "s REGEXP" in str(match.compile(dialect=sqlite.dialect()))
    assert "s ~" in str(match.compile(dialect=postgresql.dialect()))


def test_no_failing_value_is_ever_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []
    original = engine._Cursor.execute

    def spy(self, statement, parameters=None, context=None):
        original(self, statement, parameters, context)
        rows = list(self._rows)
        fetched.extend(rows)
        self._rows = iter(rows)

    monkeypatch.setattr(engine._Cursor, "execute", spy)
    con = connection_with([{"s": f"secret-{n}"} for n in range(300)])
    rules = [one_of("s", ["a"]), looks_like("s", "^a"), no_row("none", "s LIKE 'secret%'")]
    assert [result.n_failed for result in run_suite(con, "staged", suite_of(rules))] == [300] * 3
    assert fetched
    assert "secret" not in repr(fetched)


def test_all_row_rules_share_one_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    statements = []
    original = engine._Cursor.execute

    def spy(self, statement, parameters=None, context=None):
        statements.append(statement)
        original(self, statement, parameters, context)

    monkeypatch.setattr(engine._Cursor, "execute", spy)
    con = connection_with([{"x": n} for n in range(40)])
    rules = [no_row(f"not_{n}", f"x = {n}") for n in range(30)]
    results = run_suite(con, "staged", suite_of(rules))
    assert [result.n_failed for result in results] == [1] * 30
    assert sum("FILTER" in statement for statement in statements) == 1
    assert len(statements) < 6


@pytest.mark.usefixtures("socket_disabled")
def test_no_socket_and_no_output(capfd: pytest.CaptureFixture[str]) -> None:
    con = connection_with(ROWS)
    rules = [
        *ALL_FORMS,
        no_row("raises", "CAST(s AS INTEGER) > 1"),
        given("no_such_column"),
        between("s", 1, 3),
    ]
    results = run_suite(con, "staged", suite_of(rules))
    assert [result.state for result in results[-3:]] == ["error"] * 3
    assert capfd.readouterr() == ("", "")


def test_a_fresh_process_prints_nothing_and_still_shows_its_own_warnings(tmp_path: Path) -> None:
    """Importing Great Expectations alone sends all warnings of the process to a log nobody reads."""
    script = tmp_path / "night.py"
    script.write_text(
        "import warnings\n"
        "from tests.check.test_engine import ROWS, counts\n"
        "from tests.check.cases import connection_with\n"
        "counts(connection_with(ROWS), 'staged')\n"
        "warnings.warn('look here')\n"
    )
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r}); exec(open({str(script)!r}).read())"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert ran.stdout == ""
    assert "UserWarning: look here" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
