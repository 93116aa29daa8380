"""A rule: one thing a row must satisfy, in words for people and SQL for DuckDB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["conformance", "completeness", "plausibility"]
Severity = Literal["refuse", "quarantine", "flag"]


@dataclass(frozen=True)
class Rule:
    """One named rule of one table.

    `breaks` is a DuckDB predicate over the staged frame, TRUE for a row that fails the rule; it may use window
    functions (key uniqueness does). NULL counts as not failing. `expectation` is the same rule as Great
    Expectations says it: `{"type": ..., "kwargs": {...}}`. `field` is None for rules over several fields.
    `from_faults` marks the rules whose fields are named in the row's `faults` list as `rule:field`.
    """

    table: str
    name: str
    field: str | None
    kind: Kind
    severity: Severity
    description: str
    remedy: str
    breaks: str
    expectation: dict[str, Any]
    from_faults: bool = False
