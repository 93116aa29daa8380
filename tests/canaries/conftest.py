"""The real study, and one of a single form that this study does not have."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from pipelines.contracts import derive
from pipelines.contracts.load import load_contract, load_intake
from pipelines.contracts.model import Contract

SCHEMAS = Path(__file__).parents[2] / "schemas"
GRIP = {
    "grain": "one grip test of one hand", "key": ["participant_id", "grip_date", "hand_code"], "date": "grip_date",
    "required": ["participant_id", "grip_date", "hand_code"], "optional": ["grip_kg", "effort_ok"],
    "rules": {"effort_said": {
        "holds": "effort_ok IS NOT NULL", "kind": "completeness", "severity": "quarantine", "remedy": "Say so.",
    }},
}  # fmt: skip


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load_intake(SCHEMAS)


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """A copy of the study's contract that a test may spoil."""
    return Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))


@pytest.fixture
def grip_schemas(schemas: Path) -> Path:
    """One clinic that sends one form: grip strength, a table of no other study, with a rule of its own."""
    for path in (schemas / "clinics").glob("*.yaml"):
        if path.stem != "alder":
            path.unlink()
    fields = (schemas / "fields.yaml").read_text() + (
        "\ngrip_date: {type: date, description: Day of the test.}"
        "\nhand_code: {type: code, codes: side, description: Hand.}"
        "\ngrip_kg: {type: decimal, unit: kg, valid: [0, 120], plausible: [5, 70], description: Grip.}"
        "\neffort_ok: {type: boolean, description: Whether the effort was full.}\n"
    )
    (schemas / "fields.yaml").write_text(fields)
    (schemas / "tables" / "grip.yaml").write_text(yaml.safe_dump(GRIP))
    columns = {name: name for name in GRIP["required"] + GRIP["optional"]}
    files = {"grip": {
        "name": r"grip_(?P<sent>\d{8})\.csv", "format": "csv", "keyed": "increment",
        "tables": {"grip": {"columns": columns}},
    }}  # fmt: skip
    alder = schemas / "clinics" / "alder.yaml"
    head = alder.read_text().partition("\nfiles:")[0]
    alder.write_text(f"{head}\n{yaml.safe_dump({'files': files})}")
    for name, text in derive.generated(load_contract(schemas)).items():
        if name.startswith("schemas/expectations/"):
            (schemas.parent / name).write_text(text)
    return schemas
