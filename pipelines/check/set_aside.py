"""What the rules found in the clinics' rows alone, where a reserved clinic's rows were checked with them."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import polars as pl

from pipelines.check.suite import RuleResult, quoted
from pipelines.contracts.rules import Rule
from pipelines.contracts.sql_text import literal

_ASKED_OF = {  # which rows an expectation is put to; the others are put to all
    "expect_column_values_to_be_between": "count({column})",
    "expect_compound_columns_to_be_unique": "count(row_key)",
}


def without(
    con: duckdb.DuckDBPyConnection,
    view: str,
    rules: list[Rule],
    results: list[RuleResult],
    findings: pl.DataFrame,
    clinic_id: str,
) -> list[RuleResult]:
    """The results without the rows of one clinic; none at all where the view has no other rows.

    `findings` are those of the double entry. A rule that could not be checked stays as it is.
    """
    name = f"{quoted(view)} WHERE clinic_id = {literal(clinic_id)}"
    n_all, n_set_aside = con.execute(
        f"SELECT count(*), count(*) FILTER (clinic_id = {literal(clinic_id)}) FROM {quoted(view)}"
    ).fetchall()[0]
    if not n_set_aside:
        return results
    if n_all == n_set_aside:
        return []
    asked = ", ".join(
        f"{_ASKED_OF.get(rule.expectation['type'], 'count(*)').format(column=rule.field)} AS {quoted(rule.name)}"
        for rule in rules
    )
    n_rows = con.execute(f"SELECT {asked} FROM {name}").pl().row(0, named=True)
    own = con.execute(f"SELECT delivery_id, row_no FROM {name}").pl()
    n_failed = dict(
        findings.join(own, on=["delivery_id", "row_no"], how="semi")
        .unique(["rule", "delivery_id", "row_no"]).group_by("rule").len().iter_rows()
    )  # fmt: skip
    return [_less(one, n_rows[one.rule], n_failed.get(one.rule, 0)) if one.rule in n_rows else one for one in results]  # fmt: skip


def _less(result: RuleResult, n_rows: int, n_failed: int) -> RuleResult:
    if result.state not in ("passed", "failed"):
        return result
    left = replace(result, n_rows=result.n_rows - n_rows, n_failed=result.n_failed - n_failed)
    if left.n_rows == 0:
        return replace(left, state="not_applicable")
    return replace(left, state="failed" if left.n_failed else "passed")
