"""What a wearable or lab format is: how it is told from the others, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.contracts.shapes import DeviceFile, SignalFile
from pipelines.errors import DeliveryRefused

HEAD_BYTES = 4096  # what `recognise` is given
MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class Format:
    """One wearable or lab format; a module of this package ends in `FORMAT = Format(...)`.

    `recognise` looks at the first 4096 bytes of a file, never at its name. `read(path, *,
    date_order=None)` takes the order of day and month ("MDY", "DMY", "YMD") that holds where the
    file does not say it; binary formats ignore it. It gives one `DeviceFile`, or a tuple of them
    where one file holds several kinds of record, or a `SignalFile` for raw samples. `read` raises
    nothing but `DeliveryRefused`, whatever the bytes.
    """

    name: str
    makers: tuple[str, ...]
    recognise: Callable[[bytes], bool]
    read: Callable[..., DeviceFile | tuple[DeviceFile, ...] | SignalFile]


def read_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The whole file; refused as `empty` or `too_large` before anything is read into memory."""
    n_bytes = path.stat().st_size
    if n_bytes == 0:
        raise DeliveryRefused(
            "empty", "the file has no content", where=path.name, remedy="export and send it again"
        )
    if n_bytes > max_bytes:
        raise DeliveryRefused(
            "too_large",
            f"the file has {n_bytes} bytes, more than the {max_bytes} that a recording can have",
            where=path.name,
            remedy="send one recording per file",
        )
    return path.read_bytes()
