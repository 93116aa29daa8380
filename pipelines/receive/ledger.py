"""The ledger: one JSON file per received file and per check, written whole and never edited."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines import files


@dataclass(frozen=True)
class Receipt:
    """One file that arrived. Facts only: what the contract makes of it is worked out when it is read."""

    receipt_id: str
    delivery_id: str  # the same for every copy of the same bytes
    clinic_id: str
    file_name: str
    sha256: str
    n_bytes: int
    mtime_ns: int
    received_utc: str
    status: str  # received | duplicate


def write_receipt(home: Path, receipt: Receipt) -> None:
    folder = home / "ledger" / "receipts" / receipt.clinic_id
    files.write_json(folder / f"{receipt.receipt_id}.json", asdict(receipt))


def receipts(home: Path, clinic_id: str, delivery_id: str | None = None) -> list[Receipt]:
    """Every receipt of a clinic, or of one of its deliveries, oldest first."""
    folder = home / "ledger" / "receipts" / clinic_id
    of = "*.json" if delivery_id is None else f"*-{delivery_id.rsplit('-', 1)[1]}-*.json"
    found = (
        [Receipt(**files.read_json(path)) for path in folder.glob(of)] if folder.is_dir() else []
    )
    return sorted(found, key=lambda r: (r.received_utc, r.receipt_id))


def write_waiting(home: Path, clinic_id: str, names: tuple[str, ...]) -> None:
    """What lies in the landing folder and was not entered: unfinished, hidden, or no file at all."""
    files.write_json(home / "ledger" / "waiting" / f"{clinic_id}.json", sorted(names))


def read_waiting(home: Path, clinic_id: str) -> list[str]:
    path = home / "ledger" / "waiting" / f"{clinic_id}.json"
    return files.read_json(path) if path.is_file() else []


def check_path(home: Path, clinic_id: str, delivery_id: str) -> Path:
    return home / "ledger" / "checks" / clinic_id / f"{delivery_id}.json"


def read_check(home: Path, clinic_id: str, delivery_id: str) -> dict | None:
    """What the last check of a delivery found, or None."""
    path = check_path(home, clinic_id, delivery_id)
    return files.read_json(path) if path.is_file() else None


def write_check(home: Path, clinic_id: str, delivery_id: str, found: dict) -> None:
    files.write_json(check_path(home, clinic_id, delivery_id), found)


def raw_path(home: Path, receipt: Receipt) -> Path:
    return home / "raw" / receipt.clinic_id / receipt.sha256
