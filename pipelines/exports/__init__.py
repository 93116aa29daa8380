"""Data that leave the study: tables for analysis, CDISC SDTM, and a de-identified set."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal

import duckdb

from pipelines.contracts.model import Contract
from pipelines.contracts.sql_text import literal
from pipelines.errors import BackstepError, BuildStopped
from pipelines.exports import analysis, deidentified, sdtm
from pipelines.exports.folder import made_whole

Kind = Literal["analysis", "cdisc", "deidentified"]
Audience = Literal["open", "closed"]
KINDS: tuple[Kind, ...] = ("analysis", "cdisc", "deidentified")
AUDIENCES: tuple[Audience, ...] = ("open", "closed")


def export(
    warehouse: Path,
    to: Path,
    contract: Contract,
    kind: str,
    audience: str,
    *,
    sql: Path,
    codes: Path,
) -> dict[str, int]:
    """Rows per table or dataset written to the new folder `to`, from one side of the warehouse.

    `codes` is the study's own list of new codes; only the de-identified kind reads and extends it.
    """
    if kind not in KINDS or audience not in AUDIENCES:
        raise BackstepError(
            "no such export",
            where=f"kind {kind}, audience {audience}",
            remedy=f"kinds are {', '.join(KINDS)}; audiences are {', '.join(AUDIENCES)}",
        )
    database = warehouse / f"{audience}.duckdb"
    if not database.is_file():
        raise BuildStopped(
            "there is no warehouse of that night",
            where=database.name,
            remedy="run `backstep build --cutoff <that night>` first, or leave --cutoff out",
        )
    with made_whole(to) as folder, duckdb.connect() as con:
        con.execute("SET threads = 1")  # one writer: the same rows are the same bytes
        con.execute("SET preserve_insertion_order = true")
        con.execute(f"ATTACH {literal(database)} AS w (READ_ONLY)")
        con.execute("USE w")
        origin = _origin(con)
        about = {"kind": kind, "audience": audience, "study_id": contract.study.study_id}
        if kind == "analysis":
            rows = analysis.write(con, folder, contract, about | origin)
        elif kind == "cdisc":
            rows = sdtm.write(con, folder, contract, sql / "sdtm", about | origin)
        else:
            # No cut-off here: together with study days it would bound everybody's dates.
            about |= {name: origin[name] for name in ("code_version", "contract_digest")}
            rows = deidentified.write(con, folder, contract, about, codes)
    return rows


def _origin(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    cutoff, version, digest = con.execute(
        "SELECT cutoff_utc, code_version, contract_digest FROM ref_build"
    ).fetchall()[0]
    assert isinstance(cutoff, dt.datetime)
    return {
        "cutoff_utc": cutoff.isoformat() + "Z",
        "code_version": version,
        "contract_digest": digest,
    }
