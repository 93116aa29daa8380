"""One run at a time: held, taken again by its own holder, free once its process is dead or its time is over."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines import lock
from pipelines.errors import LockHeld

NOW = dt.datetime(2025, 11, 4, 3, 15, tzinfo=dt.UTC)
HOURS = dt.timedelta(hours=1)
ROOT = Path(__file__).parents[1]

HOLD = """
import datetime as dt, pathlib, sys
from pipelines import lock
now = dt.datetime.fromisoformat(sys.argv[2])
lock.take(pathlib.Path(sys.argv[1]), "another night", now, dt.timedelta(hours=12), in_process=True)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that holds the lock of `tmp_path` for as long as it lives."""
    command = [sys.executable, "-c", HOLD, str(tmp_path), NOW.isoformat()]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def take(
    home: Path, owner: str = "night 1", now: dt.datetime = NOW, *, in_process: bool = True
) -> None:
    lock.take(home, owner, now, HOURS, in_process=in_process)


def test_a_held_lock_says_by_whom_since_when_and_what_to_do(
    tmp_path: Path, holder: subprocess.Popen
) -> None:
    with pytest.raises(LockHeld) as caught:
        take(tmp_path)

    assert "another night" in caught.value.what
    assert "2025-11-04T03:15:00+00:00" in caught.value.where
    assert caught.value.remedy
    assert caught.value.exit_code == 14


def test_a_holder_takes_it_again(tmp_path: Path) -> None:
    take(tmp_path)
    take(tmp_path, now=NOW + dt.timedelta(minutes=30))

    assert (
        json.loads((tmp_path / "lock.json").read_text())["until_utc"] == "2025-11-04T04:45:00+00:00"
    )


def test_a_released_lock_is_free(tmp_path: Path) -> None:
    take(tmp_path, "night 1")
    lock.release(tmp_path, "night 1")

    take(tmp_path, "night 2")

    assert json.loads((tmp_path / "lock.json").read_text())["owner"] == "night 2"


def test_nobody_releases_anothers_lock(tmp_path: Path, holder: subprocess.Popen) -> None:
    lock.release(tmp_path, "night 1")

    with pytest.raises(LockHeld):
        take(tmp_path)


def test_releasing_what_nobody_holds_does_nothing(tmp_path: Path) -> None:
    lock.release(tmp_path, "night 1")

    assert not (tmp_path / "lock.json").exists()


def test_a_dead_process_has_let_go(tmp_path: Path, holder: subprocess.Popen) -> None:
    holder.kill()
    holder.wait()

    take(tmp_path)


def test_a_dead_process_that_its_parent_has_not_buried_has_let_go_too(
    tmp_path: Path, holder: subprocess.Popen
) -> None:
    holder.kill()
    os.waitid(
        os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT
    )  # dead for certain, and still in the table

    take(tmp_path)


def test_another_process_with_the_same_number_is_not_the_holder(tmp_path: Path) -> None:
    take(tmp_path, "night 1")
    held = json.loads((tmp_path / "lock.json").read_text())
    (tmp_path / "lock.json").write_text(
        json.dumps(held | {"started": "1"})
    )  # the number was given out anew

    take(tmp_path, "night 2")


def test_a_living_process_keeps_it_until_its_time_is_over(
    tmp_path: Path, holder: subprocess.Popen
) -> None:
    with pytest.raises(LockHeld):
        take(tmp_path, now=NOW + dt.timedelta(hours=12))

    take(tmp_path, now=NOW + dt.timedelta(hours=12, seconds=1))


def test_a_run_of_several_processes_keeps_it_after_each_of_them(tmp_path: Path) -> None:
    take(tmp_path, "dag run 1", in_process=False)

    with pytest.raises(LockHeld):
        take(tmp_path, "night 2", NOW + HOURS)
    take(tmp_path, "dag run 1", in_process=False)
    take(tmp_path, "night 2", NOW + HOURS + dt.timedelta(seconds=1))


def test_two_containers_of_one_home_are_two_holders_though_both_are_process_one(
    tmp_path: Path,
) -> None:
    take(tmp_path, "backstep 1")
    held = json.loads((tmp_path / "lock.json").read_text())
    (tmp_path / "lock.json").write_text(json.dumps(held | {"host": "another-container"}))

    with pytest.raises(LockHeld):
        take(tmp_path, "backstep 1")


def test_of_many_that_ask_at_once_one_gets_it(tmp_path: Path) -> None:
    def ask(number: int) -> bool:
        try:
            take(tmp_path, f"night {number}", in_process=False)
        except LockHeld:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 1


def test_a_home_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    take(tmp_path / "new" / "home")

    assert (tmp_path / "new" / "home" / "lock.json").is_file()
