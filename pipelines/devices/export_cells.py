"""Cells of the exports that phones and web accounts make: labels, numbers and lines, made harmless."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl

from pipelines.devices.format import read_bytes
from pipelines.errors import DeliveryRefused

_MAX_LABEL = 60
_MAX_DIGITS = 24
_MAX_CELLS = 500_000
ON_FOOT = frozenset(("walking", "running", "hiking"))
_SPORTS = {  # what the makers call it: as the watches' own files say it
    "walk": "walking", "outdoor walk": "walking", "indoor walk": "walking", "treadmill": "walking",
    "nordic walking": "walking", "nordic_walking": "walking",
    "run": "running", "outdoor run": "running", "jogging": "running", "treadmill run": "running",
    "treadmill_running": "running", "trail_running": "running", "road_running": "running",
    "hike": "hiking",
}  # fmt: skip
BOUT_SCHEMA = {
    "row_no": pl.Int64,
    "start_utc": pl.Datetime("us"),
    "end_utc": pl.Datetime("us"),
    "duration_s": pl.Float64,
    "distance_m": pl.Float64,
    "speed_mean_mps": pl.Float64,
    "hr_mean_bpm": pl.Float64,
    "hr_max_bpm": pl.Float64,
    "cadence_mean_spm": pl.Float64,
    "steps_n": pl.Int64,
    "sport": pl.String,
}


def label(value: object) -> str | None:
    """A short printable text, without control and direction marks; None for anything else."""
    if not isinstance(value, str):
        return None
    kept = "".join(char for char in value[: 4 * _MAX_LABEL] if char.isprintable())
    return " ".join(kept.split())[:_MAX_LABEL] or None


def sport(value: object) -> str | None:
    """The kind of activity in lower case, with the names that watches use where there is one."""
    text = label(value)
    return None if text is None else _SPORTS.get(text.lower(), text.lower())


def number(value: object, largest: float = 1e9) -> float | None:
    """A finite number from 0 to `largest`, written as one or as plain text; None for all else."""
    if isinstance(value, str):
        if len(value) > _MAX_DIGITS or not value.strip().replace(".", "", 1).isdecimal():
            return None
        value = float(value) if value.isascii() else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= largest else None  # neither holds for a NaN


def positive(value: object) -> float | None:
    """`number`, with 0 as missing: these exports write 0 for what was not measured."""
    return number(value) or None


def whole(value: float | None) -> int | None:
    """A count as an integer; None where it is none."""
    return int(value) if value is not None and value == int(value) else None


def ratio(top: float | None, bottom: float | None) -> float | None:
    """`top` / `bottom`, or None where either is missing or nothing can be divided."""
    return top / bottom if top is not None and bottom else None


def read_text(path: Path, max_bytes: int) -> str:
    """The file as UTF-8 text; refused where it is something else."""
    try:
        return read_bytes(path, max_bytes).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DeliveryRefused(
            "unreadable",
            "the file is not UTF-8 text all through",
            where=path.name,
            remedy="export it again, and send it without opening it in another program",
        ) from None


def lines_below(text: str, where: str, max_lines: int) -> pl.DataFrame:
    """`row_no`, `line` and `is_whole` of the lines below the first; blank ones are left out.

    A last line without a line end may have lost digits, so it is not taken for whole.
    """
    if text.count("\n") > max_lines:
        raise _too_large(f"more than {max_lines} lines", where)
    lines = (
        pl.DataFrame({"line": text.split("\n")}, schema={"line": pl.String})
        .with_row_index("row_no", offset=1)
        .slice(1)
        .with_columns(pl.col("row_no").cast(pl.Int64), pl.col("line").str.strip_chars_end("\r"))
        .filter(pl.col("line") != "")
    )
    cut = pl.lit(False) if text.endswith("\n") else pl.col("row_no") == pl.col("row_no").max()
    return lines.with_columns(is_whole=~cut)


def _too_large(what: str, where: str) -> DeliveryRefused:
    return DeliveryRefused("too_large", what, where=where, remedy="export a shorter time")


def table(text: str, where: str, max_rows: int) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header, and the (line number, cells) of every record below; blank lines are left out."""
    if text.count(",") > _MAX_CELLS:
        raise _too_large(f"more than {_MAX_CELLS} cells", where)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows, begins = [], 1
    try:
        for cells in reader:
            if any(cells):
                rows.append((begins, cells))
            begins = reader.line_num + 1
            if len(rows) > max_rows:
                raise _too_large(f"more than {max_rows} records", where)
    except csv.Error:
        raise DeliveryRefused(
            "unreadable",
            f"the table breaks off or has a stray quote after line {begins}",
            where=where,
            remedy="export it again, and send it without opening it in another program",
        ) from None
    header = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    return header, rows[1:]
