"""Every rule of a table, from its fields and its named rules."""

from __future__ import annotations

from typing import Any

from pipelines.contracts import predicates
from pipelines.contracts.model import Contract, FieldDef
from pipelines.contracts.rules import Kind, Rule, Severity

LINE_TABLE = "line"  # lines that could not be split into the header's columns

_LINE_RULES: dict[str, tuple[str, str]] = {
    "too_many_fields": (
        "The line has more fields than the header.",
        "Remove the surplus separator, or put the text that holds it in quotes.",
    ),
    "too_few_fields": (
        "The line has fewer fields than the header.",
        "Restore the missing separator; the line may be cut.",
    ),
    "broken_quote": (
        "A quotation mark is opened and never closed.",
        "Close the quotation mark, or double it if it belongs to the text.",
    ),
    "undecodable_text": (
        "The line holds bytes that are not text in the declared encoding.",
        "Export the file again in the declared encoding.",
    ),
    "unknown_line_kind": (
        "The line belongs to no form, event or instrument that was declared.",
        "Tell us what this line is, or leave it out of the export.",
    ),
    "unknown_reference": (
        "The row of a returned workbook does not say, or not alone, which held row it corrects.",
        "Leave our reference as it stands, one row each; send new rows in a file of their own.",
    ),
    "formula_without_value": (
        "A cell holds a formula whose result was not saved.",
        "Open the workbook, let it calculate, save it, and send it again.",
    ),
}
_NUMBER = ("integer", "decimal")
_FAULTS: dict[str, tuple[tuple[str, ...], Severity, str, str]] = {
    # rule: (field types it applies to, severity, description, remedy)
    "unreadable_number": (_NUMBER, "quarantine", "The text is not a number as the clinic declared it.",
                          "Write the number with the declared decimal mark and nothing else in the cell."),
    "unreadable_date": (("date", "instant"), "quarantine", "The text is not a date in the declared order.",
                        "Write the date in the declared order with four digits for the year."),
    "unreadable_time": (("instant",), "quarantine", "The text is not a time of day as declared.",
                        "Write the time as declared."),
    "unknown_code": (("code", "boolean"), "quarantine", "The word is not one that was declared.",
                     "Use one of the declared words, or ask us to add this one."),
    "nonexistent_local_time": (("instant",), "quarantine", "The clock skipped this time that day.",
                               "Correct the time; clocks were put forward."),
    "ambiguous_local_time": (("instant",), "flag", "The clock showed this time twice that day.",
                             "Say whether the time is before or after the clocks were put back."),
}  # fmt: skip
# What a device file's reader may note on a record, by table; the good part of the recording is kept.
_DEVICE_NOTES: dict[str, dict[str, tuple[str, str]]] = {
    "wear_day": {
        "unreadable_epoch": ("The device file has lines that cannot be read.", "Export the recording again if it matters; the rest was kept."),
        "off_grid_epoch": ("The device file has lines whose time is off the epoch grid.", "Export the recording again; those lines were not used."),
        "repeated_epoch": ("The device file has two lines for one epoch.", "Export the recording again; the first line was used."),
        "date_order_contradicted": ("The file names another date order than its dates show.", "Check the regional settings of the export software."),
        "epoch_not_60_s": ("Wear time cannot be told from epochs of this length.", "Export with an epoch that divides 60 seconds."),
        "entered_by_hand": ("Steps were typed in, not recorded; they were not used.", "Leave it; the steps that a device recorded were used."),
        "clock_not_set": ("The device's clock was not set for a part of the recording.", "Set the device's clock; what has no time was not used."),
        "clock_jump": ("The device's clock went back.", "Look at the device's clock; the steps around it may lie on a wrong day."),
        "trailing_bytes": ("Bytes follow the end of the device file; they were not used.", "Export the recording again from the device's software."),
        "other_source": ("The export has steps of another source too; they were not added.", "Say which of the person's devices belongs to the study."),
    },
    "wear_bout": {
        "clock_not_set": ("The device's clock was not set when it recorded.", "Set the device's clock; the time of this activity is unknown."),
        "trailing_bytes": ("Bytes follow the end of the device file; they were not used.", "Export the activity again from the device's software."),
        "entered_by_hand": ("The activity was typed in, not recorded.", "Leave it, or say that a device recorded it."),
        "unreadable_epoch": ("The device file has points that cannot be read.", "Export the activity again if it matters; the rest was kept."),
        "no_times": ("The track has no times, so nobody can say when it was walked.", "Export the recorded activity with its times."),
        "clock_jump": ("Points of the track go back in time.", "Look at the device's clock; the activity's length may be wrong."),
        "cadence_unclear": ("The file does not say whether cadence counts one leg or both.", "Nothing to do; cadence was left out."),
        "truncated_end": ("The device file ends in the middle of the activity.", "Export the activity again; the whole points were used."),
    },
    "recording": {
        "bad_block": ("Blocks of the recording are damaged; their samples were not used.", "Download the recording again; if it is the same, have the device tested."),
        "missing_block": ("Blocks of the recording are missing.", "Download the recording again from the device."),
        "gap": ("The recording stops and goes on later without saying why.", "Look at the device's battery and storage."),
        "clock_jump": ("The device's clock jumped; times before and after it may not fit together.", "Set the clock only before a recording starts."),
        "saturated": ("The acceleration was at the limit of the range.", "Set up the device with a wider range."),
        "truncated_end": ("The recording is cut in the middle of a block.", "Download the recording again; the whole blocks were used."),
        "sleep_gap": ("The device slept (idle sleep mode); nothing was recorded then.", "Set up the device without idle sleep mode."),
        "rate_off_nominal": ("The device sampled at another rate than it was set up for.", "Have the device tested; times follow its clock."),
        "trailing_bytes": ("Bytes follow the end of the recording; they were not used.", "Download the recording again from the device."),
    },
    "knee_moment": {
        "truncated_end": ("The lab file ends before its header says.", "Export the trial again; the stances that are whole were used."),
        "stance_cut": ("The lab file ends in the middle of a stance.", "Export the trial again; a part of a stance has no peak and no impulse."),
        "unreadable_line": ("The lab file has lines that cannot be read.", "Export the trial again; the other lines were used."),
        "curve_incomplete": ("The moment is missing for a part of stance, so this stance has no numbers.", "Look at the force plate and the markers of this stance, or leave it out."),
        "moment_unit_unlikely": ("The moments of this file cannot be in the unit that was declared.", "Export in the declared unit, or tell us the lab's new one."),
        "moment_sign_wrong": ("The moment of this leg is below zero over stance: its sign is not the declared one.", "Check the sign convention of the lab's export for this leg."),
        "side_swapped": ("The other knee carries the load while this leg is said to be in stance.", "Check whether left and right were changed over."),
    },
}  # fmt: skip
_HOLDING_NOTES = {"stance_cut", "moment_unit_unlikely", "moment_sign_wrong", "side_swapped"}
_ID_FAULTS: dict[str, tuple[str, str]] = {
    "malformed_participant_id": ("The participant code is not of the form SS-NNN-C.", "Write the code in full, leading zeros included."),
    "wrong_check_digit": ("The check digit does not fit the participant code.", "Check the code for swapped or mistyped digits."),
    "other_clinic_participant": ("The participant code belongs to another clinic.", "Correct the code, or send the row from the right clinic."),
    "test_participant": ("The participant code is reserved for training.", "Leave training participants out of the files."),
}  # fmt: skip


