"""Prints one line per report, letter and table of a study's home, to tell whether a run changed any.

Tables are compared by their rows in stored order: a DuckDB file differs from run to run although
its rows do not.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import duckdb

FOLDERS = ("reports", "letters", "data_docs", "core", "quarantine", "ledger")


def main() -> None:
    """Prints `<sha256>  <what>` for everything a night leaves behind."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("home", type=Path)
    home = parser.parse_args().home
    for path in sorted(path for name in FOLDERS for path in (home / name).rglob("*")):
        if path.is_file():
            print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(home)}")
    for path in sorted((home / "warehouse").rglob("*.duckdb")):
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute(
                "SELECT table_name FROM information_schema.tables ORDER BY table_name"
            ).fetchall()
            for (name,) in tables:
                rows = connection.sql(f'FROM "{name}"').fetchall()
                digest = hashlib.sha256(repr(rows).encode()).hexdigest()
                print(f"{digest}  {path.relative_to(home)} {name} ({len(rows)} rows)")


if __name__ == "__main__":
    main()
