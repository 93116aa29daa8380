"""How the study stands, and what a new clinic's files would give: reading only."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import duckdb

from pipelines import files, stages
from pipelines.contracts.load import load_contract
from pipelines.errors import ContractError
from pipelines.night import gather
from pipelines.receive.ledger import read_waiting
from pipelines.settings import load_settings


def status(home: str) -> dict:
    """The night that stands, who holds the lock, and per clinic what came, what did not, and which queries stand open."""
    settings = load_settings(home or None)
    contract = load_contract(settings.schemas)
    last = settings.home / "ledger" / "last_night.json"
    cutoff = files.read_json(last)["cutoff"] if last.is_file() else None
    lock = settings.home / "lock.json"
    at = (
        dt.datetime.fromisoformat(cutoff)
        if cutoff
        else dt.datetime.now(dt.UTC).replace(tzinfo=None)
    )
    inputs = gather(settings.home, contract, at)
    asked = _open_queries(settings.home / "warehouse" / "closed.duckdb")
    rows = []
    for clinic_id in sorted(contract.clinics):
        mine = inputs.deliveries.filter(clinic_id=clinic_id)
        late = inputs.calendar.filter(clinic_id=clinic_id).drop_nulls("missing_since_date")
        missing = ", ".join(
            f"{kind} ({since})"
            for kind, since in sorted(set(late.select("file_kind", "missing_since_date").rows()))
        )
        rows.append({
            "clinic_id": clinic_id, "last_sent": mine["sent_date"].max(), "received": mine.height,
            "refused": mine.filter(status="refused").height, "not_checked": mine.filter(status="not_checked").height,
            "missing": missing, "waiting": len(read_waiting(settings.home, clinic_id)),
            "queries": asked.get(clinic_id, ("", None))[0], "oldest_days": asked.get(clinic_id, ("", None))[1],
        })  # fmt: skip
    return {
        "cutoff": cutoff,
        "lock": files.read_json(lock)["owner"] if lock.is_file() else None,
        "clinics": rows,
    }


def _open_queries(closed: Path) -> dict[str, tuple[str, int]]:
    """By clinic: open queries as text, `state n` by state, and the age of the oldest in days; empty without a warehouse.

    Counted in the closed database: the open one leaves out what tells the arm, and would say that less is to be done.
    """
    if not closed.is_file():
        return {}
    with duckdb.connect(str(closed), read_only=True) as con:
        found = con.execute("""
            SELECT clinic_id, string_agg(replace(state, '_', ' ') || ' ' || n, ', ' ORDER BY state), max(oldest_days)
            FROM (SELECT clinic_id, state, count(*) AS n, max(age_days) AS oldest_days
                  FROM ref_query WHERE state <> 'solved' GROUP BY ALL)
            GROUP BY clinic_id
        """).fetchall()
    return {clinic_id: (states, oldest_days) for clinic_id, states, oldest_days in found}


def rehearse(clinic_id: str, folder: Path) -> dict:
    """The whole path up to the build in a throw-away home: counts per delivery, and every finding by file and line.

    Rules over several tables are judged within the folder alone.
    """
    contract = load_contract(load_settings().schemas)
    if clinic_id not in contract.clinics:
        raise ContractError(
            f"no clinic `{clinic_id}` is declared",
            where="schemas/clinics",
            remedy=f"add schemas/clinics/{clinic_id}.yaml, or choose among {', '.join(sorted(contract.clinics))}",
        )
    with tempfile.TemporaryDirectory(prefix="backstep-rehearse-") as place:
        landing = Path(place) / "landing" / clinic_id
        landing.mkdir(parents=True)
        for stat in files.listing(folder):
            files.copy_verified(folder / stat.name, landing / stat.name)
            files.write_bytes_atomic(landing / f"{stat.name}.done", b"")
        cutoff = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        due = stages.receive_clinic(place, clinic_id, cutoff)
        for delivery in due:
            stages.standardise_delivery(place, delivery, cutoff)
        stages.check_night(place, due, cutoff)
        stages.build_warehouse(place, cutoff)
        with duckdb.connect(
            str(Path(place) / "warehouse" / "closed.duckdb"), read_only=True
        ) as con:
            deliveries = (
                con.execute("SELECT * FROM ledger_delivery ORDER BY file_name").pl().to_dicts()
            )
            findings = (
                con.execute("""
                SELECT d.file_name, f.table_name, f.row_no, f.field, f.rule, f.severity, f.remedy
                FROM ledger_finding AS f JOIN ledger_delivery AS d USING (delivery_id)
                ORDER BY d.file_name, f.table_name, f.row_no, f.rule
            """)
                .pl()
                .to_dicts()
            )
    return {"deliveries": {row["file_name"]: row for row in deliveries}, "findings": findings}
