"""OpenSim's storage files (.sto, .mot): a header that ends in `endheader`, then a table over time.

Source: what OpenSim's Storage and STOFileAdapter write and public readers expect: `nRows`, `nColumns`
and `inDegrees` (or `datarows`, `datacolumns` before OpenSim 2), a line of labels of which the first is
`time`. Inverse dynamics gives internal moments, positive along the model's coordinate.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pipelines.devices.lab_file import LabColumn, LabFile, number_rows, refused, text_lines

_MAX_HEADER = 200
_MAX_COLUMNS = 2000
_COUNT = re.compile(r"(nrows|ncolumns|datarows|datacolumns)\s*[=\s]\s*(\d{1,9})", re.IGNORECASE)
_HEADER = re.compile(rb"(?im)^(nColumns=|datacolumns )")


def recognise(head: bytes) -> bool:
    """Whether the first bytes are a storage header."""
    return bool(_HEADER.search(head)) and re.search(rb"(?im)^endheader\s*$", head) is not None


def read(path: Path) -> LabFile:
    """The table over time; fewer rows than the header says are a finding `truncated_end`."""
    lines, is_cut = text_lines(path)
    at = next(
        (i for i, s in enumerate(lines[:_MAX_HEADER]) if s.strip().lower() == "endheader"), -1
    )
    if at < 0 or at + 1 >= len(lines):
        raise refused("truncated", "there is no line of labels after `endheader`", path)
    said = {key.lower(): int(n) for key, n in _COUNT.findall("\n".join(lines[:at]))}
    labels = lines[at + 1].split()
    n_columns = said.get("ncolumns", said.get("datacolumns"))
    if n_columns != len(labels) or len(set(labels)) != len(labels) or len(labels) > _MAX_COLUMNS:
        what = "the header and the line of labels disagree, or a label stands twice"
        raise refused("wrong_columns", what, path)
    if len(labels) < 2 or labels[0].lower() != "time":
        raise refused("wrong_columns", "the first column is not `time`", path)
    body = ["\t".join(line.split()) for line in lines[at + 2 :]]  # .mot may be set with blanks
    row_no, numbers, findings = number_rows(
        body, at + 3, len(labels), is_cut=is_cut and bool(body), path=path
    )
    if len(numbers) < 2:
        raise refused("no_samples", "there are not two rows of numbers below the labels", path)
    n_said = said.get("nrows", said.get("datarows"))
    if (
        n_said is not None
        and len(numbers) < n_said
        and (len(lines), "truncated_end") not in findings
    ):
        findings += ((len(lines), "truncated_end"),)
    time_s = numbers[:, 0]
    steps = np.diff(time_s)
    if not ((steps > 0).all() or (steps < 0).all()):
        raise refused("time_disordered", "the column `time` does not run in one direction", path)
    return LabFile(
        maker="opensim",
        columns=tuple(LabColumn(label) for label in labels[1:]),
        row_no=row_no,
        values=numbers[:, 1:],
        time_s=time_s,
        findings=findings,
    )
