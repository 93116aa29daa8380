"""Whole nights in process, and what to compare of two of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from pipelines import stages
from pipelines.synthetic.study import StudyPlan
from pipelines.warehouse.freeze import export_tables

NIGHT_1, NIGHT_2 = "2025-11-04T03:15:00Z", "2025-11-11T03:15:00Z"
# When a file came, and what follows from it, may differ between two ways to the same study.
ARRIVAL = (
    "received_utc", "replaced_utc", "at_utc", "state_since_utc", "first_seen_utc", "last_seen_utc", "changed_utc",
    "solved_utc", "age_days",
)  # fmt: skip


@dataclass(frozen=True)
class Played:
    """A made-up study whose two nights were run, and what each night gave."""

    home: Path
    plan: StudyPlan
    first: dict[str, str]  # table -> hash of its export, after the first night
    second: dict[str, str]
    findings: tuple[pl.DataFrame, pl.DataFrame]  # after each night
    deliveries: tuple[pl.DataFrame, pl.DataFrame]


def take_in(home: Path, cutoff: str) -> dict:
    """Receives, reads and checks what lies in the landing folders; what the check counted."""
    due = [
        delivery
        for clinic in stages.clinics(str(home))
        for delivery in stages.receive_clinic(str(home), clinic, cutoff)
    ]
    for delivery in due:
        stages.standardise_delivery(str(home), delivery, cutoff)
    return stages.check_night(str(home), due, cutoff)


def run_night(home: Path, cutoff: str, *, pages: bool = False) -> dict:
    """One night without a lock, as `backstep nightly` runs it; what its check counted."""
    counts = take_in(home, cutoff)
    stages.build_warehouse(str(home), cutoff)
    if pages:
        stages.render_reports(str(home), cutoff)
        stages.render_letters(str(home), cutoff)
    return counts


def rows(home: Path, query: str, side: str = "closed") -> pl.DataFrame:
    """What a query gives on one database of a home."""
    with duckdb.connect(str(home / "warehouse" / f"{side}.duckdb"), read_only=True) as con:
        return con.execute(query).pl()


def exports(warehouse: Path) -> dict[str, str]:
    """`side.table` -> hash of its Parquet bytes, for every table of both databases."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            f"{side}.{table}": said["sha256"]
            for side in ("open", "closed")
            for table, said in export_tables(
                warehouse / f"{side}.duckdb", Path(folder) / side
            ).items()
        }


def tables(home: Path, side: str = "closed") -> dict[str, list[str]]:
    """Every table of a database with its columns."""
    found: dict[str, list[str]] = {}
    for table, column in rows(
        home,
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal ORDER BY ALL",
        side,
    ).iter_rows():
        found.setdefault(table, []).append(column)
    return found


def results_hash(
    home: Path, but: tuple[str, ...] = ARRIVAL, without_clinics: tuple[str, ...] = ()
) -> dict[str, str]:
    """`side.table` -> hash of every core, history, mart and ref table's rows in a fixed order.

    `but` are columns to leave out, `without_clinics` those whose rows are left out.
    """
    found = {}
    for side in ("open", "closed"):
        path = home / "warehouse" / f"{side}.duckdb"
        declared = tables(home, side)
        with (
            tempfile.TemporaryDirectory() as folder,
            duckdb.connect(str(path), read_only=True) as con,
        ):
            con.execute("SET threads = 1")
            for table, columns in declared.items():
                if not table.startswith(("core_", "history_", "mart_", "ref_")):
                    continue
                kept = ", ".join(column for column in columns if column not in but)
                names = "clinic_id" if "clinic_id" in columns else "''"
                which = f"WHERE {names} NOT IN ({', '.join(map(_text, ('-', *without_clinics)))})"
                target = Path(folder) / f"{table}.parquet"
                query = f"SELECT {kept} FROM {table} {which} ORDER BY ALL"
                con.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")
                found[f"{side}.{table}"] = hashlib.sha256(target.read_bytes()).hexdigest()
    return found


def _text(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


def tree_hash(folder: Path, but: tuple[str, ...] = ()) -> dict[str, str]:
    """File -> hash of its bytes, for every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in but
    }


def put(home: Path, clinic: str, name: str, data: bytes, sent: float = 1_762_800_000.0) -> Path:
    """Lays a file into a clinic's landing folder; by default it was written on the evening of 10 November 2025."""
    path = home / "landing" / clinic / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (sent, sent))
    return path


def twin(home: Path, to: Path) -> Path:
    """A copy of a home, times and all."""
    shutil.copytree(home, to, dirs_exist_ok=True)
    return to


def unfinished(home: Path) -> list[str]:
    """Files that only a run in progress may have."""
    staged = [path for path in (home / "staging").rglob("*") if path.is_file()]
    odd = [
        path
        for path in home.rglob("*")
        if path.is_file()
        and (path.name.endswith(".aside") or path.name.startswith((".closed.", ".open.")))
    ]
    return sorted(path.relative_to(home).as_posix() for path in {*staged, *odd})
