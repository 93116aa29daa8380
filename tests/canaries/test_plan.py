"""What is planted follows from the study's own tables, and not from the list of rules."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pipelines.canaries.plan import CLEAN, plan
from pipelines.contracts import rule_list
from pipelines.contracts.load import load_intake
from pipelines.contracts.model import Contract
from pipelines.contracts.rule_list import rules_of

KINDS = {
    "clean_row", "repeated_row", "out_of_range", "implausible", "unknown_code", "unreadable_number",
    "ambiguous_date", "missing_value", "unknown_participant",
}  # fmt: skip


def test_the_study_gets_a_fault_of_every_kind(contract: Contract) -> None:
    planned = plan(contract)

    assert {one.fault for one in planned.text.canaries} == KINDS
    assert {one.fault for one in planned.book.canaries} == {CLEAN, "missing_value"}
    assert planned.text.table != planned.book.table
    assert len(planned.canaries()) == 13


def test_every_rule_that_must_catch_one_is_a_rule_of_its_table(contract: Contract) -> None:
    planned = plan(contract)

    for one in (*planned.text.canaries, *planned.book.canaries):
        rules = {rule.name: rule.severity for rule in rules_of(contract, one.table)}
        if one.severity in ("quarantine", "flag"):
            assert rules[one.rule] == one.severity, one


def test_a_lost_rule_is_still_expected(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    before = plan(contract)
    monkeypatch.setattr(rule_list, "_ranges", lambda table, name, field: [])
    monkeypatch.setattr(rule_list, "_ID_FAULTS", {})

    assert plan(contract).canaries() == before.canaries()


def test_rows_have_keys_of_their_own_but_for_the_repeated_one(contract: Contract) -> None:
    text = plan(contract).text

    again = [one.fault for one in text.canaries].index("repeated_row")
    assert text.rows[again].drop("_uid").equals(text.rows[0].drop("_uid"))
    others = text.rows.filter(pl.col("_uid") != again)
    assert others.select(contract.tables[text.table].key).is_unique().all()


def test_a_study_of_one_other_form_gets_its_own(grip_schemas: Path) -> None:
    planned = plan(load_intake(grip_schemas))

    assert {one.table for one in planned.canaries()} == {"grip"}
    assert {one.fault for one in planned.text.canaries} == KINDS
    rules = {one.fault: one.rule for one in planned.text.canaries}
    assert rules["out_of_range"] == "grip_kg_valid"
    assert rules["missing_value"] == "hand_code_given"
    assert planned.text.rows["effort_ok"].null_count() == 0  # its rule asks for it


def test_a_number_that_is_always_plausible_gets_no_implausible_canary(grip_schemas: Path) -> None:
    path = grip_schemas / "fields.yaml"
    path.write_text(path.read_text().replace("plausible: [5, 70]", "plausible: [-5, 200]"))

    assert {one.fault for one in plan(load_intake(grip_schemas)).text.canaries} == KINDS - {
        "implausible"
    }


def test_a_study_without_forms_has_none(contract: Contract) -> None:
    bare = contract.model_copy(update={"clinics": {
        name: clinic.model_copy(update={"files": {}}) for name, clinic in contract.clinics.items()
    }})  # fmt: skip

    assert plan(bare) is None
