"""Pages for people: reports of a night, its index, and a query letter per clinic."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import polars as pl

from pipelines import files
from pipelines.contracts.model import Contract
from pipelines.reports import audience, held_books, index, letters, restated, study_lead
from pipelines.reports.audience import NIGHT_FACTS
from pipelines.reports.layout.page import render_page
from pipelines.reports.mail import write_mail
from pipelines.reports.source import opened

AUDIENCES = ("open", "closed")


def discovered() -> dict[str, ModuleType]:
    """Every report by name: the modules here that say for whom they are."""
    modules = {
        m.name: importlib.import_module(f"{__name__}.{m.name}")
        for m in pkgutil.iter_modules(__path__)
    }
    return {
        name: module for name, module in sorted(modules.items()) if hasattr(module, "AUDIENCES")
    }


def render_all(warehouse: Path, folder: Path, contract: Contract, sql: Path) -> dict[str, int]:
    """Writes `open/*.html`, `closed/*.html`, their PDF files and `index.html`; the number of pages.

    Beside the pages of each audience stand their numbers, see `results`. `sql` is the folder of the SQL files the
    warehouse was built with. Raises BuildStopped where there is no warehouse, or a page cannot be made.
    """
    with opened(warehouse, contract, "open") as source:
        files.private(folder / "closed")
        audience.write_all([
            audience.Task(name, tuple(_made_for(name)), warehouse, folder, contract, sql) for name in AUDIENCES
        ])  # fmt: skip
        made = _titles(folder)
        night = audience.of_night(index.page(source, made), source)
        _write(folder / "index.html", render_page(night))
        files.write_json(folder / NIGHT_FACTS, index.night_facts(source))
    printed = [folder / name / f"{page}.pdf" for name, pages in made.items() for page, _ in pages]
    return {name: len(pages) for name, pages in made.items()} | {
        "pdf": sum(path.is_file() for path in printed)
    }


def write_digest(warehouse: Path, reports: Path, folder: Path, contract: Contract) -> dict:
    """The study lead's digest as a mail (see `mail.write_mail`); its PDF is that of the night's pages in `reports`."""
    with opened(warehouse, contract, "open") as source:
        page = audience.of_night(study_lead.page(source), source)
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
            page = index.front_page(source, _titles(folder / latest[0]), latest[0], nights)
            _write(folder / "index.html", render_page(audience.of_night(page, source)))


def _made_for(whom: str) -> dict[str, ModuleType]:
    return {name: module for name, module in discovered().items() if whom in module.AUDIENCES}


def _titles(folder: Path) -> index.Made:
    """The pages of a night's folder by audience, each with its title."""
    made = {
        whom: [(name, module.TITLE) for name, module in _made_for(whom).items()]
        for whom in AUDIENCES
    }
    for whom, titles in made.items():
        if (folder / whom / f"{restated.NAME}.html").is_file():
            titles.append((restated.NAME, restated.TITLE))
    return made


def render_letters(
    warehouse: Path, folder: Path, contract: Contract, raw: Path, ledger: Path | None
) -> dict[str, int]:
    """Writes `<clinic>/letter.html` and a workbook per kind of file with held rows; held rows per clinic.

    `raw` is the folder of every file as it came. What was asked goes into the ledger last, when every letter stands; without one nothing counts as asked.
    """
    counts, facts = {}, []
    with opened(warehouse, contract, "closed") as source:
        for clinic in contract.clinics.values():
            letter = letters.compose(source, clinic, raw)
            place = folder / clinic.clinic_id
            _write(place / "letter.html", render_page(letter.page))
            for book in letter.books:
                with files.atomic_path(place / book.name) as aside:
                    held_books.write(book, clinic, letter.cutoff, aside)
            for left in set(place.glob("held_rows*.xlsx")) - {place / b.name for b in letter.books}:
                left.unlink()  # of a contract that held other rows
            counts[clinic.clinic_id] = letter.held_n
            facts.append(letter.facts)
    if ledger is not None:
        files.write_parquet(pl.concat(facts), ledger)
    return counts


def _write(path: Path, text: str) -> None:
    files.write_bytes_atomic(path, text.encode("utf-8"))
