"""Recordings of sensors worn for a day: one wearer per clinic, real device bytes, and every walk in them known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipelines import clock, files
from pipelines.contracts.model import Clinic, Contract
from pipelines.synthetic.dialect import file_name
from pipelines.synthetic.given import SENSORS
from pipelines.synthetic.truth import Trial
from pipelines.synthetic.walking import Bout
from pipelines.synthetic.wear_formats import sensor_bytes
from pipelines.synthetic.worn_day import RATE_HZ, WornDay, own_gait, script, worn

_WEARING = 998  # keeps these draws apart from those of the trial itself
MORNING = dt.time(7)
WALK_SCHEMA = {
    "clinic_id": pl.String, "file_name": pl.String, "participant_id": pl.String, "device_serial": pl.String,
    "event": pl.String, "start_utc": pl.Datetime("us"), "end_utc": pl.Datetime("us"), "steps_n": pl.Int64,
    "speed_mps": pl.Float64, "direction": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class SensorFile:
    """One recording to write. `gaps_s` are left out of it, in seconds from its start.

    A device whose samples run ahead of its clock by `drift_s_per_day` takes them at a rate above the nominal one.
    """

    clinic_id: str
    device: str
    participant_id: str
    serial: str
    start_local: dt.datetime
    day: WornDay
    gaps_s: tuple[tuple[int, int], ...] = ()
    drift_s_per_day: float = 0.0
    clock_offset_s: float | None = None

    @property
    def rate_hz(self) -> float:
        """The true rate of the samples by the device's own clock."""
        return RATE_HZ * (1 + self.drift_s_per_day / 86_400)


def wearers(trial: Trial) -> pl.DataFrame:
    """Who was lent a sensor: clinic, participant, serial, first day and height, in the order of their codes."""
    return (
        trial.records["device_assignment"]
        .filter(pl.col("device_kind") == "sensor")
        .join(trial.records["participant"].select("participant_id", "height_cm"), on="participant_id")
        .sort("participant_id")
    )  # fmt: skip


def chosen(contract: Contract, trial: Trial, recorded_s: int) -> list[SensorFile]:
    """The first wearer of each clinic that takes recordings, on the day after randomisation, which has no session."""
    first = wearers(trial).unique("clinic_id", keep="first", maintain_order=True)
    return [
        recorded(contract, trial, row, row["from_date"] + dt.timedelta(days=1), recorded_s)
        for row in first.iter_rows(named=True)
    ]


def recorded(
    contract: Contract,
    trial: Trial,
    wearer: dict[str, Any],
    date: dt.date,
    recorded_s: int,
    other: Callable[[list[Bout]], list[Bout]] = list,
) -> SensorFile:
    """The recording of one of `wearers` from seven in the morning on; `other` makes its own walks of the day's."""
    rng = draws(trial, wearer)
    walks = other(script(recorded_s, own_gait(rng), rng))
    return sent(contract, wearer, date, worn(walks, recorded_s, wearer["height_cm"] / 100, rng))


def draws(trial: Trial, wearer: dict[str, Any], *more: int) -> np.random.Generator:
    """The draws that belong to a person, the first two of which are how that person walks."""
    seed = [trial.seed, _WEARING, int(wearer["participant_id"].replace("-", "")), *more]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


def sent(contract: Contract, wearer: dict[str, Any], date: dt.date, day: WornDay) -> SensorFile:
    """A day's samples in the file of this wearer, whoever walked in them."""
    return SensorFile(
        clinic_id=wearer["clinic_id"],
        device=_kind(contract.clinics[wearer["clinic_id"]])[1],
        participant_id=wearer["participant_id"],
        serial=wearer["device_serial"],
        start_local=dt.datetime.combine(date, MORNING),
        day=day,
    )


def write(
    contract: Contract, one: SensorFile, folder: Path, sent_date: dt.date
) -> tuple[Path, pl.DataFrame]:
    """Writes the recording under its clinic's name; the path, and the walks in it (WALK_SCHEMA)."""
    clinic = contract.clinics[one.clinic_id]
    kind, _ = _kind(clinic)
    path = folder / file_name(clinic, kind, sent_date, participant_id=one.participant_id)
    data = sensor_bytes(
        one.device, one.start_local, one.day.acc_g, one.serial, one.gaps_s,
        rate_hz=one.rate_hz, clock_offset_s=one.clock_offset_s,
    )  # fmt: skip
    files.write_bytes_atomic(path, data)
    return path, _walks(clinic, one, path)


def _kind(clinic: Clinic) -> tuple[str, str]:
    """The clinic's kind of file for recordings, and the sensor it takes."""
    return next(
        (kind, device)
        for kind, file in clinic.files.items()
        for device in file.devices
        if device in SENSORS
    )


def _walks(clinic: Clinic, one: SensorFile, path: Path) -> pl.DataFrame:
    slower = RATE_HZ / one.rate_hz
    began = pl.lit(one.start_local, pl.Datetime("us"))
    told = one.day.walks.with_columns(
        clock.local_to_utc(
            began + pl.duration(microseconds=(pl.col(at) * 1e6 * slower).round().cast(pl.Int64)),
            clinic.time_zone,
        ).struct.field("utc").alias(at.replace("_s", "_utc"))
        for at in ("start_s", "end_s")
    ).with_columns(
        clinic_id=pl.lit(one.clinic_id), file_name=pl.lit(path.name), event=pl.lit("walk"),
        participant_id=pl.lit(one.participant_id), device_serial=pl.lit(one.serial),
    )  # fmt: skip
    return told.select(pl.col(name).cast(kind) for name, kind in WALK_SCHEMA.items())
