"""The command's application object, and what its verbs share: options, lock, progress, tables."""

from __future__ import annotations

import datetime as dt
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Nightly data pipeline of a multi-site rehabilitation study.",
)
out = Console()
Home = Annotated[
    Path | None, typer.Option("--home", help="The study's home; default $BACKSTEP_HOME or ./var.")
]
Cutoff = Annotated[
    str | None,
    typer.Option(
        "--cutoff", help="ISO time that the numbers speak for, e.g. 2025-11-04T03:15:00Z."
    ),
]


@contextmanager
def locked(home: Path | None):
    from pipelines import lock, stages
    from pipelines.settings import load_settings

    place, owner = load_settings(home).home, f"backstep {os.getpid()}"
    lock.take(place, owner, dt.datetime.now(dt.UTC), dt.timedelta(hours=12), in_process=True)
    try:
        stages.clear_leftovers(str(place))
        yield str(place)
    finally:
        lock.release(place, owner)


def progress() -> Progress:
    return Progress(
        TextColumn("{task.description:<38}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=out,
    )


def now() -> str:
    return dt.datetime.now(dt.UTC).replace(microsecond=0).isoformat()


def print_counts(counts: dict) -> None:
    table = Table("delivery", "status", "received", "accepted", "quarantined", "duplicate")
    for name, c in sorted(counts["deliveries"].items()):
        table.add_row(
            name,
            c["status"] + (f" ({c['reason']})" if c.get("reason") else ""),
            *(
                str(c.get(f"n_{part}", ""))
                for part in ("received", "accepted", "quarantined", "duplicate")
            ),
        )
    out.print(table)


def stamp_of(at: str) -> str:
    from pipelines import stages
    from pipelines.night import stamp

    return stamp(stages.as_cutoff(at))