def rules_of(contract: Contract, table: str) -> list[Rule]:
    """Every rule that the staged frame of this table is checked against, in a fixed order."""
    if table == LINE_TABLE:
        return [_fault_rule(table, name, "quarantine", *said) for name, said in _LINE_RULES.items()]
    declared = contract.tables[table]
    fields = {name: contract.fields[name] for name in declared.fields}
    rules = []
    if "participant_id" in fields:
        rules += [_fault_rule(table, name, "quarantine", *s) for name, s in _ID_FAULTS.items()]
    types = {field.type for field in fields.values()}
    for name, (applies, severity, description, remedy) in _FAULTS.items():
        if types & set(applies):
            rules.append(_fault_rule(table, name, severity, description, remedy))
    for name, texts in _DEVICE_NOTES.get(table, {}).items():
        severity = "quarantine" if name in _HOLDING_NOTES else "flag"
        rules.append(_fault_rule(table, name, severity, *texts))
    for name in declared.required:
        rules.append(_given(table, name))
    for name, field in fields.items():
        rules += _ranges(table, name, field)
    rules.append(_one_row_per_key(table, declared.key))
    if declared.answers:
        items = ", ".join(name for name in fields if name.startswith(declared.answers.items))
        rules.append(
            _row_rule(
                table,
                "some_item_answered",
                f"coalesce({items}) IS NULL",
                "completeness",
                "flag",
                "At least one item is answered.",
                "The form came without a single answer; send the answers, or mark the form as not done.",
            )
        )
    for name, body in declared.rules.items():
        holds = predicates.parse(body.holds, set(fields))
        rules.append(
            _row_rule(
                table,
                name,
                f"NOT ({holds})",
                body.kind,
                body.severity,
                f"{name.replace('_', ' ').capitalize()}.",
                body.remedy,
            )
        )
    return rules


