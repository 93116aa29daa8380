"""Activity files of a few participants: real device bytes whose content is the trial's own records."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pipelines import devices, files, identity
from pipelines.contracts.model import Clinic, Contract
from pipelines.synthetic.actigraph_text import counts_text
from pipelines.synthetic.dialect import file_name
from pipelines.synthetic.fit_bytes import activity_bytes
from pipelines.synthetic.given import ACCOUNTS
from pipelines.synthetic.truth import Trial
from pipelines.synthetic.wear import COUNTS_EPOCH_S, WATCH
from pipelines.synthetic.wear_formats import account_bytes

_FOREIGN_SERIALS = {"fit": "3390000777", "actigraph_counts": "MOS2D99990007"}
_TABLE_OF = dict.fromkeys(("fit", *ACCOUNTS), "wear_bout") | {"actigraph_counts": "wear_day"}
_MORNING_MIN = 7 * 60
_UNKNOWN_NUMBER = 985
# Faults of device files: (device, rule). Each is one more file.
FAULTS = (
    ("fit", "device_assigned"),
    ("actigraph_counts", "unreadable_epoch"),
    ("fit", "wrong_check_digit"),
    ("fit", "participant_enrolled"),
    ("actigraph_counts", "device_assigned"),
)  # fmt: skip


@dataclass(frozen=True)
class WearFile:
    """One device file to write."""

    clinic_id: str
    device: str
    participant_id: str  # as the file's name says it
    rows: pl.DataFrame  # the records it holds, in time order
    serial: str
    rule: str = ""  # the rule it breaks


def chosen(
    contract: Contract,
    trial: Trial,
    wanted: dict[str, int],
    rng: np.random.Generator,
    faulty: bool,
) -> list[WearFile]:
    """Good files of different participants, so many of each device as are wanted, and one file per device fault.

    They are spread over the clinics that take such files.
    """
    each = [(device, "") for device, n in wanted.items() for _ in range(n)]
    each += list(FAULTS) if faulty else []
    used: set[str] = set()
    found = []
    for turn, (device, rule) in enumerate(each):
        clinics = [c for c in contract.clinics if kind_of(contract.clinics[c], device)]
        for k in range(len(clinics)):
            clinic = clinics[(turn + k) % len(clinics)]
            rows = _material(trial, device, clinic, used)
            if rows.height:
                one = _of(contract, clinic, device, rule, rows, rng)
                used.add(one.rows["participant_id"][0])
                found.append(one)
                break
    return found


def write(
    contract: Contract, one: WearFile, folder: Path, sent_date: dt.date, number: int = 0
) -> tuple[Path, list[int]]:
    """Writes the file under its clinic's name; the path, and the numbers of the records at fault.

    `number` counts the participant's files of one day, from 0.
    """
    clinic = contract.clinics[one.clinic_id]
    kind = kind_of(clinic, one.device)
    path = folder / file_name(
        clinic, kind, sent_date, revision=number, participant_id=one.participant_id
    )
    if one.device in ACCOUNTS:
        data = account_bytes(one.device, one.rows, clinic.time_zone)
    else:
        data = _fit(one) if one.device == "fit" else _counts(one, clinic)
    files.write_bytes_atomic(path, data)
    return path, _rows_at_fault(one, path) if one.rule else []


def table_of(device: str) -> str:
    """The contract table that a device's records belong to."""
    return _TABLE_OF[device]


def kind_of(clinic: Clinic, device: str) -> str | None:
    """The clinic's kind of file that takes this device, if it has one."""
    return next((kind for kind, file in clinic.files.items() if device in file.devices), None)


def _material(trial: Trial, device: str, clinic: str, used: set[str]) -> pl.DataFrame:
    rows = trial.records[_TABLE_OF[device]].filter(
        pl.col("clinic_id") == clinic, ~pl.col("participant_id").is_in(list(used))
    )
    if _TABLE_OF[device] == "wear_bout":
        rows = rows.filter(pl.col("device_maker") == ACCOUNTS.get(device, WATCH[0]))
    if (
        device == "actigraph_counts"
    ):  # not across a change of the clocks: the device's own clock knows none
        rows = rows.filter(pl.col("wear_date").min().over("participant_id") > dt.date(2025, 4, 6))
    return rows


