"""Who carries which fault: a fitting clinic and a record of its own for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines import identity
from pipelines.contracts.model import Contract
from pipelines.synthetic.faults import Fault, Place, Row, fits
from pipelines.synthetic.truth import Trial

ADDED_UID = 10_000_000  # records that are not in the trial are numbered from here
GHOST_NUMBER = 700  # participants that exist only to carry a fault
_GHOST_EVENT = 40  # events are numbered within a participant, and nobody has so many
_GHOST_TRIAL = 5  # nobody walks so many trials in the lab; the last number is left to knee_faults
_NUMBERED = {"adverse_event": "ae_no", "fall": "fall_no"}
_GHOST_SERIAL = 3_399_000_001
_COPIED = ("walk_test", "fall_diary", "koos", "balance_test")  # tables of rows sent twice


@dataclass(frozen=True)
class Chosen:
    """A fault, its place, and the record as it was (or the ghost, which is then added)."""

    fault: Fault
    place: Place
    row: Row
    added: tuple[Row, ...] = ()


def places(contract: Contract, table: str) -> list[Place]:
    """Every kind of file of every clinic that carries the table in a form."""
    return [
        Place(contract, clinic, kind, table)
        for clinic in contract.clinics.values()
        for kind, file in clinic.files.items()
        if table in file.tables and file.format != "device"
    ]


class Chooser:
    """Hands out records, each at most once, clinic after clinic."""

    def __init__(self, contract: Contract, trial: Trial, rng: np.random.Generator) -> None:
        self.contract, self.trial, self.rng = contract, trial, rng
        self.touched: dict[str, set[int]] = {table: set() for table in contract.tables}
        self.turn = 0
        self.ghosts = 0
        people = trial.records["participant"].select(
            "participant_id", _randomised="randomised_date"
        )
        self.pools = {
            table: frame
            if table == "participant"
            else frame.join(people, on="participant_id", how="left")
            for table, frame in trial.records.items()
        }
        self.pools["participant"] = self.pools["participant"].with_columns(
            _randomised="randomised_date"
        )

    def choose(self, fault: Fault) -> Chosen | None:
        """A place and a record for the fault, or None where no clinic can have it."""
        fitting = [place for place in places(self.contract, fault.table) if fits(fault, place)]
        self.turn += 1
        for k in range(len(fitting)):
            place = fitting[(self.turn + k) % len(fitting)]
            row = self.victim(place, fault)
            if row is None or not _possible(fault, place, row):
                continue
            if not fault.ghost:
                self.touched[fault.table].add(row["_uid"])
                return Chosen(fault, place, row)
            ghost = self.ghost(place, row)
            return Chosen(fault, place, ghost, (ghost,))
        return None

    def victim(self, place: Place, fault: Fault) -> Row | None:
        """A record of the place that no fault has touched."""
        pool = self.pools[place.table].filter(pl.col("clinic_id") == place.clinic.clinic_id)
        pool = pool.filter(~pl.col("_uid").is_in(list(self.touched[place.table])))
        if fault.where is not None:
            pool = pool.filter(fault.where)
        return pool.row(int(self.rng.integers(pool.height)), named=True) if pool.height else None

    def ghost(self, place: Place, row: Row) -> Row:
        """A record like this one that nothing else refers to."""
        self.ghosts += 1
        ghost = {**row, "_uid": ADDED_UID + self.ghosts}
        if place.table == "participant":
            ghost |= {
                "participant_id": identity.make_id(place.clinic.prefix, GHOST_NUMBER + self.ghosts),
                "withdrawn_date": None,
                "withdrawn_reason": None,
            }
        if place.table == "device_assignment":
            ghost["device_serial"] = str(_GHOST_SERIAL + self.ghosts)
        if place.table in _NUMBERED:
            ghost[_NUMBERED[place.table]] = _GHOST_EVENT + self.ghosts % (200 - _GHOST_EVENT)
        if place.table == "lab_trial":
            ghost["trial_no"] = _GHOST_TRIAL + self.ghosts % (20 - _GHOST_TRIAL)
        return ghost

    def copies(self) -> list[tuple[Place, int, int]]:
        """Rows that a clinic sends twice, word for word: place, the row's uid and that of its copy."""
        found = []
        for clinic in self.contract.clinics:
            for table in _COPIED:
                here = [p for p in places(self.contract, table) if p.clinic.clinic_id == clinic]
                here = [p for p in here if p.file.format in ("csv", "xlsx")]
                row = self.victim(here[0], Fault("copy", "", table, "row")) if here else None
                if row is not None:
                    self.touched[table].add(row["_uid"])
                    self.ghosts += 1
                    found.append((here[0], row["_uid"], ADDED_UID + self.ghosts))
                    break
        return found


def _possible(fault: Fault, place: Place, row: Row) -> bool:
    if fault.level == "line":
        return True
    if fault.level == "text":
        return bool(fault.texts(row, place))
    return bool(candidates(fault, place, row))


def candidates(fault: Fault, place: Place, row: Row) -> list[Row]:
    """The edits that travel in the clinic's file, each changing something that is sent."""
    sent = place.sent_fields
    found = []
    for edit in fault.edits(row, place):
        kept = {name: value for name, value in edit.items() if name in sent}
        if kept and all(value is None for name, value in edit.items() if name not in sent):
            found.append(kept)
    return found
