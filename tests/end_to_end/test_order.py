"""When files come, in which order, how often and under which name makes no difference to any number."""

from __future__ import annotations

import datetime as dt
import random
import re
import shutil
from pathlib import Path

import pytest

from pipelines import stages
from pipelines.contracts.model import Contract
from pipelines.receive.identify import named
from tests.end_to_end.nights import ARRIVAL, NIGHT_2, put, results_hash, rows, take_in

CUTOFFS = ("2025-11-11T00:15:00Z", "2025-11-11T01:45:00Z", NIGHT_2)
_LONG_AGO = 1_759_300_000.0  # 1 October 2025: every file is complete on every night


def _copy_name(contract: Contract, clinic: str, name: str) -> str | None:
    """The name that the same content would have if it had been sent on another day and changed nothing.

    An increment said again later is said already; a snapshot or a resend of an earlier day is replaced already.
    """
    said = named(contract.clinics[clinic], name)
    if said is None:
        return None
    keyed = contract.clinics[clinic].files[said["kind"]].keyed
    sent = f"{said['sent']:%Y%m%d}"
    away = dt.timedelta(days=1 if keyed == "increment" else -1)
    other = f"{said['sent'] + away:%Y%m%d}"
    return re.sub(rf"{sent}(?!.*{sent})", other, name)


def _landed(
    contract: Contract, source: Path, home: Path, seed: int, *, split: bool, twice: bool
) -> None:
    """The files of both nights of a study, landed in another order and taken in at several cut-offs."""
    draws = random.Random(seed)
    parcels = []
    for path in sorted(p for p in (source / "synthetic").glob("night_*/*/*") if p.is_file()):
        clinic, data = path.parent.name, path.read_bytes()
        parcels.append((clinic, path.name, data))
        copy = _copy_name(contract, clinic, path.name) if twice else None
        if copy is not None and not any(copy == name for _, name, _ in parcels):
            parcels.append((clinic, copy, data))
    draws.shuffle(parcels)
    last = len(CUTOFFS) - 1
    turns = [draws.randrange(len(CUTOFFS)) if split else last for _ in parcels]
    for turn, cutoff in enumerate(CUTOFFS):
        shutil.rmtree(home / "landing", ignore_errors=True)
        for when, (clinic, name, data) in zip(turns, parcels, strict=True):
            if when == turn:
                put(home, clinic, name, data, _LONG_AGO)
        if turn in turns:
            take_in(home, cutoff)
    stages.build_warehouse(str(home), NIGHT_2)


def _differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    assert one.keys() == other.keys()
    return sorted(name for name in one if one[name] != other[name])


_COUNTS_OF_FILES = ("files_n", "files_duplicate_n", "n_received", "n_duplicate", "files_missing_n")


def _check_copies_are_counted(home: Path) -> None:
    twins = rows(home, "SELECT * FROM ledger_delivery WHERE status = 'duplicate'")
    assert twins.height > 20
    assert (twins["n_received"] == twins["n_duplicate"]).all()
    assert twins["n_accepted"].sum() == twins["n_quarantined"].sum() == 0


def test_split_shuffled_and_sent_twice(contract, clean, tmp_path):
    _landed(contract, clean.home, tmp_path, 1, split=True, twice=True)
    but = (*ARRIVAL, *_COUNTS_OF_FILES)
    assert _differing(results_hash(clean.home, but), results_hash(tmp_path, but)) == []
    _check_copies_are_counted(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4])
@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("study", ["clean", "faulty"])
def test_any_other_way_in(contract, request, tmp_path, study, split, twice, seed):
    played = request.getfixturevalue(study)
    _landed(contract, played.home, tmp_path, seed, split=split, twice=twice)
    but = (*ARRIVAL, *(_COUNTS_OF_FILES if twice else ()))
    assert _differing(results_hash(played.home, but), results_hash(tmp_path, but)) == []
    if twice:
        _check_copies_are_counted(tmp_path)


def test_a_file_sent_again_under_its_right_name_is_read(contract, clean, tmp_path):
    """Its bytes came before, under a name that says nothing: the clinic did as its letter asked."""
    (source,) = (clean.home / "synthetic" / "night_1" / "alder").glob("pain_*.csv")
    put(tmp_path, "alder", "Copy of pain.csv", source.read_bytes(), _LONG_AGO)
    take_in(tmp_path, CUTOFFS[0])
    put(tmp_path, "alder", source.name, source.read_bytes(), _LONG_AGO)
    take_in(tmp_path, CUTOFFS[1])
    stages.build_warehouse(str(tmp_path), CUTOFFS[1])
    ledger = rows(tmp_path, "SELECT file_name, status, reason, n_received FROM ledger_delivery")
    n = source.read_bytes().count(b"\n") - 1
    assert set(ledger.rows()) == {
        ("Copy of pain.csv", "refused", "unknown_file_name", 0),
        (source.name, "accepted", None, n),
    }
    stages.build_warehouse(str(tmp_path), CUTOFFS[0], past=True)
    past = tmp_path / "warehouse" / "past"
    shutil.copytree(next(past.iterdir()), tmp_path / "then" / "warehouse")
    before = rows(tmp_path / "then", "SELECT file_name, status, reason FROM ledger_delivery")
    assert before.rows() == [("Copy of pain.csv", "refused", "unknown_file_name")]


@pytest.mark.slow
def test_a_snapshot_that_goes_back_to_an_earlier_state_counts(contract, clean, tmp_path):
    """The third export has the bytes of the first: what changed in between was taken back."""
    first, second = (
        next((clean.home / "synthetic" / f"night_{n}" / "cedro").glob("cedro_redcap_*.csv"))
        for n in (1, 2)
    )
    sent = {"20251103": first, "20251110": second, "20251111": first}
    for day, path in sent.items():
        put(tmp_path, "cedro", f"cedro_redcap_{day}.csv", path.read_bytes(), _LONG_AGO)
        take_in(tmp_path, f"2025-11-{day[-2:]}T22:00:00Z")
    stages.build_warehouse(str(tmp_path), "2025-11-11T22:00:00Z")
    ledger = rows(tmp_path, "SELECT file_name, status FROM ledger_delivery ORDER BY file_name")
    assert ledger.rows() == [
        ("cedro_redcap_20251103.csv", "duplicate"),
        ("cedro_redcap_20251110.csv", "accepted"),
        ("cedro_redcap_20251111.csv", "accepted"),
    ]
    deliveries = rows(tmp_path, "SELECT DISTINCT delivery_id FROM core_walk_test")
    assert deliveries.height == 1
    current = rows(
        tmp_path,
        "SELECT file_name FROM ledger_delivery WHERE delivery_id = (SELECT any_value(delivery_id) FROM core_walk_test)",
    )
    assert current.rows() == [("cedro_redcap_20251111.csv",)]
