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
        if (stat.name, stat.size, stat.mtime_ns) in seen:
            continue
        if not _complete(stat, names, cutoff, settle_seconds):
            waiting.append(stat.name)
            continue
        new.append(_enter(home, clinic_id, folder / stat.name, stat, cutoff, copies))
    return Inbox(tuple(new), tuple(waiting))


def _complete(
    stat: files.FileStat, names: set[str], cutoff: dt.datetime, settle_seconds: float
) -> bool:
    """A `.done` marker beside it, or a name that is not of an unfinished upload and a time that has settled."""
    if stat.name + _DONE in names:
        return True
    if stat.name.endswith(_UNFINISHED):
        return False
    return stat.mtime_ns / 1e9 + settle_seconds <= cutoff.replace(tzinfo=dt.UTC).timestamp()


def _enter(
    home: Path,
    clinic_id: str,
    path: Path,
    stat: files.FileStat,
    cutoff: dt.datetime,
    copies: dict[str, int],
) -> Receipt:
    sha256 = files.sha256_of(path)
    earlier = copies.get(sha256, 0)
    copies[sha256] = earlier + 1
    receipt = Receipt(
        receipt_id=f"{cutoff:%Y%m%dT%H%M%S}-{sha256[:12]}-{earlier + 1}",
        delivery_id=f"{clinic_id}-{sha256[:12]}", clinic_id=clinic_id, file_name=stat.name, sha256=sha256,
        n_bytes=stat.size, mtime_ns=stat.mtime_ns, received_utc=cutoff.isoformat(),
        status="duplicate" if earlier else "received",
    )  # fmt: skip
    raw = raw_path(home, receipt)
    if not raw.is_file():
        files.copy_verified(path, raw)
    write_receipt(home, receipt)
    return receipt
