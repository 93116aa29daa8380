"""What became of the night's canaries: caught, or missed. Only the counts are kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from pipelines import files
from pipelines.canaries.plan import plan
from pipelines.canaries.sow import clear, counts_path, expected_path
from pipelines.contracts.canary import CLINIC_ID
from pipelines.contracts.model import Contract
from pipelines.errors import CanaryMissed
from pipelines.receive import ledger
from pipelines.warehouse.refs import CANARY_SCHEMA


def judge(home: Path, contract: Contract, cutoff: dt.datetime) -> None:
    """Enters the night's counts, where its canaries were laid out. Those all caught are cleared away.

    Canaries of a night that missed one stay until the next night's, so that somebody can look.
    """
    note = expected_path(home)
    if not note.is_file():
        return
    expected = files.read_json(note)
    by_name = {r.file_name: r.delivery_id for r in ledger.receipts(home, CLINIC_ID)}
    outcomes = {name: _Outcome(home, delivery_id) for name, delivery_id in by_name.items()}
    rows = [
        {
            **{key: one[key] for key in ("fault", "table_name", "rule")},
            "planted_n": 1,
            "caught_n": int(_caught(outcomes.get(one["file_name"]), one)),
        }
        for one in expected
    ]
    files.write_json(counts_path(home, cutoff), {"contract": contract.digest, "canaries": rows})
    if all(row["caught_n"] for row in rows):
        clear(home)


def due(home: Path, contract: Contract, cutoff: dt.datetime) -> bool:
    """Whether no canaries of the present contract have flown in this night."""
    path = counts_path(home, cutoff)
    return not path.is_file() or files.read_json(path)["contract"] != contract.digest


def counted(home: Path, contract: Contract, cutoff: dt.datetime) -> pl.DataFrame:
    """A row per canary with what was planted and caught; nothing planted where none flew in this night.

    Assumes the contract with the reserved clinic.
    """
    path = counts_path(home, cutoff)
    if path.is_file():
        rows = files.read_json(path)["canaries"]
    else:
        planned = plan(contract)
        rows = [
            {"fault": one.fault, "table_name": one.table, "rule": one.rule, "planted_n": 0, "caught_n": 0}
            for one in (planned.canaries() if planned else [])
        ]  # fmt: skip
    return pl.DataFrame(rows, schema=CANARY_SCHEMA)


def require_caught(canaries: pl.DataFrame) -> dict[str, int]:
    """`planted_n` and `caught_n`. Raises CanaryMissed where one was not caught, or none flew."""
    missed = canaries.filter(
        (pl.col("caught_n") < pl.col("planted_n")) | (pl.col("planted_n") == 0)
    )
    if missed.is_empty():
        return canaries.select(pl.sum("planted_n", "caught_n")).row(0, named=True)
    named = [
        f"{fault} in {table}" + (f" (rule {rule})" if rule else "")
        for fault, table, rule in missed.select("fault", "table_name", "rule").iter_rows()
    ]
    raise CanaryMissed(
        f"{missed.height} of {canaries.height} canaries were not caught: {', '.join(named)}",
        where="the night's planted faults",
        remedy="do not rely on what this night let through; runbook, A canary was missed",
    )


class _Outcome:
    """What the check of one delivery left behind."""

    def __init__(self, home: Path, delivery_id: str) -> None:
        self.check = ledger.read_check(home, CLINIC_ID, delivery_id) or {}
        self.core = _rows(home / "core", self.check.get("tables", ()), delivery_id)
        self.held = _rows(home / "quarantine", self.check.get("held_tables", ()), delivery_id)
        found = home / "ledger" / "findings" / CLINIC_ID / f"{delivery_id}.parquet"
        rules = pl.read_parquet(found).select("row_no", "rule").rows() if found.is_file() else []
        self.found = set(rules)


def _rows(folder: Path, tables: Iterable[str], delivery_id: str) -> set[int]:
    paths = [folder / table / CLINIC_ID / f"{delivery_id}.parquet" for table in tables]
    return {
        row_no for path in paths if path.is_file() for row_no in pl.read_parquet(path)["row_no"]
    }


def _caught(outcome: _Outcome | None, one: dict) -> bool:
    """Whether a canary came out as it must: a faulty one by its rule, a clean one unharmed."""
    if outcome is None:
        return False
    check, row_no = outcome.check, one["row_no"]
    if one["severity"] == "refuse":
        return check.get("status") == "refused" and check.get("reason") == one["rule"]
    if check.get("status") != "accepted" or not _reconciles(check):
        return False
    core, held = row_no in outcome.core, row_no in outcome.held
    found = (row_no, one["rule"]) in outcome.found
    match one["severity"]:
        case "quarantine":
            return found and held and not core
        case "flag":
            return found and core and not held
        case "duplicate":
            return check["n_duplicate"] == 1 and not core and not held
        case _:
            return core and not held and row_no not in {number for number, _ in outcome.found}


def _reconciles(check: dict) -> bool:
    return check["n_received"] == sum(
        check[name] for name in ("n_accepted", "n_quarantined", "n_duplicate")
    )
