"""Workbooks of held rows that a clinic corrects and sends back: a file kind beside each kind of form.

A sheet holds the held rows of one table in the clinic's own columns, behind columns of ours. Decision 0020.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Literal

from pipelines.contracts.model import Clinic, FileKind, LayoutDef, TableMap

REFERENCE = "Backstep reference"  # which line of which file the row is, and a digest of its cells
TOLD = ("Backstep file", "Backstep line", "Backstep: what to do")
_KIND = "held_rows_"
_NAME = r"held_rows_{}_(?P<sent>\d{{8}})(?:[^0-9].*)?\.xlsx"
_ANY_NAME = re.compile(r"held_rows_(?P<kind>.+)_(?P<sent>\d{8})(?:[^0-9].*)?\.xlsx")
_REFERENCE = r"^({}-[0-9a-f]{{12}}):([0-9]{{1,12}}):([0-9a-f]{{8}})$"


class ReturnedKind(FileKind):
    """Held rows of one kind of form, sent back; its rows take the place of the very rows they answer."""

    keyed: Literal["return"] = "return"
    answers: str  # the kind of file that the rows came in


def kind_of(clinic: Clinic, name: str) -> FileKind:
    """The declaration of a kind of file, be it the clinic's own or that of its held rows. KeyError for no kind."""
    declared = clinic.files.get(name)
    if declared is not None:
        return declared
    base = clinic.files[name.removeprefix(_KIND)]
    return ReturnedKind(
        name=_NAME.format(re.escape(name.removeprefix(_KIND))),
        format="xlsx",
        tables={
            table: declared.model_copy(update={"ignore": (REFERENCE, *TOLD)})
            for table, declared in base.tables.items()
        },
        sheets={table: LayoutDef(header=(REFERENCE,), sheet=table) for table in base.tables},
        answers=name.removeprefix(_KIND),
    )  # fmt: skip


def form_of(clinic: Clinic, kind: str) -> str | None:
    """The clinic's own kind of form whose rows a file holds; None for device files, whose rows nobody can retype."""
    base = kind.removeprefix(_KIND) if kind not in clinic.files else kind
    return base if clinic.files[base].format != "device" else None


def said_by_name(clinic: Clinic, name: str) -> dict | None:
    """`kind` and `sent` (text) of a workbook of held rows under the name it was given, or None."""
    found = _ANY_NAME.fullmatch(name)
    if found and found["kind"] in clinic.files and form_of(clinic, found["kind"]):
        return {"kind": returned_kind(found["kind"]), "sent": found["sent"]}
    return None


def returned_kind(form: str) -> str:
    """What the kind of a form's returned workbooks is called."""
    return _KIND + form


def file_name(form: str, day: dt.date) -> str:
    """The name of the workbook; a clinic may write more behind the date."""
    return f"{_KIND}{form}_{day:%Y%m%d}.xlsx"


def columns_of(table: TableMap) -> list[str]:
    """The clinic's columns that a held row of the table is made of, in their declared order."""
    told = [*table.rows_where, *table.columns, *([table.complete] if table.complete else [])]
    return list(dict.fromkeys(told))


def reference(delivery_id: str, row_no: int, cells: Iterable[str | None]) -> str:
    """What the row of a workbook bears, so that it is known again, and whether anybody changed it."""
    return f"{delivery_id}:{row_no}:{digest(cells)}"


def reference_pattern(clinic_id: str) -> str:
    """Three groups: the delivery, the line in it, and the digest of the cells as they were written."""
    return _REFERENCE.format(re.escape(clinic_id))


def digest(cells: Iterable[str | None]) -> str:
    """Eight hexadecimal digits of the cells' texts; an empty cell is no text."""
    return sha256("\x1f".join(cell or "" for cell in cells).encode()).hexdigest()[:8]
