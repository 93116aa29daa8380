"""The steps of a night as plain functions: names and texts in, counts out. DAGs and the CLI call these."""

from __future__ import annotations

import datetime as dt
import shutil
import smtplib
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

from pipelines import files, lock
from pipelines.canaries import judge, sow
from pipelines.check.across import check_across
from pipelines.check.night import check_staged
from pipelines.check.suite import import_ahead
from pipelines.contracts.canary import CLINIC_ID as CANARIES
from pipelines.contracts.load import load_contract, load_intake
from pipelines.contracts.model import Clinic, Contract
from pipelines.contracts.returned import kind_of
from pipelines.errors import BuildStopped, DeliveryRefused
from pipelines.night import as_cutoff, gather, stamp
from pipelines.receive import copies, inbox, ledger
from pipelines.receive.identify import identify, look_inside, named
from pipelines.settings import Settings, load_settings
from pipelines.standardise.delivery import standardise
from pipelines.standardise.staging import clear
from pipelines.warehouse.build import build

_ROOT = Path(__file__).resolve().parent.parent
SQL = _ROOT / "sql"


def _open(home: str | Path) -> tuple[Settings, Contract]:
    settings = load_settings(home)
    return settings, load_contract(settings.schemas)


def _open_intake(home: str | Path) -> tuple[Settings, Contract]:
    """For the stages that take files in: they know the canaries' clinic, which no other stage does."""
    settings = load_settings(home)
    return settings, load_intake(settings.schemas)


def take_lock(home: str, owner: str, minutes: int) -> None:
    """The lease of a run made of several processes. Raises LockHeld."""
    lock.take(
        load_settings(home).home,
        owner,
        dt.datetime.now(dt.UTC),
        dt.timedelta(minutes=minutes),
        in_process=False,
    )
    clear_leftovers(home)


def clear_leftovers(home: str) -> None:
    """Removes what killed runs left half-written. Assumes the lock is held; clinics' landing folders are not ours."""
    place = load_settings(home).home
    files.clear_unfinished(place, but=("landing",))
    for cut in (place / "freezes").glob(".*"):
        shutil.rmtree(cut)


def release_lock(home: str, owner: str) -> None:
    lock.release(load_settings(home).home, owner)


def clinics(home: str) -> list[str]:
    """Whose files are taken in: the declared clinics, and the reserved one whose files are the night's planted faults.

    Raises ContractError or StudyFileError where `schemas/` is at fault.
    """
    return sorted(_open_intake(home)[1].clinics)


_PRIVATE = ("raw", "core", "quarantine", "staging", "ledger", "letters", "freezes")


def receive_clinic(home: str, clinic_id: str, cutoff: str) -> list[dict]:
    """Enters a clinic's new files; the deliveries to standardise: new ones and those whose contract has changed."""
    settings = load_settings(home)
    at = as_cutoff(cutoff)
    _note_stale(settings.home, clinic_id, at, None)
    folder = settings.home / "landing" / clinic_id
    if clinic_id == CANARIES:
        folder = sow.sow(settings.home, load_intake(settings.schemas), at)
    elif settings.landing_is_remote:
        files.clear_unfinished(folder)
        files.fetch_landing(f"{settings.landing.rstrip('/')}/{clinic_id}", folder)
    else:
        folder = Path(settings.landing) / clinic_id
    for name in _PRIVATE:  # they hold what the open database leaves out
        files.private(settings.home / name)
    seen = inbox.receive(settings.home, clinic_id, folder, at, settings.settle_seconds)
    ledger.write_waiting(settings.home, clinic_id, seen.waiting + inbox.passed_over(folder))
    due = _unseen(home, clinic_id, cutoff)
    _clear_checked(
        settings.home / "staging", clinic_id, {delivery["delivery_id"] for delivery in due}
    )
    return due


def due_deliveries(home: str, clinic_id: str, cutoff: str) -> list[dict]:
    """Deliveries of a clinic up to the cut-off that no check of the present contract has seen."""
    settings, contract = _open_intake(home)
    if clinic_id == CANARIES and judge.due(settings.home, contract, as_cutoff(cutoff)):
        return receive_clinic(home, clinic_id, cutoff)  # they are not kept, so they fly again
    return _unseen(home, clinic_id, cutoff)


