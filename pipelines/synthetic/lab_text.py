"""Text exports of gait labs: OpenSim's storage file and Visual3D's ASCII."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

_MAKER = "Inverse Dynamics Generalized Forces"


def opensim_text(time_s: np.ndarray, columns: dict[str, np.ndarray]) -> bytes:
    """A storage file over time, of the columns by name."""
    head = (
        f"{_MAKER}\nversion=1\nnRows={len(time_s)}\nnColumns={len(columns) + 1}\n"
        "inDegrees=no\nendheader\n" + "\t".join(["time", *columns]) + "\n"
    )
    return (head + _lines(np.column_stack([time_s, *columns.values()]))).encode()


def visual3d_text(
    recordings: Sequence[str], signals: Sequence[str], component: str, curves: np.ndarray
) -> bytes:
    """Columns side by side: `curves` (points, recordings x signals), signals varying fastest."""
    n = len(recordings) * len(signals)
    rows = [
        [name for name in recordings for _ in signals],
        list(signals) * len(recordings),
        ["LINK_MODEL_BASED"] * n,
        ["ORIGINAL"] * n,
        [component] * n,
    ]
    firsts = ["", "", "", "", "ITEM"]
    head = "".join(
        "\t".join([first, *cells]) + "\n" for first, cells in zip(firsts, rows, strict=True)
    )
    numbers = np.column_stack([np.arange(1, len(curves) + 1), curves])
    return (head + _lines(numbers)).encode()


def _lines(numbers: np.ndarray) -> str:
    out = io.StringIO()
    np.savetxt(out, numbers, fmt="%.8g", delimiter="\t")
    return out.getvalue()
