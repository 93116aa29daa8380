"""What the clinics' forms bring on which night: first files, increments, snapshots and corrected resends."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.synthetic import plant
from pipelines.synthetic.delivered import batch_of, write_form
from pipelines.synthetic.dialect import file_name
from pipelines.synthetic.expected import Truth
from pipelines.synthetic.faults import Place, Row
from pipelines.synthetic.truth import Trial

_CHANGED_RULE = "row_changed_without_resend"
_CORRECTED = {"walk_test": "time_s", "koos": "koos_p1"}  # tables sent again, and what is corrected
_SKIPPED = "fall_diary"  # the first clinic forgets this table's file on the second night
_GONE = "pain"  # one row of this table is missing from a later snapshot
Expected = tuple[str, str, int, str, str]  # as in plant.EXPECTED_SCHEMA


@dataclass(frozen=True)
class Night:
    """One run: files sent on `sent_date` are there at `cutoff`, and know what happened until the day before."""

    cutoff: dt.datetime
    sent_date: dt.date

    @property
    def as_of(self) -> dt.date:
        """The last day that the files know of."""
        return self.sent_date - dt.timedelta(days=1)


NIGHTS = (
    Night(dt.datetime(2025, 11, 4, 3, 15, tzinfo=dt.UTC), dt.date(2025, 11, 3)),
    Night(dt.datetime(2025, 11, 11, 3, 15, tzinfo=dt.UTC), dt.date(2025, 11, 10)),
)


@dataclass(frozen=True)
class Work:
    """All that the nights are written from, and the truth that grows with them."""

    contract: Contract
    staged: Path  # a folder per night is made in it
    nights: tuple[Night, ...]
    trials: tuple[Trial, ...]  # the trial as it is known each night
    planned: plant.Plan
    faulty: bool
    draws: np.random.Generator
    recorded_s: int  # of each recording of samples
    wear_events: bool  # whether devices go wrong too, see wear_events.py
    truth: Truth = field(default_factory=Truth)

    def folder(self, number: int, clinic: str) -> Path:
        """Where a clinic's files of night `number` (from 0) are staged."""
        return self.staged / f"night_{number + 1}" / clinic


def form_places(contract: Contract) -> list[Place]:
    """Every kind of form file of every clinic; the table named is the first of the file."""
    return [
        Place(contract, clinic, kind, next(iter(file.tables)))
        for clinic in contract.clinics.values()
        for kind, file in clinic.files.items() if file.format != "device" and file.tables
    ]  # fmt: skip


def write_forms(work: Work, number: int) -> None:
    """Writes every clinic's form files of night `number` (from 0)."""
    night, label = work.nights[number], number + 1
    now = plant.applied(work.contract, work.planned, work.trials[number].records)
    before = None
    if number:
        before = plant.applied(work.contract, work.planned, work.trials[number - 1].records)
    for place in form_places(work.contract):
        clinic, kind, keyed = place.clinic.clinic_id, place.file_kind, place.file.keyed
        if work.faulty and number == 1 and _is_skipped(work.contract, place):
            work.truth.missing.append((label, clinic, kind, night.sent_date.isoformat()))
            continue
        records, expected, gone = _due(work, place, now, before)
        done = write_form(
            work.contract, clinic, kind, records, _with(work.planned, expected), work.folder(number, clinic),
            sent_date=night.sent_date, batch=batch_of(night.sent_date) if keyed == "resend" else None,
        )  # fmt: skip
        if done is None:
            continue
        work.truth.note(label, done)
        if number and keyed == "snapshot":
            old = file_name(place.clinic, kind, work.nights[number - 1].sent_date)
            work.truth.replaced.append((clinic, old, label))
        for table, row in gone:
            key = _key(work.contract, table, row)
            work.truth.changes.append((label, clinic, done.path.name, table, key, "removed"))
        if number and keyed == "resend" and set(place.file.tables) & set(_CORRECTED):
            _resend(work, place, number)


