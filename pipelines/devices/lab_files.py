"""The gait labs' formats by maker: which reader a declared file goes to."""

from __future__ import annotations

import re
from pathlib import Path

from pipelines.devices import c3d_model, opensim_storage, visual3d_text
from pipelines.devices.lab_file import LabFile

_READERS = {"c3d": c3d_model, "opensim": opensim_storage, "visual3d": visual3d_text}


def recognise(maker: str, head: bytes) -> bool:
    """Whether the first bytes are what this maker's software exports."""
    return _READERS[maker].recognise(head)


def read(maker: str, path: Path, names: tuple[str, ...]) -> LabFile:
    """The file's columns; of a C3D file, which has hundreds of points, those of the given names."""
    if maker == "c3d":
        any_of = "|".join(re.escape(name) for name in names)
        return c3d_model.read(path, re.compile(f"^(?:{any_of})$"))
    return _READERS[maker].read(path)
