from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pipelines.contracts.load import load_contract
from pipelines.contracts.model import Contract
from pipelines.contracts.shapes import Delivery


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load_contract(Path(__file__).parents[2] / "schemas")


@pytest.fixture
def delivery() -> Delivery:
    return Delivery(
        delivery_id="alder-0123456789ab", clinic_id="alder", file_name="x_20251103.csv", file_kind="x", sha256="ab" * 32,
        n_bytes=1, received_utc=dt.datetime(2025, 11, 4), sent_date=dt.date(2025, 11, 3), revision=0, scope_key="s",
        raw_path=Path("nowhere"),
    )  # fmt: skip
