"""What reports read: one database of one night, opened read-only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.errors import BuildStopped
from pipelines.reports.layout.blocks import Canaries


@dataclass(frozen=True)
class Source:
    """A night's database and what every page states of it."""

    con: duckdb.DuckDBPyConnection
    contract: Contract
    audience: Literal["open", "closed"]
    cutoff_text: str
    code_version: str
    canaries: Canaries

    def rows(self, query: str, parameters: list | None = None) -> pl.DataFrame:
        return self.con.execute(query, parameters or []).pl()


@contextmanager
def opened(
    warehouse: Path, contract: Contract, audience: Literal["open", "closed"]
) -> Iterator[Source]:
    """The open or the closed database of a warehouse folder. Raises BuildStopped where there is none."""
    path = warehouse / f"{audience}.duckdb"
    if not path.is_file():
        raise BuildStopped(
            "there is no warehouse for this night",
            where=path.name,
            remedy="run `backstep nightly`, or `backstep build --cutoff` for a past night",
        )
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute("SET threads = 1")  # sums of doubles must come out the same every time
        cutoff, version, digest = con.execute(
            "SELECT cutoff_utc, code_version, contract_digest FROM ref_build"
        ).fetchall()[0]
        yield Source(
            con,
            contract,
            audience,
            f"{cutoff:%Y-%m-%d %H:%M} UTC",
            f"{version} (contract {digest})",
            _canaries(con),
        )


def _canaries(con: duckdb.DuckDBPyConnection) -> Canaries:
    """The planted faults of the night; those that never flew count as missed."""
    planted, caught = con.execute(
        "SELECT coalesce(sum(planted_n), 0), coalesce(sum(caught_n), 0) FROM ref_canary"
    ).fetchall()[0]
    missed = con.execute("""
        SELECT replace(fault, '_', ' ') || ' in ' || table_name || coalesce(' (rule ' || rule || ')', '')
        FROM ref_canary WHERE caught_n < planted_n OR planted_n = 0 ORDER BY table_name, fault
    """).fetchall()
    return Canaries(int(planted), int(caught), tuple(told for (told,) in missed))
