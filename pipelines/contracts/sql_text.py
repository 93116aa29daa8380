"""Texts and paths as SQL says them, for statements that take no parameters (COPY, ATTACH, views)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def literal(text: str | Path) -> str:
    """A string literal."""
    return "'" + str(text).replace("'", "''") + "'"


def parquet(paths: Iterable[Path]) -> str:
    """The table function that reads these Parquet files, in their order."""
    return f"read_parquet([{', '.join(map(literal, paths))}])"