def _is_skipped(contract: Contract, place: Place) -> bool:
    first = next(iter(contract.clinics))
    return place.clinic.clinic_id == first and set(place.file.tables) == {_SKIPPED}


def _due(
    work: Work, place: Place, now: dict[str, pl.DataFrame], before: dict[str, pl.DataFrame] | None
) -> tuple[dict[str, pl.DataFrame], list[Expected], list[tuple[str, Row]]]:
    """The records that this file carries tonight, the findings that sending them makes, and what has gone."""
    clinic = place.clinic.clinic_id
    mine = {table: now[table].filter(pl.col("clinic_id") == clinic) for table in place.file.tables}
    if before is None:
        return mine, [], []
    if place.file.keyed == "snapshot":
        if _GONE not in mine or not mine[_GONE].height:
            return mine, [], []
        row = mine[_GONE].row(int(work.draws.integers(mine[_GONE].height)), named=True)
        return mine | {_GONE: mine[_GONE].filter(pl.col("_uid") != row["_uid"])}, [], [(_GONE, row)]
    expected: list[Expected] = []
    for table, frame in mine.items():
        new = frame.join(before[table].select("_uid"), on="_uid", how="anti")
        changed = frame.join(before[table], on=frame.columns, how="anti", nulls_equal=True)
        changed = changed.join(new.select("_uid"), on="_uid", how="anti")
        if place.file.keyed == "increment":
            # A row said again with other content is a finding: nobody said that it was corrected.
            changed = changed if work.faulty else changed.clear()
            expected += [
                (clinic, table, uid, _CHANGED_RULE, f"{table}.{_CHANGED_RULE}")
                for uid in changed["_uid"]
            ]
        mine[table] = pl.concat([new, changed]).sort("_uid")
    return mine, expected, []


def _resend(work: Work, place: Place, number: int) -> None:
    """The first night's batch again, without its faults, with two values corrected and one row removed."""
    clinic, kind = place.clinic.clinic_id, place.file_kind
    first, table = work.trials[0].records, next(t for t in place.file.tables if t in _CORRECTED)
    value = _CORRECTED[table]
    frame = first[table].filter(pl.col("clinic_id") == clinic)
    picked = frame.filter(pl.col(value).is_not_null())["_uid"]
    if len(picked) < 3:
        return
    picked = picked.gather(work.draws.choice(len(picked), 3, replace=False))
    corrected = pl.col("_uid").is_in(picked[1:].implode())
    # A step that stays good: a slower walk, or an answer one point towards the middle.
    point = pl.when(pl.col(value) >= 2).then(pl.col(value) - 1).otherwise(pl.col(value) + 1)
    better = (pl.col(value) * 1.1).round(2) if value == "time_s" else point
    frame = frame.with_columns(pl.when(corrected).then(better).otherwise(value).alias(value))
    sent = {name: first[name] for name in place.file.tables}
    done = write_form(
        work.contract, clinic, kind, sent | {table: frame.filter(pl.col("_uid") != picked[0])}, plant.nothing(),
        work.folder(number, clinic), sent_date=work.nights[number].sent_date,
        batch=batch_of(work.nights[0].sent_date), revision=1,
    )  # fmt: skip
    old = file_name(
        place.clinic, kind, work.nights[0].sent_date, batch_of(work.nights[0].sent_date)
    )
    work.truth.replaced.append((clinic, old, number + 1))
    rows = first[table].filter(pl.col("_uid").is_in(picked.implode()))
    for row in rows.iter_rows(named=True):
        what = "removed" if row["_uid"] == picked[0] else "changed"
        key = _key(work.contract, table, row)
        work.truth.changes.append((number + 1, clinic, done.path.name, table, key, what))


def _key(contract: Contract, table: str, row: Row) -> str:
    return "|".join(
        "" if row[name] is None else str(row[name]) for name in contract.tables[table].key
    )


def _with(planned: plant.Plan, expected: list[Expected]) -> plant.Plan:
    more = pl.DataFrame(expected, schema=plant.EXPECTED_SCHEMA, orient="row")
    return replace(planned, expected=pl.concat([planned.expected, more]))
