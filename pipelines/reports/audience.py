"""All pages of one audience for one night: made, written and printed in a process of their own.

A process for each keeps both cores busy, keeps whatever a drawing library does to memory away from the night, and
lets no open page be made where by-arm results are at hand.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from pipelines import files
from pipelines.contracts.model import Contract
from pipelines.errors import BackstepError, BuildStopped
from pipelines.reports import restated, results
from pipelines.reports.layout import pdf
from pipelines.reports.layout.blocks import Page
from pipelines.reports.layout.page import render_page
from pipelines.reports.source import Source, opened
from pipelines.warehouse.lineage import Lineage

NIGHT_FACTS = "night.json"
_HAND = f"from {__name__} import write_given; write_given()"


@dataclass(frozen=True)
class Task:
    """What a process is given. `names` are the modules of `reports`; `sql` holds the SQL files of the warehouse."""

    audience: str
    names: tuple[str, ...]
    warehouse: Path
    folder: Path
    contract: Contract
    sql: Path


def write_all(tasks: Sequence[Task]) -> None:
    """Every task in a process of its own. Raises BuildStopped where one fails; its lines above say why."""
    running = []
    for task in tasks:
        hand = subprocess.Popen(
            [sys.executable, "-c", _HAND],
            stdin=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[2],
        )
        hand.stdin.write(pickle.dumps(task))
        hand.stdin.close()
        running.append(hand)
    failed = [task.audience for task, hand in zip(tasks, running, strict=True) if hand.wait()]
    if failed:
        raise BuildStopped(
            f"the {' and '.join(failed)} reports could not be made",
            where="reports",
            remedy="the lines above say why; pages made before it are written",
        )


def write_given() -> None:
    """The hand of `write_all`: its task comes on standard input, from the process that started it."""
    try:
        write(pickle.load(sys.stdin.buffer))
    except BackstepError as fault:
        sys.stderr.write(f"{fault}\n")
        raise SystemExit(1) from None


def write(task: Task) -> list[Path]:
    """Writes the pages, their numbers and their printed form; the HTML files' paths."""
    from pipelines.reports import discovered

    with opened(task.warehouse, task.contract, task.audience) as source:
        modules = {name: discovered()[name] for name in task.names}
        pages = _pages(task, source, modules)
        can_print = pdf.missing() is None
        written = []
        for name, page in pages.items():
            written.append(task.folder / task.audience / f"{name}.html")
            printed = replace(of_night(page, source), pdf=f"{name}.pdf" if can_print else None)
            files.write_bytes_atomic(written[-1], render_page(printed).encode("utf-8"))
    pdf.print_pages(written)
    return written


def of_night(page: Page, source: Source) -> Page:
    """The page with what its night's planted faults tell of the checks behind its numbers."""
    return replace(page, canaries=source.canaries)


def _pages(task: Task, source: Source, modules: dict[str, ModuleType]) -> dict[str, Page]:
    """Every page by name. Their numbers are kept; where an earlier night kept its own, a page more says what moved since."""
    pages = {name: replace(module.page(source), report=name) for name, module in modules.items()}
    numbers = results.of_pages(pages)
    results.write(task.folder / task.audience, numbers)
    before = restated.last_night(task.folder, task.audience, NIGHT_FACTS)
    if before is not None:
        with opened(task.warehouse, task.contract, "closed") as closed:
            gone = restated.replaced(closed, before.cutoff)
        lineage = Lineage(source.con, task.contract, task.sql)
        pages[restated.NAME] = restated.page(source, lineage, numbers, before, gone)
    return pages
