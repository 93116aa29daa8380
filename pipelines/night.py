"""What a build at one cut-off is made from, gathered from the ledger."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl

from pipelines import files
from pipelines.contracts.model import Contract
from pipelines.contracts.shapes import Delivery
from pipelines.errors import DeliveryRefused
from pipelines.receive import calendar
from pipelines.receive.identify import identify, named
from pipelines.receive.ledger import Receipt, read_check, receipts
from pipelines.warehouse.build import Inputs
from pipelines.warehouse.ledgers import DELIVERY_SCHEMA
from pipelines.warehouse.refs import local_day

_COUNTS = ("n_received", "n_accepted", "n_quarantined", "n_duplicate")


def gather(home: Path, contract: Contract, cutoff: dt.datetime) -> Inputs:
    """Every delivery received up to the cut-off, what its check found, and where its rows lie."""
    rows: list[dict] = []
    core: dict[str, list[Path]] = {}
    quarantine: dict[str, list[Path]] = {}
    findings: list[Path] = []
    calendars = []
    for clinic_id, clinic in contract.clinics.items():
        sent: list[tuple[str, dt.date, bool]] = []
        first: dict[str, dict] = {}
        for receipt in receipts(home, clinic_id):
            if dt.datetime.fromisoformat(receipt.received_utc) > cutoff:
                continue
            row = _delivery_row(home, contract, receipt, first)
            rows.append(row)
            said = named(clinic, receipt.file_name)
            if said:
                sent.append(
                    (said["kind"], said["sent"], row["status"] in ("accepted", "duplicate"))
                )
            if row["status"] != "accepted":
                continue
            check = read_check(home, clinic_id, receipt.delivery_id)
            for table in check["tables"]:
                core.setdefault(table, []).append(
                    home / "core" / table / clinic_id / f"{receipt.delivery_id}.parquet"
                )
            for table in check["held_tables"]:
                quarantine.setdefault(table, []).append(
                    home / "quarantine" / table / clinic_id / f"{receipt.delivery_id}.parquet"
                )
            if check["has_findings"]:
                findings.append(
                    home / "ledger" / "findings" / clinic_id / f"{receipt.delivery_id}.parquet"
                )
        grace = contract.study.calendar["grace_days"]
        calendars.append(
            calendar.arrivals(clinic, sent, local_day(cutoff, clinic.time_zone), grace)
        )
    return Inputs(
        deliveries=pl.DataFrame(rows, schema=DELIVERY_SCHEMA, orient="row"), core=core, quarantine=quarantine,
        findings=findings, calendar=pl.concat(calendars), stale=stale_clinics(home, contract, cutoff, rows),
        cutoff=cutoff,
    )  # fmt: skip


def _delivery_row(home: Path, contract: Contract, receipt: Receipt, first: dict[str, dict]) -> dict:
    row = dict.fromkeys(DELIVERY_SCHEMA)
    row |= {
        "delivery_id": receipt.delivery_id, "clinic_id": receipt.clinic_id, "file_name": receipt.file_name,
        "sha256": receipt.sha256, "received_utc": dt.datetime.fromisoformat(receipt.received_utc),
        "names_participant": False, "revision": 0, **dict.fromkeys(_COUNTS, 0),
    }  # fmt: skip
    clinic = contract.clinics[receipt.clinic_id]
    said = named(clinic, receipt.file_name)
    if said:
        row |= {
            "file_kind": said["kind"],
            "sent_date": said["sent"],
            "names_participant": bool(said.get("participant")),
        }
    if receipt.status == "duplicate":
        original = first[receipt.sha256]
        copy = receipt.receipt_id.rsplit("-", 1)[1]
        return row | {
            "delivery_id": f"{receipt.delivery_id}-{copy}", "status": "duplicate", "scope_key": None,
            "reason": "duplicate", "what": f"the same bytes came as {original['delivery_id']}",
            "n_received": original["n_received"], "n_duplicate": original["n_received"],
        }  # fmt: skip
    first[receipt.sha256] = row
    check = read_check(home, receipt.clinic_id, receipt.delivery_id)
    if check is None or check.get("contract") != contract.clinic_digests[receipt.clinic_id]:
        return _into(
            row,
            {
                "status": "not_checked",
                "reason": (check or {}).get("reason", "not_checked"),
                "what": (check or {}).get("what", "the file was received and not yet checked"),
                "remedy": "run the night again",
            },
        )
    if check["status"] != "accepted":
        return _into(row, {key: check.get(key) for key in ("status", "reason", "what", "remedy")})
    try:
        delivery: Delivery = identify(home, contract, receipt)
    except (
        DeliveryRefused
    ) as fault:  # the contract changed its mind after the check: the digest says so too
        return _into(
            row,
            {
                "status": "refused",
                "reason": fault.reason,
                "what": fault.what,
                "remedy": fault.remedy,
            },
        )
    preamble = check.get("preamble", {})
    return _into(row, {
        "status": "accepted", "revision": delivery.revision, "scope_key": delivery.scope_key,
        "keyed": clinic.files[delivery.file_kind].keyed, "sent_by": preamble.get("sent_by"),
        "resend_reason": preamble.get("reason"), **{name: check[name] for name in _COUNTS},
    })  # fmt: skip


def _into(row: dict, more: dict) -> dict:
    row.update(more)
    return row


def stale_clinics(
    home: Path, contract: Contract, cutoff: dt.datetime, rows: list[dict]
) -> dict[str, str]:
    """Clinics whose numbers are older than this night, and why."""
    found: dict[str, str] = {}
    for path in sorted((home / "ledger" / "stale").glob(f"{stamp(cutoff)}-*.json")):
        note = files.read_json(path)
        found[note["clinic_id"]] = note["reason"]
    for row in rows:
        if row["status"] == "not_checked" and row["clinic_id"] in contract.clinics:
            found.setdefault(row["clinic_id"], "a delivery could not be checked")
    return found


def stamp(cutoff: dt.datetime) -> str:
    """The cut-off as a folder name."""
    return f"{cutoff:%Y-%m-%dT%H%M%SZ}"
