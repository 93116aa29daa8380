"""From a number in a report to the SQL that gives it, and on to the files and lines it rests on: reading only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines import stages
from pipelines.contracts.load import load_contract
from pipelines.errors import BackstepError
from pipelines.night import stamp
from pipelines.reports import results
from pipelines.reports.source import opened
from pipelines.settings import load_settings
from pipelines.warehouse.lineage import Lineage


@dataclass(frozen=True)
class Trace:
    """A result (results.RESULTS), how many rows of the database it is made of, and the lines under them.

    `lines` has table_name, clinic_id, file_name, delivery_id and row_no, the line in the file as the clinic sent it;
    a file counted as a whole has no row_no.
    """

    result: dict
    rows_n: int
    lines: pl.DataFrame


def numbers(
    home: str, report: str, *, closed: bool = False, cutoff: str | None = None
) -> pl.DataFrame:
    """Every number of one report of a night (results.RESULTS). Raises BackstepError where there is none."""
    found = _kept(home, closed, cutoff)
    results.find(found, report, 1)
    return found.filter(report=report)


def trace(
    home: str, report: str, number: int, *, closed: bool = False, cutoff: str | None = None
) -> Trace:
    """One number of a report of the last night, or of another one whose warehouse was built beside it."""
    settings = load_settings(home)
    result = results.find(_kept(home, closed, cutoff), report, number)
    at = stages.as_cutoff(cutoff or stages.last_cutoff(home))
    folder = stages.warehouse_folder(settings.home, at, cutoff is not None)
    contract = load_contract(settings.schemas)
    with opened(folder, contract, "closed" if closed else "open") as source:
        table, condition = result["table_name"], result["condition"]
        rows_n = source.rows(f"SELECT count(*) AS n FROM {table} WHERE {condition}")["n"][0]
        lines = Lineage(source.con, contract, stages.SQL).lines(table, condition)
        files = source.rows("SELECT delivery_id, clinic_id, file_name FROM ledger_delivery")
    lines = lines.join(files, on="delivery_id", how="left").select(
        "table_name", "clinic_id", "file_name", "delivery_id", "row_no"
    )
    return Trace(
        result,
        rows_n,
        lines.sort("clinic_id", "file_name", "table_name", "row_no", nulls_last=True),
    )


def by_file(lines: pl.DataFrame) -> pl.DataFrame:
    """The lines file by file: clinic_id, file_name, table_name, n and their numbers as `3-17, 20`."""
    step = pl.col("row_no").diff().fill_null(0) != 1
    runs = (
        lines.unique(["delivery_id", "table_name", "row_no"])
        .sort("clinic_id", "file_name", "delivery_id", "table_name", "row_no")
        .with_columns(run=step.cum_sum().over("delivery_id", "table_name"))
        .group_by("clinic_id", "file_name", "delivery_id", "table_name", "run", maintain_order=True)
        .agg(first=pl.col("row_no").min(), last=pl.col("row_no").max(), n=pl.len())
    )
    span = pl.when(pl.col("first") == pl.col("last")).then(
        pl.col("first").cast(pl.String)
    ).otherwise(pl.format("{}-{}", "first", "last"))  # fmt: skip
    return (
        runs.with_columns(span=span.fill_null("the whole file"))
        .group_by("clinic_id", "file_name", "delivery_id", "table_name", maintain_order=True)
        .agg(pl.col("n").sum(), lines=pl.col("span").str.join(", "))
        .drop("delivery_id")
    )


def _kept(home: str, closed: bool, cutoff: str | None) -> pl.DataFrame:
    at = stages.as_cutoff(cutoff or stages.last_cutoff(home))
    folder = load_settings(home).home / "reports" / stamp(at) / ("closed" if closed else "open")
    found = results.read(folder)
    if found is None:
        raise BackstepError(
            "this night's reports kept no numbers",
            where=str(Path("reports") / stamp(at) / folder.name),
            remedy="run `backstep report`, with --cutoff for a past night that is built",
        )
    return found
