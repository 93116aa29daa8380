"""A clean row is clean by every rule of its table, for any form."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import identity
from pipelines.canaries.clean import clean_rows
from pipelines.contracts.canary import form_tables
from pipelines.contracts.load import load_intake
from pipelines.contracts.model import Contract
from pipelines.synthetic.broken import broken_rules
from tests.canaries.conftest import SCHEMAS


@pytest.mark.parametrize("table", form_tables(load_intake(SCHEMAS)))
def test_no_rule_is_broken_and_no_key_is_shared(contract: Contract, table: str) -> None:
    rows = clean_rows(contract, table, 3)

    assert rows.height == 3
    assert broken_rules(contract, table, rows.drop("_uid").to_dicts()) == [[], [], []]
    assert rows.select(contract.tables[table].key).is_unique().all()
    ids = rows["participant_id"].to_list()
    assert ids == [identity.make_id("99", n) for n in (1, 2, 3)]


def test_there_is_none_where_a_rule_can_never_be_met(grip_schemas: Path) -> None:
    path = grip_schemas / "tables" / "grip.yaml"
    path.write_text(path.read_text().replace("effort_ok IS NOT NULL", "grip_kg > 500"))

    assert clean_rows(load_intake(grip_schemas), "grip", 2) is not None  # empty is good enough
    path.write_text(path.read_text().replace("grip_kg > 500", "coalesce(grip_kg, 0) > 500"))
    assert clean_rows(load_intake(grip_schemas), "grip", 2) is None
