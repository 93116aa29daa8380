"""Wearable and lab files: one module per format, found by being here, recognised by content."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from pipelines.devices.format import HEAD_BYTES, Format
from pipelines.errors import DeliveryRefused

__all__ = ["Format", "formats", "recognise"]


def formats() -> tuple[Format, ...]:
    """Every format of this package: the `FORMAT` of each module that has one, by module name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(module.FORMAT for module in modules if hasattr(module, "FORMAT"))


def recognise(path: Path) -> Format | None:
    """The one format that claims the file's first bytes, or None; refused when two claim it."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    claims = [format_ for format_ in formats() if format_.recognise(head)]
    if len(claims) > 1:
        names = " and ".join(format_.name for format_ in claims)
        raise DeliveryRefused(
            "ambiguous_format",
            f"the content is claimed by {names}",
            where=path.name,
            remedy="one of the two `recognise` functions must become stricter",
        )
    return claims[0] if claims else None
