"""A study made by hand: deliveries with their rows, written as a check would leave them, and built."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.contracts.tables import local_dates, staged_schema
from pipelines.identity import make_id
from pipelines.receive.calendar import CALENDAR_SCHEMA
from pipelines.warehouse.build import Inputs, build
from pipelines.warehouse.ledgers import DELIVERY_SCHEMA, FINDING_SCHEMA

SQL = Path(__file__).parents[2] / "sql"
CUTOFF = dt.datetime(2025, 11, 4, 3, 15)
DAY_1 = dt.date(2025, 9, 1)  # randomisation of everybody here
ADA, BOB = make_id("01", 1), make_id("01", 2)
Row = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """One accepted file: how it was sent, its accepted rows, and the rows that were held."""

    name: str
    rows: dict[str, list[Row]]
    held: dict[str, list[Row]] = field(default_factory=dict)
    sent_date: dt.date = dt.date(2025, 11, 3)
    revision: int = 0
    keyed: str = "increment"
    scope: str | None = None
    sent_by: str | None = None
    reason: str | None = None
    clinic_id: str = "alder"
    received_utc: dt.datetime = dt.datetime(2025, 11, 4, 3, 0)
    n_duplicate: int = 0

    @property
    def delivery_id(self) -> str:
        return f"{self.clinic_id}-{hashlib.sha256(self.name.encode()).hexdigest()[:12]}"


def participant(participant_id: str = ADA, **more: Any) -> Row:
    return {
        "participant_id": participant_id, "randomised_date": DAY_1, "arm": "BW", "condition_code": "knee_oa_kl12",
        "sex_code": "female", "index_knee_side": "left", **more,
    }  # fmt: skip


def fall(fall_no: int = 1, participant_id: str = ADA, **more: Any) -> Row:
    return {
        "participant_id": participant_id, "fall_no": fall_no, "fall_date": dt.date(2025, 10, 1), "hopkins_grade": "2",
        **more,
    }  # fmt: skip


def session(session_no: int = 1, participant_id: str = ADA, **more: Any) -> Row:
    return {
        "participant_id": participant_id, "session_no": session_no, "attended": True,
        "scheduled_date": DAY_1 + dt.timedelta(days=2 * session_no), **more,
    }  # fmt: skip


def people(*rows: Row) -> Sent:
    return Sent(
        "participants.csv",
        {"participant": list(rows or [participant(), participant(BOB, arm="FW")])},
    )


def core_frame(contract: Contract, table: str, sent: Sent, rows: list[Row]) -> pl.DataFrame:
    """The rows in the columns of a core Parquet file; `row_no` is their place unless they say it."""
    schema = {
        n: t for n, t in staged_schema(contract, table).items() if n not in ("faults", "row_hash")
    }
    declared = contract.tables[table]
    whole = []
    for place, row in enumerate(rows, start=2):
        key = ["" if row.get(name) is None else str(row[name]) for name in declared.key]
        days = {
            day: row[name].date()
            for name, day in local_dates(contract, table).items()
            if row.get(name)
        }
        whole.append({
            "delivery_id": sent.delivery_id, "clinic_id": sent.clinic_id, "row_no": place, "row_key": "|".join(key),
            **days, **row,
        })  # fmt: skip
        assert set(whole[-1]) <= set(schema), set(whole[-1]) - set(schema)
    frame = pl.DataFrame(whole, schema=schema)
    return frame.with_columns(content=frame.select(declared.fields).hash_rows())


def held_frame(table: str, sent: Sent, rows: list[Row]) -> pl.DataFrame:
    """Rows as quarantine keeps them: a key, where there was one, and the line as sent."""
    schema = {"delivery_id": pl.String, "clinic_id": pl.String, "table_name": pl.String, "row_no": pl.Int64,
              "row_key": pl.String, "sent": pl.String, "rules": pl.List(pl.String)}  # fmt: skip
    base = {
        "delivery_id": sent.delivery_id,
        "clinic_id": sent.clinic_id,
        "table_name": table,
        "sent": "{}",
        "rules": ["x"],
    }
    return pl.DataFrame(
        [{**base, "row_no": place, **row} for place, row in enumerate(rows, start=102)],
        schema=schema,
    )


def delivery_row(sent: Sent) -> Row:
    accepted = sum(len(rows) for rows in sent.rows.values())
    held = sum(len(rows) for rows in sent.held.values())
    return {
        "delivery_id": sent.delivery_id, "clinic_id": sent.clinic_id, "file_name": sent.name, "file_kind": "kind",
        "sha256": hashlib.sha256(sent.name.encode()).hexdigest(), "received_utc": sent.received_utc,
        "sent_date": sent.sent_date, "revision": sent.revision, "status": "accepted",
        "n_received": accepted + held + sent.n_duplicate, "n_accepted": accepted, "n_quarantined": held,
        "n_duplicate": sent.n_duplicate, "scope_key": sent.scope or sent.delivery_id, "keyed": sent.keyed,
        "sent_by": sent.sent_by, "resend_reason": sent.reason, "names_participant": False,
    }  # fmt: skip


def inputs_of(
    folder: Path,
    contract: Contract,
    sents: Sequence[Sent],
    findings: Sequence[Row] = (),
    **more: Any,
) -> Inputs:
    """Writes every delivery's Parquet and says where it lies, in the order given."""
    core: dict[str, list[Path]] = {}
    quarantine: dict[str, list[Path]] = {}
    for sent in sents:
        for place, frames in (
            (core, {t: core_frame(contract, t, sent, rows) for t, rows in sent.rows.items()}),
            (quarantine, {t: held_frame(t, sent, rows) for t, rows in sent.held.items()}),
        ):
            for table, frame in frames.items():
                kind = "core" if place is core else "quarantine"
                path = folder / kind / table / f"{sent.delivery_id}.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                frame.write_parquet(path)
                place.setdefault(table, []).append(path)
    paths = []
    if findings:
        paths = [folder / "findings.parquet"]
        pl.DataFrame(list(findings), schema=FINDING_SCHEMA).write_parquet(paths[0])
    made = Inputs(
        deliveries=pl.DataFrame([delivery_row(sent) for sent in sents], schema=DELIVERY_SCHEMA), core=core,
        quarantine=quarantine, findings=paths, calendar=pl.DataFrame(schema=CALENDAR_SCHEMA), stale={}, cutoff=CUTOFF,
    )  # fmt: skip
    return replace(made, **more)


def nothing_found(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    return pl.DataFrame(schema=FINDING_SCHEMA)


def built(
    folder: Path, contract: Contract, *sents: Sent, sql: Path = SQL, name: str = "warehouse",
    check: Callable[[duckdb.DuckDBPyConnection], pl.DataFrame] = nothing_found, **more: Any,
) -> Path:  # fmt: skip
    """The folder with both databases."""
    build(folder / name, sql, contract, inputs_of(folder, contract, sents, **more), check)
    return folder / name


def ask(warehouse: Path, query: str, side: str = "closed") -> list[tuple]:
    with duckdb.connect(str(warehouse / f"{side}.duckdb"), read_only=True) as con:
        return con.execute(query).fetchall()


def finding(
    sent: Sent, table: str, row_no: int, rule: str, severity: str = "flag", **more: Any
) -> Row:
    return {
        "delivery_id": sent.delivery_id, "clinic_id": sent.clinic_id, "table_name": table, "row_no": row_no,
        "rule": rule, "kind": "plausibility", "severity": severity, "remedy": "mend it", "field": None, **more,
    }  # fmt: skip
