"""ActiGraph raw samples as ActiLife exports them (CSV), with or without time stamps.

Without time stamps a sample's time follows from the start in the banner and from its line: ActiLife
writes a line for every sample that should be there, 0,0,0 where there is none. A second and more of
such lines is a gap. What it repeats where the device slept cannot be told from stillness.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import partial
from pathlib import Path

from pipelines.contracts.shapes import SignalFile
from pipelines.devices.actigraph_banner import (
    DATE_ORDERS,
    Banner,
    is_raw_banner,
    read_banner,
    settle_start,
)
from pipelines.devices.csv_lines import LineStyle
from pipelines.devices.csv_samples import Layout, sample_chunks
from pipelines.devices.format import HEAD_BYTES, Format
from pipelines.devices.gt3x_setup import MAX_RATE_HZ, MIN_RATE_HZ, range_of
from pipelines.errors import DeliveryRefused

MAX_FILE = 8 << 30  # a month at 100 Hz without time stamps has 6 GB
_AXES = ("accelerometerx", "accelerometery", "accelerometerz")
_RATES = ("gyroscopex", "gyroscopey", "gyroscopez")
_MAX_COLUMNS = 16
_US = 1_000_000
_ROUNDED_US, _CUT_US = 1_500, 1_001_000  # how far off time stamps are, to the millisecond or second


def recognise(head: bytes) -> bool:
    """Whether the first bytes are the banner of an ActiLife file of raw samples."""
    return is_raw_banner(head.decode("utf-8-sig", errors="replace"))


def read(path: Path, *, date_order: str | None = None) -> SignalFile:
    """The recording of one file; `date_order` holds where banner and time stamps leave it open.

    Findings carry the number of the line.
    """
    if date_order not in (None, *DATE_ORDERS):
        raise ValueError(f"date_order is one of {', '.join(DATE_ORDERS)}, not {date_order}")
    n_bytes = path.stat().st_size
    if n_bytes == 0 or n_bytes > MAX_FILE:
        raise DeliveryRefused(
            "empty" if n_bytes == 0 else "too_large",
            f"the file has {n_bytes} bytes",
            where=path.name,
            remedy="send one recording per file, best as the .gt3x file itself",
        )
    with path.open("rb") as file:
        head = file.read(2 * HEAD_BYTES)
    text = head.decode("utf-8-sig", errors="replace")
    banner = read_banner(text, path.name, is_raw=True)
    if not MIN_RATE_HZ <= banner.rate_hz <= MAX_RATE_HZ:
        raise _refused("bad_banner", "the sample rate in the banner is absurd", path.name)
    layout = _layout(head, banner, date_order, path.name)
    return SignalFile(
        maker="actigraph",
        model=banner.model,
        device_serial=banner.device_serial,
        rate_hz=float(banner.rate_hz),
        range_g=layout.range_g,
        is_utc=False,
        chunks=partial(sample_chunks, path, layout),
        is_slow=True,
    )


def _layout(head: bytes, banner: Banner, date_order: str | None, where: str) -> Layout:
    """How the lines below the banner are to be read, from the banner and the first two of them."""
    lines = head.split(b"\n")
    names, has_header = _names(lines[banner.n_lines : banner.n_lines + 1], where)
    n_above = banner.n_lines + has_header
    example = b"".join(lines[n_above : n_above + 1]).decode("ascii", errors="replace")
    first_day, order, _ = settle_start(banner, date_order, _proven_day(example), where)
    start = dt.datetime.combine(first_day, banner.start_time)
    has_stamp = names[0] == "timestamp"
    values = names[1:] if has_stamp else names
    delimiter = _delimiter(lines[banner.n_lines])
    decimal = "." if delimiter == "," else _decimal(example)
    has_milliseconds = bool(re.search(r":\d\d[.,]\d", example))
    return Layout(
        begins_at=sum(len(line) + 1 for line in lines[:n_above]),
        first_line=n_above + 1,
        style=LineStyle(delimiter, decimal, has_stamp, order, len(values)),
        axes=[values.index(name) for name in _AXES],
        gyro=[values.index(name) for name in _RATES] if set(_RATES) <= set(values) else None,
        start_us=round((start - dt.datetime(1970, 1, 1)).total_seconds()) * _US,
        rate_hz=banner.rate_hz,
        tolerance_us=_ROUNDED_US if has_milliseconds else _CUT_US,
        range_g=range_of(banner.device_serial),
    )


def _proven_day(line: str) -> dt.date | None:
    """The day of a time stamp that is written year first and so beyond doubt."""
    parts = re.match(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\b", line, re.ASCII)
    try:
        return dt.date(*map(int, parts.groups())) if parts else None
    except ValueError:
        return None


def _names(lines: list[bytes], where: str) -> tuple[list[str], bool]:
    """The columns, and whether a header row says so."""
    first = lines[0].strip() if lines else b""
    if not first:
        raise _refused("no_samples", "there is nothing below the banner", where)
    cells = first.decode("utf-8", errors="replace").split(_delimiter(first))
    labels = ["".join(char for char in cell.lower() if char.isalnum()) for cell in cells]
    if set(_AXES) <= set(labels) and "timestamp" not in labels[1:] and len(labels) <= _MAX_COLUMNS:
        return labels, True
    if len(cells) == 3 and ":" not in cells[0]:
        return list(_AXES), False
    if len(cells) == 4 and cells[0].count(":") == 2:
        return ["timestamp", *_AXES], False
    raise _refused(
        "unknown_columns", "neither a header row nor their number says which is which", where
    )


def _delimiter(line: bytes) -> str:
    return next((one for one in ";\t" if one.encode() in line), ",")


def _decimal(line: str) -> str:
    values = line.split(";")[-3:]  # a time stamp has points and commas of its own
    return "," if any("," in value for value in values) else "."


def _refused(reason: str, what: str, where: str) -> DeliveryRefused:
    return DeliveryRefused(
        reason,
        f"the raw samples cannot be used: {what}",
        where=where,
        remedy="export the raw data again from ActiLife, or better send the .gt3x file itself",
    )


FORMAT = Format(name="actigraph_raw_csv", makers=("ActiGraph",), recognise=recognise, read=read)
