"""One run at a time for a study's home: a lease that names its holder."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines import files
from pipelines.errors import LockHeld


def take(
    home: Path, owner: str, now: dt.datetime, lasts: dt.timedelta, *, in_process: bool
) -> None:
    """Takes the lease, again if `owner` already holds it. Raises LockHeld while another holder is alive.

    `in_process`: the holder is this process, so the lease ends when the process does; a holder made of several
    processes (a DAG run) keeps it until it releases it or `lasts` is over.
    """
    with _guard(home):
        held = _read(home)
        if held and not _is_own(held, owner, in_process) and _alive(held, now):
            raise LockHeld(
                f"another run holds the lock: {held['owner']}",
                where=f"{held['host']}, since {held['taken_utc']}",
                remedy="wait until it is done; if it is gone for good, remove `lock.json` from the study's home",
            )
        files.write_json(_path(home), {
            "owner": owner, "host": socket.gethostname(), "pid": os.getpid() if in_process else None,
            "started": _process_start(os.getpid()) if in_process else None,
            "taken_utc": now.isoformat(timespec="seconds"), "until_utc": (now + lasts).isoformat(timespec="seconds"),
        })  # fmt: skip


def release(home: Path, owner: str) -> None:
    """Gives the lease back; nothing happens if `owner` does not hold it."""
    with _guard(home):
        held = _read(home)
        if held and held["owner"] == owner:
            _path(home).unlink()


def _is_own(held: dict, owner: str, in_process: bool) -> bool:
    """Whether the lease is the caller's. Two containers may both be process 1, so the host counts too."""
    if held["owner"] != owner or (held["pid"] is not None) != in_process:
        return False
    return not in_process or (held["host"], held["pid"]) == (socket.gethostname(), os.getpid())


def _alive(held: dict, now: dt.datetime) -> bool:
    if dt.datetime.fromisoformat(held["until_utc"]) < now:
        return False
    if held["pid"] is None or held["host"] != socket.gethostname():
        return True
    return _process_start(held["pid"]) == held["started"]


def _process_start(pid: int) -> str | None:
    """When the process started, in kernel ticks; tells a process from a later one with the same number.

    None where it is gone, or dead and only not yet buried by its parent.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _read(home: Path) -> dict | None:
    return files.read_json(_path(home)) if _path(home).is_file() else None


def _path(home: Path) -> Path:
    return home / "lock.json"


@contextmanager
def _guard(home: Path) -> Iterator[None]:
    """Makes reading and writing the lease one step among processes of this machine."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