def _unseen(home: str, clinic_id: str, cutoff: str) -> list[dict]:
    settings, contract = _open_intake(home)
    return [
        {
            "clinic_id": clinic_id,
            "delivery_id": receipt.delivery_id,
            "file_name": _shown(contract.clinics[clinic_id], receipt.file_name),
        }
        for receipt in copies.due(settings.home, contract, clinic_id, as_cutoff(cutoff))
    ]


def _shown(clinic: Clinic, name: str) -> str:
    """The file's name for logs and mails; one that names a participant is not shown."""
    said = named(clinic, name) or {}
    return f"{said['kind']} (name withheld)" if said.get("participant") else name


def _clear_checked(staging: Path, clinic_id: str, due: set[str]) -> None:
    """Removes staged parts of deliveries whose check is done: a run was killed before it could."""
    for note in (staging / "read").glob(f"{clinic_id}-*.json"):
        if note.stem not in due:
            clear(staging, note.stem)


def standardise_delivery(home: str, delivery: dict, cutoff: str) -> dict:
    """Reads one delivery into staged Parquet; a refused file is entered as such and is no failure."""
    settings, contract = _open_intake(home)
    staging = settings.home / "staging"
    clinic = contract.clinics[delivery["clinic_id"]]
    delivery_id = delivery["delivery_id"]
    arrived = copies.arrived(settings.home, clinic.clinic_id, as_cutoff(cutoff), delivery_id)
    receipt = copies.speaking(clinic, arrived[delivery_id])
    read_as = copies.read_as(clinic, receipt, arrived[delivery_id])
    try:
        copies.refuse_two_participants(read_as, receipt)
        found = identify(settings.home, contract, receipt)
        look_inside(kind_of(clinic, found.file_kind), found)
        staged = standardise(contract, found, staging).as_json()
    except DeliveryRefused as fault:
        clear(staging, receipt.delivery_id)
        ledger.write_check(settings.home, receipt.clinic_id, receipt.delivery_id, {
            "contract": contract.clinic_digests[receipt.clinic_id], "status": "refused", "reason": fault.reason,
            "what": fault.what, "remedy": fault.remedy, "read_as": read_as,
        })  # fmt: skip
        return {"refused": fault.reason}
    files.write_json(
        staging / "read" / f"{receipt.delivery_id}.json",
        staged | {"read_as": read_as, "file_kind": found.file_kind, "sha256": found.sha256},
    )
    return {"records": sum(staged["n_records"].values())}


def check_night(home: str, deliveries: list[dict], cutoff: str) -> dict:
    """Checks every delivery that was standardised; writes core, quarantine, findings and Data Docs.

    Returns what was found of each of the clinics' deliveries; of the canaries only the ledger says.
    """
    settings, contract = _open_intake(home)
    at = as_cutoff(cutoff)
    place, night = settings.home, stamp(at)
    if not deliveries and (place / "data_docs" / night).is_dir():
        return {"deliveries": {}}  # the night was checked before; its pages stand
    clinic_of = {delivery["delivery_id"]: delivery["clinic_id"] for delivery in deliveries}
    checked = check_staged(place, contract, settings.schemas / "expectations", deliveries, night)
    for delivery_id, entry in checked.items():
        ledger.write_check(place, clinic_of[delivery_id], delivery_id, entry)
        clear(place / "staging", delivery_id)
    judge.judge(place, contract, at)
    found = {
        name: ledger.read_check(place, clinic, name)
        for name, clinic in clinic_of.items() if clinic != CANARIES
    }  # fmt: skip
    return {"deliveries": {name: entry for name, entry in found.items() if entry}}


def mark_stale(home: str, clinic_ids: list[str], cutoff: str, reason: str) -> None:
    """Notes that these clinics' numbers are older than this night, until they are received again."""
    for clinic_id in clinic_ids:
        _note_stale(load_settings(home).home, clinic_id, as_cutoff(cutoff), reason)


