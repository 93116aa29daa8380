"""Rules over several tables: what each row must find elsewhere. Evaluated at build, over all deliveries."""

from __future__ import annotations

from pipelines.contracts import predicates
from pipelines.contracts.model import AcrossRule, Contract
from pipelines.contracts.rule_list import unexpected_rows
from pipelines.contracts.rules import Kind, Rule, Severity

ENROLLED = "participant_enrolled"
IN_WINDOW = "visit_in_window"
CHANGED = "row_changed_without_resend"


def across_rules(contract: Contract, table: str) -> list[Rule]:
    """The rules of a table that look at other tables, over the view that `across_view` makes."""
    declared = contract.tables[table]
    rules = []
    if table != "participant":
        rules.append(
            _rule(
                table,
                ENROLLED,
                "conformance",
                "quarantine",
                "The participant is in the enrolment list.",
                "This participant is not in your enrolment list; correct the code or send the enrolment.",
            )
        )
    if "visit_code" in declared.fields:
        rules.append(
            _rule(
                table,
                IN_WINDOW,
                "plausibility",
                "flag",
                "The date lies in the window of the visit named.",
                "The date is outside the window of this visit; check the date and the visit.",
            )
        )
    rules.append(
        _rule(
            table,
            CHANGED,
            "conformance",
            "flag",
            "A row sent again in a later file is unchanged.",
            "The same row came earlier with other content; confirm which one is right.",
        )
    )
    for name, body in declared.across.items():
        rules.append(
            _rule(
                table,
                name,
                body.kind,
                body.severity,
                f"{name.replace('_', ' ').capitalize()}.",
                body.remedy,
            )
        )
    return rules


def _rule(
    table: str, name: str, kind: Kind, severity: Severity, description: str, remedy: str
) -> Rule:
    breaks = f"NOT {name}"
    expectation = unexpected_rows(breaks)
    return Rule(table, name, None, kind, severity, description, remedy, breaks, expectation)


def across_view(contract: Contract, table: str) -> str:
    """SELECT of one row per current row of the table, with one truth column per rule.

    Assumes the tables `current_<table>` and `visit_window`.
    """
    declared = contract.tables[table]
    columns = []
    enrolled = "p.participant_id IS NOT NULL"
    if table != "participant":
        columns.append(f"{enrolled} AS {ENROLLED}")
    if "visit_code" in declared.fields:
        columns.append(
            "w.visit_code IS NULL OR p.participant_id IS NULL OR date_diff('day', p.randomised_date, "
            f"x.{declared.date}) BETWEEN w.from_day AND w.to_day AS {IN_WINDOW}"
        )
    columns.append(f"NOT x.changed AS {CHANGED}")
    for name, body in declared.across.items():
        columns.append(f"coalesce({_holds(body, table, enrolled)}, TRUE) AS {name}")
    window = (
        "LEFT JOIN visit_window w ON w.visit_code = x.visit_code "
        if "visit_code" in declared.fields
        else ""
    )
    participant = (
        "LEFT JOIN current_participant p ON p.participant_id = x.participant_id "
        if table != "participant"
        else ""
    )
    return (
        "SELECT x.delivery_id, x.row_no, x.clinic_id, CAST([] AS VARCHAR[]) AS faults, "
        + ", ".join(columns)
        + f" FROM current_{table} x "
        + participant
        + window
    )


def _holds(body: AcrossRule, table: str, enrolled: str) -> str:
    """TRUE where the rule does not apply, or the row it asks for exists."""
    on = " AND ".join(f"o.{theirs} = x.{ours}" for theirs, ours in body.exists.match.items())
    if body.exists.where:
        on += f" AND ({predicates.prefixed(body.exists.where, 'x', 'o')})"
    holds = f"EXISTS (SELECT 1 FROM current_{body.exists.table} o WHERE {on})"
    skip = [f"NOT coalesce({predicates.prefixed(body.when, 'x')}, FALSE)"] if body.when else []
    if table != "participant":
        skip.append(f"NOT ({enrolled})")  # that is its own finding
    return " OR ".join([*skip, holds])
