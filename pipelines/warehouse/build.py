"""Both databases as a function of deliveries, corrections and code, written aside and swapped in."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.contracts.sql_text import literal
from pipelines.errors import BuildStopped
from pipelines.warehouse import (
    core,
    knee_load,
    ledgers,
    monitoring,
    outcomes,
    query_tables,
    refs,
    returned,
    wear,
)
from pipelines.warehouse.order import build_order
from pipelines.warehouse.versions import load_versions

Check = Callable[[duckdb.DuckDBPyConnection], pl.DataFrame]
_OPEN_LEDGERS = {
    # A file name with a participant's code in it is an identifier; flags on arm fields would tell the arm.
    "ledger_delivery": """
        SELECT d.* EXCLUDE (file_name, received_utc, sent_date, names_participant, n_flagged, what),
            CASE WHEN d.names_participant THEN coalesce(d.file_kind, 'file') || ' (name withheld)' ELSE d.file_name END
                AS file_name,
            d.received_utc, d.sent_date,
            (SELECT count(*) FROM closed.ledger_finding AS f
             WHERE f.delivery_id = d.delivery_id AND f.severity = 'flag' AND NOT f.reveals_arm) AS n_flagged
        FROM closed.ledger_delivery AS d ORDER BY d.clinic_id, d.received_utc, d.delivery_id""",
    "ledger_finding": """
        SELECT * EXCLUDE (reveals_arm) FROM closed.ledger_finding WHERE NOT reveals_arm
        ORDER BY clinic_id, delivery_id, table_name, row_no, rule, field""",
    "ledger_calendar": "SELECT * FROM closed.ledger_calendar ORDER BY ALL",
    "ref_query": """
        SELECT * EXCLUDE (subject, content, reveals_arm) FROM closed.ref_query WHERE NOT reveals_arm ORDER BY query_id""",
    "ref_field": "SELECT * FROM closed.ref_field ORDER BY ALL",
    "ref_study": "SELECT * FROM closed.ref_study ORDER BY ALL",
}


@dataclass(frozen=True)
class Inputs:
    """What a build is a function of, besides the contract and the code."""

    deliveries: pl.DataFrame  # one row per file that arrived, see ledgers.DELIVERY_SCHEMA
    core: Mapping[str, list[Path]]  # table -> Parquet of accepted deliveries
    quarantine: Mapping[str, list[Path]]
    findings: list[Path]
    calendar: pl.DataFrame
    stale: Mapping[str, str]
    cutoff: dt.datetime
    returned: pl.DataFrame = field(  # what rows of returned workbooks answer
        default_factory=lambda: pl.DataFrame(schema=returned.RETURNED_SCHEMA)
    )
    letters: query_tables.Letters = field(default_factory=query_tables.Letters)
    canaries: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=refs.CANARY_SCHEMA))


def build(
    folder: Path, sql: Path, contract: Contract, inputs: Inputs, check_across: Check
) -> dict[str, int]:
    """Writes `closed.duckdb` and `open.duckdb` into the folder; rows per core table.

    `check_across` evaluates the rules over several tables on the connection and returns findings; rows whose
    finding has severity quarantine are held. Whoever has the old files open keeps reading them undisturbed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    aside = {name: folder / f".{name}.{os.getpid()}.duckdb" for name in ("closed", "open")}
    for leftover in folder.glob(".*.duckdb*"):
        leftover.unlink()
    try:
        counts = _build_closed(aside["closed"], sql, contract, inputs, check_across)
        _build_open(aside["open"], aside["closed"], sql)
        for name, path in aside.items():
            _swap_in(path, folder / f"{name}.duckdb")
    finally:
        for leftover in folder.glob(f".*.{os.getpid()}.duckdb*"):
            leftover.unlink()
    return counts


