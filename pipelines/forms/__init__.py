"""Clinics' forms: which format a file has, and its rows as text with their line numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines.contracts.shapes import Layout, RawTable
from pipelines.errors import ContractError
from pipelines.forms.content import recognise
from pipelines.forms.csv_text import read_csv
from pipelines.forms.redcap import check_against_dictionary, read_dictionary
from pipelines.forms.xlsx import read_xlsx, sheet_names

__all__ = ["check_against_dictionary", "read_dictionary", "read_table", "recognise", "sheet_names"]

_READERS = {"csv": read_csv, "redcap": read_csv, "xlsx": read_xlsx}


def read_table(
    path: Path, file_format: str, layout: Layout, *, batch_rows: int = 200_000
) -> Iterator[RawTable]:
    """The rows of a form in batches of text. `file_format` is `csv`, `xlsx` or `redcap`.

    Raises DeliveryRefused where the file as a whole cannot be used; this may show only at its
    end, after batches were given.
    """
    if file_format not in _READERS:
        raise ContractError(
            "the declared format is not known",
            where=file_format,
            remedy=f"declare one of: {', '.join(sorted(_READERS))}",
        )
    return _READERS[file_format](path, layout, batch_rows=batch_rows)
