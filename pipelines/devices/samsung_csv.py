"""Samsung Health's daily steps (`pedometer_day_summary` CSV): one `DeviceFile` per device.

The first line is a title, the second the header, and every line has one comma too many. Each day
has a line per device, and one more for all devices together: lines of two devices count the same
steps and are never summed; which device is the study's, the assignment list says. The day is local,
written as its midnight or as the milliseconds of that midnight taken for UTC.
Source: notes on real exports of 2017 to 2026 in public readers (title line, columns, one line per
`deviceuuid` and day, `day_time` as local midnight).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pipelines.contracts.shapes import DeviceFile
from pipelines.devices.export_cells import label, number, read_text, table
from pipelines.devices.format import Format
from pipelines.devices.withings_steps import DAY_SCHEMA
from pipelines.errors import DeliveryRefused

MAX_BYTES = 8 << 20  # ten years of three devices have 3 MB
_TITLE = "com.samsung.shealth.tracker.pedometer_day_summary,"
_MAX_DAYS, _MAX_DEVICES = 60_000, 50
_DAY_MS = 86_400_000


def recognise(head: bytes) -> bool:
    """Whether the first line is the title of the daily steps."""
    return head.decode("utf-8-sig", errors="replace").startswith(_TITLE)


def read(path: Path, *, date_order: str | None = None) -> DeviceFile | tuple[DeviceFile, ...]:
    """Daily steps per device; `row_no` is the line, `date_order` does not matter (year first)."""
    text = read_text(path, MAX_BYTES)
    _, _, below = text.partition("\n")
    header, rows = table(below if text.startswith(_TITLE) else "", path.name, _MAX_DAYS)
    columns = [name.rpartition(".")[2] for name in header]
    steps = next((name for name in ("step_count", "count") if name in columns), None)
    if steps is None or "day_time" not in columns:
        raise DeliveryRefused(
            "unknown_columns", "the columns of day and steps are not there", where=path.name,
            remedy="download the personal data again, and send the file unopened",
        )  # fmt: skip
    at = {
        name: columns.index(name) for name in ("day_time", steps, "deviceuuid") if name in columns
    }
    frame = _days(rows, at, steps)
    good = frame.drop_nulls(["wear_date", "steps_n"])
    if good.is_empty() or len(good) * 2 < len(frame):
        raise DeliveryRefused(
            "no_epochs", f"{len(frame) - len(good)} of {len(frame)} lines cannot be read",
            where=path.name, remedy="download the personal data again, and send the file unopened",
        )  # fmt: skip
    first = good.filter(pl.struct("wear_date", "device").is_first_distinct())
    noted = [
        (row_no, rule)
        for rule, kept in (("unreadable_epoch", good), ("repeated_epoch", first))
        for row_no in frame.join(kept, on="row_no", how="anti")["row_no"].to_list()
    ]
    if first["device"].n_unique() > _MAX_DEVICES:
        raise DeliveryRefused(
            "too_large", f"more than {_MAX_DEVICES} devices", where=path.name,
            remedy="send the export of one participant",
        )  # fmt: skip
    findings: dict[int, str] = {}
    for row_no, rule in noted:
        findings.setdefault(row_no, rule)
    found = []
    for (device,), own in sorted(first.group_by("device"), key=lambda group: group[0]):
        found.append(
            DeviceFile(
                table="wear_day",
                maker="samsung",
                model=None,
                device_serial=device or None,
                records=own.sort("row_no").select(*DAY_SCHEMA),
                findings=() if found else tuple(sorted(findings.items())),
            )
        )
    return found[0] if len(found) == 1 else tuple(found)


def _days(rows: list[tuple[int, list[str]]], at: dict[str, int], steps: str) -> pl.DataFrame:
    """Line, device, day and steps of every line; what cannot be read is null."""
    cells = [
        (row_no, {name: row[i] if i < len(row) else "" for name, i in at.items()})
        for row_no, row in rows
    ]
    frame = pl.DataFrame(
        {
            "row_no": [row_no + 1 for row_no, _ in cells],  # the title stands above
            "day": [
                cell["day_time"].strip() if cell["day_time"].isascii() else "" for _, cell in cells
            ],
            "value": [number(cell[steps], 1e6) for _, cell in cells],
            "device": [label(cell.get("deviceuuid")) or "" for _, cell in cells],
        },
        schema={"row_no": pl.Int64, "day": pl.String, "value": pl.Float64, "device": pl.String},
    )
    day = pl.col("day")
    written = pl.when(day.str.contains(r"^[12]\d{3}-\d\d-\d\d 00:00:00(\.0+)?$")).then(
        day.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    )
    ms = pl.when(day.str.contains(r"^\d{13}$")).then(day.cast(pl.Int64, strict=False))
    counted = pl.when(ms % _DAY_MS == 0).then((ms * 1000).cast(pl.Datetime("us")).dt.date())
    return frame.with_columns(
        wear_date=pl.coalesce(written, counted),
        epoch_s=pl.lit(None, pl.Int64),
        epochs_n=pl.lit(None, pl.Int64),
        steps_n=pl.when(pl.col("value") % 1 == 0).then(pl.col("value")).cast(pl.Int64),
    )


FORMAT = Format(name="samsung_csv", makers=("Samsung",), recognise=recognise, read=read)
