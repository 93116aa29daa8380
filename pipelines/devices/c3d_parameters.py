"""The parameter section of a C3D file: groups of named values, each checked against the file's length.

Source: the C3D file format user guide (c3d.org). Read here because the library for it crashes on
damaged files, which a night must survive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.devices.lab_file import refused

BLOCK = 512
_INTEL, _DEC, _SGI = 84, 85, 86
_MAX_RECORDS = 5000
_KINDS = {-1: "S1", 1: "u1", 2: "i2", 4: "f4"}


@dataclass(frozen=True)
class Parameters:
    """Values by (group, name), both in capitals: texts as a list of str, numbers as an array."""

    order: str  # "<" or ">"
    values: dict[tuple[str, str], list[str] | np.ndarray]

    def number(self, group: str, name: str) -> float | None:
        """The first number; None where it is not there or no number."""
        found = self.values.get((group, name))
        return float(found[0]) if isinstance(found, np.ndarray) and len(found) else None

    def numbers(self, group: str, name: str) -> np.ndarray:
        """The numbers in the order of the file; empty where there are none."""
        found = self.values.get((group, name))
        return found.astype(float) if isinstance(found, np.ndarray) else np.empty(0)

    def texts(self, group: str, name: str) -> list[str]:
        """The texts, over LABELS2, LABELS3 and so on too, as labels beyond 255 are kept."""
        found: list[str] = []
        for no in range(1, 100):
            more = self.values.get((group, name if no == 1 else f"{name}{no}"))
            if not isinstance(more, list):
                break
            found += more
        return found


def read_parameters(data: bytes, path: Path) -> Parameters:
    """Every parameter; refused where one reaches beyond the section or the file."""
    at = (data[0] - 1) * BLOCK
    if at < 0 or at + 4 > len(data):
        raise refused("truncated", "the parameter section is not in the file", path)
    n_blocks, processor = data[at + 2], data[at + 3]
    if processor == _DEC:
        what = "the numbers are those of a DEC processor, which no lab of today writes"
        raise refused("unknown_format", what, path)
    if processor not in (_INTEL, _SGI):
        raise refused("unknown_format", "the kind of processor is none that C3D has", path)
    order = "<" if processor == _INTEL else ">"
    end = at + max(n_blocks, 1) * BLOCK
    if end > len(data):
        raise refused("truncated", "the file ends within its parameters", path)
    return Parameters(order, _values(data[at + 4 : end], order, path))


def _values(
    section: bytes, order: str, path: Path
) -> dict[tuple[str, str], list[str] | np.ndarray]:
    groups: dict[int, str] = {}
    found: list[tuple[int, str, list[str] | np.ndarray]] = []
    at = 0
    for _ in range(_MAX_RECORDS):
        if at + 2 > len(section) or section[at] == 0:
            break
        n_name, id_ = np.frombuffer(section, "i1", 2, at).tolist()
        here = at + 2 + abs(n_name)
        if here + 2 > len(section):
            raise _beyond(path)
        name = section[at + 2 : here].decode("latin-1").strip().upper()
        to_next = int(np.frombuffer(section, f"{order}i2", 1, here)[0])
        if id_ < 0:
            groups[-id_] = name
        else:
            found.append((id_, name, _value(section, here + 2, order, path)))
        if to_next == 0:
            break
        if to_next < 2:
            raise refused("broken_structure", "a parameter points back to one before it", path)
        at = here + to_next
    else:
        raise refused("too_large", f"more than {_MAX_RECORDS} parameters", path)
    return {(groups.get(id_, ""), name): value for id_, name, value in found}


def _value(section: bytes, at: int, order: str, path: Path) -> list[str] | np.ndarray:
    if at + 2 > len(section):
        raise _beyond(path)
    kind, n_dims = np.frombuffer(section, "i1", 2, at).tolist()
    dims = list(section[at + 2 : at + 2 + max(n_dims, 0)])
    if kind not in _KINDS or not 0 <= n_dims <= 7 or len(dims) != n_dims:
        raise refused("broken_structure", "a parameter is of no kind that C3D has", path)
    at, n = at + 2 + n_dims, math.prod(dims)
    if at + n * abs(kind) > len(section):
        raise _beyond(path)
    if kind != -1:
        return np.frombuffer(section, order + _KINDS[kind], n, at)
    width = dims[0] if dims else 1
    text = section[at : at + n].decode("latin-1")
    return [text[i : i + width].strip() for i in range(0, n, width)] if width else []


def _beyond(path: Path) -> Exception:
    return refused("truncated", "a parameter reaches beyond its section", path)
