"""Epochs of activity counts to one record per local calendar day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.devices.nonwear import choi_nonwear, runs

DAY_S = 86_400
N_AXES = 3
DAY_SCHEMA = {
    "row_no": pl.Int64,
    "wear_date": pl.Date,
    "first_local": pl.String,
    "epoch_s": pl.Int64,
    "epochs_n": pl.Int64,
    "vm_counts_sum": pl.Float64,
    "axis1_counts_sum": pl.Int64,
    "steps_n": pl.Int64,
    "nonzero_epochs_n": pl.Int64,
    "longest_zero_min": pl.Float64,
    "wear_min": pl.Float64,
}


@dataclass(frozen=True)
class Epochs:
    """The readable epochs in order of time; `offset_s` counts from the start in the banner."""

    row_no: np.ndarray
    offset_s: np.ndarray
    axes: np.ndarray  # one column per axis that the file has
    steps: np.ndarray | None


def days(epochs: Epochs, start: dt.datetime, epoch_s: int) -> pl.DataFrame:
    """One row of DAY_SCHEMA per local day that has a readable epoch."""
    midnight = dt.datetime.combine(start.date(), dt.time())
    day_no = (epochs.offset_s + int((start - midnight).total_seconds())) // DAY_S
    firsts, _ = runs(day_no)
    still = ~epochs.axes.any(axis=1)
    vm = np.sqrt((epochs.axes.astype(np.float64) ** 2).sum(axis=1))
    n_epochs = np.diff(firsts, append=len(day_no))
    wear = _wear_min(epochs.offset_s, still, firsts, epoch_s)
    has_vm = epochs.axes.shape[1] == N_AXES
    return pl.DataFrame(
        {
            "row_no": epochs.row_no[firsts],
            "wear_date": [start.date() + dt.timedelta(days=int(no)) for no in day_no[firsts]],
            "first_local": [
                (start + dt.timedelta(seconds=int(s))).isoformat() for s in epochs.offset_s[firsts]
            ],
            "epoch_s": np.full(len(firsts), epoch_s),
            "epochs_n": n_epochs,
            "vm_counts_sum": np.add.reduceat(vm, firsts) if has_vm else None,
            "axis1_counts_sum": np.add.reduceat(epochs.axes[:, 0], firsts),
            "steps_n": None if epochs.steps is None else np.add.reduceat(epochs.steps, firsts),
            "nonzero_epochs_n": n_epochs - np.add.reduceat(still.astype(np.int64), firsts),
            "longest_zero_min": _longest_zero(epochs.offset_s, still, day_no, firsts, epoch_s),
            "wear_min": wear,
        },
        schema=DAY_SCHEMA,
    )


def _wear_min(
    offset_s: np.ndarray, still: np.ndarray, firsts: np.ndarray, epoch_s: int
) -> np.ndarray | None:
    """Readable minutes per day outside of non-wear; non-wear may run across midnight."""
    if 60 % epoch_s:
        return None
    minute = offset_s // 60
    minute_firsts, _ = runs(minute)
    zero = np.zeros(
        int(minute[-1]) + 1, dtype=bool
    )  # a minute without a readable epoch stays False
    zero[minute[minute_firsts]] = np.logical_and.reduceat(still, minute_firsts)
    worn = ~choi_nonwear(zero)[minute]
    return np.add.reduceat(worn.astype(np.int64), firsts) * (epoch_s / 60)


def _longest_zero(
    offset_s: np.ndarray, still: np.ndarray, day_no: np.ndarray, firsts: np.ndarray, epoch_s: int
) -> np.ndarray:
    """Minutes of each day's longest stretch without counts; a missing epoch breaks it."""
    breaks = (np.diff(still) != 0) | (np.diff(offset_s) != epoch_s) | (np.diff(day_no) != 0)
    starts = np.concatenate(([0], np.flatnonzero(breaks) + 1))
    lengths = np.where(still[starts], np.diff(starts, append=len(still)), 0)
    longest = np.maximum.reduceat(lengths, np.searchsorted(starts, firsts))
    return longest * (epoch_s / 60)
