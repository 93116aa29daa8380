"""Visual3D's ASCII export: five lines above each column (recording, signal, type, folder, component).

The first cell of a line is blank, `ITEM` on the fifth, and then the frame number. Curves cut to stance
and normalised have 101 of them, but so has a recording of 101 frames: the clinic says which it is.
Source: HAS-Motion's wiki, Visual3D ASCII Format; its time columns are named TIME, at the point rate.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pipelines.devices.lab_file import LabColumn, LabFile, number_rows, refused, text_lines

_TOP = 5
_MAX_COLUMNS = 5000
_BEGINS = re.compile(rb"^(?:\xef\xbb\xbf)?\t[^\t\r\n]*\.c3d[\t\r\n]", re.IGNORECASE)


def recognise(head: bytes) -> bool:
    """Whether the first line names recordings, one per column, after a blank cell."""
    return _BEGINS.match(head) is not None


def read(path: Path) -> LabFile:
    """The columns side by side; a recording is a number, by the order in which its name first stands."""
    lines, is_cut = text_lines(path)
    if len(lines) <= _TOP:
        raise refused("truncated", "there is no row of numbers below the five lines of names", path)
    top = [line.split("\t") for line in lines[:_TOP]]
    n = len([cell for cell in top[0] if cell.strip()])
    top = [[cell.strip() for cell in cells[: n + 1]] for cells in top]
    if any(len(cells) != n + 1 for cells in top) or [cells[0] for cells in top[:4]] != [""] * 4:
        raise refused("wrong_columns", "the five lines of names differ in length", path)
    if not 0 < n <= _MAX_COLUMNS or top[4][0].upper() != "ITEM":
        raise refused("wrong_columns", "the fifth line does not begin with `ITEM`", path)
    recordings, signals, _, _, components = (cells[1:] for cells in top)
    numbers_of = {name: no for no, name in enumerate(dict.fromkeys(recordings), start=1)}
    columns = tuple(
        LabColumn(signal, component, numbers_of[recording])
        for recording, signal, component in zip(recordings, signals, components, strict=True)
    )
    if len(set(columns)) != n or not all(signals):
        raise refused(
            "wrong_columns", "a signal of one recording stands twice or has no name", path
        )
    row_no, cells, findings = number_rows(lines[_TOP:], _TOP + 1, n + 1, is_cut=is_cut, path=path)
    if len(cells) < 2:
        raise refused("no_samples", "there are not two rows of numbers", path)
    if not (np.diff(cells[:, 0]) == 1).all():
        raise refused("rows_missing", "the frame numbers do not count up by one", path)
    return LabFile("visual3d", columns, row_no, cells[:, 1:], _time_s(columns, cells[:, 1:]),
                   findings=findings)  # fmt: skip


def _time_s(columns: tuple[LabColumn, ...], values: np.ndarray) -> np.ndarray | None:
    """The one TIME column, if there is one and it is whole; several recordings have several clocks."""
    at = [i for i, column in enumerate(columns) if column.name.upper() == "TIME"]
    if len(at) != 1 or len({column.source_no for column in columns}) != 1:
        return None
    time_s = values[:, at[0]]
    return time_s if np.isfinite(time_s).all() else None
