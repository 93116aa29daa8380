"""A night's results as data: every number that its pages print, kept beside them in `results.parquet`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipelines import files
from pipelines.errors import BackstepError
from pipelines.reports.layout.blocks import Page
from pipelines.reports.layout.results import SCHEMA

FILE = "results.parquet"
RESULTS = pl.Schema({"report": pl.String, "number": pl.UInt32, **SCHEMA})


def of_pages(pages: Mapping[str, Page]) -> pl.DataFrame:
    """The numbers of these pages by report, in the order in which each page prints them (RESULTS)."""
    parts = [page.numbers.with_columns(report=pl.lit(name)) for name, page in pages.items()]
    return pl.concat([RESULTS.to_frame(), *(part.select(RESULTS.names()) for part in parts)])


def write(folder: Path, numbers: pl.DataFrame) -> None:
    files.write_parquet(numbers, folder / FILE)


def read(folder: Path) -> pl.DataFrame | None:
    """The results beside the pages of a folder, None where that night kept none."""
    return pl.read_parquet(folder / FILE) if (folder / FILE).is_file() else None


def find(numbers: pl.DataFrame, report: str, number: int) -> dict:
    """One result. Raises BackstepError where that report has no such number."""
    mine = numbers.filter(report=report)
    if mine.is_empty():
        raise BackstepError(
            f"there is no report `{report}` with numbers on this night",
            where=FILE,
            remedy=f"choose one of {', '.join(numbers['report'].unique().sort())}",
        )
    found = mine.filter(number=number)
    if found.is_empty():
        raise BackstepError(
            f"the report `{report}` has no number {number}",
            where=FILE,
            remedy=f"its numbers are 1 to {mine.height}; `backstep trace {report}` lists them",
        )
    return found.row(0, named=True)
