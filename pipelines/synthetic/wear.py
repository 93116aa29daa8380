"""Devices lent out, and what they recorded: a watch in sessions, an activity counter at home."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.synthetic import frames
from pipelines.synthetic.people import People
from pipelines.synthetic.sessions import Sessions

WATCH = ("Garmin", "Vivoactive 4")
COUNTS = ("ActiGraph", "wGT3X-BT")
COUNTS_EPOCH_S = 60
_WATCH_DAYS, _COUNTS_DAYS = 56, 8
_SWAP_DAY = 21  # a broken watch is replaced for the fourth week


@dataclass(frozen=True)
class Lent:
    """Which device each participant has on which days; -1 where none."""

    watch: np.ndarray  # number of the first watch
    swapped: np.ndarray  # True: the next watch from the swap day on
    counter: np.ndarray


def lend(people: People, rng: np.random.Generator) -> Lent:
    """Watches for a third and counters for a fifth of the participants."""
    n = len(people.clinic)
    has_watch = rng.random(n) < 0.34
    swapped = has_watch & (rng.random(n) < 0.12)
    has_counter = rng.random(n) < 0.2
    used = has_watch.astype(int) + swapped
    return Lent(
        np.where(has_watch, np.cumsum(used) - used, -1),
        swapped,
        np.where(has_counter, np.cumsum(has_counter) - 1, -1),
    )


def watch_serials(people: People, lent: Lent, runs: Sessions) -> pl.Series:
    """The serial of the watch worn in each session, or null."""
    number, day = lent.watch[runs.who], (runs.date - people.randomised[runs.who]).astype(int)
    number = number + (lent.swapped[runs.who] & (day >= _SWAP_DAY))
    has = lent.watch[runs.who] >= 0
    return frames.chosen(_watches(lent), np.where(has, number, 0), has)


def device_assignment(
    contract: Contract, people: People, lent: Lent, as_of: np.datetime64
) -> pl.DataFrame:
    """Intervals with a device; open until the device has come back."""
    first = np.flatnonzero(lent.watch >= 0)
    second = np.flatnonzero(lent.swapped)
    counter = np.flatnonzero(lent.counter >= 0)
    who = np.r_[first, second, counter]
    kind = np.repeat([0, 0, 1], [len(first), len(second), len(counter)])
    from_day = np.repeat([0, _SWAP_DAY, 0], [len(first), len(second), len(counter)])
    last = np.where(lent.swapped[first], _SWAP_DAY - 1, _WATCH_DAYS)
    to_day = np.r_[last, np.full(len(second), _WATCH_DAYS), np.full(len(counter), _COUNTS_DAYS)]
    serial = pl.concat([
        frames.chosen(_watches(lent), lent.watch[first]),
        frames.chosen(_watches(lent), lent.watch[second] + 1),
        frames.chosen(_counters(lent), lent.counter[counter]),
    ])  # fmt: skip
    order = np.lexsort((from_day, kind, who))
    who, kind, serial = who[order], kind[order], serial.gather(order)
    start = people.randomised[who] + from_day[order]
    end = people.randomised[who] + to_day[order]
    return frames.table(contract, "device_assignment", people.repeat(who) | {
        "_known": start,
        "device_serial": serial,
        "device_kind": frames.chosen(["watch", "counts"], kind),
        "from_date": start,
        "to_date": frames.only(end, end <= as_of),
    })  # fmt: skip


def wear_bout(
    contract: Contract, people: People, runs: Sessions, serial: pl.Series, rng: np.random.Generator
) -> pl.DataFrame:
    """The walking of attended sessions, as the watch recorded it."""
    recorded = runs.attended & serial.is_not_null().to_numpy() & (rng.random(len(runs.who)) < 0.92)
    used = np.flatnonzero(recorded)
    m, who = len(used), runs.who[used]
    back = people.test_arm[who]
    seconds = runs.actual_min[used] * 60
    start = runs.start_utc[used] + rng.integers(60, 300, m).astype("timedelta64[s]")
    speed = runs.speed_mps[used]
    cadence = (105 - 22 * back + rng.normal(0, 5, m)).clip(60, 140).round()
    heart = (95 + 7 * back + rng.normal(0, 8, m)).clip(65, 150).round()
    return frames.table(contract, "wear_bout", people.repeat(who) | {
        "_known": runs.date[used] + 1,
        "device_serial": serial.gather(used),
        "start_utc": start,
        "end_utc": start + seconds.astype("timedelta64[s]"),
        "duration_s": seconds,
        "distance_m": (speed * seconds).round(1),
        "speed_mean_mps": speed,
        "hr_mean_bpm": heart,
        "hr_max_bpm": heart + rng.integers(5, 25, m),
        "cadence_mean_spm": cadence,
        "steps_n": (cadence * seconds / 60).round(),
        "sport": frames.chosen(["walking"], np.zeros(m, int)),
        "device_maker": frames.chosen([WATCH[0]], np.zeros(m, int)),
        "device_model": frames.chosen([WATCH[1]], np.zeros(m, int)),
    })  # fmt: skip


def wear_day(
    contract: Contract, people: People, lent: Lent, rng: np.random.Generator
) -> pl.DataFrame:
    """A week of wear of each activity counter."""
    lenders = np.flatnonzero(lent.counter >= 0)
    who = np.repeat(lenders, 7)
    m = len(who)
    date = people.randomised[who] + np.tile(np.arange(1, 8), len(lenders))
    minutes = rng.normal(830, 80, m).clip(300, 1200).round()
    axis1 = (minutes * rng.normal(320, 60, m).clip(80, 700)).round()
    return frames.table(contract, "wear_day", people.repeat(who) | {
        "_known": people.randomised[who] + _COUNTS_DAYS,
        "device_serial": frames.chosen(_counters(lent), lent.counter[who]),
        "wear_date": date,
        "wear_min": minutes,
        "epoch_s": np.full(m, COUNTS_EPOCH_S),
        "epochs_n": np.full(m, 86_400 // COUNTS_EPOCH_S),
        "vm_counts_sum": (axis1 * rng.uniform(1.6, 2.2, m)).round(),
        "axis1_counts_sum": axis1,
        "steps_n": (minutes * rng.normal(7, 1.5, m).clip(1, 15)).round(),
        "device_maker": frames.chosen([COUNTS[0]], np.zeros(m, int)),
        "device_model": frames.chosen([COUNTS[1]], np.zeros(m, int)),
    })  # fmt: skip


def _watches(lent: Lent) -> list[str]:
    return [
        str(3_391_000_117 + 131 * k) for k in range(int(max(lent.watch.max(initial=-1), 0)) + 3)
    ]


def _counters(lent: Lent) -> list[str]:
    count = int(max(lent.counter.max(initial=-1), 0)) + 1
    return [f"MOS2D{15_310_420 + 37 * k}" for k in range(count)]
