"""Double entry: a rule is checked when Great Expectations and the extraction count the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import polars as pl

from pipelines.check import extract
from pipelines.check.suite import RuleResult, quoted, run_suite
from pipelines.contracts.rules import Rule
from pipelines.contracts.sql_text import literal


@dataclass(frozen=True)
class CheckOutcome:
    """What the rules found in one view. `findings` as `extract.failing_rows`, of checked rules only."""

    results: list[RuleResult]
    findings: pl.DataFrame
    not_checked: tuple[str, ...]


@dataclass(frozen=True)
class DeliveriesOutcome:
    """What the rules found in many deliveries at once.

    A delivery is either wholly checked or in `not_checked`, with the rules that were not, and then it has
    no findings. `results` are over all rows; a rule not checked in some delivery is `not_checked` there.
    """

    results: list[RuleResult]
    findings: pl.DataFrame
    not_checked: dict[str, tuple[str, ...]]


def check_view(
    connection: duckdb.DuckDBPyConnection, view: str, rules: list[Rule], suite: dict[str, Any]
) -> CheckOutcome:
    """The failing rows and, for each rule, the state on which both entries agree.

    A rule that stands only in `rules` or only in `suite` is not checked either.
    """
    said = {result.rule: result for result in run_suite(connection, view, suite)}
    found, broken = _extract(connection, view, rules)
    counts = dict(
        found.select("rule", pl.struct("delivery_id", "row_no").alias("row"))
        .group_by("rule").agg(pl.col("row").n_unique()).iter_rows()
    )  # fmt: skip
    named = {rule.name for rule in rules}
    results = []
    for name in [*(rule.name for rule in rules), *(rule for rule in said if rule not in named)]:
        result = said.get(name) or RuleResult(name, "error", 0, 0, "not in the suite")
        if result.state == "error":
            results.append(replace(result, state="not_checked"))
        elif name in broken or name not in named:
            why = broken.get(name, "not among the rules")
            results.append(replace(result, state="not_checked", message=why))
        elif result.n_failed != counts.get(name, 0):
            why = (
                f"Great Expectations counts {result.n_failed} rows, SQL finds {counts.get(name, 0)}"
            )
            results.append(replace(result, state="not_checked", message=why))
        else:
            results.append(result)
    not_checked = tuple(result.rule for result in results if result.state == "not_checked")
    return CheckOutcome(results, found.filter(~pl.col("rule").is_in(not_checked)), not_checked)


def check_deliveries(
    connection: duckdb.DuckDBPyConnection, view: str, rules: list[Rule], suite: dict[str, Any]
) -> DeliveriesOutcome:
    """All deliveries in one run; the rules that could not be checked so, once more for each delivery alone.

    So the delivery that upsets a rule is held back, and the others go on.
    """
    whole = check_view(connection, view, rules, suite)
    sick = set(whole.not_checked)
    not_checked = {
        name: tuple(faults)
        for name, faults in extract.unlisted_faults(connection, view, rules).items()
    }
    findings, alone = [whole.findings], []
    if sick:
        some_rules = [rule for rule in rules if rule.name in sick]
        some = {
            **suite,
            "expectations": [e for e in suite["expectations"] if e["meta"]["rule"] in sick],
        }
        for delivery_id in _deliveries(connection, view):
            with _only(connection, view, delivery_id) as one_view:
                one = check_view(connection, one_view, some_rules, some)
            alone += one.results
            findings.append(one.findings)
            if one.not_checked:
                not_checked[delivery_id] = not_checked.get(delivery_id, ()) + one.not_checked
    results = [
        _together(result, [one for one in alone if one.rule == result.rule]) if alone else result
        for result in whole.results
    ]
    kept = pl.concat(findings).filter(~pl.col("delivery_id").is_in(list(not_checked)))
    return DeliveriesOutcome(
        results,
        kept.sort("delivery_id", "row_no", "rule", "field"),
        dict(sorted(not_checked.items())),
    )


def _extract(
    connection: duckdb.DuckDBPyConnection, view: str, rules: list[Rule]
) -> tuple[pl.DataFrame, dict[str, str]]:
    """The failing rows, and rule -> exception for the rules whose predicate raised."""
    try:
        return extract.failing_rows(connection, view, rules), {}
    except duckdb.Error as error:
        if len(rules) == 1:
            return pl.DataFrame(schema=extract.FAILING_SCHEMA), {
                rules[0].name: type(error).__name__
            }
    found, broken = [pl.DataFrame(schema=extract.FAILING_SCHEMA)], {}
    for rule in rules:
        rows, raised = _extract(connection, view, [rule])
        found.append(rows)
        broken |= raised
    return pl.concat(found), broken


def _together(whole: RuleResult, alone: list[RuleResult]) -> RuleResult:
    """The result of one rule over deliveries that were checked one by one."""
    if not alone:
        return whole
    n_lost = sum(one.state == "not_checked" for one in alone)
    n_rows = sum(one.n_rows for one in alone)
    n_failed = sum(one.n_failed for one in alone if one.state != "not_checked")
    if n_lost:
        message = next(one.message for one in alone if one.state == "not_checked")
        return RuleResult(
            whole.rule,
            "not_checked",
            n_rows,
            n_failed,
            f"not checked in {n_lost} deliveries: {message}",
        )
    if n_rows == 0:
        return RuleResult(whole.rule, "not_applicable", 0, 0)
    return RuleResult(whole.rule, "failed" if n_failed else "passed", n_rows, n_failed)


def _deliveries(connection: duckdb.DuckDBPyConnection, view: str) -> list[str]:
    rows = connection.execute(
        f"SELECT DISTINCT delivery_id FROM {quoted(view)} ORDER BY delivery_id"
    ).fetchall()
    return [row[0] for row in rows]


@contextmanager
def _only(connection: duckdb.DuckDBPyConnection, view: str, delivery_id: str) -> Iterator[str]:
    """A view of the rows of one delivery, for the length of the block."""
    name = f"{view}_of_one_delivery"
    connection.execute(
        f"CREATE TEMP VIEW {quoted(name)} AS SELECT * FROM {quoted(view)} WHERE delivery_id = {literal(delivery_id)}"
    )
    try:
        yield name
    finally:
        connection.execute(f"DROP VIEW {quoted(name)}")
