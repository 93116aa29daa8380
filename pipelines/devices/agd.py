"""ActiGraph AGD: count epochs in an SQLite database, one record per local calendar day.

The database is opened as a file that never changes, on two tables, with bounds on everything it can
ask of the reader. Times are the wall clock of the computer that set the device up, in ticks of
100 ns since the year 1.
"""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import numpy as np

from pipelines.contracts.shapes import DeviceFile
from pipelines.devices.epoch_days import DAY_S, Epochs, days
from pipelines.devices.format import Format
from pipelines.errors import DeliveryRefused

# two weeks of 1 s epochs have 110 MB and 1.2 million rows
MAX_BYTES, MAX_ROWS, MAX_DAYS = 256 << 20, 3_000_000, 400
_MAGIC = b"SQLite format 3\x00"
_PAGE_KIND, _LEAF = 100, 13
_TABLES = (b"CREATE TABLE settings", b"CREATE TABLE data")
_TICKS_PER_S = 10_000_000
_TICKS_2000, _TICKS_2100 = 630_822_816_000_000_000, 662_380_416_000_000_000
_YEAR_1 = dt.datetime(1, 1, 1)
_AXES = ("axis1", "axis2", "axis3")
_MODE_BITS = {"steps": 1, "axis2": 4, "axis3": 8}  # of the mode number
_MAX_COUNT = 2**31 - 1
_BATCH = 50_000
_STEPS_BETWEEN_LOOKS, _MAX_LOOKS = 1_000_000, 600  # one of three million rows takes about 90 steps
_MAX_TEXT = 1 << 20


def recognise(head: bytes) -> bool:
    """Whether the first bytes are a database that lists ActiLife's tables.

    The list stands in the first page. Where it is out of sight, because the page is longer than the
    head or only points to others, any database is claimed and `read` looks.
    """
    if not head.startswith(_MAGIC) or len(head) <= _PAGE_KIND:
        return False
    page_bytes = int.from_bytes(head[16:18], "big")
    in_sight = 1 < page_bytes <= len(head) and head[_PAGE_KIND] == _LEAF
    return not in_sight or any(table in head.replace(b'"', b"") for table in _TABLES)


def read(path: Path, *, date_order: str | None = None) -> DeviceFile:
    """The days of one AGD file; `date_order` is not used.

    Wear time follows Choi (see `nonwear`) on 60 s sums and is left empty, with finding
    `epoch_not_60_s`, where the epoch does not divide 60 s. `row_no` is the row of a day's first
    readable epoch. Sums are over readable epochs only.
    """
    n_bytes = path.stat().st_size
    if n_bytes == 0 or n_bytes > MAX_BYTES:
        raise DeliveryRefused(
            "empty" if n_bytes == 0 else "too_large",
            f"the file has {n_bytes} bytes",
            where=path.name,
            remedy="send one recording per file, or export longer epochs",
        )
    try:
        with closing(_opened(path)) as database:
            columns = _columns(database, path.name)
            settings = _settings(database)
            columns = _recorded(columns, _whole(settings.get("modenumber")))
            rows = np.concatenate([*_batches(database, columns)] or [np.zeros((0, 2))])
    except (sqlite3.Error, OverflowError, UnicodeError, MemoryError) as error:
        # SQLite says that memory is short where a cell claims to be larger than any may be
        raise _unusable(error, path.name) from error
    epoch_s = _whole(settings.get("epochlength"))
    if epoch_s is None or not 1 <= epoch_s <= 3600:
        raise _unreadable("the settings have no readable epoch length", path.name)
    start, epochs, findings = _epochs(rows, columns, settings, epoch_s, path.name)
    if 60 % epoch_s:
        findings.append((int(epochs.row_no[0]), "epoch_not_60_s"))
    return DeviceFile(
        table="wear_day",
        maker="actigraph",
        model=settings.get("devicename") or None,
        device_serial=settings.get("deviceserial") or None,
        records=days(epochs, start, epoch_s),
        findings=tuple(sorted(findings)),
    )


def _opened(path: Path) -> sqlite3.Connection:
    """The database, read-only: nothing beside it is looked for, nothing but two tables is read."""
    uri = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    database = sqlite3.connect(uri, uri=True, isolation_level=None)
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_TEXT)
    database.setlimit(sqlite3.SQLITE_LIMIT_COLUMN, 64)
    database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")
    database.execute("PRAGMA mmap_size = 0")
    looks = iter(range(_MAX_LOOKS))
    database.set_progress_handler(lambda: next(looks, None) is None, _STEPS_BETWEEN_LOOKS)
    database.set_authorizer(_allowed)
    return database


