"""What the contract makes of a received file: its kind and order from the name, its format from the content."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from pipelines import devices, forms
from pipelines.contracts.model import Clinic, Contract, FileKind
from pipelines.contracts.returned import kind_of, said_by_name
from pipelines.contracts.shapes import Delivery
from pipelines.devices import lab_files
from pipelines.devices.format import HEAD_BYTES
from pipelines.errors import DeliveryRefused
from pipelines.receive.ledger import Receipt, raw_path

_LARGEST_BYTES = 4 * 2**30
_AHEAD_OF_UTC = dt.timedelta(hours=14)  # the furthest any clinic's calendar is ahead


def identify(home: Path, contract: Contract, receipt: Receipt) -> Delivery:
    """The delivery a receipt stands for. Raises DeliveryRefused where its name says nothing or belongs elsewhere."""
    clinic = contract.clinics[receipt.clinic_id]
    said = named(clinic, receipt.file_name)
    if said is None:
        others = [
            c.name for c in contract.clinics.values() if c != clinic and named(c, receipt.file_name)
        ]
        if others:
            raise DeliveryRefused(
                "wrong_clinic",
                f"a file with this name belongs to {', '.join(others)}",
                remedy="put it into that clinic's folder",
            )
        raise DeliveryRefused(
            "unknown_file_name",
            "no file with such a name is declared for this clinic",
            remedy="name the file as the sending guide says, with the date it was sent",
        )
    if sent_in_future(receipt, said["sent"]):
        raise DeliveryRefused(
            "sent_in_future",
            "the date in the file's name is later than the day it arrived",
            remedy="name the file by the date it was sent",
        )
    kind = said["kind"]
    keyed = kind_of(clinic, kind).keyed
    scope = {
        "snapshot": f"{clinic.clinic_id}/{kind}",
        "resend": f"{clinic.clinic_id}/{kind}/{said.get('batch') or said['sent']}",
        "increment": receipt.delivery_id,
        "return": receipt.delivery_id,
    }[keyed]
    return Delivery(
        delivery_id=receipt.delivery_id, clinic_id=receipt.clinic_id, file_name=receipt.file_name,
        file_kind=kind, sha256=receipt.sha256, n_bytes=receipt.n_bytes,
        received_utc=dt.datetime.fromisoformat(receipt.received_utc), sent_date=said["sent"],
        revision=int(said.get("revision") or 0), scope_key=scope, raw_path=raw_path(home, receipt),
        participant_id=said.get("participant"),
    )  # fmt: skip


def named(clinic: Clinic, name: str) -> dict | None:
    """`kind` and the groups of the pattern that the file name fits, be it the clinic's or that of its held rows."""
    for kind, declared in clinic.files.items():
        found = re.fullmatch(declared.name, name)
        said = _dated({**found.groupdict(), "kind": kind}) if found else None
        if said:
            return said
    returned = said_by_name(clinic, name)
    return _dated(returned) if returned else None


def _dated(said: dict) -> dict | None:
    """The same with `sent` as a date; None where the name's digits are no date."""
    try:
        return {**said, "sent": dt.datetime.strptime(said["sent"], "%Y%m%d").date()}
    except ValueError:
        return None


def sent_in_future(receipt: Receipt, sent: dt.date) -> bool:
    """Whether a file names a day after its arrival; later files win, so it would outrank every honest one till then."""
    return sent > (dt.datetime.fromisoformat(receipt.received_utc) + _AHEAD_OF_UTC).date()


def look_inside(kind: FileKind, delivery: Delivery) -> None:
    """Refuses, by content, what is not the declared format."""
    if delivery.n_bytes == 0:
        raise DeliveryRefused(
            "empty", "the file has no content", remedy="export and send the file again"
        )
    if delivery.n_bytes > _LARGEST_BYTES:
        raise DeliveryRefused(
            "too_large", f"the file has {delivery.n_bytes} bytes", remedy="send it in parts"
        )
    if kind.lab is not None:
        with delivery.raw_path.open("rb") as file:
            if lab_files.recognise(kind.lab.maker, file.read(HEAD_BYTES)):
                return
        forms.recognise(delivery.raw_path)
        raise DeliveryRefused(
            "unknown_format",
            f"the content is not what {kind.lab.maker} exports",
            remedy="export the trial again from the lab's software",
        )
    if kind.format == "device":
        device = devices.recognise(delivery.raw_path)
        if device is not None and device.name in kind.devices:
            return
        if device is None and kind.imu is not None:
            return  # a declared table bears no mark of its own; its reader looks for its columns
        forms.recognise(delivery.raw_path)  # says it better where the file is encrypted or a bomb
        raise DeliveryRefused(
            "unknown_format",
            f"the content is not {' or '.join(kind.devices)}",
            remedy="export the recording again from the device's own software",
        )
    if forms.recognise(delivery.raw_path) != ("xlsx" if kind.format == "xlsx" else "text"):
        raise DeliveryRefused(
            "unknown_format",
            f"the content is not {kind.format}",
            remedy=f"export the file as {kind.format} and send it again",
        )
