"""A rule over several tables is put to all that came so far, in whatever order it came."""

from __future__ import annotations

import datetime as dt
import itertools
from functools import partial
from pathlib import Path

import pytest

from pipelines.check.across import check_across
from pipelines.contracts.load import load_contract
from pipelines.contracts.model import Contract
from tests.warehouse.cases import ADA, BOB, Sent, ask, built, people

SCHEMAS = Path(__file__).parents[2] / "schemas"
DAY = dt.date(2025, 10, 13)  # in week 6


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract(SCHEMAS)


def trial(number: int, way: str, who: str = ADA, day: dt.date = DAY) -> dict:
    return {
        "participant_id": who, "visit_code": "W6", "assessed_date": day, "trial_no": number,
        "lab_direction_code": way, "lab_speed_mps": 1.0,
    }  # fmt: skip


def sheet(name: str, *trials: dict, night: int = 4) -> Sent:
    came = dt.datetime(2025, 11, night, 3, 0)
    return Sent(name, {"lab_trial": list(trials)}, received_utc=came)


def held(folder: Path, contract: Contract, *sents: Sent) -> tuple[list[tuple], list[tuple]]:
    """(participant, day, trial) that core has, and the rows that were held by the rule."""
    check = partial(check_across, contract=contract, suites=SCHEMAS / "expectations")
    made = built(folder, contract, people(), *sents, check=check)
    kept = ask(
        made, "SELECT participant_id, assessed_date, trial_no FROM core_lab_trial ORDER BY ALL"
    )
    rule = (
        "SELECT row_no FROM ledger_finding WHERE rule = 'walked_both_ways' AND is_open ORDER BY ALL"
    )
    return kept, ask(made, rule)


def test_a_day_walked_one_way_is_held_and_the_others_are_not(tmp_path, contract):
    later = DAY + dt.timedelta(days=1)
    found = held(
        tmp_path,
        contract,
        sheet(
            "lab.csv", trial(1, "FW"), trial(2, "BW"), trial(3, "FW"),
            trial(4, "BW", day=later), trial(5, "BW", day=later),  # the other day's FW does not count
            trial(1, "FW", BOB),  # nor does the other person's BW
        ),
    )  # fmt: skip
    assert found == ([(ADA, DAY, 1), (ADA, DAY, 2), (ADA, DAY, 3)], [(5,), (6,), (7,)])


def test_the_other_way_sets_the_day_free_a_night_later_whatever_came_first(tmp_path, contract):
    first = sheet("lab_1.csv", trial(1, "FW"), trial(3, "FW"), night=3)
    second = sheet("lab_2.csv", trial(2, "BW"), night=4)
    assert held(tmp_path / "alone", contract, first) == ([], [(2,), (3,)])

    seen = [
        held(tmp_path / str(turn), contract, *sents)
        for turn, sents in enumerate(itertools.permutations((first, second)))
    ]
    assert seen == [([(ADA, DAY, 1), (ADA, DAY, 2), (ADA, DAY, 3)], [])] * 2