def _build_closed(
    path: Path, sql: Path, contract: Contract, inputs: Inputs, check_across: Check
) -> dict[str, int]:
    with _writing(path) as con:
        core.create_macros(con)
        refs.create_refs(con, contract, inputs.cutoff)
        refs.create_clinics(con, contract, dict(inputs.stale))
        refs.create_canaries(con, inputs.canaries)
        ledgers.register_deliveries(con, inputs.deliveries)
        returned.settle(con, inputs.returned, inputs.core, inputs.quarantine)
        con.execute(
            "CREATE TEMP TABLE gone_row (delivery_id VARCHAR, table_name VARCHAR, row_no BIGINT, is_gone BOOLEAN)"
        )
        for table in contract.tables:
            load_versions(
                con, contract, table, inputs.core.get(table, []), inputs.quarantine.get(table, [])
            )
        core.correct(con, contract, inputs.cutoff)
        across = check_across(con)
        con.register("across_finding", across.to_arrow())
        con.execute("""
            CREATE TEMP TABLE held_row AS
            SELECT DISTINCT delivery_id, clinic_id, table_name, row_no FROM across_finding WHERE severity = 'quarantine'
        """)
        con.unregister("across_finding")
        core.fill_core(con, contract, sql / "ddl")
        core.fill_answers(con, contract)
        wear.create_refs(con, contract)
        wear.finish_speed(con)
        wear.build_views(con, sql / "core")
        across = pl.concat(
            [across, wear.unlike_owner(con), knee_load.name_turned(con)], how="diagonal"
        )
        outcomes.expect(con, contract)
        outcomes.score(con, contract)
        monitoring.watch(con, inputs.cutoff)
        ledgers.write_findings(con, inputs.findings, across)
        both = {
            table: [inputs.core.get(table, []), inputs.quarantine.get(table, [])]
            for table in contract.tables
        }
        query_tables.write_queries(
            con, contract, both, inputs.findings, across, inputs.letters, inputs.cutoff
        )
        ledgers.write_deliveries(con)
        ledgers.write_quarantine(
            con, contract, [path for paths in inputs.quarantine.values() for path in paths]
        )
        con.register("calendar", inputs.calendar.to_arrow())
        con.execute("CREATE TABLE ledger_calendar AS SELECT * FROM calendar ORDER BY ALL")
        con.unregister("calendar")
        _run_marts(con, sql / "marts", with_arm=True)
        return {
            table: con.execute(f"SELECT count(*) FROM core_{table}").fetchall()[0][0]
            for table, declared in contract.tables.items()
            if declared.answers is None
        }


def _build_open(path: Path, closed: Path, sql: Path) -> None:
    with _writing(path) as con:
        core.create_macros(con)
        con.execute(f"ATTACH {literal(closed)} AS closed (READ_ONLY)")
        for file in sorted((sql / "open").glob("*.sql")):
            con.execute(f"CREATE TABLE {file.stem} AS {file.read_text(encoding='utf-8')}")
        for name, query in _OPEN_LEDGERS.items():
            con.execute(f"CREATE TABLE {name} AS {query}")
        con.execute("DETACH closed")
        _run_marts(con, sql / "marts", with_arm=False)


def _run_marts(con: duckdb.DuckDBPyConnection, folder: Path, *, with_arm: bool) -> None:
    """Every mart in the order the SQL itself asks for; in the closed database a participant's mart has the arm."""
    con.execute("SET threads = 1")  # sums of doubles must come out the same every time
    for file in build_order(folder):
        query = file.read_text(encoding="utf-8")
        try:
            columns = [row[0] for row in con.execute(f"DESCRIBE ({query})").fetchall()]
            if with_arm and "participant_id" in columns:
                query = f"SELECT m.*, a.arm FROM ({query}) AS m LEFT JOIN core_participant AS a USING (participant_id)"
            con.execute(f"CREATE TABLE {file.stem} AS SELECT * FROM ({query}) ORDER BY ALL")
        except duckdb.Error as fault:
            # Faults of the SQL itself may be told whole; others may quote a participant's value.
            of_sql = duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException
            told = f": {str(fault).splitlines()[0]}" if isinstance(fault, of_sql) else ""
            raise BuildStopped(
                "this mart cannot be built",
                where=file.name,
                remedy=f"mend the SELECT: {type(fault).__name__}{told}",
            ) from None
    con.execute("RESET threads")


@contextmanager
def _writing(path: Path):
    con = duckdb.connect(str(path))
    con.execute("SET enable_progress_bar = false")  # it would be drawn into the log
    try:
        yield con
        con.execute("CHECKPOINT")
    finally:
        con.close()


def _swap_in(path: Path, target: Path) -> None:
    """Checks that the file opens, makes it read-only and durable, and renames it over the old one."""
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute("SELECT count(*) FROM duckdb_tables()").fetchall()
    path.chmod(0o440 if target.stem == "closed" else 0o444)
    for place in (path, target.parent):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    os.replace(path, target)
