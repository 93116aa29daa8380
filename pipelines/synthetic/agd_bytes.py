"""Writes made-up counts the way ActiLife does: an AGD file, which is an SQLite database."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np

_EPOCH_TICKS = 621_355_968_000_000_000
_TICKS_PER_S = 10_000_000
_MODE_AXES, _MODE_STEPS = 4 + 8, 1


def agd_bytes(
    start_us: int,
    epoch_s: int,
    counts: np.ndarray,
    serial: str,
    *,
    steps: np.ndarray | None = None,
    model: str = "wGT3XBT",
    settings: dict[str, str] | None = None,
) -> bytes:
    """The database of counts of three axes ([n, 3] whole numbers), and of steps where there are any.

    The device's wall clock is `start_us`. `settings` stand in for those of their names.
    """
    start_ticks = _EPOCH_TICKS + start_us * 10
    ticks = start_ticks + np.arange(len(counts)) * epoch_s * _TICKS_PER_S
    said = {
        "softwarename": "ActiLife",
        "datetimeformat": "M/d/yyyy",
        "devicename": model,
        "filter": "Normal",
        "deviceserial": serial,
        "modenumber": str(_MODE_AXES + (0 if steps is None else _MODE_STEPS)),
        "epochlength": str(epoch_s),
        "startdatetime": str(start_ticks),
        "stopdatetime": str(start_ticks + len(counts) * epoch_s * _TICKS_PER_S),
        "epochcount": str(len(counts)),
    } | (settings or {})
    stepped = np.zeros(len(counts)) if steps is None else steps
    cells = np.column_stack((counts, stepped)).astype(float).tolist()
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(
            "CREATE TABLE settings (settingID INTEGER PRIMARY KEY, settingName VARCHAR(64),"
            " settingValue VARCHAR(8192))"
        )
        database.execute(
            "CREATE TABLE data (dataTimestamp INTEGER, axis1 REAL, axis2 REAL, axis3 REAL,"
            " steps REAL)"
        )
        database.executemany(
            "INSERT INTO settings (settingName, settingValue) VALUES (?, ?)", said.items()
        )
        database.executemany(
            "INSERT INTO data VALUES (?, ?, ?, ?, ?)",
            ((tick, *row) for tick, row in zip(ticks.tolist(), cells, strict=True)),
        )
        database.commit()
        return database.serialize()
