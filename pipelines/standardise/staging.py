"""Staged parts: what standardise leaves for check, one folder per table and delivery."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from pipelines import files

LINE_SCHEMA = {
    "delivery_id": pl.String, "clinic_id": pl.String, "row_no": pl.Int64, "table_name": pl.String,
    "row_key": pl.String, "row_hash": pl.UInt64, "sent": pl.String, "faults": pl.List(pl.String),
}  # fmt: skip


@dataclass
class Staged:
    """What was read of one delivery; written beside its parts as JSON."""

    n_records: Counter[str] = field(default_factory=Counter)  # by table, broken lines under theirs
    skipped: Counter[str] = field(default_factory=Counter)
    preamble: dict[str, str] = field(default_factory=dict)
    unknown_columns: list[str] = field(default_factory=list)
    answers: list[dict] = field(
        default_factory=list
    )  # of a returned workbook, see returned.ANSWER_SCHEMA

    def as_json(self) -> dict:
        return {
            "n_records": dict(sorted(self.n_records.items())), "skipped": dict(sorted(self.skipped.items())),
            "preamble": self.preamble, "unknown_columns": sorted(self.unknown_columns),
            "answers": self.answers,
        }  # fmt: skip


def clear(staging: Path, delivery_id: str) -> None:
    """Removes the staged parts of a delivery: it has been checked, or is to be read again."""
    for folder in staging.glob(f"*/{delivery_id}"):
        shutil.rmtree(folder)
    (staging / "read" / f"{delivery_id}.json").unlink(missing_ok=True)


def write_part(frame: pl.DataFrame, staging: Path, table: str, delivery_id: str, part: int) -> None:
    path = staging / table / delivery_id / f"{part:05d}.parquet"
    files.write_parquet(frame, path, compression="lz4")  # short-lived: speed before size
