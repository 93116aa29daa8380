"""How the lines of a clinic's file are laid out, and which tables they carry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pipelines.contracts.model import Clinic, FileKind, LayoutDef
from pipelines.contracts.returned import ReturnedKind
from pipelines.contracts.shapes import Layout


def layouts_of(clinic: Clinic, kind: FileKind) -> Iterator[tuple[Layout, list[str]]]:
    """Each layout of the file with the tables its lines carry; a workbook may have a sheet per table."""
    if isinstance(kind, ReturnedKind):  # its numbers were written as in the clinic's own files
        for table, declared in kind.sheets.items():
            yield replace(_layout(clinic, kind, declared), decimal=clinic.decimal), [table]
    elif kind.sheets:
        for table, layout in kind.sheets.items():
            yield _layout(clinic, kind, layout), [table]
    else:
        yield layout_of(clinic, kind), list(kind.tables)


def layout_of(clinic: Clinic, kind: FileKind) -> Layout:
    """The layout of a file that has but one."""
    return _layout(clinic, kind, kind.layout)


def _layout(clinic: Clinic, kind: FileKind, declared: LayoutDef) -> Layout:
    return Layout(encoding=kind.encoding or clinic.encoding, **declared.model_dump())
