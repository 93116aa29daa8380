"""The rows that break the rules, by plain SQL: the second entry beside what Great Expectations counts."""

from __future__ import annotations

import re
from collections.abc import Iterable

import duckdb
import polars as pl

from pipelines.check.suite import quoted
from pipelines.contracts.rules import Rule
from pipelines.contracts.sql_text import literal

FAILING_SCHEMA = {
    "delivery_id": pl.String,
    "row_no": pl.Int64,
    "field": pl.String,
    "rule": pl.String,
}
_WINDOW = re.compile(r"\bOVER\s*\(", re.IGNORECASE)


def failing_rows(
    connection: duckdb.DuckDBPyConnection, view: str, rules: Iterable[Rule]
) -> pl.DataFrame:
    """`delivery_id, row_no, field, rule`: one line for each row and rule it breaks, in that order.

    A rule that is read from `faults` has one line for each field named there. All row-wise rules share
    one scan; each rule with a window function, which cannot stand in a WHERE, has its own.
    """
    rules = list(rules)
    from_faults = [rule for rule in rules if rule.from_faults]
    windowed = [rule for rule in rules if not rule.from_faults and _WINDOW.search(rule.breaks)]
    row_wise = [rule for rule in rules if not rule.from_faults and rule not in windowed]
    parts = [_by_window(view, rule) for rule in windowed]
    if row_wise:
        parts.append(_by_row(view, row_wise))
    if from_faults:
        parts.append(_by_fault(view, from_faults))
    if not parts:
        return pl.DataFrame(schema=FAILING_SCHEMA)
    found = connection.sql(" UNION ALL ".join(f"({part})" for part in parts)).pl()
    return found.select(pl.col(name).cast(kind) for name, kind in FAILING_SCHEMA.items()).sort(
        "delivery_id", "row_no", "rule", "field"
    )


def unlisted_faults(
    connection: duckdb.DuckDBPyConnection, view: str, rules: Iterable[Rule]
) -> dict[str, list[str]]:
    """delivery_id -> names found in `faults` that no rule reads; such a fault would be lost unseen."""
    columns = connection.execute(f"DESCRIBE SELECT * FROM {quoted(view)}").fetchall()
    if "faults" not in {column[0] for column in columns}:
        return {}
    known = ", ".join(_text(rule.name) for rule in rules if rule.from_faults) or "NULL"
    rows = connection.execute(f"""
        SELECT delivery_id, list_sort(list(DISTINCT name))
        FROM (
            SELECT delivery_id, split_part(unnest(faults), ':', 1) AS name
            FROM {quoted(view)} WHERE len(faults) > 0
        )
        WHERE coalesce(name NOT IN ({known}), TRUE) GROUP BY delivery_id ORDER BY delivery_id
    """).fetchall()
    return dict(rows)


def _by_row(view: str, rules: list[Rule]) -> str:
    """The rows are filtered before the broken rules are listed, for few rows break any."""
    broken = ", ".join(f"CASE WHEN {rule.breaks} THEN {_named(rule)} END" for rule in rules)
    return f"""
        SELECT delivery_id, row_no, broken.field AS field, broken.rule AS rule
        FROM (
            SELECT delivery_id, row_no, unnest([{broken}]) AS broken
            FROM {quoted(view)} WHERE {" OR ".join(f"({rule.breaks})" for rule in rules)}
        ) WHERE broken IS NOT NULL
    """


def _by_window(view: str, rule: Rule) -> str:
    return f"""
        SELECT delivery_id, row_no, CAST({_text(rule.field)} AS VARCHAR) AS field, {_text(rule.name)} AS rule
        FROM {quoted(view)} QUALIFY {rule.breaks}
    """


def _by_fault(view: str, rules: list[Rule]) -> str:
    return f"""
        SELECT delivery_id, row_no,
            nullif(substr(fault, strpos(fault, ':') + 1), '') AS field, split_part(fault, ':', 1) AS rule
        FROM (
            SELECT delivery_id, row_no, unnest(list_distinct(faults)) AS fault
            FROM {quoted(view)} WHERE len(faults) > 0
        ) WHERE split_part(fault, ':', 1) IN ({", ".join(_text(rule.name) for rule in rules)})
    """


def _named(rule: Rule) -> str:
    return f"{{'field': CAST({_text(rule.field)} AS VARCHAR), 'rule': {_text(rule.name)}}}"


def _text(value: str | None) -> str:
    return "NULL" if value is None else literal(value)