def _of(
    contract: Contract,
    clinic: str,
    device: str,
    rule: str,
    rows: pl.DataFrame,
    rng: np.random.Generator,
) -> WearFile:
    people = rows["participant_id"].unique(maintain_order=True)
    own = rows.filter(pl.col("participant_id") == people[int(rng.integers(len(people)))])
    if device == "fit":
        own = own.sort("start_utc").tail(1)
    participant, serial = own["participant_id"][0], own["device_serial"][0]
    prefix, number, check = participant.split("-")
    if rule == "device_assigned":
        serial = _FOREIGN_SERIALS[device]
    if rule == identity.WRONG_CHECK_DIGIT:
        participant = f"{prefix}-{number}-{(int(check) + 1) % 10}"
    if rule == "participant_enrolled":
        participant = identity.make_id(prefix, _UNKNOWN_NUMBER)
    return WearFile(clinic, device, participant, own, serial, rule)


def _fit(one: WearFile) -> bytes:
    """Second by second: the pace and pulse swing a little around their means."""
    bout = one.rows.row(0, named=True)
    t_s = np.arange(int(bout["duration_s"]) + 1)
    swing = 1 + 0.08 * np.sin(t_s / 19.0) + 0.03 * np.sin(t_s / 5.3)
    speed = bout["speed_mean_mps"] * swing * len(swing) / swing.sum()
    distance = np.concatenate(([0.0], np.cumsum(speed[1:])))
    heart = (bout["hr_mean_bpm"] + 6 * np.sin(t_s / 43.0)).round()
    strides = np.full(len(t_s), bout["cadence_mean_spm"] / 2).round()
    records = pl.DataFrame(
        {
            "t_s": t_s,
            "distance_m": distance,
            "speed_mps": speed,
            "hr_bpm": heart,
            "cadence_rpm": strides,
        }
    ).cast(pl.Float64)
    return activity_bytes(int(one.serial), bout["start_utc"], records)


def _counts(one: WearFile, clinic: Clinic) -> bytes:
    """Minute by minute from midnight to midnight: still outside the hours of wear."""
    per_day = 86_400 // COUNTS_EPOCH_S
    minute = np.arange(per_day)
    axes, steps = [], []
    for day in one.rows.iter_rows(named=True):
        worn = (minute >= _MORNING_MIN) & (minute < _MORNING_MIN + int(day["wear_min"]))
        active = worn * (
            1 + 0.9 * np.sin(minute / 7.1 + day["wear_date"].day) + 0.05 * (minute % 3)
        )
        axis1 = np.round(active * day["axis1_counts_sum"] / active.sum()).astype(int)
        axes.append(np.stack([axis1, axis1 * 4 // 5, axis1 * 9 // 10], axis=1))
        steps.append(np.round(active * day["steps_n"] / active.sum()).astype(int))
    start = dt.datetime.combine(one.rows["wear_date"][0], dt.time())
    order = (
        "YMD" if clinic.dates.startswith("Y") else "MDY" if clinic.dates.startswith("M") else "DMY"
    )
    text = counts_text(
        one.serial, start, COUNTS_EPOCH_S, np.concatenate(axes), np.concatenate(steps), order
    )
    if one.rule == "unreadable_epoch":
        lines = text.split("\r\n")
        middle = len(lines) // 2
        lines[middle] = "#,#,#,#"
        text = "\r\n".join(lines)
    return text.encode("ascii")


def _rows_at_fault(one: WearFile, path: Path) -> list[int]:
    """Record numbers as the file's own reader counts them."""
    found = devices.recognise(path).read(path)
    numbers = found.records["row_no"].to_list()
    if one.rule != "unreadable_epoch":
        return numbers
    lines = [row for row, rule in found.findings if rule == one.rule]
    return sorted({max(number for number in numbers if number <= line) for line in lines})