def _fault_rule(table: str, name: str, severity: Severity, description: str, remedy: str) -> Rule:
    breaks = f"len(list_filter(faults, lambda f: starts_with(f, '{name}:'))) > 0"
    return Rule(
        table,
        name,
        None,
        "conformance",
        severity,
        description,
        remedy,
        breaks,
        unexpected_rows(breaks),
        from_faults=True,
    )


def _given(table: str, name: str) -> Rule:
    return Rule(
        table,
        f"{name}_given",
        name,
        "completeness",
        "quarantine",
        f"{name} is given.",
        "Fill in the value; the row cannot be used without it.",
        f"{name} IS NULL",
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": name}},
    )


def _ranges(table: str, name: str, field: FieldDef) -> list[Rule]:
    unit = f" {field.unit}" if field.unit and field.unit not in ("n", "points") else ""
    found = []
    for part, severity, words in (
        ("valid", "quarantine", "cannot be true outside"),
        ("plausible", "flag", "is doubtful outside"),
    ):
        span: Any = getattr(field, part)
        if span is None or span == (field.valid if part == "plausible" else None):
            continue
        low, high = (f"DATE '{end}'" if field.type == "date" else end for end in span)
        outside = f"Outside {span[0]} to {span[1]}{unit}: "
        remedy = outside + (
            "check the value and its unit; correct it or confirm it."
            if part == "plausible"
            else "correct the value or its unit."
        )
        found.append(
            Rule(
                table,
                f"{name}_{part}",
                name,
                "plausibility",
                severity,
                f"{name} {words} {span[0]} to {span[1]}{unit}.",
                remedy,
                f"{name} NOT BETWEEN {low} AND {high}",
                {
                    "type": "expect_column_values_to_be_between",
                    "kwargs": {
                        "column": name,
                        "min_value": span[0],
                        "max_value": span[1],
                    },
                },
            )
        )
    return found


def _one_row_per_key(table: str, key: tuple[str, ...]) -> Rule:
    return Rule(
        table,
        "one_row_per_key",
        None,
        "conformance",
        "quarantine",
        f"One row for each {', '.join(key)} in a file.",
        "The same key stands on several rows with different content; keep the right one.",
        "row_key IS NOT NULL AND count(*) OVER (PARTITION BY delivery_id, row_key) > 1",
        {
            "type": "expect_compound_columns_to_be_unique",
            "kwargs": {
                "column_list": ["delivery_id", "row_key"],
                "ignore_row_if": "any_value_is_missing",
            },
        },
    )


def _row_rule(
    table: str,
    name: str,
    breaks: str,
    kind: Kind,
    severity: Severity,
    description: str,
    remedy: str,
) -> Rule:
    return Rule(
        table,
        name,
        None,
        kind,
        severity,
        description,
        remedy,
        breaks,
        unexpected_rows(breaks),
    )


def unexpected_rows(breaks: str) -> dict[str, Any]:
    """A row rule as Great Expectations says it; braces are doubled because it fills in the query's own."""
    where = breaks.replace("{", "{{").replace("}", "}}")
    query = f"SELECT delivery_id, row_no FROM {{batch}} WHERE {where}"
    return {"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": query}}


def reveals_arm(contract: Contract, rule: Rule) -> bool:
    """True when knowing that a row broke the rule tells something about the arm."""
    if rule.table == LINE_TABLE:
        return False
    declared = contract.tables[rule.table]
    marked = {name for name in declared.fields if contract.fields[name].reveals == "arm"}
    if rule.field is not None:
        return rule.field in marked
    if rule.name in declared.rules:
        return bool(predicates.columns_of(declared.rules[rule.name].holds) & marked)
    across = declared.across.get(rule.name)
    if across is None:
        return False
    read = set(across.exists.match.values())
    for text in (across.when, across.exists.where):
        read |= predicates.columns_of(text) if text else set()
        read |= predicates.columns_of(text, other=True) if text else set()
    return bool(read & {name for name, field in contract.fields.items() if field.reveals == "arm"})
