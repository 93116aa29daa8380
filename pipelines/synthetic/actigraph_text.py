"""Writes made-up counts the way ActiLife exports them: the banner, then one line per epoch."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np

from pipelines.files import write_bytes_atomic

_DATE_FORMATS = {  # what the banner says, how the dates are written
    "MDY": ("M/d/yyyy", "{0.month}/{0.day}/{0.year}"),
    "DMY": ("dd/MM/yyyy", "{0.day:02d}/{0.month:02d}/{0.year}"),
    "YMD": ("yyyy-MM-dd", "{0.year}-{0.month:02d}-{0.day:02d}"),
}
_MODE_AXES, _MODE_STEPS = 4 + 8, 1


def write_counts(
    path: Path,
    *,
    serial: str,
    start_local: dt.datetime,
    epoch_s: int,
    counts: np.ndarray,
    steps: np.ndarray | None,
    date_order: str,
    name_date_order: bool = True,
    header: bool = False,
    timestamps: bool = False,
) -> None:
    """Writes counts of three axes ([n, 3] whole numbers), and steps where there are any.

    The device's wall clock is `start_local`; the file was downloaded when the last epoch ended.
    Without `name_date_order` the banner does not say which of day and month comes first;
    `timestamps` bring a header.
    """
    text = counts_text(
        serial, start_local, epoch_s, counts, steps, date_order, name_date_order, header, timestamps
    )
    write_bytes_atomic(path, text.encode("ascii"))


def counts_text(
    serial: str,
    start_local: dt.datetime,
    epoch_s: int,
    counts: np.ndarray,
    steps: np.ndarray | None,
    date_order: str,
    name_date_order: bool = True,
    header: bool = False,
    timestamps: bool = False,
) -> str:
    """The text of `write_counts`, with the line ends of Windows."""
    said, written = _DATE_FORMATS[date_order]
    named = f" date format {said}" if name_date_order else ""
    end_local = start_local + dt.timedelta(seconds=epoch_s * len(counts))
    mode = _MODE_AXES + (0 if steps is None else _MODE_STEPS)
    lines = [
        "------------ Data File Created By ActiGraph wGT3XBT ActiLife v6.13.3 Firmware v1.9.2"
        f"{named} Filter Normal -----------",
        f"Serial Number: {serial}",
        f"Start Time {start_local:%H:%M:%S}",
        f"Start Date {written.format(start_local)}",
        f"Epoch Period (hh:mm:ss) {dt.time(epoch_s // 3600, epoch_s // 60 % 60, epoch_s % 60)}",
        f"Download Time {end_local:%H:%M:%S}",
        f"Download Date {written.format(end_local)}",
        "Current Memory Address: 0",
        f"Current Battery Voltage: 4.03     Mode = {mode}",
        "-" * 50,
    ]
    columns = [np.asarray(counts, dtype=np.int64)]
    columns += [] if steps is None else [np.asarray(steps, dtype=np.int64)[:, None]]
    cells = np.concatenate(columns, axis=1).astype("U20")
    if timestamps:
        start = np.datetime64(start_local, "s")
        stamps = start + np.arange(len(counts)) * np.timedelta64(epoch_s, "s")
        cells = np.concatenate((np.strings.add(stamps.astype("U19"), "Z")[:, None], cells), axis=1)
    if header or timestamps:
        names = ["TimeStamp"] * timestamps + ["axis1", "axis2", "axis3"]
        lines.append(",".join(names + ["steps"] * (steps is not None)))
    lines += [",".join(row) for row in cells.tolist()]
    return "\r\n".join(lines) + "\r\n"
