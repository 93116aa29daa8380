from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.contracts.load import load_contract
from pipelines.contracts.model import Contract


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load_contract(Path(__file__).parents[2] / "schemas")
