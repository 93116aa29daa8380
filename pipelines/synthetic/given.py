"""Sensors worn at the lower back for a day, and the phones and accounts that participants bring themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.synthetic import frames, wear
from pipelines.synthetic.people import People
from pipelines.synthetic.sessions import Sessions

# Format -> maker as its reader names it. An account has no serial of its own.
ACCOUNTS = {
    "apple_health": "apple", "fitbit": "fitbit", "gpx": "strava", "polar_csv": "polar", "tcx": "garmin",
    "withings_csv": "withings",
}  # fmt: skip
SENSORS = {"cwa": "axivity", "geneactiv": "activinsights", "gt3x": "actigraph"}
_ACCOUNT_DAYS, _SENSOR_DAYS = 60, 8
_FEWEST = {
    "account": 2,
    "sensor": 5,
}  # of each format at each clinic, if there are so many participants
_SHARE = {"account": 0.3, "sensor": 0.15}
# The clocks of every zone of the study had changed by then; a device's own clock knows no change.
_AFTER_CLOCK_CHANGES = np.datetime64("2025-04-06")


@dataclass(frozen=True)
class Given:
    """Per participant the format of the account and of the sensor, "" where none."""

    account: np.ndarray
    sensor: np.ndarray


def give(contract: Contract, people: People, lent: wear.Lent, rng: np.random.Generator) -> Given:
    """Accounts for participants without a watch, and sensors, in the formats that their clinics take."""
    account, sensor = (np.full(len(people.clinic), "", "U16") for _ in range(2))
    turn = rng.permutation(len(people.clinic))
    for number, clinic in enumerate(contract.clinics.values()):
        taken = [device for file in clinic.files.values() for device in file.devices]
        here = turn[people.clinic[turn] == number]
        without = here[lent.watch[here] < 0]
        late = here[people.randomised[here] > _AFTER_CLOCK_CHANGES]
        _hand_out(account, without, [d for d in ACCOUNTS if d in taken], "account")
        _hand_out(sensor, late, [d for d in SENSORS if d in taken], "sensor")
    return Given(account, sensor)


def _hand_out(to: np.ndarray, who: np.ndarray, devices: list[str], what: str) -> None:
    """The formats in turn to the first of these participants."""
    if devices:
        some = who[: max(_FEWEST[what] * len(devices), int(_SHARE[what] * len(who)))]
        to[some] = [devices[k % len(devices)] for k in range(len(some))]


def serials(people: People, given: Given) -> tuple[pl.Series, pl.Series]:
    """The serial of each participant's account and sensor, null where none: accounts go by maker and participant."""
    codes = people.participant_id.to_list()
    accounts = [
        f"{ACCOUNTS[str(device)]}-{code}" if device else None
        for device, code in zip(given.account, codes, strict=True)
    ]
    sensors = [
        (f"MOS3{number:06d}" if device == "gt3x" else f"{60_000 + number:06d}".lstrip("0"))
        if device else None
        for number, device in enumerate(given.sensor)
    ]  # fmt: skip
    return pl.Series(accounts, dtype=pl.String), pl.Series(sensors, dtype=pl.String)


def device_assignment(
    contract: Contract, people: People, given: Given, as_of: np.datetime64
) -> pl.DataFrame:
    """From randomisation on, as long as the account is read or the sensor lent."""
    by_account, by_sensor = serials(people, given)
    parts = []
    for kind, serial, days in (
        ("phone", by_account, _ACCOUNT_DAYS),
        ("sensor", by_sensor, _SENSOR_DAYS),
    ):
        who = np.flatnonzero(serial.is_not_null().to_numpy())
        end = people.randomised[who] + days
        parts.append(frames.table(contract, "device_assignment", people.repeat(who) | {
            "_known": people.randomised[who],
            "device_serial": serial.gather(who),
            "device_kind": frames.chosen([kind], np.zeros(len(who), int)),
            "from_date": people.randomised[who],
            "to_date": frames.only(end, end <= as_of),
        }))  # fmt: skip
    return pl.concat(parts)


def wear_bout(
    contract: Contract, people: People, given: Given, runs: Sessions, rng: np.random.Generator
) -> pl.DataFrame:
    """The walking of attended sessions, as the participant's own account recorded it."""
    by_account, _ = serials(people, given)
    bouts = wear.wear_bout(contract, people, runs, by_account.gather(runs.who), rng)
    return bouts.with_columns(
        device_maker=pl.col("device_serial").str.split("-").list.first(),
        device_model=pl.lit(None, pl.String),
    )
