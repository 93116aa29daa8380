"""The same bytes, received several times: whose name counts, and what is still to be read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from pipelines.contracts.model import Clinic, Contract
from pipelines.contracts.returned import kind_of
from pipelines.errors import DeliveryRefused
from pipelines.receive.identify import named, sent_in_future
from pipelines.receive.ledger import Receipt, read_check, receipts


def speaking(clinic: Clinic, copies: list[Receipt]) -> Receipt:
    """Of several arrivals of the same bytes the one whose name counts, in whatever order they came.

    A name that is declared goes before one that is not, or that is dated ahead. Of an increment the earliest sent counts: saying it again
    changes nothing. Of a snapshot or a resend the latest: its sender says that this is how things stand.
    """

    def order(receipt: Receipt) -> tuple:
        said = _usable(clinic, receipt)
        if said is None:
            return (1, 0, 0, receipt.file_name, receipt.received_utc, receipt.receipt_id)
        sign = 1 if kind_of(clinic, said["kind"]).keyed in ("increment", "return") else -1
        revision = int(said.get("revision") or 0)
        return (
            0, sign * said["sent"].toordinal(), sign * revision, receipt.file_name, receipt.received_utc,
            receipt.receipt_id,
        )  # fmt: skip

    return min(copies, key=order)


def arrived(
    home: Path, clinic_id: str, cutoff: dt.datetime, delivery_id: str | None = None
) -> dict[str, list[Receipt]]:
    """The receipts of a clinic (or of one delivery) up to the cut-off by delivery, oldest first."""
    found: dict[str, list[Receipt]] = {}
    for receipt in receipts(home, clinic_id, delivery_id):
        if dt.datetime.fromisoformat(receipt.received_utc) <= cutoff:
            found.setdefault(receipt.delivery_id, []).append(receipt)
    return found


def read_as(clinic: Clinic, receipt: Receipt, copies: Sequence[Receipt] = ()) -> dict | None:
    """What a file name says of how its content must be read, or None where it cannot be used.

    Where copies of the same bytes name several participants, `participant` lists them all.
    """
    said = _usable(clinic, receipt)
    if said is None:
        return None
    others = [one for one in (_usable(clinic, copy) for copy in copies) if one]
    named_people = sorted({one["participant"] for one in (said, *others) if one.get("participant")})
    who = named_people if len(named_people) > 1 else said.get("participant")
    return {"kind": said["kind"], "participant": who}


def refuse_two_participants(how: dict | None, receipt: Receipt) -> None:
    """Raises DeliveryRefused where the same recording came under the names of several participants."""
    if how and isinstance(how["participant"], list):
        raise DeliveryRefused(
            "two_participants",
            f"the same bytes came under the names of {len(how['participant'])} participants",
            where=receipt.delivery_id,
            remedy="find out whose recording it is, and send a new export under that participant's name",
        )


def _usable(clinic: Clinic, receipt: Receipt) -> dict | None:
    said = named(clinic, receipt.file_name)
    return None if said is None or sent_in_future(receipt, said["sent"]) else said


def due(home: Path, contract: Contract, clinic_id: str, cutoff: dt.datetime) -> list[Receipt]:
    """What no check of the present contract has seen under the name that counts."""
    clinic = contract.clinics[clinic_id]
    found = []
    for delivery_id, copies in arrived(home, clinic_id, cutoff).items():
        receipt = speaking(clinic, copies)
        check = read_check(home, clinic_id, delivery_id) or {}
        seen = (check.get("contract"), check.get("read_as"))
        if seen != (contract.clinic_digests[clinic_id], read_as(clinic, receipt, copies)):
            found.append(receipt)
    return found
