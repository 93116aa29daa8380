"""What else arrives: device files of a few participants, files that must be refused, and one file twice."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from pathlib import Path

import numpy as np

from pipelines.contracts.model import Contract
from pipelines.synthetic import fault_files, sensor_files, wear_events, wear_files, worn_by_another
from pipelines.synthetic import faults as fault_list
from pipelines.synthetic.delivered import write_hostile
from pipelines.synthetic.faults import Fault, Place
from pipelines.synthetic.given import ACCOUNTS
from pipelines.synthetic.nights import Work, form_places

# Good files of the first and of later nights; of the accounts only what the clinics take.
_WEARABLES = {"fit": (3, 1), "actigraph_counts": (1, 1)} | dict.fromkeys(ACCOUNTS, (1, 0))
_FEWEST_DAYS_BEFORE = 7  # a hostile file poses as one that was sent this many days earlier


def write_wearables(work: Work, number: int) -> None:
    """A share of the participants' device files each night; faulty ones come with the last, samples with the first."""
    n_nights = len(work.nights)
    share = {
        device: [each[min(k, 1)] for k in range(n_nights)] for device, each in _WEARABLES.items()
    }
    chosen = wear_files.chosen(
        work.contract, work.trials[0], {device: sum(each) for device, each in share.items()},
        np.random.Generator(np.random.PCG64(work.trials[0].seed)), work.faulty,
    )  # fmt: skip
    mine = [one for one in chosen if one.rule and number == n_nights - 1]
    for device, each in share.items():
        good = [one for one in chosen if one.device == device and not one.rule]
        mine += good[sum(each[:number]) : sum(each[: number + 1])]
    for one in mine:
        folder = work.folder(number, one.clinic_id)
        path, rows = wear_files.write(work.contract, one, folder, work.nights[number].sent_date)
        if one.rule:
            table = wear_files.table_of(one.device)
            work.truth.fault(
                number + 1, one.clinic_id, path, table, rows, one.rule, f"{table}.{one.rule}"
            )
    if number == 0:
        for recording in sensor_files.chosen(work.contract, work.trials[0], work.recorded_s):
            folder = work.folder(number, recording.clinic_id)
            sent = work.nights[number].sent_date
            _, walks = sensor_files.write(work.contract, recording, folder, sent)
            work.truth.walks.append(walks)
        if work.wear_events:
            wear_events.write(work, {one.participant_id for one in chosen})
            worn_by_another.write(work)


def write_hostile_files(work: Work, number: int) -> None:
    """Hostile files, spread over clinics and nights; each poses as an earlier file of its kind that never came."""
    taken: dict[tuple[str, str], int] = {}
    hostile = [fault for fault in fault_list.catalogue(work.contract) if fault.level == "file"]
    for turn, fault in enumerate(hostile):
        place = _place_for(work.contract, fault, turn)
        if place is None:
            continue
        clinic = place.clinic.clinic_id
        key = (clinic, place.file_kind)
        taken[key] = taken.get(key, 0) + 1
        if turn % len(work.nights) != number:
            continue
        sent = work.nights[number].sent_date - dt.timedelta(days=_FEWEST_DAYS_BEFORE + taken[key])
        if place.file.format == "device":
            path = _bad_recording(work, place, number, sent)
        else:
            folder = work.folder(number, clinic)
            path = write_hostile(
                work.contract, place, fault.rule, work.trials[0].records, folder, sent
            )
        if path is not None:
            work.truth.fault(number + 1, clinic, path, "", [0], fault.rule, fault.kind)


def write_renamed_duplicate(work: Work, number: int) -> None:
    """A file of the first night comes once more, under a later date."""
    first = f"{work.nights[0].sent_date:%Y%m%d}"
    for place in reversed(form_places(work.contract)):
        clinic = place.clinic.clinic_id
        files = sorted(work.folder(0, clinic).glob(f"*{first}*"))
        old = next((path for path in files if re.fullmatch(place.file.name, path.name)), None)
        if old is None or place.file.keyed != "increment":
            continue
        later = work.nights[number].sent_date - dt.timedelta(days=2)
        new = work.folder(number, clinic) / old.name.replace(first, f"{later:%Y%m%d}")
        new.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(old, new)
        work.truth.copy(number + 1, clinic, new.name)
        return


def _place_for(contract: Contract, fault: Fault, turn: int) -> Place | None:
    fitting = [
        Place(contract, clinic, kind, next(iter(file.tables), ""))
        for clinic in contract.clinics.values()
        for kind, file in clinic.files.items() if file.format in fault.formats
    ]  # fmt: skip
    fitting = [place for place in fitting if fault.applies(place)]
    # Steps through clinics and kinds, so that no clinic gets all of them.
    return fitting[(turn * 5) % len(fitting)] if fitting else None


def _bad_recording(work: Work, place: Place, number: int, sent: dt.date) -> Path | None:
    """A watch file whose checksum no longer fits."""
    rng = np.random.Generator(np.random.PCG64(work.trials[0].seed + 1))
    found = wear_files.chosen(work.contract, work.trials[0], {"fit": 12}, rng, faulty=False)
    mine = [one for one in found if one.clinic_id == place.clinic.clinic_id]
    if not mine:
        return None
    path, _ = wear_files.write(
        work.contract, mine[-1], work.folder(number, place.clinic.clinic_id), sent
    )
    path.write_bytes(fault_files.hostile("crc_fault", path.read_bytes(), place))
    return path
