"""The `backstep` command."""

from __future__ import annotations

import datetime as dt
import os
import sys
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

from pipelines.errors import BackstepError, ContractError, StudyFileError

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


def main() -> None:
    """Runs the command; an expected failure prints what, where and what to do, and sets its exit code."""
    try:
        app(standalone_mode=False)
    except BackstepError as fault:
        Console(stderr=True).print(f"[bold red]{type(fault).__name__}[/]: ", end="")
        Console(stderr=True, markup=False, highlight=False).print(str(fault))
        sys.exit(fault.exit_code)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except typer.Abort:
        sys.exit(130)
    except Exception as fault:  # click's usage errors know how to show themselves
        if hasattr(fault, "show") and hasattr(fault, "exit_code"):
            fault.show()
            sys.exit(fault.exit_code)
        raise


@contextmanager
def _locked(home: Path | None):
    from pipelines import lock, stages
    from pipelines.settings import load_settings

    place, owner = load_settings(home).home, f"backstep {os.getpid()}"
    lock.take(place, owner, dt.datetime.now(dt.UTC), dt.timedelta(hours=12), in_process=True)
    try:
        stages.clear_leftovers(str(place))
        yield str(place)
    finally:
        lock.release(place, owner)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description:<38}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=out,
    )


def _now() -> str:
    return dt.datetime.now(dt.UTC).replace(microsecond=0).isoformat()


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
    failed: list[str] = []
    try:
        yield failed
    except (ContractError, StudyFileError):
        raise
    except (
        Exception
    ) as fault:  # whatever it is: its delivery counts as not checked, its clinic as stale
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
def demo(
    home: Home = None,
    participants: Annotated[int, typer.Option(help="How many made-up participants.")] = 96,
    seed: Annotated[int, typer.Option(help="Another seed is another trial.")] = 1,
    faults: Annotated[bool, typer.Option(help="Plant faults of every kind.")] = True,
    deliver: Annotated[
        int | None, typer.Option(help="Put the files of this night into the landing folders.")
    ] = None,
) -> None:
    """Write a made-up study of all clinics with known truth, or deliver one of its nights."""
    from pipelines.contracts.load import load_contract
    from pipelines.settings import load_settings
    from pipelines.synthetic import study

    settings = load_settings(home)
    if deliver is not None:
        out.print(
            f"{len(study.deliver(settings.home, deliver))} files lie in {settings.home / 'landing'}"
        )
        return
    contract = load_contract(settings.schemas)
    with out.status("writing a made-up study"):
        plan = study.write_study(
            contract, settings.home, participants=participants, seed=seed, faults=faults
        )
    out.print(
        f"{participants} participants at {len(contract.clinics)} clinics, {sum(plan.n_files)} files over "
        f"{len(plan.cutoffs)} nights, {plan.n_faults} planted faults; the truth is in {settings.home / 'truth'}"
    )


@app.command()
def nightly(home: Home = None, cutoff: Cutoff = None) -> None:
    """Receive, read, check, build, report: one whole night without Airflow."""
    from pipelines import stages

    with _locked(home) as place, _progress() as bar:
        at = cutoff or _now()
        _check(place, _receive(place, at, bar), at, bar)
        for name, step in (
            ("build", stages.build_warehouse),
            ("reports", stages.render_reports),
            ("letters", stages.render_letters),
        ):
            task = bar.add_task(name, total=1)
            step(place, at)
            bar.advance(task)
    out.print(f"Reports: {Path(place) / 'reports'}/{_stamp(at)}/index.html")


@app.command()
def receive(home: Home = None, cutoff: Cutoff = None) -> None:
    """Enter new files of every clinic in the ledger. Exit code 10 where one of them was refused."""
    with _locked(home) as place, _progress() as bar:
        due = _receive(place, cutoff or _now(), bar)
    out.print(f"{len(due)} deliveries to check")


@app.command()
def check(home: Home = None, cutoff: Cutoff = None) -> None:
    """Read and check every delivery that is due. Exit code 10 where a file was refused."""
    from pipelines import stages

    with _locked(home) as place, _progress() as bar:
        at = cutoff or _now()
        due = [d for name in stages.clinics(place) for d in stages.due_deliveries(place, name, at)]
        counts = _check(place, due, at, bar)
    _print_counts(counts)
    if any(c.get("status") == "refused" for c in counts["deliveries"].values()):
        raise typer.Exit(10)