def _allowed(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Only reading `data`, `settings` and the list of tables, with the one function used below."""
    if action == sqlite3.SQLITE_SELECT:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and second == "typeof":
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_READ and first in ("data", "settings", "sqlite_master"):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _columns(database: sqlite3.Connection, where: str) -> list[str]:
    """The columns of counts that the data have; refused where the two are no plain tables."""
    listed = database.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name IN ('data', 'settings')"
    ).fetchmany(3)
    plain = {name for name, sql in listed if re.match(r"CREATE TABLE\b", str(sql))}
    if plain != {"data", "settings"}:
        raise _unreadable("it has no tables `data` and `settings`", where)
    names = [one[0] for one in database.execute("SELECT * FROM data LIMIT 0").description]
    counted = [name for name in (*_AXES, "steps") if name in names]
    if "dataTimestamp" not in names or "axis1" not in counted:
        raise _unreadable("its data have no time stamps or no counts", where)
    return counted


def _settings(database: sqlite3.Connection) -> dict[str, str]:
    """Name in small letters -> text; no more than a few hundred of them are looked at."""
    found = database.execute(
        "SELECT settingName, settingValue FROM settings WHERE typeof(settingName) = 'text' LIMIT 500"
    )
    said: dict[str, str] = {}
    for name, value in found:
        said.setdefault(name.lower(), "" if value is None else str(value).strip())
    return said


def _batches(database: sqlite3.Connection, columns: list[str]) -> Iterator[np.ndarray]:
    """Row number, time stamp and counts as whole numbers; -1 where a cell holds something else."""
    # a table without row numbers would need other SQL; ActiLife makes none
    cells = ", ".join(
        f"CASE WHEN typeof({name}) IN ('integer', 'real') AND {name} >= 0 AND {name} <= {most}"
        f" AND CAST({name} AS INTEGER) = {name} THEN CAST({name} AS INTEGER) ELSE -1 END"
        for name, most in [
            ("dataTimestamp", _TICKS_2100),
            *((name, _MAX_COUNT) for name in columns),
        ]
    )
    cursor = database.execute(f"SELECT {cells} FROM data LIMIT {MAX_ROWS + 1}")
    while rows := cursor.fetchmany(_BATCH):
        yield np.array(rows, dtype=np.int64)


def _recorded(columns: list[str], mode: int | None) -> list[str]:
    """Without the columns that stand empty because the device was not set up to count them.

    Source: ActiLife manual, mode word; see `actigraph_banner.columns_of_mode`.
    """
    if mode is None:
        return columns
    return [name for name in columns if name == "axis1" or mode & _MODE_BITS[name]]


def _epochs(
    rows: np.ndarray, columns: list[str], settings: dict[str, str], epoch_s: int, where: str
) -> tuple[dt.datetime, Epochs, list[tuple[int, str]]]:
    """Start, readable epochs and findings of the rows of data."""
    if len(rows) > MAX_ROWS:
        raise DeliveryRefused(
            "too_large",
            f"more than {MAX_ROWS} epochs",
            where=where,
            remedy="send one recording per file, or export longer epochs",
        )
    ticks, counts = rows[:, 0], rows[:, 1:]
    readable = (ticks >= _TICKS_2000) & (counts >= 0).all(axis=1)
    if not readable.any():
        raise _no_epochs(f"none of {len(rows)} rows is an epoch", where)
    start_ticks = _whole(settings.get("startdatetime"))
    if start_ticks is None or not _TICKS_2000 <= start_ticks < _TICKS_2100:
        start_ticks = int(ticks[readable].min())
    offset, rest = np.divmod(ticks - start_ticks, epoch_s * _TICKS_PER_S)
    on_grid = (rest == 0) & (offset >= 0) & (offset * epoch_s < MAX_DAYS * DAY_S)
    usable = np.flatnonzero(readable & on_grid)
    _, firsts = np.unique(offset[usable], return_index=True)  # also puts them in order of time
    kept = usable[firsts]
    repeated = np.ones(len(rows), dtype=bool)
    repeated[kept] = False
    if len(kept) * 2 < len(rows) or not len(kept):
        raise _no_epochs(f"{len(rows) - len(kept)} of {len(rows)} rows are no epochs", where)
    findings = [
        (int(row) + 1, rule)
        for rule, at in (
            ("unreadable_epoch", np.flatnonzero(~readable)),
            ("off_grid_epoch", np.flatnonzero(readable & ~on_grid)),
            ("repeated_epoch", np.flatnonzero(repeated & readable & on_grid)),
        )
        for row in at
    ]
    axes = [columns.index(name) for name in _AXES if name in columns]
    epochs = Epochs(
        row_no=kept + 1,
        offset_s=offset[kept] * epoch_s,
        axes=counts[np.ix_(kept, axes)],
        steps=counts[kept, columns.index("steps")] if "steps" in columns else None,
    )
    return _YEAR_1 + dt.timedelta(microseconds=start_ticks // 10), epochs, findings


def _whole(text: str | None) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,19}", text or "", re.ASCII) else None


def _unusable(error: Exception, where: str) -> DeliveryRefused:
    """The refusal of what SQLite cannot or must not do; its own words may quote the content."""
    code = getattr(error, "sqlite_errorname", "") or type(error).__name__
    if code == "SQLITE_INTERRUPT":
        what = "reading it takes more work than a recording can"
        return DeliveryRefused("too_large", what, where=where, remedy="send one recording per file")
    return _unreadable(f"SQLite cannot read its tables ({code})", where)


def _unreadable(what: str, where: str) -> DeliveryRefused:
    return DeliveryRefused(
        "unreadable",
        f"the database cannot be used: {what}",
        where=where,
        remedy="export the epochs again from ActiLife and send the .agd file unopened",
    )


def _no_epochs(what: str, where: str) -> DeliveryRefused:
    return DeliveryRefused(
        "no_epochs", what, where=where, remedy="export the epochs again from ActiLife"
    )


FORMAT = Format(name="agd", makers=("ActiGraph",), recognise=recognise, read=read)
