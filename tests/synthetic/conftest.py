"""A contract to make trials from."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.contracts.load import load_contract
from pipelines.contracts.model import Contract

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load_contract(SCHEMAS)


@pytest.fixture(scope="session")
def four_clinics(contract: Contract) -> Contract:
    """The contract with exactly four clinics, in four zones, whatever clinics the repository declares."""
    first = next(iter(contract.clinics.values()))
    zones = ["America/New_York", "Europe/Berlin", "Europe/Madrid", "America/Denver"]
    clinics = {
        f"clinic{k}": first.model_copy(
            update={"clinic_id": f"clinic{k}", "prefix": f"{k:02d}", "time_zone": zone}
        )
        for k, zone in enumerate(zones, start=1)
    }
    return contract.model_copy(update={"clinics": clinics})
