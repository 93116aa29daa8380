"""Data Docs: what was expected of each table and what was found, as pages without one value in them.

Great Expectations' own site fetches scripts and a logo from other hosts and prints failing values; these
pages are made from the same results and stand alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from pipelines.check.suite import RuleResult

STATES = {  # worst first; the words on the page
    "not_checked": "not checked",
    "error": "not checked",
    "failed": "failed",
    "passed": "passed",
    "not_applicable": "no rows",
}
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_data_docs(
    results: dict[str, list[RuleResult]], suites: dict[str, dict[str, Any]], cutoff: str
) -> dict[str, str]:
    """File name -> HTML: `index.html` and one page for each table; the same input gives the same bytes."""
    pages = {}
    index = []
    for table in sorted(results):
        expected = {one["meta"]["rule"]: one for one in suites[table]["expectations"]}
        rows = [_row(result, expected.get(result.rule)) for result in results[table]]
        rows.sort(key=lambda row: list(STATES).index(row["state"]))
        counts = _counts(results[table])
        pages[f"{table}.html"] = _page(
            title=table, cutoff=cutoff, rows=rows, counts=counts, home=False
        )
        index.append({"table": table, "counts": counts})
    everything = _counts([result for found in results.values() for result in found])
    pages["index.html"] = _page(
        title="Data Docs", cutoff=cutoff, rows=index, counts=everything, home=True
    )
    return dict(sorted(pages.items()))


def expected_words(one: dict[str, Any]) -> str:
    """What an expectation asks, in plain words."""
    kwargs = one["kwargs"]
    column = kwargs.get("column", "")
    match one["type"]:
        case "expect_column_values_to_not_be_null":
            return f"{column} is given"
        case "expect_column_values_to_be_between":
            low, high = kwargs.get("min_value"), kwargs.get("max_value")
            if low is None:
                return f"{column} is at most {high}"
            return (
                f"{column} is at least {low}"
                if high is None
                else f"{column} is from {low} to {high}"
            )
        case "expect_column_values_to_be_in_set":
            return f"{column} is one of {', '.join(str(value) for value in kwargs['value_set'])}"
        case "expect_column_values_to_match_regex":
            return f"{column} looks like {kwargs['regex']}"
        case "expect_compound_columns_to_be_unique":
            return f"no two rows share {', '.join(kwargs['column_list'])}"
        case "unexpected_rows_expectation":
            condition = kwargs["unexpected_rows_query"].partition(" WHERE ")[2]
            if "list_filter(faults" in condition:
                return "no such fault while the file was read"
            return f"no row where {condition}"
        case other:
            return other.replace("_", " ")


def percent(n_failed: int, n_rows: int) -> str:
    """The share with one decimal; 0 and 100 are said only when they are exact."""
    if n_rows == 0:
        return ""
    share = 100 * n_failed / n_rows
    if 0 < share < 0.1:
        return "<0.1 %"
    if 99.9 < share < 100:
        return ">99.9 %"
    return f"{share:.1f} %"


def _row(result: RuleResult, one: dict[str, Any] | None) -> dict[str, Any]:
    meta = one["meta"] if one else {}
    return {
        "rule": result.rule,
        "description": meta.get("description", ""),
        "words": expected_words(one) if one else "",
        "column": meta.get("field") or "",
        "kind": meta.get("kind", ""),
        "severity": meta.get("severity", ""),
        "remedy": meta.get("remedy", ""),
        "state": result.state,
        "state_words": STATES[result.state],
        "message": result.message,
        "n_rows": result.n_rows,
        "n_failed": result.n_failed,
        "percent": percent(result.n_failed, result.n_rows),
    }


def _counts(results: list[RuleResult]) -> dict[str, int]:
    counts = dict.fromkeys(STATES.values(), 0)
    for result in results:
        counts[STATES[result.state]] += 1
    return counts


def _page(**content: Any) -> str:
    return _TEMPLATES.get_template("data_docs.html.jinja").render(**content) + "\n"
