"""A made-up trial in study terms: every contract table, with planted truth, from one seed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.synthetic import (
    answers,
    gait_lab,
    given,
    people,
    safety,
    sessions,
    strength,
    timed,
    visits,
    wear,
)
from pipelines.synthetic.effects import Effects, planted


@dataclass(frozen=True)
class Trial:
    """What truly happened. `records` has `clinic_id`, `_uid` and the fields of each table.

    A row keeps its `_uid` whatever `as_of` is, so two looks at one trial can be compared.
    """

    seed: int
    as_of: dt.date
    effects: Effects
    records: dict[str, pl.DataFrame]
    planted: pl.DataFrame = field(repr=False)


_OF_SAMPLES = {
    "recording",
    "knee_moment",
}  # no clinic writes such records; they follow from the samples of a file


def make_trial(
    contract: Contract,
    *,
    participants: int,
    seed: int,
    effects: Effects | None = None,
    as_of: dt.date,
) -> Trial:
    """The trial of `seed` as it is known at the end of `as_of`; the same on every machine."""
    effects = effects or Effects()
    now = np.datetime64(as_of)
    draws = _generators(seed)
    crowd = people.enrol(contract, participants, next(draws))
    seen = visits.attend(contract, crowd, effects, next(draws))
    lent = wear.lend(crowd, next(draws))
    runs, dose = sessions.plan(contract, crowd, next(draws))
    serial = wear.watch_serials(crowd, lent, runs)
    events = safety.adverse_event(contract, crowd, now, next(draws))
    fall, diary = safety.falls(contract, crowd, runs, effects, next(draws))
    made = {
        "participant": crowd.frame,
        "adverse_event": events,
        "fall": fall,
        "fall_diary": diary,
        "device_assignment": wear.device_assignment(contract, crowd, lent, now),
        "koos": answers.koos(contract, crowd, seen, next(draws)),
        "pain": answers.pain(contract, crowd, seen, next(draws)),
        "berg": answers.berg(contract, crowd, seen, next(draws)),
        "walk_test": timed.walk_test(contract, crowd, seen, next(draws)),
        "balance_test": timed.balance_test(contract, crowd, seen, next(draws)),
        "session": sessions.session(
            contract, crowd, seen, runs, dose, serial, _has_event(crowd, runs, events), next(draws)
        ),
        "treadmill": sessions.treadmill(contract, crowd, runs, next(draws)),
        "wear_bout": wear.wear_bout(contract, crowd, runs, serial, next(draws)),
        "wear_day": wear.wear_day(contract, crowd, lent, next(draws)),
    }
    own = given.give(contract, crowd, lent, next(draws))
    more = {
        "device_assignment": given.device_assignment(contract, crowd, own, now),
        "wear_bout": given.wear_bout(contract, crowd, own, runs, next(draws)),
    }
    made |= {table: pl.concat([made[table], rows]) for table, rows in more.items()}
    made |= {
        "abc": answers.abc(contract, crowd, seen, next(draws)),
        "mini_bestest": answers.mini_bestest(contract, crowd, seen, next(draws)),
        "patient_rating": answers.patient_rating(contract, crowd, seen, next(draws)),
        "strength": strength.strength(contract, crowd, seen, next(draws)),
        "knee_girth": strength.knee_girth(contract, crowd, seen, next(draws)),
        "lab_trial": gait_lab.lab_trial(contract, crowd, seen, next(draws)),
    }
    missing = set(contract.tables) - set(made) - _OF_SAMPLES
    if missing:
        raise NotImplementedError(f"no made-up records for table {', '.join(sorted(missing))}")
    enrolled = crowd.participant_id.filter(pl.Series(crowd.randomised <= now))
    records = {
        name: _as_known(frame, enrolled, as_of).sort("clinic_id", "_uid", maintain_order=True)
        for name, frame in made.items()
    }
    return Trial(seed, as_of, effects, records, planted(contract, effects))


def _as_known(frame: pl.DataFrame, enrolled: pl.Series, as_of: dt.date) -> pl.DataFrame:
    """The rows known by `as_of`, numbered before any is left out."""
    frame = frame.with_row_index("_uid").with_columns(pl.col("_uid").cast(pl.Int64))
    known = frame.filter(
        pl.col("_known") <= as_of, pl.col("participant_id").is_in(enrolled.implode())
    )
    if "withdrawn_date" in frame.columns:
        later = pl.col("withdrawn_date") > as_of
        known = known.with_columns(
            pl.when(~later).then(pl.col(name)).alias(name)
            for name in ("withdrawn_reason", "withdrawn_date")
        )
    return known.drop("_known").select("clinic_id", pl.exclude("clinic_id"))


def _has_event(crowd: people.People, runs: sessions.Sessions, events: pl.DataFrame) -> np.ndarray:
    """Sessions on whose day an adverse event began."""
    days = pl.DataFrame(
        {"participant_id": crowd.participant_id.gather(runs.who), "onset_date": runs.date}
    )
    begun = events.select("participant_id", "onset_date").unique().with_columns(hit=pl.lit(True))
    joined = days.join(
        begun, on=["participant_id", "onset_date"], how="left", maintain_order="left"
    )
    return joined["hit"].fill_null(False).to_numpy()


def _generators(seed: int) -> Iterator[np.random.Generator]:
    """One generator per part, so that a change in one part leaves the others as they were."""
    part = 0
    while True:
        yield np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, part])))
        part += 1
