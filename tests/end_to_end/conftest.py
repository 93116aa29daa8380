"""Made-up studies that were run once, for many tests to look at. Nobody writes into their homes."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from pipelines.__main__ import main
from pipelines.cli import console
from pipelines.contracts.load import load_contract
from pipelines.contracts.model import Contract
from pipelines.synthetic.study import deliver, write_study
from tests.end_to_end.nights import NIGHT_1, NIGHT_2, Played, exports, rows, run_night

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="package", autouse=True)
def schemas(tmp_path_factory):
    """The contract as it stood when the tests began."""
    folder = tmp_path_factory.mktemp("contract") / "schemas"
    shutil.copytree(ROOT / "schemas", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACKSTEP_SCHEMAS", str(folder))
        for name in ("BACKSTEP_HOME", "BACKSTEP_LANDING", "BACKSTEP_SETTLE_SECONDS"):
            patch.delenv(name, raising=False)
        yield folder


@pytest.fixture(scope="package")
def contract(schemas) -> Contract:
    return load_contract(schemas)


@pytest.fixture(scope="package")
def clean(contract, tmp_path_factory) -> Played:
    """Sixteen participants, nothing wrong with their files."""
    return _play(contract, tmp_path_factory.mktemp("clean"), participants=16, faults=False)


@pytest.fixture(scope="package")
def faulty(contract, tmp_path_factory) -> Played:
    """Sixty participants and a fault for every rule; the second night has its pages."""
    home = tmp_path_factory.mktemp("faulty")
    return _play(contract, home, participants=60, faults=True, pages=True)


@pytest.fixture
def backstep(monkeypatch, capsys):
    """The command, in this process: its exit code and what it printed."""
    monkeypatch.setattr(console.out, "width", 250)

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["backstep", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        return int(stop.value.code or 0), capsys.readouterr().out

    return run


def _play(
    contract: Contract, home: Path, *, participants: int, faults: bool, pages: bool = False
) -> Played:
    plan = write_study(contract, home, participants=participants, seed=1, faults=faults)
    given, findings, deliveries = [], [], []
    for number, cutoff in enumerate((NIGHT_1, NIGHT_2), start=1):
        deliver(home, number)
        run_night(home, cutoff, pages=pages and number == 2)
        given.append(exports(home / "warehouse"))
        findings.append(
            rows(
                home,
                """SELECT f.*, d.file_name FROM ledger_finding AS f
                JOIN ledger_delivery AS d USING (delivery_id) ORDER BY ALL""",
            )
        )
        deliveries.append(rows(home, "SELECT * FROM ledger_delivery ORDER BY ALL"))
    return Played(home, plan, *given, tuple(findings), tuple(deliveries))
