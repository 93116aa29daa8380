"""Both entries must agree; where they do not, the rule is not checked and only its delivery waits."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.check.double_entry import check_deliveries, check_view
from pipelines.contracts.load import load_contract
from pipelines.contracts.rule_list import rules_of
from pipelines.contracts.rules import Rule
from pipelines.contracts.tables import staged_schema
from tests.check import cases
from tests.check.cases import (
    between,
    connection_with,
    fault,
    looks_like,
    no_row,
    one_of,
    suite_of,
    unique,
)

SCHEMAS = Path(__file__).parents[2] / "schemas"
ROWS = [
    {"delivery_id": "a", "row_no": 1, "x": 5, "s": "12"},
    {"delivery_id": "a", "row_no": 2, "x": 50, "s": "13"},
    {"delivery_id": "b", "row_no": 1, "x": 15, "s": "SECRET"},
    {"delivery_id": "b", "row_no": 2, "x": None, "s": "99"},
    {"delivery_id": "c", "row_no": 1, "x": 60, "s": None},
]
X_GIVEN = cases.given("x")
X_VALID = between("x", 1, 40)
# Great Expectations counts x over 10 where 40 was meant; the two differ in delivery b alone.
MISMATCH = no_row("x_over", "x > 40", counted="x > 10")
RAISES = no_row("s_is_number", "CAST(s AS INTEGER) > 90")  # raises on delivery b


def states(outcome) -> dict[str, str]:
    return {result.rule: result.state for result in outcome.results}


def check(
    function, rules: list[Rule], rows: list[dict] = ROWS, suite: dict | None = None, **schema
):
    return function(connection_with(rows, schema), "staged", rules, suite or suite_of(rules))


def test_agreeing_entries_give_states_and_the_exact_rows() -> None:
    outcome = check(check_view, [X_GIVEN, X_VALID, one_of("x", [5, 15, 50, 60])])
    assert states(outcome) == {"x_given": "failed", "x_valid": "failed", "x_listed": "passed"}
    assert outcome.not_checked == ()
    assert outcome.findings.rows() == [
        ("a", 2, "x", "x_valid"),
        ("b", 2, "x", "x_given"),
        ("c", 1, "x", "x_valid"),
    ]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (MISMATCH, "Great Expectations counts 3 rows, SQL finds 2"),
        (RAISES, "ConversionException"),
        (
            no_row("only_sql_raises", "CAST(s AS INTEGER) > 1", counted="x > 99"),
            "ConversionException",
        ),
        (
            no_row("only_gx_raises", "x > 99", counted="CAST(s AS INTEGER) > 1"),
            "ConversionException",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Rule) else "",
)
def test_a_rule_on_which_the_entries_differ_is_not_checked(rule: Rule, message: str) -> None:
    outcome = check(check_view, [X_GIVEN, rule])
    assert states(outcome) == {"x_given": "failed", rule.name: "not_checked"}
    assert outcome.not_checked == (rule.name,)
    assert outcome.results[1].message == message
    assert outcome.findings.rows() == [("b", 2, "x", "x_given")]


def test_a_rule_of_one_side_only_is_not_checked() -> None:
    outcome = check(check_view, [X_GIVEN, X_VALID], suite=suite_of([X_GIVEN, MISMATCH]))
    assert states(outcome) == {
        "x_given": "failed",
        "x_valid": "not_checked",
        "x_over": "not_checked",
    }
    assert set(outcome.not_checked) == {"x_valid", "x_over"}


def test_rows_that_share_a_number_do_not_agree() -> None:
    rows = [{"row_no": 1, "x": 99}, {"row_no": 1, "x": 99}]
    assert check(check_view, [X_VALID], rows).not_checked == ("x_valid",)


@pytest.mark.parametrize("rule", [MISMATCH, RAISES], ids=lambda rule: rule.name)
def test_only_the_sick_delivery_is_held_back(rule: Rule) -> None:
    outcome = check(check_deliveries, [X_GIVEN, rule, X_VALID])
    assert outcome.not_checked == {"b": (rule.name,)}
    found = [("a", 2, "x", "x_valid"), ("c", 1, "x", "x_valid")]
    if rule is MISMATCH:
        found = [("a", 2, None, "x_over"), found[0], ("c", 1, None, "x_over"), found[1]]
    assert outcome.findings.rows() == found
    assert states(outcome) == {"x_given": "failed", rule.name: "not_checked", "x_valid": "failed"}
    assert "SECRET" not in repr(outcome)


def test_a_rule_that_never_runs_holds_every_delivery() -> None:
    outcome = check(check_deliveries, [X_GIVEN, cases.given("nowhere")])
    assert outcome.not_checked == dict.fromkeys("abc", ("nowhere_given",))
    assert outcome.findings.is_empty()


def test_the_connection_is_left_as_it_was() -> None:
    con = connection_with(ROWS)
    check_deliveries(con, "staged", [RAISES], suite_of([RAISES]))
    assert con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall() == []
    assert con.execute("SELECT count(*) FROM staged").fetchall() == [(5,)]


def test_a_fault_that_no_rule_reads_holds_its_delivery() -> None:
    rows = [
        {"delivery_id": "a", "row_no": 1, "faults": ["lost:x"]},
        {"delivery_id": "b", "row_no": 1, "faults": ["lost:x", "news:x"]},
    ]
    outcome = check(check_deliveries, [fault("lost")], rows)
    assert outcome.not_checked == {"b": ("news",)}
    assert outcome.findings.rows() == [("a", 1, "x", "lost")]


def test_an_empty_table_is_not_applicable_and_holds_nothing() -> None:
    con = connection_with(ROWS)
    con.execute("DELETE FROM staged")
    outcome = check_deliveries(con, "staged", [X_GIVEN, X_VALID], suite_of([X_GIVEN, X_VALID]))
    assert set(states(outcome).values()) == {"not_applicable"}
    assert outcome.not_checked == {}
    assert outcome.findings.is_empty()


def test_ten_thousand_failing_rows_are_found_and_agreed_on() -> None:
    rows = [{"row_no": n, "x": 99 if n <= 10_000 else 1} for n in range(1, 10_501)]
    outcome = check(check_deliveries, [X_VALID], rows)
    assert outcome.not_checked == {}
    assert outcome.findings["row_no"].to_list() == list(range(1, 10_001))


MAYBE = {  # about one value in five is missing
    "n": st.sampled_from([-3, 0, 1, 2, 2**31 - 1, -(2**31)]) | st.integers(-5, 5),
    "d": st.floats(width=64) | st.sampled_from([0.1, 0.3, 0.1 + 0.2, -0.0, 0.0, 2.675]),
    "day": st.dates(dt.date(2024, 12, 30), dt.date(2025, 1, 3)),
    "s": st.sampled_from(["", "a", "A", "é", "e\u0301", "日本", "O'Brien", "%", "{b}", ":x"])
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4),
    "flag": st.booleans(),
    "key": st.sampled_from(["k", "l", ""]),
    "d_key": st.sampled_from([0.0, -0.0, float("nan"), 1.0]),
}
DTYPES = {
    "n": pl.Int64, "d": pl.Float64, "day": pl.Date, "s": pl.String, "flag": pl.Boolean,
    "key": pl.String, "d_key": pl.Float64, "faults": pl.List(pl.String),
}  # fmt: skip


def maybe(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.integers(0, 4).flatmap(lambda n: st.none() if n == 0 else values)


@st.composite
def frames(draw: st.DrawFn) -> list[dict[str, Any]]:
    n_rows = draw(st.integers(1, 25))
    columns = {
        name: draw(st.lists(maybe(v), min_size=n_rows, max_size=n_rows))
        for name, v in MAYBE.items()
    }
    deliveries = draw(st.lists(st.sampled_from("ab"), min_size=n_rows, max_size=n_rows))
    entries = maybe(st.lists(st.sampled_from(["lost:n", "lost:s", "odd:n"]), max_size=3))
    faults = draw(st.lists(entries, min_size=n_rows, max_size=n_rows))
    return [
        {name: values[i] for name, values in columns.items()} | {"delivery_id": deliveries[i], "faults": faults[i]}
        for i in range(n_rows)
    ]  # fmt: skip


@st.composite
def rule_lists(draw: st.DrawFn) -> list[Rule]:
    def ends(values: st.SearchStrategy) -> list:
        return sorted(draw(st.tuples(values, values)))

    finite = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
        [0.1, 0.1 + 0.2, 2.675]
    )
    days = [day.isoformat() for day in ends(MAYBE["day"])]
    return [
        *(cases.given(column) for column in MAYBE),
        between("n", *ends(st.integers(-6, 6))),
        between("d", *ends(finite | st.integers(-1000, 1000))),
        between("day", *days, "DATE '{}'"),
        one_of("n", draw(st.lists(MAYBE["n"], min_size=1, max_size=4))),
        one_of("s", draw(st.lists(MAYBE["s"], min_size=1, max_size=4))),
        looks_like(
            "s", draw(st.sampled_from(["^a", "é", "^$", r"^\w+$", r"[^a-z]{1,2}", "^.$", r"\d:?"]))
        ),
        unique("key"),
        unique("n", "key"),
        unique("d_key"),
        fault("lost"),
        fault("odd"),
        no_row("n_over_d", "n > d"),
        no_row("holds_not", "NOT (n <= 2 AND s <> 'a')"),
        no_row("nothing_said", "coalesce(n, d) IS NULL"),
        no_row("flag_without_s", f"flag AND s <> {cases.text(draw(MAYBE['s']))}"),
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=frames(), rules=rule_lists())
def test_both_entries_agree_on_any_rows(rows: list[dict[str, Any]], rules: list[Rule]) -> None:
    con = connection_with(rows, DTYPES)
    outcome = check_deliveries(con, "staged", rules, suite_of(rules))
    assert outcome.not_checked == {}
    assert not [result for result in outcome.results if result.state == "not_checked"]


CONTRACT = load_contract(SCHEMAS)
TYPES = {
    pl.String: MAYBE["s"], pl.Int32: st.integers(-5, 400), pl.Int64: st.integers(0, 99),
    pl.UInt64: st.integers(0, 3), pl.Float64: MAYBE["d"] | st.floats(-10, 500),
    pl.Boolean: st.booleans(), pl.Date: st.dates(dt.date(2020, 1, 1), dt.date(2040, 1, 1)),
    pl.Datetime: st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2040, 1, 1)),
}  # fmt: skip


@pytest.mark.parametrize("table", list(CONTRACT.tables))
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_both_entries_agree_on_every_committed_suite(table: str, data: st.DataObject) -> None:
    rules = rules_of(CONTRACT, table)
    schema = staged_schema(CONTRACT, table)
    faults = [f"{rule.name}:x" for rule in rules if rule.from_faults]
    values = {
        name: maybe(TYPES[kind.base_type()]) for name, kind in schema.items() if name != "faults"
    }
    values["faults"] = st.lists(st.sampled_from(faults), max_size=2) if faults else st.just([])
    rows = [
        {name: data.draw(one) for name, one in values.items()}
        | {"delivery_id": "ab"[n % 2], "row_no": n}
        for n in range(8)
    ]
    suite = json.loads((SCHEMAS / "expectations" / f"{table}.json").read_text("utf-8"))
    outcome = check(check_deliveries, rules, rows, suite, **schema)
    assert outcome.not_checked == {}
    assert len(outcome.results) == len(rules)
