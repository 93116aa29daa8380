"""The verbs of a night: receive, check, build, report, and all of them in one."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import typer
from rich.progress import Progress

from pipelines.cli.console import (
    Cutoff,
    Home,
    app,
    locked,
    now,
    out,
    print_counts,
    progress,
    stamp_of,
)
from pipelines.errors import ContractError, StudyFileError


def _receive(home: str, cutoff: str, bar: Progress) -> list[dict]:
    from pipelines import stages

    names = stages.clinics(home)
    step = bar.add_task("receive", total=len(names))
    due = []
    for name in names:
        with _others_go_on(bar, f"{name} was not received") as failed:
            due += stages.receive_clinic(home, name, cutoff)
        if failed:
            stages.mark_stale(home, [name], cutoff, "receive failed")
        bar.advance(step)
    return due


@contextmanager
def _others_go_on(bar: Progress, what: str):
    """Keeps one clinic's trouble from stopping the night; the list that it gives is filled where there was some."""
    from polars.exceptions import PanicException

    failed: list[str] = []
    try:
        yield failed
    except (ContractError, StudyFileError):
        raise
    # Whatever it is, a crash of the reader's engine too: the delivery counts as not checked, its clinic as stale.
    except (Exception, PanicException) as fault:
        failed.append(type(fault).__name__)
        bar.console.print(f"[bold red]{what}[/]: {type(fault).__name__}; the other clinics go on")


def _check(home: str, due: list[dict], cutoff: str, bar: Progress) -> dict:
    from pipelines import stages

    step = bar.add_task("read and standardise", total=len(due))
    for delivery in due:
        bar.update(step, description=f"read {delivery['clinic_id']}/{delivery['file_name']}"[:38])
        with _others_go_on(bar, f"{delivery['delivery_id']} was not read"):
            stages.standardise_delivery(home, delivery, cutoff)
        bar.advance(step)
    step = bar.add_task("check", total=1)
    counts = stages.check_night(home, due, cutoff)
    bar.advance(step)
    return counts


@app.command()
def nightly(home: Home = None, cutoff: Cutoff = None) -> None:
    """Receive, read, check, build, report: one whole night without Airflow. Exit code 15 where a planted fault was missed."""
    from pipelines import stages

    with locked(home) as place, progress() as bar:
        at = cutoff or now()
        _check(place, _receive(place, at, bar), at, bar)
        for name, step in (
            ("build", stages.build_warehouse),
            ("reports", stages.render_reports),
            ("letters", stages.render_letters),
        ):
            task = bar.add_task(name, total=1)
            step(place, at)
            bar.advance(task)
        out.print(f"Reports: {Path(place) / 'reports'}/{stamp_of(at)}/index.html")
        canaries = stages.require_canaries(place, at)
    out.print(f"Canaries: {canaries['planted_n']} planted, {canaries['caught_n']} caught")


@app.command()
def receive(home: Home = None, cutoff: Cutoff = None) -> None:
    """Enter new files of every clinic in the ledger."""
    with locked(home) as place, progress() as bar:
        due = _receive(place, cutoff or now(), bar)
    out.print(f"{len(due)} deliveries to check")


@app.command()
def check(home: Home = None, cutoff: Cutoff = None) -> None:
    """Read and check every delivery that is due. Exit code 10 where a file was refused."""
    from pipelines import stages

    with locked(home) as place, progress() as bar:
        at = cutoff or now()
        due = [d for name in stages.clinics(place) for d in stages.due_deliveries(place, name, at)]
        counts = _check(place, due, at, bar)
    print_counts(counts)
    if any(c.get("status") == "refused" for c in counts["deliveries"].values()):
        raise typer.Exit(10)


@app.command()
def build(home: Home = None, cutoff: Cutoff = None) -> None:
    """Build the warehouse; with --cutoff, that past night beside the current one."""
    from pipelines import stages

    with locked(home) as place, progress() as bar:
        at = cutoff or stages.last_cutoff(place)
        due = [d for name in stages.clinics(place) for d in stages.due_deliveries(place, name, at)]
        if due:
            _check(place, due, at, bar)
        task = bar.add_task("build", total=1)
        stages.build_warehouse(place, at, past=cutoff is not None)
        bar.advance(task)
    out.print(
        f"Built: {stages.warehouse_folder(Path(place), stages.as_cutoff(at), cutoff is not None)}"
    )


@app.command()
def report(home: Home = None, cutoff: Cutoff = None) -> None:
    """Render every report of the current warehouse, or of a past one already built."""
    from pipelines import stages

    with locked(home) as place:
        at = cutoff or stages.last_cutoff(place)
        stages.render_reports(place, at, past=cutoff is not None)
    out.print(f"Reports: {Path(place) / 'reports' / stamp_of(at)}/index.html")


@app.command()
def letters(home: Home = None, cutoff: Cutoff = None) -> None:
    """Write the query letter of every clinic."""
    from pipelines import stages

    with locked(home) as place:
        at = cutoff or stages.last_cutoff(place)
        stages.render_letters(place, at, past=cutoff is not None)
    out.print(f"Letters: {Path(place) / 'letters' / stamp_of(at)}")
