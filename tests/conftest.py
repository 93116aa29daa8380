"""What several folders of tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import stages
from pipelines.contracts.load import load_contract
from pipelines.settings import load_settings
from pipelines.synthetic.effects import Effects
from pipelines.synthetic.study import deliver, write_study

RENDERED_CUTOFF = "2025-11-04T03:15:00Z"


@pytest.fixture(scope="session")
def rendered_home(tmp_path_factory):
    """A study of 110 participants with planted faults, its first night built and its pages written."""
    place = tmp_path_factory.mktemp("pages")
    contract = load_contract(load_settings(place).schemas)
    write_study(contract, place, participants=110, seed=3, faults=True, effects=Effects())
    deliver(place, 1)
    due = [
        d
        for name in stages.clinics(str(place))
        for d in stages.receive_clinic(str(place), name, RENDERED_CUTOFF)
    ]
    for delivery in due:
        stages.standardise_delivery(str(place), delivery, RENDERED_CUTOFF)
    stages.check_night(str(place), due, RENDERED_CUTOFF)
    stages.build_warehouse(str(place), RENDERED_CUTOFF)
    stages.render_reports(str(place), RENDERED_CUTOFF)
    stages.render_letters(str(place), RENDERED_CUTOFF)
    return place


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `-n 2 --dist loadgroup`, tests that look at one study run in one process, so that it is made once."""
    top = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(top).parts[0]
        if "rendered_home" in getattr(item, "fixturenames", ()):
            name = "rendered"
        else:
            name = folder if folder in ("end_to_end", "dags") else item.nodeid.split("::")[0]
        item.add_marker(pytest.mark.xdist_group(name))
