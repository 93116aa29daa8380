"""The night's canaries laid out as files, and everything that an earlier night's left taken away."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from pipelines import files
from pipelines.canaries.plan import Canary, Carrier, Plan, plan
from pipelines.contracts.canary import CLINIC_ID
from pipelines.contracts.model import Contract
from pipelines.night import stamp
from pipelines.synthetic.dialect import Sheet, Written, render, write

_OLDER_THAN_ANY_SETTLING = dt.timedelta(days=2)


def expected_path(home: Path) -> Path:
    """The note of what must become of each canary of the night under way."""
    return _work_folder(home) / "expected.json"


def counts_path(home: Path, cutoff: dt.datetime) -> Path:
    """What was planted and caught in a night: all that is kept of its canaries."""
    return home / "ledger" / "canaries" / f"{stamp(cutoff)}.json"


def _work_folder(home: Path) -> Path:
    return home / "staging" / CLINIC_ID


def sow(home: Path, contract: Contract, cutoff: dt.datetime) -> Path:
    """Lays out the canaries of a night and gives their landing folder; the same cut-off gives the same bytes.

    Assumes the contract with the reserved clinic.
    """
    clear(home)
    counts_path(home, cutoff).unlink(missing_ok=True)
    landing = _work_folder(home) / "landing"
    landing.mkdir(parents=True)
    planned = plan(contract)
    if planned is not None:
        expected = _lay_out(contract, planned, landing, cutoff.date())
        moment = (cutoff - _OLDER_THAN_ANY_SETTLING).replace(tzinfo=dt.UTC).timestamp()
        for path in landing.iterdir():
            os.utime(path, (moment, moment))
        files.write_json(expected_path(home), expected)
    return landing


def clear(home: Path) -> None:
    """Removes every trace of canaries from the home but the counts of past nights."""
    for folder in _traces(home):
        shutil.rmtree(folder, ignore_errors=True)
    (home / "ledger" / "waiting" / f"{CLINIC_ID}.json").unlink(missing_ok=True)


def _traces(home: Path) -> Iterator[Path]:
    yield _work_folder(home)
    yield home / "raw" / CLINIC_ID
    for kind in ("receipts", "checks", "findings"):
        yield home / "ledger" / kind / CLINIC_ID
    for kind in ("core", "quarantine"):
        yield from (home / kind).glob(f"*/{CLINIC_ID}")


def _lay_out(contract: Contract, planned: Plan, landing: Path, sent: dt.date) -> list[dict]:
    """Writes both carriers and a spoilt copy of each; what must become of every canary."""

    def written(carrier: Carrier, sheets: tuple[Sheet, ...], revision: int = 0) -> Written:
        return write(
            contract, CLINIC_ID, carrier.kind, sheets, landing, sent_date=sent, revision=revision
        )

    text, book = _sheets(contract, planned.text), _sheets(contract, planned.book)
    cut = tuple(_without(sheet, contract.tables[planned.text.table].required[0]) for sheet in text)
    lost, broken = written(planned.text, cut, 1), written(planned.book, book, 1)
    broken.path.write_bytes(broken.path.read_bytes()[: broken.path.stat().st_size // 2])
    return [
        *_entries(planned.text, written(planned.text, text)),
        *_entries(planned.book, written(planned.book, book)),
        _entry(planned.lost_column, lost.path.name, None),
        _entry(planned.broken_book, broken.path.name, None),
    ]


def _sheets(contract: Contract, carrier: Carrier) -> tuple[Sheet, ...]:
    """The rows as the reserved clinic writes them, each with its fault."""
    (sheet,) = render(contract, CLINIC_ID, carrier.kind, {carrier.table: carrier.rows})
    spoilt = {uid: one.text for uid, one in enumerate(carrier.canaries) if one.text}
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    cells = sheet.cells.with_columns(
        place.replace_strict(
            {uid: text for uid, (field, text) in spoilt.items() if field == name},
            default=pl.col(name), return_dtype=pl.String,
        ).alias(name)
        for name in {field for field, _ in spoilt.values()}
    )  # fmt: skip
    return (Sheet(sheet.sheet, sheet.columns, cells),)


def _without(sheet: Sheet, column: str) -> Sheet:
    kept = tuple(name for name in sheet.columns if name != column)
    return Sheet(sheet.sheet, kept, sheet.cells.drop(column))


def _entries(carrier: Carrier, written: Written) -> list[dict]:
    row_no = dict(written.lines.select("uid", "row_no").iter_rows())
    return [
        _entry(canary, written.path.name, row_no[uid])
        for uid, canary in enumerate(carrier.canaries)
    ]


def _entry(canary: Canary, file_name: str, row_no: int | None) -> dict:
    return {
        "fault": canary.fault, "table_name": canary.table, "rule": canary.rule, "severity": canary.severity,
        "file_name": file_name, "row_no": row_no,
    }  # fmt: skip
