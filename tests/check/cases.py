"""Rules in the forms on which Great Expectations and the SQL extraction agree, and frames to check."""

from __future__ import annotations

from typing import Any

import duckdb
import polars as pl

from pipelines.contracts.expectations import suite
from pipelines.contracts.rules import Rule


def given(column: str) -> Rule:
    return _rule(
        f"{column}_given", column, f'"{column}" IS NULL', "expect_column_values_to_not_be_null",
        {"column": column},
    )  # fmt: skip


def between(column: str, low: Any, high: Any, literal: str = "{}") -> Rule:
    ends = (literal.format(low), literal.format(high))
    return _rule(
        f"{column}_valid", column, f'"{column}" NOT BETWEEN {ends[0]} AND {ends[1]}',
        "expect_column_values_to_be_between", {"column": column, "min_value": low, "max_value": high},
    )  # fmt: skip


def one_of(column: str, values: list) -> Rule:
    listed = ", ".join(text(v) if isinstance(v, str) else str(v) for v in values)
    return _rule(
        f"{column}_listed", column, f'"{column}" NOT IN ({listed})',
        "expect_column_values_to_be_in_set", {"column": column, "value_set": values},
    )  # fmt: skip


def looks_like(column: str, regex: str) -> Rule:
    return _rule(
        f"{column}_form", column, f'NOT regexp_matches("{column}", {text(regex)})',
        "expect_column_values_to_match_regex", {"column": column, "regex": regex},
    )  # fmt: skip


def unique(*key: str) -> Rule:
    columns = ["delivery_id", *key]
    listed = ", ".join(f'"{column}"' for column in columns)
    all_given = " AND ".join(f'"{column}" IS NOT NULL' for column in key)
    return _rule(
        f"one_row_per_{'_'.join(key)}", None, f"{all_given} AND count(*) OVER (PARTITION BY {listed}) > 1",
        "expect_compound_columns_to_be_unique",
        {"column_list": columns, "ignore_row_if": "any_value_is_missing"},
    )  # fmt: skip


def no_row(name: str, breaks: str, counted: str | None = None, from_faults: bool = False) -> Rule:
    """A row rule; `counted` lets Great Expectations count something else than is extracted."""
    condition = (breaks if counted is None else counted).replace("{", "{{").replace("}", "}}")
    query = f"SELECT delivery_id, row_no FROM {{batch}} WHERE {condition}"
    return _rule(
        name,
        None,
        breaks,
        "unexpected_rows_expectation",
        {"unexpected_rows_query": query},
        from_faults,
    )


def fault(name: str) -> Rule:
    return no_row(
        name, f"len(list_filter(faults, lambda f: starts_with(f, '{name}:'))) > 0", from_faults=True
    )


def _rule(name, field, breaks, kind, kwargs, from_faults=False) -> Rule:
    return Rule(
        "t", name, field, "conformance", "flag", f"{name}.", "Look again.", breaks,
        {"type": kind, "kwargs": kwargs}, from_faults,
    )  # fmt: skip


def suite_of(rules: list[Rule]) -> dict[str, Any]:
    return suite("t", rules)


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def connection_with(
    rows: list[dict[str, Any]], schema: dict[str, Any] | None = None, view: str = "staged"
) -> duckdb.DuckDBPyConnection:
    """One table of rows; delivery `a` and a counted `row_no` unless the rows say otherwise."""
    common = {"delivery_id": pl.String, "row_no": pl.Int64}
    full = [{"delivery_id": "a", "row_no": n, **row} for n, row in enumerate(rows, start=1)]
    frame = pl.DataFrame(full, schema_overrides=common | (schema or {}))
    con = duckdb.connect(config={"threads": 1})
    con.register("frame", frame.to_arrow())
    con.execute(f'CREATE TABLE "{view}" AS SELECT * FROM frame')
    con.unregister("frame")
    return con
