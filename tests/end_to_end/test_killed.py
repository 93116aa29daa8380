"""A night that is killed anywhere and started again ends as if nothing had happened."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from pipelines import stages
from pipelines.synthetic.study import write_study
from tests.end_to_end.conftest import ROOT
from tests.end_to_end.nights import (
    NIGHT_1,
    NIGHT_2,
    exports,
    run_night,
    tree_hash,
    twin,
    unfinished,
)

_KINDS = ("participants_*", "pain_*", "falls_*", "teilnehmer_*", "stuerze_*", "*.fit", "*Registry*")
_KILLS, _MANY_KILLS = 6, 50


@pytest.fixture(scope="module")
def evening(contract, tmp_path_factory) -> Path:
    """A small study whose first night is built and whose second night's files have landed."""
    home = tmp_path_factory.mktemp("evening")
    write_study(contract, home, participants=12, seed=1, faults=False)
    staged = home / "synthetic" / "night_1"
    wanted = [path for kind in _KINDS for path in sorted(staged.glob(f"*/{kind}"))]
    assert len(wanted) >= 7
    for path in wanted[::2]:
        _land(path, home)
    run_night(home, NIGHT_1)
    for path in wanted[1::2]:
        _land(path, home)
    return home


def _land(path: Path, home: Path) -> None:
    target = home / "landing" / path.parent.name / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)


def _start(home: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines", "nightly", "--home", str(home), "--cutoff", NIGHT_2],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def _finish(home: Path) -> None:
    run = _start(home)
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 0, said


@pytest.fixture(scope="module")
def undisturbed(evening, tmp_path_factory) -> tuple[dict, float]:
    """What the night gives, and how long it takes."""
    home = twin(evening, tmp_path_factory.mktemp("undisturbed"))
    began = time.monotonic()
    _finish(home)
    return _given(home), time.monotonic() - began


def _given(home: Path) -> dict:
    """All that a night leaves; Data Docs speak of the run that checked, not of the night."""
    found = {f"table {name}": digest for name, digest in exports(home / "warehouse").items()}
    for folder in ("raw", "core", "quarantine", "reports", "letters", "ledger"):
        if (home / folder).is_dir():
            found |= {f"{folder}/{name}": d for name, d in tree_hash(home / folder).items()}
    return found


def _reached(home: Path) -> str:
    """The stage in which a killed run was, by what it left."""
    stamp = "2025-11-11T031500Z"
    landed = sum(path.is_file() for path in (home / "landing").rglob("*"))
    receipts = len(list((home / "ledger" / "receipts").rglob("*.json")))
    checks = len(list((home / "ledger" / "checks").rglob("*.json")))
    last = (home / "ledger" / "last_night.json").read_text()
    if (home / "letters" / stamp).is_dir():
        return "letters"
    if "2025-11-11" in last:
        return "reports"
    if checks == landed:
        return "build"
    if list((home / "staging" / "read").glob("*.json")):
        return "read or check"
    return "read" if receipts == landed else "start or receive"


def _still_served(home: Path) -> None:
    for side in ("open", "closed"):
        with duckdb.connect(str(home / "warehouse" / f"{side}.duckdb"), read_only=True) as con:
            assert con.execute("SELECT count(*) FROM core_participant").fetchall()[0][0] > 0


def _kill_at(home: Path, seconds: float) -> str | None:
    """Starts the night and kills it then; the stage it was in, or None where it was done before."""
    run = _start(home)
    try:
        run.wait(timeout=seconds)
        assert run.returncode == 0
        return None
    except subprocess.TimeoutExpired:
        run.send_signal(signal.SIGKILL)
        run.wait()
    finally:
        run.stdout.close()
    _still_served(home)
    return _reached(home)


def _as_if_nothing_had_happened(home: Path, given: dict) -> None:
    again = _given(home)
    assert {
        name for name in again.keys() | given.keys() if again.get(name) != given.get(name)
    } == set()
    assert unfinished(home) == []
    assert not (home / "lock.json").exists()


def test_what_killed_runs_left_is_cleared(clean, tmp_path):
    """Half-written files anywhere but where clinics write, an unfinished cut, staged rows already checked."""
    home = twin(clean.home, tmp_path)
    checked = next((home / "ledger" / "checks" / "alder").glob("*.json")).stem
    left = [
        home / "raw" / "alder" / f".{'a' * 64}.{'0' * 12}.aside",
        home / f".lock.json.{'0' * 12}.aside",
        home / "freezes" / ".cut.99" / "open.duckdb",
        home / "staging" / "read" / f"{checked}.json",
        home / "staging" / "pain" / checked / "00001.parquet",
    ]
    theirs = home / "landing" / "alder" / f".pain.csv.{'0' * 12}.aside"
    for path in (*left, theirs):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    stages.take_lock(str(home), "the next run", 1)
    stages.receive_clinic(str(home), "alder", NIGHT_2)
    stages.release_lock(str(home), "the next run")
    assert [path for path in left if path.exists()] == []
    assert theirs.exists()


def test_one_night_killed_again_and_again(evening, undisturbed, tmp_path, record_property):
    """Each run goes on where the one before was killed."""
    given, takes = undisturbed
    home = twin(evening, tmp_path)
    hit = Counter(_kill_at(home, takes * (number + 0.5) / _KILLS) for number in range(_KILLS))
    record_property("killed_in", dict(hit))
    _finish(home)
    _as_if_nothing_had_happened(home, given)
    assert len(hit) > 1


@pytest.mark.slow
def test_fifty_nights_each_killed_once(evening, undisturbed, tmp_path):
    given, takes = undisturbed
    draws = random.Random(7)
    hit: Counter = Counter()
    for number in range(_MANY_KILLS):
        home = twin(evening, tmp_path / f"{number}")
        hit[_kill_at(home, takes * (number + draws.random()) / _MANY_KILLS)] += 1
        _finish(home)
        _as_if_nothing_had_happened(home, given)
        shutil.rmtree(home)
    print(f"killed in: {dict(hit)}")  # noqa: T201
    assert {"read or check", "build", "reports"} <= set(hit)
    assert hit[None] < _MANY_KILLS / 5
