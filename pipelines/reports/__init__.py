"""Pages for people: reports of a night, its index, and a query letter per clinic."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from pipelines import files
from pipelines.contracts.model import Contract
from pipelines.reports import index, letters
from pipelines.reports.layout import pdf
from pipelines.reports.layout.page import render_page
from pipelines.reports.source import opened


def discovered() -> dict[str, ModuleType]:
    """Every report by name: the modules here that say for whom they are."""
    modules = {
        m.name: importlib.import_module(f"{__name__}.{m.name}")
        for m in pkgutil.iter_modules(__path__)
    }
    return {
        name: module for name, module in sorted(modules.items()) if hasattr(module, "AUDIENCES")
    }


def render_all(warehouse: Path, folder: Path, contract: Contract) -> dict[str, int]:
    """Writes `open/*.html`, `closed/*.html`, their PDF files and `index.html`; the number of pages."""
    made: dict[str, list[tuple[str, str]]] = {}
    can_print = pdf.missing() is None
    pages: list[Path] = []
    for audience in ("open", "closed"):
        with opened(warehouse, contract, audience) as source:
            made[audience] = []
            if audience == "closed":
                files.private(folder / audience)
            for name, module in discovered().items():
                if audience in module.AUDIENCES:
                    page = replace(module.page(source), pdf=f"{name}.pdf" if can_print else None)
                    pages.append(folder / audience / f"{name}.html")
                    _write(pages[-1], render_page(page))
                    made[audience].append((name, module.TITLE))
    with opened(warehouse, contract, "open") as source:
        _write(folder / "index.html", render_page(index.page(source, made)))
    printed = pdf.print_pages(pages)
    return {audience: len(named) for audience, named in made.items()} | {"pdf": len(printed)}


def render_letters(warehouse: Path, folder: Path, contract: Contract) -> dict[str, int]:
    """Writes `<clinic>/letter.html` and `<clinic>/held_rows.xlsx` for every clinic; held rows per clinic."""
    counts = {}
    with opened(warehouse, contract, "closed") as source:
        for clinic in contract.clinics.values():
            letter = letters.compose(source, clinic)
            _write(folder / clinic.clinic_id / "letter.html", render_page(letter.page))
            with files.atomic_path(folder / clinic.clinic_id / "held_rows.xlsx") as aside:
                letters.write_workbook(letter, aside)
            counts[clinic.clinic_id] = letter.held.height
    return counts


def _write(path: Path, text: str) -> None:
    files.write_bytes_atomic(path, text.encode("utf-8"))
