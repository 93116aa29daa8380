"""What a build at one cut-off is made from, gathered from the ledger."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl

from pipelines import files
from pipelines.contracts.model import Contract
from pipelines.contracts.returned import kind_of
from pipelines.errors import BackstepError, DeliveryRefused
from pipelines.receive import calendar
from pipelines.receive.copies import arrived, read_as, speaking
from pipelines.receive.identify import identify, named
from pipelines.receive.ledger import Receipt, read_check
from pipelines.warehouse.build import Inputs
from pipelines.warehouse.ledgers import DELIVERY_SCHEMA
from pipelines.warehouse.query_tables import FACT_SCHEMA, Letters
from pipelines.warehouse.refs import local_day
from pipelines.warehouse.returned import RETURNED_SCHEMA

_STAMP = "%Y-%m-%dT%H%M%SZ"
_NOT_YET = "the file was received and not yet checked"
_COUNTS = ("n_received", "n_accepted", "n_quarantined", "n_duplicate")


def gather(home: Path, contract: Contract, cutoff: dt.datetime) -> Inputs:
    """Every delivery received up to the cut-off, what its check found, and where its rows lie."""
    rows: list[dict] = []
    core: dict[str, list[Path]] = {}
    quarantine: dict[str, list[Path]] = {}
    findings: list[Path] = []
    answers: list[dict] = []
    calendars = []
    for clinic_id, clinic in contract.clinics.items():
        sent: list[tuple[str, dt.date, bool]] = []
        arrivals = _arrivals(home, contract, clinic_id, cutoff)
        usable = {row["sha256"] for _, row in arrivals if row["status"] == "accepted"}
        for receipt, row in arrivals:
            rows.append(row)
            said = named(clinic, receipt.file_name)
            if said:
                sent.append((said["kind"], said["sent"], row["sha256"] in usable))
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
            answers += [{"delivery_id": receipt.delivery_id} | one for one in check["answers"]]
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
        cutoff=cutoff, letters=letters_before(home, cutoff),
        returned=pl.DataFrame(answers, schema=RETURNED_SCHEMA),
    )  # fmt: skip


def letters_before(home: Path, cutoff: dt.datetime) -> Letters:
    """What letters of earlier nights asked. The letters of this very cut-off are made from the build."""
    paths = [
        path for path in sorted((home / "ledger" / "letters").glob("*.parquet"))
        if path.stem < stamp(cutoff)
    ]  # fmt: skip
    nights = tuple(dt.datetime.strptime(path.stem, _STAMP) for path in paths)
    facts = [pl.read_parquet(path) for path in paths]
    return Letters(nights, pl.concat([pl.DataFrame(schema=FACT_SCHEMA), *facts]))


def _arrivals(
    home: Path, contract: Contract, clinic_id: str, cutoff: dt.datetime
) -> list[tuple[Receipt, dict]]:
    """Every receipt of a clinic up to the cut-off with its row, oldest first."""
    found = []
    for copies in arrived(home, clinic_id, cutoff).values():
        chosen = speaking(contract.clinics[clinic_id], copies)
        row = _delivery_row(home, contract, chosen, copies)
        found.append((chosen, row))
        found += [(r, _copy_row(home, contract, r, row)) for r in copies if r is not chosen]
    return sorted(found, key=lambda pair: (pair[0].received_utc, pair[0].receipt_id))


def _copy_row(home: Path, contract: Contract, receipt: Receipt, original: dict) -> dict:
    """The row of a file whose bytes also came under the name that counts."""
    row = _arrival_row(contract, receipt)
    row["delivery_id"] += "-" + receipt.receipt_id.rsplit("-", 1)[1]
    if row["file_kind"] is None and original["file_kind"] is not None:
        return _refused_for_its_name(home, contract, receipt, row)
    return _into(row, {
        "status": "duplicate", "reason": "duplicate",
        "what": f"the same bytes came as {original['delivery_id']}",
        "n_received": original["n_received"], "n_duplicate": original["n_received"],
    })  # fmt: skip


def _refused_for_its_name(home: Path, contract: Contract, receipt: Receipt, row: dict) -> dict:
    try:
        identify(home, contract, receipt)
        raise AssertionError("a name of no declared kind was identified")
    except DeliveryRefused as fault:
        said = {"reason": fault.reason, "what": fault.what, "remedy": fault.remedy}
    return _into(row, {"status": "refused", **said})


def _arrival_row(contract: Contract, receipt: Receipt) -> dict:
    """What is known of a file before its content is read."""
    row = dict.fromkeys(DELIVERY_SCHEMA)
    row |= {
        "delivery_id": receipt.delivery_id, "clinic_id": receipt.clinic_id, "file_name": receipt.file_name,
        "sha256": receipt.sha256, "received_utc": dt.datetime.fromisoformat(receipt.received_utc),
        # A name that fits no pattern may hold anything, so it is withheld like one with a participant's code.
        "names_participant": True, "revision": 0, **dict.fromkeys(_COUNTS, 0),
    }  # fmt: skip
    said = named(contract.clinics[receipt.clinic_id], receipt.file_name)
    if said:
        row |= {
            "file_kind": said["kind"],
            "sent_date": said["sent"],
            "names_participant": bool(said.get("participant")),
        }
    return row


def _delivery_row(home: Path, contract: Contract, receipt: Receipt, copies: list[Receipt]) -> dict:
    """The row of the file whose name counts, with what its check found."""
    row = _arrival_row(contract, receipt)
    clinic = contract.clinics[receipt.clinic_id]
    if row["file_kind"] is None:
        return _refused_for_its_name(home, contract, receipt, row)
    check = read_check(home, receipt.clinic_id, receipt.delivery_id) or {}
    seen = (check.get("contract"), check.get("read_as"))
    if seen != (contract.clinic_digests[receipt.clinic_id], read_as(clinic, receipt, copies)):
        return _into(row, {
            "status": "not_checked", "reason": "not_checked",
            "what": check["what"] if check.get("status") == "not_checked" else _NOT_YET,
            "remedy": "run the night again",
        })  # fmt: skip
    if check["status"] != "accepted":
        return _into(row, {key: check.get(key) for key in ("status", "reason", "what", "remedy")})
    delivery = identify(home, contract, receipt)
    preamble = check.get("preamble", {})
    return _into(row, {
        "status": "accepted", "revision": delivery.revision, "scope_key": delivery.scope_key,
        "keyed": kind_of(clinic, delivery.file_kind).keyed, "sent_by": preamble.get("sent_by"),
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
        if note["clinic_id"] in contract.clinics:
            found[note["clinic_id"]] = note["reason"]
    for row in rows:
        if row["status"] == "not_checked" and row["clinic_id"] in contract.clinics:
            found.setdefault(row["clinic_id"], "a delivery could not be checked")
    return found


def as_cutoff(text: str) -> dt.datetime:
    """An ISO text as a naive UTC instant; a text without offset is UTC."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise BackstepError(
            f"`{text}` is not an ISO date and time", remedy="write it as 2025-11-04T03:15:00Z"
        ) from None
    if found.tzinfo is not None:
        found = found.astimezone(dt.UTC).replace(tzinfo=None)
    return found.replace(microsecond=0)


def stamp(cutoff: dt.datetime) -> str:
    """The cut-off as a folder name."""
    return f"{cutoff:{_STAMP}}"
