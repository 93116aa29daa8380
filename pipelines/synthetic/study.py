"""A whole made-up study on disk: the files of every night, staged and then delivered, and the truth about them."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pipelines import __version__, files
from pipelines.contracts.model import Contract
from pipelines.errors import BackstepError
from pipelines.synthetic import plant
from pipelines.synthetic.effects import Effects
from pipelines.synthetic.extras import (
    write_hostile_files,
    write_renamed_duplicate,
    write_wearables,
)
from pipelines.synthetic.faults import catalogue
from pipelines.synthetic.knee_faults import write_faulty_knee_files
from pipelines.synthetic.knee_files import write_knee_files
from pipelines.synthetic.nights import NIGHTS, Night, Work, write_forms
from pipelines.synthetic.truth import make_trial

_PLANTING = 999  # keeps these draws apart from those of the trial itself
# What a pipeline and this module leave in a home; nothing else is ever removed from one.
_OWN = (
    "synthetic", "truth", "nights.json", "landing", "raw", "core", "quarantine", "staging", "ledger", "warehouse",
    "reports", "letters", "data_docs",
)  # fmt: skip


@dataclass(frozen=True)
class StudyPlan:
    """What was written. `cutoffs` are the instants of the nights, `n_files` the files of each."""

    home: Path
    cutoffs: tuple[dt.datetime, ...]
    n_files: tuple[int, ...]
    n_faults: int


def write_study(
    contract: Contract,
    home: Path,
    *,
    participants: int = 120,
    seed: int = 1,
    faults: bool = True,
    effects: Effects | None = None,
    nights: tuple[Night, ...] = NIGHTS,
    recorded_h: int = 2,
    wear_events: bool = False,
) -> StudyPlan:
    """Stages every night's files under `synthetic/`, and the truth under `truth/`.

    Sensors record for `recorded_h` hours; a day takes 14, from which the direction of walking can be told.
    `wear_events` has devices and logs contradict each other as well.

    The same arguments leave everything as it is. Others start the home anew, if it is a made-up one.
    """
    effects = effects or Effects()
    print_ = _fingerprint(contract, participants, seed, faults, effects, nights)
    print_ |= {"recorded_h": recorded_h, "wear_events": wear_events}
    marker = home / "synthetic" / "fingerprint.json"
    if marker.is_file() and files.read_json(marker) == {**print_, "state": "whole"}:
        return _summary(home, nights)
    _start_anew(home, marker)
    files.write_json(marker, {**print_, "state": "unfinished"})
    trials = tuple(
        make_trial(
            contract, participants=participants, seed=seed, effects=effects, as_of=night.as_of
        )
        for night in nights
    )
    draws = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, _PLANTING])))
    planned = (
        plant.plan(contract, trials[0], catalogue(contract), draws) if faults else plant.nothing()
    )
    work = Work(
        contract,
        home / "synthetic",
        nights,
        trials,
        planned,
        faults,
        draws,
        recorded_h * 3600,
        wear_events,
    )
    for number, night in enumerate(nights):
        write_forms(work, number)
        write_wearables(work, number)
        write_knee_files(work, number)
        if faults and number == len(nights) - 1:
            write_faulty_knee_files(work, number)
        if faults:
            write_hostile_files(work, number)
        if faults and number:
            write_renamed_duplicate(work, number)
        _set_times(home / "synthetic" / f"night_{number + 1}", night)
    tables = work.truth.frames(contract, len(nights)) | {"effects": trials[0].planted}
    for name, frame in tables.items():
        files.write_bytes_atomic(home / "truth" / f"{name}.csv", frame.write_csv().encode())
    files.write_json(home / "nights.json", [_iso(night) for night in nights])
    files.write_json(marker, {**print_, "state": "whole"})
    return _summary(home, nights)


def deliver(home: Path, number: int) -> list[Path]:
    """Copies the files of night `number` (from 1) into the landing folders; again does no harm."""
    staged = home / "synthetic" / f"night_{number}"
    if not staged.is_dir():
        raise BackstepError(
            f"no files are staged for night {number}", where=str(staged.name),
            remedy="write the study first, and ask for one of its nights",
        )  # fmt: skip
    delivered = []
    for source in sorted(path for path in staged.rglob("*") if path.is_file()):
        target = home / "landing" / source.relative_to(staged)
        told = source.stat()
        if not target.is_file() or (target.stat().st_size, target.stat().st_mtime_ns) != (
            told.st_size, told.st_mtime_ns,
        ):  # fmt: skip
            with files.atomic_path(target) as aside:
                shutil.copyfile(source, aside)
                os.utime(aside, ns=(told.st_mtime_ns, told.st_mtime_ns))
        delivered.append(target)
    return delivered


def _fingerprint(
    contract: Contract,
    participants: int,
    seed: int,
    faults: bool,
    effects: Effects,
    nights: tuple[Night, ...],
) -> dict:
    return {
        "code": __version__, "contract": contract.digest, "participants": participants, "seed": seed,
        "faults": faults, "arm": dict(sorted(effects.arm.items())), "falls": effects.falls_rate_ratio,
        "clinics": effects.clinic_spread,
        "nights": [[_iso(night), night.sent_date.isoformat()] for night in nights],
    }  # fmt: skip


def _iso(night: Night) -> str:
    return f"{night.cutoff.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _start_anew(home: Path, marker: Path) -> None:
    if home.is_dir() and any(home.iterdir()) and not marker.is_file():
        raise BackstepError(
            "this home holds something that is not a made-up study", where=str(home.name),
            remedy="give an empty folder, or one that `backstep demo` has made",
        )  # fmt: skip
    for name in _OWN:
        path = home / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _set_times(folder: Path, night: Night) -> None:
    """Every file was last written on the evening of the day it was sent."""
    sent = dt.datetime.combine(night.sent_date, dt.time(20), tzinfo=dt.UTC)
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (sent.timestamp(), sent.timestamp()))


def _summary(home: Path, nights: tuple[Night, ...]) -> StudyPlan:
    staged = [home / "synthetic" / f"night_{number + 1}" for number in range(len(nights))]
    return StudyPlan(
        home,
        tuple(night.cutoff for night in nights),
        tuple(sum(path.is_file() for path in folder.rglob("*")) for folder in staged),
        pl.read_csv(home / "truth" / "faults.csv", infer_schema_length=0).height,
    )
