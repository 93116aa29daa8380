"""The reserved clinic of the canaries: a clinic of no study, whose forms are the study's own tables."""

from __future__ import annotations

import datetime as dt
import re

from pipelines.contracts.model import Clinic, Contract, FileKind, LayoutDef, TableMap

CLINIC_ID = "canary"
_FORMATS = {"csv": "", "xlsx": "_book"}  # a file kind for each table, so that each reader has one


def file_kind(table: str, file_format: str) -> str:
    """The kind under which the reserved clinic sends a table as `csv` or `xlsx`."""
    return table + _FORMATS[file_format]


def with_canaries(contract: Contract) -> Contract:
    """The contract that files are taken in by: the study's, and the reserved clinic.

    What builds, reports or counts has the study's contract, and so never meets that clinic.
    """
    return contract.model_copy(
        update={
            "clinics": {**contract.clinics, CLINIC_ID: _clinic(contract)},
            "clinic_digests": {**contract.clinic_digests, CLINIC_ID: contract.digest},
        }
    )


def _clinic(contract: Contract) -> Clinic:
    """A clinic that sends every form of the study in the study's own names, units and codes."""
    taken = {clinic.prefix for clinic in contract.clinics.values()}
    return Clinic(
        clinic_id=CLINIC_ID, name="Canaries", language="en", time_zone="UTC", dates="YYYY-MM-DD", times="HH:MM",
        prefix=max({f"{number:02d}" for number in range(100)} - taken), sends_from=dt.date(2000, 1, 1),
        words={"boolean": {"yes": True, "no": False}}
        | {name: {code: code for code in codes} for name, codes in contract.codes.items()},
        files={
            file_kind(table, form): _file_kind(contract, table, form)
            for table in form_tables(contract) for form in _FORMATS
        },
    )  # fmt: skip


def form_tables(contract: Contract) -> list[str]:
    """Tables that some clinic fills by a form; the others come out of devices' own formats."""
    sent = {
        table
        for clinic in contract.clinics.values()
        for kind in clinic.files.values()
        for table in kind.tables
    }
    return [table for table in contract.tables if table in sent]


def _file_kind(contract: Contract, table: str, file_format: str) -> FileKind:
    declared = contract.tables[table]
    columns = {
        name: {"local_of" if contract.fields[name].type == "instant" else "field": name}
        for name in declared.fields
    }
    name = re.escape(f"{CLINIC_ID}_{file_kind(table, file_format)}_")
    return FileKind(
        name=rf"{name}(?P<sent>\d{{8}})(?:_r(?P<revision>\d))?\.{file_format}",
        format=file_format,
        keyed="increment",
        # A workbook has a title above its header.
        layout=LayoutDef(header=declared.required if file_format == "xlsx" else ()),
        tables={table: TableMap.model_validate({"columns": columns})},
    )
