"""What Great Expectations decides, rule by rule; a rule that could not run has never passed."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from pipelines.check.suite import RuleResult, run_suite
from pipelines.contracts.rules import Rule
from pipelines.errors import ContractError
from tests.check.cases import (
    between,
    connection_with,
    fault,
    given,
    looks_like,
    no_row,
    one_of,
    suite_of,
    text,
    unique,
)

DAYS = [dt.date(2025, 1, 31), dt.date(2025, 2, 1), None, dt.date(2026, 1, 1)]
ROWS = [
    {"n": 1, "d": 0.5, "day": DAYS[0], "s": "a", "faults": []},
    {"n": 2, "d": float("nan"), "day": DAYS[1], "s": "", "faults": ["lost:n"]},
    {"n": None, "d": None, "day": DAYS[2], "s": None, "faults": ["lost:n", "lost:d"]},
    {"n": 2, "d": float("inf"), "day": DAYS[3], "s": "É", "faults": None},
]


def run(rules: list[Rule], rows: list[dict] = ROWS, **schema) -> list[RuleResult]:
    return run_suite(connection_with(rows, schema), "staged", suite_of(rules))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (given("n"), ("failed", 4, 1)),
        (between("n", 1, 1), ("failed", 3, 2)),
        (between("n", 1, 2), ("passed", 3, 0)),
        (between("d", 0, 1), ("failed", 3, 2)),  # neither NaN nor infinity is between 0 and 1
        (between("day", "2025-02-01", "2025-12-31", "DATE '{}'"), ("failed", 3, 2)),
        (one_of("s", ["a", "É"]), ("failed", 3, 1)),
        (looks_like("s", "^.$"), ("failed", 3, 1)),
        (looks_like("s", "É"), ("failed", 3, 2)),  # a match anywhere is a match
        (unique("n"), ("failed", 3, 2)),
        (unique("s"), ("passed", 3, 0)),
        (fault("lost"), ("failed", 4, 2)),
        (no_row("n_under_d", "n > d"), ("failed", 4, 1)),  # 1 > 0.5; NaN and infinity are above all
    ],
    ids=lambda value: value.name if isinstance(value, Rule) else None,
)
def test_planted_faults_are_counted(rule: Rule, expected: tuple[str, int, int]) -> None:
    (result,) = run([rule])
    assert (result.state, result.n_rows, result.n_failed) == expected
    assert (result.rule, result.message) == (rule.name, "")


def test_results_come_in_the_order_of_the_suite() -> None:
    rules = [no_row("z", "n = 1"), given("s"), between("n", 1, 1), no_row("a", "n = 9"), given("n")]
    assert [result.rule for result in run(rules)] == ["z", "s_given", "n_valid", "a", "n_given"]


def test_ten_thousand_failing_rows_are_counted_exactly() -> None:
    rows = [{"n": n % 2, "s": "x"} for n in range(20_001)]  # 0 stands 10,001 times, 1 10,000 times
    rules = [no_row("no_one", "n = 1"), between("n", 0, 0), one_of("n", [0]), unique("s")]
    assert [result.n_failed for result in run(rules, rows)] == [10_000, 10_000, 10_000, 20_001]


def test_an_empty_table_has_passed_nothing() -> None:
    con = connection_with(ROWS)
    con.execute("DELETE FROM staged")
    rules = [given("n"), between("n", 1, 1), no_row("raises", "CAST('x' AS INTEGER) = 1")]
    assert run_suite(con, "staged", suite_of(rules)) == [
        RuleResult(name, "not_applicable", 0, 0) for name in ("n_given", "n_valid", "raises")
    ]


def test_a_column_without_values_has_passed_nothing_but_is_not_given() -> None:
    rules = [between("n", 1, 1), one_of("n", [1]), unique("n"), given("n")]
    results = run(rules, [{"n": None}, {"n": None}], n=pl.Int64)
    assert [result.state for result in results] == ["not_applicable"] * 3 + ["failed"]
    assert results[-1].n_failed == 2


def test_a_rule_that_raises_is_an_error_and_the_others_are_decided() -> None:
    rules = [
        given("n"), no_row("raises", "CAST(s AS INTEGER) = 1"), given("nowhere"), between("s", 1, 2),
        looks_like("s", "("), no_row("n_is_two", "n = 2"),
    ]  # fmt: skip
    results = {result.rule: result for result in run(rules)}
    assert (results["n_given"].state, results["n_given"].n_failed) == ("failed", 1)
    assert (results["n_is_two"].state, results["n_is_two"].n_failed) == ("failed", 2)
    for name in ("raises", "nowhere_given", "s_valid", "s_form"):
        assert (results[name].state, results[name].n_failed) == ("error", 0)
    assert results["raises"].message == "ConversionException"


@pytest.mark.parametrize(
    "expectation",
    [
        {"type": "expect_the_moon", "kwargs": {}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "n"}},
        {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "n", "max_value": 9}},
        {"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": "SELECT 1"}},
        {"type": "unexpected_rows_expectation",
         "kwargs": {"unexpected_rows_query": "SELECT s FROM {batch} WHERE s = '{x}'"}},
    ],
)  # fmt: skip
def test_what_cannot_count_rows_is_an_error(
    expectation: dict, capfd: pytest.CaptureFixture[str]
) -> None:
    suite = suite_of([given("n")])
    suite["expectations"].append({**expectation, "severity": "info", "meta": {"rule": "odd"}})
    good, odd = run_suite(connection_with(ROWS), "staged", suite)
    assert (good.state, good.n_failed) == ("failed", 1)
    assert (odd.state, odd.n_failed) == ("error", 0)
    assert odd.message
    assert capfd.readouterr() == ("", "")


def test_an_error_names_the_exception_and_no_value() -> None:
    rows = [{"s": "SECRET\nSECRET: x"}]
    results = run([no_row("raises", "CAST(s AS INTEGER) = 1")], rows)
    assert results == [RuleResult("raises", "error", 1, 0, "ConversionException")]


@pytest.mark.parametrize(
    "word", ["%", "%%", ":x", " :x", "{x}", "{{", "$1", "?", "'", '"', "\\", "--"]
)
def test_a_literal_in_a_row_rule_is_read_as_written(word: str) -> None:
    rows = [{"s": word}, {"s": word + word}, {"s": "other"}]
    (result,) = run([no_row("no_word", f"s = {text(word)}")], rows)
    assert (result.state, result.n_failed) == ("failed", 1)


@pytest.mark.parametrize(
    ("query", "n_failed"),
    [
        ("SELECT n FROM {batch} WHERE n IS NOT NULL GROUP BY n", 2),
        ("SELECT * FROM {batch} QUALIFY count(*) OVER (PARTITION BY n) > 1", 2),
        ("SELECT n FROM {batch} WHERE n = (SELECT max(n) FROM {batch})", 2),
        ("select row_no from {batch} where n = 2 or n = 1 -- both", 3),
        ("SELECT row_no FROM {batch} WHERE n = 2 LIMIT 1", 1),
    ],
)
def test_a_row_rule_may_be_any_query(query: str, n_failed: int) -> None:
    rule = no_row("any", "TRUE")
    suite = suite_of([rule])
    suite["expectations"][0]["kwargs"] = {"unexpected_rows_query": query}
    (result,) = run_suite(connection_with(ROWS), "staged", suite)
    assert (result.state, result.n_failed) == ("failed", n_failed)


def test_a_rule_named_twice_is_refused() -> None:
    with pytest.raises(ContractError, match="n_given"):
        run([given("n"), given("n")])
