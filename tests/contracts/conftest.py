"""The real contract, and a copy of `schemas/` that a test may spoil."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.contracts.load import load_contract
from pipelines.contracts.model import Contract

SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load_contract(SCHEMAS)


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))
