"""Pages for people: reports of a night, its index, and a query letter per clinic."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import polars as pl

from pipelines import files
from pipelines.contracts.model import Contract
from pipelines.reports import index, letter_rows, letters, study_lead
from pipelines.reports.layout import pdf
from pipelines.reports.layout.blocks import Page
from pipelines.reports.layout.page import render_page
from pipelines.reports.mail import write_mail
from pipelines.reports.source import Source, opened

AUDIENCES = ("open", "closed")
NIGHT_FACTS = "night.json"


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
    can_print = pdf.missing() is None
    pages: list[Path] = []
    for audience in AUDIENCES:
        with opened(warehouse, contract, audience) as source:
            if audience == "closed":
                files.private(folder / audience)
            for name, module in _made_for(audience).items():
                page = replace(
                    _of_night(module.page(source), source), pdf=f"{name}.pdf" if can_print else None
                )
                pages.append(folder / audience / f"{name}.html")
                _write(pages[-1], render_page(page))
    with opened(warehouse, contract, "open") as source:
        night = _of_night(index.page(source, _titles()), source)
        _write(folder / "index.html", render_page(night))
        files.write_json(folder / NIGHT_FACTS, index.night_facts(source))
    printed = pdf.print_pages(pages)
    return {name: len(_made_for(name)) for name in AUDIENCES} | {"pdf": len(printed)}


def write_digest(warehouse: Path, reports: Path, folder: Path, contract: Contract) -> dict:
    """The study lead's digest as a mail (see `mail.write_mail`); its PDF is that of the night's pages in `reports`."""
    with opened(warehouse, contract, "open") as source:
        page = _of_night(study_lead.page(source), source)
    return write_mail(page, folder, reports / "open" / "study_lead.pdf")


def render_front(warehouse: Path, folder: Path, contract: Contract) -> None:
    """Writes `index.html` of the study: the night of the warehouse that stands, and all nights in the folder.

    Without pages of that night in the folder nothing is written.
    """
    found = sorted(folder.glob(f"*/{NIGHT_FACTS}"), reverse=True)
    nights = [(path.parent.name, files.read_json(path)) for path in found]
    with opened(warehouse, contract, "open") as source:
        latest = [name for name, facts in nights if facts["cutoff"] == source.cutoff_text]
        if latest:
            page = _of_night(index.front_page(source, _titles(), latest[0], nights), source)
            _write(folder / "index.html", render_page(page))


def _of_night(page: Page, source: Source) -> Page:
    """The page with what its night's planted faults tell of the checks behind its numbers."""
    return replace(page, canaries=source.canaries)


def _made_for(audience: str) -> dict[str, ModuleType]:
    return {name: module for name, module in discovered().items() if audience in module.AUDIENCES}


def _titles() -> index.Made:
    return {
        audience: [(name, module.TITLE) for name, module in _made_for(audience).items()]
        for audience in AUDIENCES
    }


def render_letters(
    warehouse: Path, folder: Path, contract: Contract, ledger: Path | None
) -> dict[str, int]:
    """Writes `<clinic>/letter.html` and `<clinic>/held_rows.xlsx` for every clinic; held rows per clinic.

    What was asked goes into the ledger last, when every letter stands; without one nothing counts as asked.
    """
    counts, facts = {}, []
    with opened(warehouse, contract, "closed") as source:
        for clinic in contract.clinics.values():
            letter = letters.compose(source, clinic)
            _write(folder / clinic.clinic_id / "letter.html", render_page(letter.page))
            with files.atomic_path(folder / clinic.clinic_id / "held_rows.xlsx") as aside:
                letter_rows.write_workbook(letter.held, letter.cutoff, aside)
            counts[clinic.clinic_id] = letter.held.height
            facts.append(letter.facts)
    if ledger is not None:
        files.write_parquet(pl.concat(facts), ledger)
    return counts


def _write(path: Path, text: str) -> None:
    files.write_bytes_atomic(path, text.encode("utf-8"))
