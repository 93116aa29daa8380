"""A committed suite, run by Great Expectations: for each rule what it decided, and on how many rows."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from pipelines.errors import ContractError

if TYPE_CHECKING:
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

State = Literal["passed", "failed", "not_applicable", "error", "not_checked"]


@dataclass(frozen=True)
class RuleResult:
    """What Great Expectations says of one rule.

    `n_rows` are the rows the rule could be put to: all of them, or those where its value is given.
    `not_checked` is said by the double entry only. `message` never holds a value.
    """

    rule: str
    state: State
    n_rows: int
    n_failed: int
    message: str = ""


def import_ahead() -> None:
    """Starts importing Great Expectations beside the database's work: it takes seconds."""
    _imported()


@cache
def _imported() -> Future:
    """The import, under way in a thread of its own.

    Whoever needs it waits for it: its modules import each other in circles, so that a second thread
    that enters at another module would find half of them.
    """
    worker = ThreadPoolExecutor(max_workers=1)
    try:
        return worker.submit(_import_quietly)
    finally:
        worker.shutdown(wait=False)


def _import_quietly() -> None:
    from pipelines.check import engine

    with engine.quiet():
        importlib.import_module("great_expectations.expectations.core")


def run_suite(
    connection: duckdb.DuckDBPyConnection, view: str, suite: dict[str, Any]
) -> list[RuleResult]:
    """One result for each expectation of the suite, in its order; a rule that raised is an `error`."""
    rules = [one["meta"]["rule"] for one in suite["expectations"]]
    twice = sorted(rule for rule, n in Counter(rules).items() if n > 1)
    if twice:
        raise ContractError(
            f"the suite names a rule twice: {', '.join(twice)}", where=suite["name"],
            remedy="give each rule of a table its own name, then derive the suites again",
        )  # fmt: skip
    n_rows = connection.execute(f"SELECT count(*) FROM {quoted(view)}").fetchall()[0][0]
    if n_rows == 0:
        return [RuleResult(rule, "not_applicable", 0, 0) for rule in rules]
    _imported().result()
    from pipelines.check import engine

    with engine.quiet():
        found = _validate(connection, view, suite["expectations"])
    return [_result(rule, found.get(rule, "NoResult"), n_rows) for rule in rules]


def _validate(
    connection: duckdb.DuckDBPyConnection, view: str, expectations: list[dict[str, Any]]
) -> dict[str, ExpectationValidationResult | str]:
    """Rule -> GX's result, or the name of the exception that kept the rule from running."""
    found: dict[str, ExpectationValidationResult | str] = {}
    runnable = []
    for one in expectations:
        try:
            runnable.append(_configuration(one))
        except Exception as error:  # whatever GX raises, the rule did not run
            found[one["meta"]["rule"]] = type(error).__name__
    found |= _run(connection, view, runnable)
    return found


def _configuration(one: dict[str, Any]) -> ExpectationConfiguration:
    from great_expectations.expectations import core  # noqa: F401  (registers the expectations)
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    if "{batch}" not in one["kwargs"].get("unexpected_rows_query", "{batch}"):
        raise ValueError("a row rule must read {batch}")  # GX would print this and count other rows
    configuration = ExpectationConfiguration(
        type=one["type"], kwargs=one["kwargs"], meta=one["meta"], severity=one["severity"]
    )
    configuration.to_domain_obj()
    return configuration


def _run(
    connection: duckdb.DuckDBPyConnection, view: str, configurations: list[ExpectationConfiguration]
) -> dict[str, ExpectationValidationResult | str]:
    if not configurations:
        return {}
    from pipelines.check import engine

    try:
        results = engine.validator(connection, view).graph_validate(
            configurations=configurations,
            runtime_configuration={**engine.COUNTS, "catch_exceptions": True},
        )
    except Exception as error:  # GX guards metrics, not all that comes before them
        if len(configurations) == 1:
            return {configurations[0].meta["rule"]: type(error).__name__}
        return {
            rule: result
            for one in configurations
            for rule, result in _run(connection, view, [one]).items()
        }
    found: dict[str, ExpectationValidationResult | str] = {}
    for result in results:
        rule = result.expectation_config.meta["rule"]
        raised = _raised(result)
        if raised or rule not in found:
            found[rule] = raised or result
    return found


def _raised(result: ExpectationValidationResult) -> str:
    """The class of the exception behind a result, or nothing."""
    info = result.exception_info or {}
    for part in [info, *(v for v in info.values() if isinstance(v, dict))]:
        if part.get("raised_exception"):
            return _exception_class(part.get("exception_traceback") or "")
    return ""


def _exception_class(traceback: str) -> str:
    """The first cause in a traceback, without its message, which may hold a value."""
    for line in traceback.splitlines():
        name = line.partition(":")[0]
        if name and not line.startswith(("Traceback", " ")):
            return name.rpartition(".")[2] if re.fullmatch(r"[\w.]+", name) else "Exception"
    return "Exception"


def _result(rule: str, found: ExpectationValidationResult | str, n_rows: int) -> RuleResult:
    if isinstance(found, str):
        return RuleResult(rule, "error", n_rows, 0, found)
    said = found.result
    if "unexpected_count" in said:
        n_asked = said["element_count"] - said.get("missing_count", 0)
        n_failed = said["unexpected_count"]
    elif found.expectation_config.type == "unexpected_rows_expectation":
        n_asked, n_failed = n_rows, said["observed_value"]
    else:
        return RuleResult(rule, "error", n_rows, 0, "this expectation counts no rows")
    if n_asked == 0:
        return RuleResult(rule, "not_applicable", 0, 0)
    return RuleResult(rule, "passed" if found.success else "failed", n_asked, int(n_failed))


def quoted(name: str) -> str:
    """The name as a DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'