def _note_stale(home: Path, clinic_id: str, cutoff: dt.datetime, reason: str | None) -> None:
    path = home / "ledger" / "stale" / f"{stamp(cutoff)}-{clinic_id}.json"
    if reason is None:
        path.unlink(missing_ok=True)
    else:
        files.write_json(path, {"clinic_id": clinic_id, "reason": reason})


def build_warehouse(home: str, cutoff: str, past: bool = False) -> dict:
    """Both databases as of the cut-off. A past night goes beside the current warehouse, not over it."""
    settings, contract = _open(home)
    at = as_cutoff(cutoff)
    import_ahead()  # the rules over several tables come after the versions are settled
    canaries = judge.counted(settings.home, load_intake(settings.schemas), at)
    inputs = replace(gather(settings.home, contract, at), canaries=canaries)
    rows = build(
        warehouse_folder(settings.home, at, past),
        SQL,
        contract,
        inputs,
        lambda con: check_across(con, contract, settings.schemas / "expectations"),
    )
    if not past:
        files.write_json(settings.home / "ledger" / "last_night.json", {"cutoff": at.isoformat()})
    return {"cutoff": at.isoformat() + "Z", "rows": rows, "stale": dict(inputs.stale)}


def require_canaries(home: str, cutoff: str) -> dict[str, int]:
    """How many planted faults were caught; CanaryMissed where the night let one through, or none was planted."""
    settings, contract = _open_intake(home)
    return judge.require_caught(judge.counted(settings.home, contract, as_cutoff(cutoff)))


def warehouse_folder(home: Path, cutoff: dt.datetime, past: bool) -> Path:
    return home / "warehouse" / "past" / stamp(cutoff) if past else home / "warehouse"


def last_cutoff(home: str) -> str:
    """The cut-off of the warehouse that stands. Raises BuildStopped where none does."""
    path = load_settings(home).home / "ledger" / "last_night.json"
    if not path.is_file():
        raise BuildStopped(
            "no night has been built here yet",
            where=str(path.parent.parent.name),
            remedy="run `backstep nightly` first",
        )
    return files.read_json(path)["cutoff"]


def render_reports(home: str, cutoff: str, past: bool = False) -> dict:
    """Every report, open and closed, with its printed form, the night's index and the study's front page."""
    from pipelines import reports

    settings, contract = _open(home)
    at = as_cutoff(cutoff)
    folder = settings.home / "reports"
    counts = reports.render_all(
        warehouse_folder(settings.home, at, past), folder / stamp(at), contract, SQL
    )
    if (settings.home / "warehouse" / "open.duckdb").is_file():
        reports.render_front(settings.home / "warehouse", folder, contract)
    return counts


def write_digest(home: str, cutoff: str) -> dict:
    """The study lead's digest as a mail: subject, html, and files to attach."""
    from pipelines import reports

    settings, contract = _open(home)
    at = as_cutoff(cutoff)
    return reports.write_digest(
        settings.home / "warehouse",
        settings.home / "reports" / stamp(at),
        settings.home / "mail" / stamp(at),
        contract,
    )


def render_letters(home: str, cutoff: str, past: bool = False) -> dict:
    """A query letter per clinic with workbooks of its held rows. What was asked is entered, but not for a past night."""
    from pipelines import reports  # here, since no other stage draws: half a second per worker

    settings, contract = _open(home)
    at = as_cutoff(cutoff)
    return reports.render_letters(
        warehouse_folder(settings.home, at, past),
        settings.home / "letters" / stamp(at),
        contract,
        settings.home / "raw",
        None if past else settings.home / "ledger" / "letters" / f"{stamp(at)}.parquet",
    )


def send_notice(home: str, subject: str, text: str) -> None:
    """A plain mail to the operators; without a mail server configured nothing is sent."""
    settings = load_settings(home)
    if settings.smtp_host is None or not settings.smtp_to:
        return
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = (
        subject,
        settings.smtp_from or "backstep",
        ", ".join(settings.smtp_to),
    )
    message.set_content(text)
    with smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=30) as server:
        server.send_message(message)
