"""Great Expectations suites as plain JSON, from the rules."""

from __future__ import annotations

from typing import Any

from pipelines.contracts.rules import Rule

_SEVERITY = {"refuse": "critical", "quarantine": "warning", "flag": "info"}


def suite(name: str, rules: list[Rule]) -> dict[str, Any]:
    """The suite of one table: one expectation per rule, named by the rule."""
    return {
        "name": name,
        "expectations": [
            {
                "type": rule.expectation["type"],
                "kwargs": rule.expectation["kwargs"],
                "severity": _SEVERITY[rule.severity],
                "meta": {
                    "rule": rule.name, "field": rule.field, "kind": rule.kind, "severity": rule.severity,
                    "description": rule.description, "remedy": rule.remedy,
                },
            }
            for rule in rules
        ],
    }  # fmt: skip
