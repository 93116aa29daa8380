"""A gait lab's export as it stands in the file: named columns of numbers, and what the file says.

Which column is the moment of which knee, its unit and its sign is not in such a file; a clinic declares
it. So these formats have a `recognise` and a `read` and no FORMAT: nothing of them can be used undeclared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.devices.format import read_bytes
from pipelines.errors import DeliveryRefused

MAX_BYTES = 16 << 20
_MAX_LINES = 200_000
_MAX_LINE = 200_000  # characters
MAX_CELLS = 1_500_000


@dataclass(frozen=True)
class LabColumn:
    """One column; `source_no` counts the recordings that one export puts side by side, from 1."""

    name: str
    component: str = ""
    source_no: int = 1


@dataclass(frozen=True)
class LabFile:
    """What a gait lab's export holds. A cell that is not a number is NaN.

    `values` is (n, columns), `time_s` (n,) or None where the file counts frames or per cent alone; it is
    then for the clinic to say which. `events` are (side, label, seconds). The names of recordings are
    left out: labs name them after people.
    """

    maker: str
    columns: tuple[LabColumn, ...]
    row_no: np.ndarray
    values: np.ndarray
    time_s: np.ndarray | None = None
    unit_said: str | None = None  # of moments, where the file says it
    events: tuple[tuple[str, str, float], ...] = ()
    findings: tuple[tuple[int, str], ...] = field(default=())


def refused(reason: str, what: str, path: Path) -> DeliveryRefused:
    return DeliveryRefused(
        reason, what, where=path.name, remedy="export the trial again from the lab's software"
    )


def text_lines(path: Path) -> tuple[list[str], bool]:
    """The lines of a text export, and whether its last one may have been cut off."""
    data = read_bytes(path, MAX_BYTES)
    if data.count(b"\n") + data.count(b"\r") > 2 * _MAX_LINES:
        raise refused("too_large", f"more than {_MAX_LINES} lines", path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")  # file names of the lab, at the top
    if "\0" in text:
        raise refused("unknown_format", "a text export holds no zero bytes", path)
    is_cut = not text.endswith(("\n", "\r", "\t"))
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    if len(lines) > _MAX_LINES or max(map(len, lines)) > _MAX_LINE:
        what = f"more than {_MAX_LINES} lines, or characters in a line"
        raise refused("too_large", what, path)
    return lines, is_cut


def number_rows(
    lines: list[str], first_row: int, n_cells: int, *, is_cut: bool, path: Path
) -> tuple[np.ndarray, np.ndarray, tuple[tuple[int, str], ...]]:
    """Line numbers and numbers (n, n_cells) of tab-separated lines, and findings.

    A line with another number of cells is a finding and not a row, and so is the last line where it may
    have been cut: half of a number is a number too. One tab at the end of a line is no cell.
    """
    if len(lines) * n_cells > MAX_CELLS:
        raise refused("too_large", f"more than {MAX_CELLS} numbers", path)
    end = first_row + len(lines) - 1
    findings: list[tuple[int, str]] = []
    if is_cut and lines:
        lines, findings = lines[:-1], [(end, "truncated_end")]
    frame = pl.DataFrame({"line": pl.Series(lines, dtype=pl.String)}).with_row_index(
        "row_no", offset=first_row
    )
    frame = frame.filter(pl.col("line").str.strip_chars() != "").with_columns(
        pl.when(pl.col("line").str.count_matches("\t", literal=True) == n_cells)
        .then(pl.col("line").str.strip_suffix("\t"))
        .otherwise(pl.col("line"))
    )
    whole = frame["line"].str.count_matches("\t", literal=True) == n_cells - 1
    findings += [(no, "unreadable_line") for no in frame["row_no"].filter(~whole)]
    frame = frame.filter(whole)
    cells = frame["line"].str.split("\t").explode(empty_as_null=True).str.strip_chars()
    numbers = cells.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    numbers = np.where(np.isfinite(numbers), numbers, np.nan).reshape(-1, n_cells)
    return frame["row_no"].to_numpy().astype(np.int64), numbers, tuple(sorted(findings))
