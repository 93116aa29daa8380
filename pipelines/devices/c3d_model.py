"""Points of a C3D file, among which a lab's software keeps what its model computed: angles, moments.

Of a point's three components the clinic declares which is the adduction moment. Plug-in Gait writes
moments in Nmm per kg and says `Nmm`: the unit of the file is handed on beside the declared one.
Source: the C3D file format user guide (c3d.org).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pipelines.devices.c3d_parameters import BLOCK, Parameters, read_parameters
from pipelines.devices.format import read_bytes
from pipelines.devices.lab_file import LabColumn, LabFile, refused

MAX_BYTES = 64 << 20  # a trial of a minute with video left out has 20 MB
MAX_NUMBERS = 5_000_000
_COMPONENTS = ("X", "Y", "Z")
_SIDES = {"left": "left", "right": "right"}


def recognise(head: bytes) -> bool:
    """Whether the first block is a C3D header whose numbers of frames and points can be."""
    return len(head) >= BLOCK and head[0] >= 2 and head[1] == 0x50 and head[:2] != b"PK"


def read(path: Path, names: re.Pattern[str] | None = None) -> LabFile:
    """Every point, or those whose label fits `names`, one column per component, by frame.

    Frames that the file ends before are a finding `truncated_end`; a point that was not seen or not
    computed in a frame is NaN there.
    """
    data = read_bytes(path, MAX_BYTES)
    if not recognise(data[:BLOCK]):
        raise refused("unknown_format", "the first block is no C3D header", path)
    said = read_parameters(data, path)
    header = np.frombuffer(data, f"{said.order}u2", 12)
    scale = float(np.frombuffer(data, f"{said.order}f4", 1, 12)[0])
    n_points, n_analog, first, last, begins = (int(header[i]) for i in (1, 2, 3, 4, 8))
    rate_hz = said.number("POINT", "RATE") or float(
        np.frombuffer(data, f"{said.order}f4", 1, 20)[0]
    )
    labels = said.texts("POINT", "LABELS")[:n_points]
    if not (np.isfinite(scale) and scale and np.isfinite(rate_hz) and 0 < rate_hz <= 100_000):
        raise refused("broken_structure", "the scale or the frame rate is no such number", path)
    if not n_points or len(labels) != n_points or begins < 2:
        raise refused("wrong_columns", "the points and their labels differ in number", path)
    raw, is_cut = _frames(
        data, said, (begins - 1) * BLOCK, n_points, n_analog, last - first + 1, scale, path
    )
    wanted = [
        i for i, label in enumerate(labels) if label and (names is None or names.search(label))
    ]
    if len({labels[i] for i in wanted}) != len(wanted):
        raise refused("wrong_columns", "two points have one label", path)
    if not wanted:
        raise refused("wrong_columns", "no point has the label that is looked for", path)
    with np.errstate(
        invalid="ignore", over="ignore"
    ):  # what comes of it is no number, and NaN below
        xyz = raw[:, wanted, :3].astype(float) * (scale if scale > 0 else 1.0)
    seen = (raw[:, wanted, 3] >= 0)[:, :, None] & np.isfinite(xyz)
    frame_no = first + np.arange(len(xyz))
    return LabFile(
        maker="c3d",
        columns=tuple(LabColumn(labels[i], component) for i in wanted for component in _COMPONENTS),
        row_no=frame_no,
        values=np.where(seen, xyz, np.nan).reshape(len(xyz), -1),
        time_s=(frame_no - first) / rate_hz,
        unit_said=next(iter(said.texts("POINT", "MOMENT_UNITS")), None) or None,
        events=_events(said, first, rate_hz),
        findings=((int(frame_no[-1]), "truncated_end"),) if is_cut else (),
    )


def _frames(
    data: bytes, said: Parameters, at: int, n_points: int, n_analog: int, n_header: int, scale: float,
    path: Path,
) -> tuple[np.ndarray, bool]:  # fmt: skip
    """(frames, points, 4) as stored, and whether frames that the file tells of are not there."""
    kind = np.dtype(said.order + ("f4" if scale < 0 else "i2"))
    n_words = 4 * n_points + n_analog
    n_said = said.number("POINT", "FRAMES") or 0.0  # the header holds no more than 65,535
    n_frames = max(n_header, int(n_said) if 0 < n_said < 1e9 else 0)
    there = max(len(data) - at, 0) // (n_words * kind.itemsize)
    n = min(n_frames, there)
    if n < 2:
        raise refused("no_samples", "there are not two frames in the file", path)
    if n * n_points * 4 > MAX_NUMBERS:
        raise refused("too_large", f"more than {MAX_NUMBERS} numbers of points", path)
    words = np.frombuffer(data, kind, n * n_words, at).reshape(n, n_words)
    return words[:, : 4 * n_points].reshape(n, n_points, 4), n < n_frames


def _events(said: Parameters, first: int, rate_hz: float) -> tuple[tuple[str, str, float], ...]:
    """(side, label, seconds from the first frame), in order of time; those of neither side left out."""
    sides, labels = said.texts("EVENT", "CONTEXTS"), said.texts("EVENT", "LABELS")
    times = said.numbers("EVENT", "TIMES")
    n = min(len(sides), len(labels), len(times) // 2)
    at_s = 60 * times[0 : 2 * n : 2] + times[1 : 2 * n : 2] - (first - 1) / rate_hz
    events = [
        (_SIDES[side.lower()], label.lower(), round(float(second), 6))
        for side, label, second in zip(sides[:n], labels[:n], at_s, strict=True)
        if side.lower() in _SIDES and np.isfinite(second)
    ]
    return tuple(sorted(events, key=lambda event: event[2]))
