"""Days on which two participants of a clinic wear each other's sensor, and nothing in the files says so.

Both walk as themselves: what is swapped is the body under the device. Other participants' days of walks are recorded
beside theirs: without them nobody could say how much a person differs from day to day. Nothing looks at the arm.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from pipelines.synthetic import sensor_files
from pipelines.synthetic.nights import Work
from pipelines.synthetic.worn_day import own_gait, script, worn

EVENT = "worn_by_another"
_RECORDED_S, _EVERY_S = 6_000, 700  # seven walks forward and one backward
_DAYS, _SWAPPED = 6, (2, 3)  # of recordings of each wearer, and which of them
_CLINICS = 2  # two wearers each; those of the first are swapped
Wearer = dict[str, Any]


def write(work: Work) -> None:
    """Writes the recordings into the first night, and into the truth their walks and which days were swapped.

    Wearers of whom there are recordings already are left alone.
    """
    taken = {walks["participant_id"][0] for walks in work.truth.walks if walks.height}
    for number, (one, other) in enumerate(_pairs(work, taken)):
        for day in range(_DAYS):
            swapped = number == 0 and day in _SWAPPED
            _record(work, one, other if swapped else one, day)
            _record(work, other, one if swapped else other, day)


def _pairs(work: Work, taken: set[str]) -> list[tuple[Wearer, Wearer]]:
    """Of the first clinics two wearers each."""
    free = sensor_files.wearers(work.trials[0]).filter(~pl.col("participant_id").is_in(list(taken)))
    first = free.sort("clinic_id", "participant_id").group_by("clinic_id", maintain_order=True)
    pairs = [rows.head(2).rows(named=True) for _, rows in first]
    return [(pair[0], pair[1]) for pair in pairs if len(pair) == 2][:_CLINICS]


def _record(work: Work, owner: Wearer, body: Wearer, day: int) -> None:
    """One day in the owner's file, walked by the body, read out on the next day."""
    gait = own_gait(sensor_files.draws(work.trials[0], body))
    rng = sensor_files.draws(work.trials[0], body, day + 1)
    walks = script(_RECORDED_S, gait, rng, every_s=_EVERY_S)
    felt = worn(walks, _RECORDED_S, body["height_cm"] / 100, rng)
    date = owner["from_date"] + dt.timedelta(days=day + 1)
    made = sensor_files.sent(work.contract, owner, date, felt)
    folder = work.folder(0, made.clinic_id)
    path, told = sensor_files.write(work.contract, made, folder, date + dt.timedelta(days=1))
    work.truth.walks.append(told)
    if owner is not body:
        work.truth.events.append({
            "clinic_id": made.clinic_id, "file_name": path.name, "participant_id": made.participant_id,
            "device_serial": made.serial, "event": EVENT, "local_date": date, "value": 1.0,
        })  # fmt: skip
