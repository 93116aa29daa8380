"""A named data cut: both databases, every table as Parquet, and a manifest anyone can verify offline."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

import duckdb
import polars as pl

from pipelines import files
from pipelines.contracts.sql_text import literal
from pipelines.errors import StudyFileError


def freeze(warehouse: Path, folder: Path) -> Path:
    """Makes the cut beside its final place and renames it in whole; the manifest's path.

    Raises StudyFileError where a cut of that name exists: a cut is never made over.
    """
    if folder.exists():
        raise StudyFileError(
            "a cut of this name exists",
            where=folder.name,
            remedy="choose another name; cuts are never changed",
        )
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        manifest: dict = {"name": folder.name, "tables": {}, "tools": _tools()}
        for side in ("open", "closed"):
            shutil.copyfile(warehouse / f"{side}.duckdb", aside / f"{side}.duckdb")
            manifest["tables"][side] = export_tables(aside / f"{side}.duckdb", aside / side)
        manifest |= _origin(aside / "closed.duckdb")
        manifest["files"] = {
            str(path.relative_to(aside)): files.sha256_of(path)
            for path in sorted(aside.rglob("*"))
            if path.is_file()
        }
        files.write_json(aside / "manifest.json", manifest)
        for path in aside.rglob("*"):
            if path.is_file():
                is_open = str(path.relative_to(aside)).startswith("open")
                path.chmod(0o444 if is_open else 0o440)  # the manifest names every file that came
        os.replace(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder / "manifest.json"


def export_tables(database: Path, folder: Path) -> dict[str, dict]:
    """Every table as Parquet in a fixed order of rows; rows and hash per table. Same content, same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    with duckdb.connect(str(database), read_only=True) as con:
        con.execute("SET threads = 1")
        tables = [
            row[0]
            for row in con.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
        ]
        for table in tables:
            path = folder / f"{table}.parquet"
            con.execute(
                f"COPY (SELECT * FROM {table} ORDER BY ALL) TO {literal(path)} (FORMAT parquet, COMPRESSION zstd)"
            )
            rows = con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
            found[table] = {"rows": rows, "sha256": files.sha256_of(path)}
    return found


def _origin(closed: Path) -> dict:
    """What the cut was built from: cut-off, code, contract, deliveries, rules."""
    with duckdb.connect(str(closed), read_only=True) as con:
        cutoff, version, digest = con.execute(
            "SELECT cutoff_utc, code_version, contract_digest FROM ref_build"
        ).fetchall()[0]
        deliveries = con.execute("""
            SELECT delivery_id, clinic_id, file_name, sha256, status, n_received, n_accepted, n_quarantined, n_duplicate
            FROM ledger_delivery ORDER BY ALL
        """).pl()
        rules = con.execute(
            "SELECT table_name, rule, kind, severity FROM ref_rule ORDER BY ALL"
        ).fetchall()
    return {
        "cutoff_utc": cutoff.isoformat(), "code_version": version, "contract_digest": digest,
        "deliveries": deliveries.to_dicts(), "rules": [" ".join(rule) for rule in rules],
    }  # fmt: skip


def _tools() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
        "polars": pl.__version__,
    }


def _manifest(folder: Path) -> dict:
    try:
        manifest = files.read_json(folder / "manifest.json")
    except ValueError:  # not JSON, or not text
        manifest = None
    parts = ("files", "tables")
    if not isinstance(manifest, dict) or not all(isinstance(manifest.get(p), dict) for p in parts):
        raise StudyFileError(
            "the manifest of the cut cannot be read",
            where=folder.name,
            remedy="take the cut from its archive again; do not use this copy",
        )
    return manifest


def verify(folder: Path) -> int:
    """Checks every file and every row count of a cut against its manifest; the number of files.

    Raises StudyFileError naming what differs. Needs nothing but the folder.
    """
    if not (folder / "manifest.json").is_file():
        raise StudyFileError(
            "there is no such cut", where=folder.name, remedy="see the folder `freezes`"
        )
    manifest = _manifest(folder)
    present = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {
        "manifest.json"
    }
    wrong = sorted(present ^ set(manifest["files"])) + [
        name
        for name, sha in manifest["files"].items()
        if name in present and files.sha256_of(folder / name) != sha
    ]
    for side, tables in manifest["tables"].items():
        if f"{side}.duckdb" in wrong:
            continue
        with duckdb.connect(str(folder / f"{side}.duckdb"), read_only=True) as con:
            wrong += [
                f"{side}.{table}"
                for table, said in tables.items()
                if con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] != said["rows"]
            ]
    if wrong:
        raise StudyFileError(
            f"the cut is not what its manifest says: {', '.join(wrong[:10])}",
            where=folder.name,
            remedy="take the cut from its archive again; do not use this copy",
        )
    return len(manifest["files"])
