"""The reserved clinic: no study may declare it, and nothing that counts clinics ever meets it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.contracts import canary
from pipelines.contracts.load import load_contract, load_intake
from pipelines.errors import ContractError


def test_a_study_may_not_declare_a_clinic_of_that_name(schemas: Path) -> None:
    shutil.move(
        schemas / "clinics" / "alder.yaml", schemas / "clinics" / f"{canary.CLINIC_ID}.yaml"
    )

    with pytest.raises(ContractError, match="reserved") as caught:
        load_contract(schemas)

    assert caught.value.where == "canary.yaml:1"


def test_only_the_contract_for_taking_files_in_knows_the_clinic(schemas: Path) -> None:
    study, intake = load_contract(schemas), load_intake(schemas)

    assert canary.CLINIC_ID not in study.clinics
    assert canary.CLINIC_ID not in study.clinic_digests
    assert set(intake.clinics) - set(study.clinics) == {canary.CLINIC_ID}
    assert intake.clinics["alder"] == study.clinics["alder"]


def test_it_sends_every_form_of_the_study_as_text_and_as_workbook(schemas: Path) -> None:
    contract = load_contract(schemas)
    clinic = load_intake(schemas).clinics[canary.CLINIC_ID]

    forms = canary.form_tables(contract)
    assert {"koos", "session", "walk_test"} < set(forms)
    assert "recording" not in forms  # it comes out of devices' own files
    assert set(clinic.files) == {
        canary.file_kind(t, form) for t in forms for form in ("csv", "xlsx")
    }
    session = clinic.files["session"].tables["session"]
    assert set(session.columns) == set(contract.tables["session"].fields)
    assert session.instants["start_utc"].local == "start_utc"


def test_its_prefix_is_no_clinics(schemas: Path) -> None:
    text = (schemas / "clinics" / "deodar.yaml").read_text()
    path = schemas / "clinics" / "deodar.yaml"
    path.write_text(text.replace('prefix: "04"', 'prefix: "99"'))

    assert load_intake(schemas).clinics["deodar"].prefix == "99"
    assert load_intake(schemas).clinics[canary.CLINIC_ID].prefix == "98"