def _print_counts(counts: dict) -> None:
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


@app.command()
def build(home: Home = None, cutoff: Cutoff = None) -> None:
    """Build the warehouse; with --cutoff, that past night beside the current one."""
    from pipelines import stages

    with _locked(home) as place, _progress() as bar:
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

    with _locked(home) as place:
        at = cutoff or stages.last_cutoff(place)
        stages.render_reports(place, at, past=cutoff is not None)
    out.print(f"Reports: {Path(place) / 'reports' / _stamp(at)}/index.html")


@app.command()
def letters(home: Home = None, cutoff: Cutoff = None) -> None:
    """Write the query letter of every clinic."""
    from pipelines import stages

    with _locked(home) as place:
        at = cutoff or stages.last_cutoff(place)
        stages.render_letters(place, at, past=cutoff is not None)
    out.print(f"Letters: {Path(place) / 'letters' / _stamp(at)}")


@app.command()
def freeze(
    name: str,
    home: Home = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check an existing cut instead of making one.")
    ] = False,
) -> None:
    """Make a read-only, checksummed data cut of the current warehouse, or verify one offline."""
    from pipelines.settings import load_settings
    from pipelines.warehouse import freeze as cuts

    folder = load_settings(home).home / "freezes" / name
    if verify:
        checked = cuts.verify(folder)
        out.print(f"{name}: {checked} files and their contents are as the manifest says")
        return
    with _locked(home) as place:
        manifest = cuts.freeze(Path(place) / "warehouse", folder)
    out.print(f"Frozen: {manifest}")


@app.command()
def rehearse(clinic: str, folder: Path) -> None:
    """What would be accepted from a clinic's sample folder, and why not; writes nothing to the study."""
    from pipelines import overview

    counts = overview.rehearse(clinic, folder)
    _print_counts(counts)
    table = Table("file", "table", "line", "rule", "severity", "what to do")
    for row in counts["findings"]:
        table.add_row(
            *(
                str(row[name] if row[name] is not None else "")
                for name in ("file_name", "table_name", "row_no", "rule", "severity", "remedy")
            )
        )
    if table.row_count:
        out.print(table)
    if any(c["status"] != "accepted" for c in counts["deliveries"].values()):
        raise typer.Exit(10)


@app.command()
def status(home: Home = None) -> None:
    """Which night stands, what each clinic sent, what is late, who holds the lock."""
    from pipelines import overview

    said = overview.status(str(home or ""))
    out.print(f"Warehouse: {said['cutoff'] or 'not built yet'}    lock: {said['lock'] or 'free'}")
    table = Table(
        "clinic", "last file sent", "received", "refused", "not checked", "late or missing since"
    )
    for row in said["clinics"]:
        table.add_row(
            *(
                str(row[name] if row[name] is not None else "")
                for name in (
                    "clinic_id",
                    "last_sent",
                    "received",
                    "refused",
                    "not_checked",
                    "missing",
                )
            )
        )
    out.print(table)


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument()] = None,
    home: Home = None,
    closed: Annotated[bool, typer.Option("--closed", help="The database with the arms.")] = False,
) -> None:
    """Read-only SQL on the open database: one query, or a shell."""
    from pipelines import sql_shell
    from pipelines.settings import load_settings

    path = load_settings(home).home / "warehouse" / ("closed.duckdb" if closed else "open.duckdb")
    sql_shell.run(path, query, out)


@app.command()
def derive(
    check: Annotated[
        bool, typer.Option("--check", help="Fail on drift instead of writing.")
    ] = False,
) -> None:
    """Write every file generated from schemas/, or fail where one has drifted."""
    from pipelines.contracts import derive as generated
    from pipelines.contracts.load import load_contract
    from pipelines.errors import ContractError
    from pipelines.settings import load_settings

    schemas = load_settings().schemas
    contract = load_contract(schemas)
    if not check:
        for name in generated.write(contract, schemas.parent):
            out.print(name)
        return
    drifted = generated.drift(contract, schemas.parent)
    if drifted:
        raise ContractError(
            f"{len(drifted)} generated files have drifted: {', '.join(drifted[:5])}",
            where="schemas/",
            remedy="run `backstep derive` and commit what it writes",
        )


def _stamp(at: str) -> str:
    from pipelines import stages
    from pipelines.night import stamp

    return stamp(stages.as_cutoff(at))


if __name__ == "__main__":
    main()
