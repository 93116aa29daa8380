"""Rule predicates: an allow-list of SQL, parsed and printed again, never pasted."""

from __future__ import annotations

from collections.abc import Callable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pipelines.contracts.tables import local_date_name
from pipelines.errors import ContractError

# What both DuckDB versions (and Polars, for most) evaluate alike; `date - date` is left out, see docs/decisions.
_ALLOWED = (
    exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren,
    exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE,
    exp.Between, exp.In, exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ,
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.Interval, exp.Var,
    exp.Coalesce, exp.Abs, exp.Round, exp.Floor, exp.Greatest, exp.Least, exp.Nullif,
    exp.Case, exp.If,
)  # fmt: skip
Where = str | Callable[[], str]  # worked out only when there is a fault to report
_LOCAL_DATE = (
    "local_date"  # of an instant; only where two tables meet, since the date comes with the row
)


def parse(text: str, columns: set[str], *, other: set[str] | None = None, where: Where = "") -> str:
    """The predicate as DuckDB SQL, or ContractError if it uses anything not allowed or not known.

    `other` are the columns that may be named with the prefix `other.`.
    """
    tree = _tree(text, where)
    for node in tree.walk():
        if other is not None and _is_local_date(node):
            continue
        if not isinstance(node, _ALLOWED):
            raise ContractError(
                f"`{node.key}` may not be used in a rule",
                where=where if isinstance(where, str) else where(),
                remedy="use comparisons, BETWEEN, IN, AND/OR/NOT, IS NULL, arithmetic, coalesce, abs, "
                "round, floor, greatest, least, nullif, CASE",
            )
    for column in tree.find_all(exp.Column):
        known = (
            columns if not column.table else (other or set()) if column.table == "other" else set()
        )
        if column.name not in known or column.args.get("db"):
            raise ContractError(
                f"the rule names `{column.sql()}`, which is not a column here",
                where=where if isinstance(where, str) else where(),
                remedy="use the field names of the table"
                + (", or `other.` for the matched table" if other else ""),
            )
    return tree.sql(dialect="duckdb")


def columns_of(text: str, other: bool = False) -> set[str]:
    """The names of this table's columns that a predicate reads, or of the other table's."""
    return {
        column.name
        for column in _tree(text, "").find_all(exp.Column)
        if bool(column.table) == other
    }


def local_dates_of(*texts: str | None) -> list[tuple[str, bool]]:
    """What the predicates ask the local date of, and whether it is the other table's."""
    return [
        (node.expressions[0].name, bool(node.expressions[0].table))
        for text in texts
        if text
        for node in _tree(text, "").walk()
        if _is_local_date(node)
    ]


def prefixed(text: str, own: str, other: str | None = None) -> str:
    """The predicate with its columns qualified for a join."""
    tree = _tree(text, "")
    for column in tree.find_all(exp.Column):
        column.set("table", exp.to_identifier(other if column.table == "other" else own))
    for call in [node for node in tree.walk() if _is_local_date(node)]:
        instant = call.expressions[0]
        call.replace(exp.column(local_date_name(instant.name), table=instant.table))
    return tree.sql(dialect="duckdb")


def _is_local_date(node: exp.Expression) -> bool:
    return (
        isinstance(node, exp.Anonymous)
        and node.name.lower() == _LOCAL_DATE
        and len(node.expressions) == 1
        and isinstance(node.expressions[0], exp.Column)
    )


def _tree(text: str, where: Where) -> exp.Expression:
    try:
        statements = sqlglot.parse(f"SELECT ({text})", dialect="duckdb")
        if len(statements) != 1 or statements[0] is None:
            raise SqlglotError("more than one statement")
        select = statements[0]
        if (
            not isinstance(select, exp.Select)
            or len(select.expressions) != 1
            or any(
                value for name, value in select.args.items() if name not in ("expressions", "kind")
            )
        ):
            raise SqlglotError("more than one expression")
        if any(node.comments for node in select.walk()):
            raise SqlglotError("a comment may hide the rest of the rule")
        return select.expressions[0].unnest()
    except SqlglotError:
        raise ContractError(
            "this rule is not one SQL predicate",
            where=where if isinstance(where, str) else where(),
            remedy="write one condition, as it would stand after WHERE",
        ) from None
