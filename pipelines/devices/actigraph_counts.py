"""ActiGraph count files as ActiLife exports them (CSV): one record per local calendar day.

The device knows no time zone: times are the wall clock of the computer that set it up, and stay
text. A line that cannot be read is a finding and its epoch is missing; the good part is kept.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.contracts.shapes import DeviceFile
from pipelines.devices.actigraph_banner import (
    DATE_ORDERS,
    Banner,
    columns_of_mode,
    is_count_banner,
    read_banner,
    settle_start,
)
from pipelines.devices.epoch_days import DAY_S, Epochs, days
from pipelines.devices.format import HEAD_BYTES, Format, read_bytes
from pipelines.errors import DeliveryRefused

# two weeks of 1 s epochs with every column have 60 MB and 1.2 million lines
MAX_BYTES, MAX_LINES = 128 << 20, 4_000_000
MAX_DAYS = 400
_MAX_COLUMNS = 64
_AXES = ("axis1", "axis2", "axis3")
_STAMP_FORMATS = {
    "MDY": "%m-%d-%Y %H:%M:%S",
    "DMY": "%d-%m-%Y %H:%M:%S",
    "YMD": "%Y-%m-%d %H:%M:%S",
}


def recognise(head: bytes) -> bool:
    """Whether the first bytes are the banner of an ActiLife count file."""
    return is_count_banner(_text(head))


def read(path: Path, *, date_order: str | None = None) -> DeviceFile:
    """The days of one count file; `date_order` holds where banner and time stamps leave it open.

    Wear time follows Choi (see `nonwear`) on 60 s sums and is left empty, with finding
    `epoch_not_60_s`, where the epoch does not divide 60 s. `row_no` is the line of a day's first
    readable epoch. Sums are over readable epochs only.
    """
    if date_order not in (None, *DATE_ORDERS):
        raise ValueError(f"date_order is one of {', '.join(DATE_ORDERS)}, not {date_order}")
    data = read_bytes(path, MAX_BYTES)
    if data.count(b"\n") > MAX_LINES:
        raise DeliveryRefused(
            "too_large",
            f"more than {MAX_LINES} lines",
            where=path.name,
            remedy="send one recording per file, or export longer epochs",
        )
    banner = read_banner(_text(data[:HEAD_BYTES]), path.name)
    start, epochs, findings = _epochs(_text(data), banner, date_order, path.name)
    if 60 % banner.epoch_s:
        findings.append((int(epochs.row_no[0]), "epoch_not_60_s"))
    return DeviceFile(
        table="wear_day",
        maker="actigraph",
        model=banner.model,
        device_serial=banner.device_serial,
        records=days(epochs, start, banner.epoch_s),
        findings=tuple(sorted(findings)),
    )


def _text(data: bytes) -> str:
    # a byte that is no UTF-8 makes its own line unreadable and no other
    return data.decode("utf-8-sig", errors="replace")


def _epochs(
    text: str, banner: Banner, date_order: str | None, where: str
) -> tuple[dt.datetime, Epochs, list[tuple[int, str]]]:
    """Start, readable epochs and findings of the lines below the banner."""
    lines, names = _table(text, banner, where)
    cells = _cells(lines, names)
    stamps = _stamp_text(names)
    counted = [name for name in (*_AXES, "steps") if name in names]
    good = pl.all_horizontal(pl.col(counted) >= 0).fill_null(False) & pl.col("is_whole")
    cells = cells.with_columns(good=good)
    first_day, order, contradicted = settle_start(
        banner, date_order, _proven_day(cells, stamps), where
    )
    start = dt.datetime.combine(first_day, banner.start_time)
    cells = _placed(cells, stamps, start, order, banner.epoch_s)
    findings = [
        (row_no, rule)
        for rule in ("unreadable_epoch", "off_grid_epoch", "repeated_epoch")
        for row_no in cells.filter(pl.col("fault") == rule)["row_no"].to_list()
    ]
    kept = cells.filter(pl.col("fault").is_null()).sort("offset_s")
    if len(kept) * 2 < len(cells) or kept.is_empty():
        raise _no_epochs(f"{len(cells) - len(kept)} of {len(cells)} lines are no epochs", where)
    if contradicted:  # the banner belongs to every record; the first one carries the finding
        findings.append((kept["row_no"][0], "date_order_contradicted"))
    axes = [name for name in _AXES if name in names]
    return (
        start,
        Epochs(
            kept["row_no"].to_numpy(),
            kept["offset_s"].to_numpy(),
            kept.select(axes).to_numpy().astype(np.int64),
            kept["steps"].to_numpy().astype(np.int64) if "steps" in names else None,
        ),
        findings,
    )


def _table(text: str, banner: Banner, where: str) -> tuple[pl.DataFrame, list[str]]:
    """The lines of epochs, and the columns they begin with.

    `is_whole`: as many cells as the others, and not cut. A last line without a line end may have
    lost digits, so it is not taken for whole.
    """
    lines = (
        pl.DataFrame({"line": pl.Series([text]).str.split("\n").explode()}, {"line": pl.String})
        .with_row_index("row_no", offset=1)
        .slice(banner.n_lines)
        .with_columns(
            pl.col("row_no").cast(pl.Int64),
            pl.col("line").str.strip_chars(' \t\r"'),
            n_cells=pl.col("line").str.count_matches(",", literal=True) + 1,
        )
    )
    n_all = banner.n_lines + len(lines)
    last = lines.filter(pl.col("line") != "")["row_no"].max()
    if last is None:
        raise _no_epochs("there is nothing below the banner", where)
    lines = lines.filter(pl.col("row_no") <= last)
    width = int(lines["n_cells"].mode().max())
    has_header = lines["n_cells"][0] <= _MAX_COLUMNS and "axis1" in _label(lines["line"][0])
    if has_header:
        names = [_label(cell) for cell in lines["line"][0].split(",")]
        lines, width = lines.slice(1), len(names)
    else:
        names = columns_of_mode(banner.mode, width)
    if not names or "axis1" not in names or width > _MAX_COLUMNS:
        raise DeliveryRefused(
            "unknown_columns",
            "neither a header row nor the mode in the banner says which column is which",
            where=where,
            remedy="export with column headers",
        )
    if lines.is_empty():
        raise _no_epochs("there is nothing below the header row", where)
    is_cut = (pl.col("row_no") == last) if last == n_all else pl.lit(False)
    return lines.with_columns(is_whole=(pl.col("n_cells") == width) & ~is_cut), names


def _label(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


def _cells(lines: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """The cells that are used: counts as whole numbers (null if they are none), times as text."""
    wanted = {
        name: i
        for i, name in reversed(list(enumerate(names)))
        if name in (*_AXES, "steps", "timestamp", "date", "time")
    }
    split = pl.col("line").str.split_exact(",", max(wanted.values()) + 1)
    cell = {
        name: split.struct.field(f"field_{i}").str.strip_chars(' "') for name, i in wanted.items()
    }
    return lines.select(
        "row_no",
        "is_whole",
        *(
            text.cast(pl.Int32, strict=False).alias(name)
            if name in (*_AXES, "steps")
            else text.alias(name)
            for name, text in cell.items()
        ),
    )


def _stamp_text(names: list[str]) -> pl.Expr | None:
    """The time stamp of a line as `date time` with dashes, or None where the file has none."""
    if "timestamp" in names:
        stamp = pl.col("timestamp").str.replace("T", " ", literal=True).str.strip_chars_end("Z")
    elif "date" in names and "time" in names:
        stamp = pl.concat_str("date", "time", separator=" ")
    else:
        return None
    return stamp.str.replace_all(r"[/.]", "-")


def _proven_day(cells: pl.DataFrame, stamps: pl.Expr | None) -> dt.date | None:
    """The day of the first good time stamp, where it is written year first and so beyond doubt."""
    if stamps is None:
        return None
    first = cells.filter("good").head(1)
    day = first.select(stamps.str.to_datetime(_STAMP_FORMATS["YMD"], strict=False).dt.date())
    return day.item() if len(day) else None


def _placed(
    cells: pl.DataFrame, stamps: pl.Expr | None, start: dt.datetime, order: str, epoch_s: int
) -> pl.DataFrame:
    """`cells` with `offset_s` and `fault`: by time stamp where there is one, else by line."""
    if stamps is None:
        offset = (pl.int_range(pl.len(), dtype=pl.Int64) * epoch_s).alias("offset_s")
    else:
        readings = [
            stamps.str.to_datetime(_STAMP_FORMATS[one], strict=False) for one in ("YMD", order)
        ]
        offset = (pl.coalesce(readings) - start).dt.total_seconds().alias("offset_s")
    cells = cells.with_columns(offset)
    on_grid = (
        (pl.col("offset_s") >= 0)
        & (pl.col("offset_s") % epoch_s == 0)
        & (pl.col("offset_s") < MAX_DAYS * DAY_S)
    )
    usable = pl.col("good") & pl.col("offset_s").is_not_null() & on_grid
    return cells.with_columns(
        pl.when(~pl.col("good") | pl.col("offset_s").is_null())
        .then(pl.lit("unreadable_epoch"))
        .when(~on_grid)
        .then(pl.lit("off_grid_epoch"))
        .when(~pl.struct("offset_s", usable.alias("usable")).is_first_distinct())
        .then(pl.lit("repeated_epoch"))
        .alias("fault")
    )


def _no_epochs(what: str, where: str) -> DeliveryRefused:
    return DeliveryRefused(
        "no_epochs",
        what,
        where=where,
        remedy="export the counts again from ActiLife, and send the file unopened",
    )


FORMAT = Format(name="actigraph_counts", makers=("ActiGraph",), recognise=recognise, read=read)
