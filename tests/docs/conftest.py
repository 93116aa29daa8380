"""A small made-up study with faults, two nights built and the first of them replayed, for the documents' examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import stages
from pipelines.contracts.load import load_contract
from pipelines.synthetic.study import deliver, write_study

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def study_home(tmp_path_factory) -> Path:
    """The home of 48 people after both nights, with the first night built again under `warehouse/past`."""
    home = tmp_path_factory.mktemp("documented")
    with pytest.MonkeyPatch.context() as machine:
        for name in ("BACKSTEP_SCHEMAS", "BACKSTEP_LANDING", "BACKSTEP_SETTLE_SECONDS"):
            machine.delenv(name, raising=False)
        plan = write_study(load_contract(ROOT / "schemas"), home, participants=48)
        cutoffs = [cutoff.isoformat() for cutoff in plan.cutoffs]
        for number, cutoff in enumerate(cutoffs, start=1):
            deliver(home, number)
            due = [
                delivery
                for clinic_id in stages.clinics(str(home))
                for delivery in stages.receive_clinic(str(home), clinic_id, cutoff)
            ]
            for delivery in due:
                stages.standardise_delivery(str(home), delivery, cutoff)
            stages.check_night(str(home), due, cutoff)
        stages.build_warehouse(str(home), cutoffs[-1])
        stages.build_warehouse(str(home), cutoffs[0], past=True)
    return home
