"""An export's folder: made beside its place and moved there in whole, with a manifest of its files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines import files
from pipelines.errors import BackstepError


@contextmanager
def made_whole(to: Path) -> Iterator[Path]:
    """A folder to write to, which becomes `to` if the block ends well and vanishes otherwise.

    Raises BackstepError where `to` exists: nothing that was handed out is changed.
    """
    if to.exists():
        raise BackstepError(
            "the folder to export to exists",
            where=to.name,
            remedy="name a folder that does not exist yet; exports are never written over",
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    aside = to.with_name(f".{to.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        yield aside
        os.replace(aside, to)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_manifest(folder: Path, about: dict) -> None:
    """Says what the export is and holds: `about`, and each file with its size and hash."""
    found = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": files.sha256_of(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    files.write_json(folder / "manifest.json", about | {"files": found})
