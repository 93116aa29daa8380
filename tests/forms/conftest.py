"""Files to read, and the whole of what a reader says of one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.shapes import Layout, RawTable
from pipelines.forms import read_table


@pytest.fixture
def send(tmp_path):
    """Writes bytes as a received file."""

    def write(content: bytes, name: str = "sent.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def read():
    """Reads a form to its end and joins its batches."""

    def whole(path: Path, layout: Layout, file_format: str = "csv", **options) -> RawTable:
        tables = list(read_table(path, file_format, layout, **options))
        skipped: Counter[str] = Counter()
        for table in tables:
            skipped.update(table.skipped)
        return RawTable(
            pl.concat([table.rows for table in tables]),
            pl.concat([table.broken for table in tables]),
            {kind: count for kind, count in skipped.items() if count},
            tables[-1].preamble,
        )

    return whole
