"""A clinic's landing folder -> receipts: complete files only, hashed, copied to raw, entered once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from pipelines import files
from pipelines.receive.ledger import Receipt, raw_path, receipts, write_receipt

_DONE = ".done"
_UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")


@dataclass(frozen=True)
class Inbox:
    """What one look into a landing folder found."""

    receipts: tuple[Receipt, ...]  # new this time
    waiting: tuple[str, ...]  # names not complete yet


def receive(
    home: Path, clinic_id: str, folder: Path, cutoff: dt.datetime, settle_seconds: float
) -> Inbox:
    """Enters every new complete file of the folder; a second call enters nothing.

    A file still lying where it was entered from (same name, size and time) is not a new arrival.
    """
    earlier = receipts(home, clinic_id)
    seen = {(r.file_name, r.n_bytes, r.mtime_ns) for r in earlier}
    copies: dict[str, int] = {}
    for receipt in earlier:
        copies[receipt.sha256] = copies.get(receipt.sha256, 0) + 1
    new: list[Receipt] = []
    waiting: list[str] = []
    listed = files.listing(folder) if folder.is_dir() else []
    names = {stat.name for stat in listed}
    for stat in listed:
        if stat.name.startswith(".") or stat.name.endswith(_DONE):
            continue
        shown = _shown(stat.name)
        if (shown, stat.size, stat.mtime_ns) in seen:
            continue
        receipt = None
        if _complete(stat, names, cutoff, settle_seconds):
            receipt = _enter(home, clinic_id, folder, stat, cutoff, copies)
        if receipt is None:
            waiting.append(shown)
        else:
            new.append(receipt)
    return Inbox(tuple(new), tuple(waiting))


def passed_over(folder: Path) -> tuple[str, ...]:
    """What lies there and is never a delivery: hidden names, links and folders."""
    plain = {stat.name for stat in files.listing(folder) if not stat.name.startswith(".")}
    found = (path.name for path in folder.glob("*") if path.name not in plain)
    return tuple(sorted(map(_shown, found)))


def _complete(
    stat: files.FileStat, names: set[str], cutoff: dt.datetime, settle_seconds: float
) -> bool:
    """A `.done` marker beside it, or a name that is not of an unfinished upload and a time that has settled."""
    if stat.name + _DONE in names:
        return True
    if stat.name.lower().endswith(_UNFINISHED):
        return False
    return stat.mtime_ns / 1e9 + settle_seconds <= cutoff.replace(tzinfo=dt.UTC).timestamp()


def _shown(name: str) -> str:
    """The name as text; bytes that are no UTF-8 are shown by their numbers."""
    return name.encode("utf-8", "backslashreplace").decode()


def _enter(
    home: Path,
    clinic_id: str,
    folder: Path,
    stat: files.FileStat,
    cutoff: dt.datetime,
    copies: dict[str, int],
) -> Receipt | None:
    """The receipt of a file, once its copy is safe in raw; None where the file is still changing."""
    path = folder / stat.name
    sha256 = files.sha256_of(path)
    earlier = copies.get(sha256, 0)
    receipt = Receipt(
        receipt_id=f"{cutoff:%Y%m%dT%H%M%S}-{sha256[:12]}-{earlier + 1}",
        delivery_id=f"{clinic_id}-{sha256[:12]}", clinic_id=clinic_id, file_name=_shown(stat.name), sha256=sha256,
        n_bytes=stat.size, mtime_ns=stat.mtime_ns, received_utc=cutoff.isoformat(),
        status="duplicate" if earlier else "received",
    )  # fmt: skip
    raw = raw_path(home, receipt)
    if not raw.is_file() and files.copy_verified(path, raw) != sha256:
        raw.unlink()  # it changed between hashing and copying: never keep bytes under another's name
        return None
    if raw.stat().st_size != stat.size:
        return None
    copies[sha256] = earlier + 1
    write_receipt(home, receipt)
    return receipt
