"""Writes made-up samples the way ActiLife exports raw data: the banner, then a line per sample."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

_DATE_FORMATS = {  # what the banner says, how dates are written there and in time stamps
    "MDY": ("M/d/yyyy", "{0.month}/{0.day}/{0.year}", "%-m/%-d/%Y"),
    "DMY": ("dd/MM/yyyy", "{0.day:02d}/{0.month:02d}/{0.year}", "%d/%m/%Y"),
    "YMD": ("yyyy-MM-dd", "{0.year}-{0.month:02d}-{0.day:02d}", "%Y-%m-%d"),
}
_HEADER = ("Accelerometer X", "Accelerometer Y", "Accelerometer Z")


def raw_csv_bytes(
    start_us: int,
    rate_hz: float,
    acc_g: np.ndarray,
    serial: str,
    *,
    date_order: str = "MDY",
    name_date_order: bool = True,
    header: bool = True,
    timestamps: bool = False,
    delimiter: str = ",",
) -> bytes:
    """The text of a recording, rounded to 0.001 g; a semicolon brings the comma as decimal mark.

    Where a sample is not a number, ActiLife's 0,0,0 for a missing one stands.
    """
    said, written, stamp_date = _DATE_FORMATS[date_order]
    start = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=start_us)
    end = start + dt.timedelta(seconds=len(acc_g) / rate_hz)
    named = f" date format {said}" if name_date_order else ""
    banner = [
        "------------ Data File Created By ActiGraph GT3X+ ActiLife v6.13.3 Firmware v1.7.2"
        f"{named} at {round(rate_hz)} Hz  Filter Normal -----------",
        f"Serial Number: {serial}",
        f"Start Time {start:%H:%M:%S}",
        f"Start Date {written.format(start)}",
        "Epoch Period (hh:mm:ss) 00:00:00",
        f"Download Time {end:%H:%M:%S}",
        f"Download Date {written.format(end)}",
        "Current Memory Address: 0",
        "Current Battery Voltage: 4.18     Mode = 12",
        "-" * 50,
    ]
    if header or timestamps:
        banner.append(delimiter.join((("Timestamp",) if timestamps else ()) + _HEADER))
    rounded = np.round(np.nan_to_num(np.asarray(acc_g, np.float64)), 3) + 0.0  # no minus zero
    columns = {name: rounded[:, i] for i, name in enumerate(_HEADER)}
    table = pl.DataFrame(columns)
    if timestamps:
        us = start_us + np.round(np.arange(len(acc_g)) * (1e6 / rate_hz)).astype(np.int64)
        stamps = pl.Series(us).cast(pl.Datetime("us")).dt.to_string(f"{stamp_date} %H:%M:%S%.3f")
        table = table.insert_column(0, stamps.alias("Timestamp"))
    text = table.write_csv(
        include_header=False,
        float_precision=3,
        separator=delimiter,
        line_terminator="\r\n",
        decimal_comma=delimiter == ";",
    )
    return ("\r\n".join(banner) + "\r\n" + text).encode("ascii")
