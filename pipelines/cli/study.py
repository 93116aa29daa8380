"""The verbs beside the night: a made-up study, data cuts, rehearsals, looking in, deriving."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from pipelines.cli.console import (
    Cutoff,
    Home,
    app,
    locked,
    out,
    print_counts,
)
from pipelines.errors import ContractError


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
    with locked(home) as place:
        manifest = cuts.freeze(Path(place) / "warehouse", folder)
    out.print(f"Frozen: {manifest}")


@app.command()
def export(
    to: Annotated[Path, typer.Option("--to", help="A folder that does not exist yet.")],
    home: Home = None,
    kind: Annotated[
        str,
        typer.Option(help="analysis, cdisc (SDTM), or deidentified (no dates, ids, free text)."),
    ] = "analysis",
    audience: Annotated[
        str, typer.Option(help="open (no arm), or closed (with the arm).")
    ] = "open",
    cutoff: Cutoff = None,
) -> None:
    """Write tables for people outside the pipeline, with a dictionary, into a new folder."""
    from pipelines import exports, stages
    from pipelines.contracts.load import load_contract
    from pipelines.settings import load_settings

    with locked(home) as place:
        past = cutoff is not None
        at = stages.as_cutoff(cutoff or stages.last_cutoff(place))
        rows = exports.export(
            stages.warehouse_folder(Path(place), at, past),
            to,
            load_contract(load_settings(home).schemas),
            kind,
            audience,
            sql=stages.SQL,
            codes=Path(place) / "keys" / "new_codes.csv",
        )
    out.print(f"{sum(rows.values())} rows of {len(rows)} tables: {to}")


@app.command()
def rehearse(clinic: str, folder: Path) -> None:
    """What would be accepted from a clinic's sample folder, and why not; writes nothing to the study."""
    from pipelines import overview

    counts = overview.rehearse(clinic, folder)
    print_counts(counts)
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
    """Which night stands, what each clinic sent, what is late, which queries are open, who holds the lock."""
    from pipelines import overview

    said = overview.status(str(home or ""))
    out.print(f"Warehouse: {said['cutoff'] or 'not built yet'}    lock: {said['lock'] or 'free'}")
    table = Table(
        "clinic",
        "last file sent",
        "received",
        "refused",
        "not checked",
        "waiting",
        "late or missing since",
        "open queries",
        "oldest (days)",
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
                    "waiting",
                    "missing",
                    "queries",
                    "oldest_days",
                )
            )
        )
    out.print(table)


@app.command()
def trace(
    report: Annotated[str, typer.Argument(help="A report, e.g. knee_pain.")],
    number: Annotated[
        int | None, typer.Argument(help="A number of it, as the page counts them; none: list them.")
    ] = None,
    home: Home = None,
    closed: Annotated[bool, typer.Option("--closed", help="The report with the arms.")] = False,
    cutoff: Cutoff = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="A CSV file for every line, one row each.")
    ] = None,
) -> None:
    """From a number in a report to its SQL, and to the files and lines of clinics it rests on."""
    from pipelines import trace as tracing
    from pipelines.settings import load_settings

    place = str(load_settings(home).home)
    if number is None:
        table = Table("number", "what", "of", "value", "unit", "n")
        found = tracing.numbers(place, report, closed=closed, cutoff=cutoff)
        for row in found.select("number", "statistic", "group", "value", "unit", "n").iter_rows():
            table.add_row(
                *(
                    f"{v:.6g}" if isinstance(v, float) else str(v if v is not None else "")
                    for v in row
                )
            )
        out.print(table)
        return
    found = tracing.trace(place, report, number, closed=closed, cutoff=cutoff)
    said = found.result
    out.print(
        f"{said['statistic']}{', ' if said['group'] else ''}{said['group']}",
        style="bold",
        highlight=False,
    )
    out.print(f"{said['value']:.10g} {said['unit']}", highlight=False)
    how = "This SQL gives it:" if said["is_exact"] else "It is computed from the rows of this SQL:"
    out.print(f"{how}\n  {said['sql']}", highlight=False, soft_wrap=True)
    table = Table("clinic", Column("file", overflow="fold"), "form", "lines", "which")
    for clinic, file, form, n, lines in tracing.by_file(found.lines).iter_rows():
        table.add_row(
            clinic, file, form, str(n), lines if len(lines) <= 120 else f"{lines[:117]}..."
        )
    out.print(f"{found.rows_n} rows of {said['table_name']}, resting on {found.lines.height} lines:" if table.row_count
              else "It rests on no line of a clinic's file, but on the study's own declarations.")  # fmt: skip
    if table.row_count:
        out.print(table)
    if to is not None:
        found.lines.write_csv(to)
        out.print(f"Every line: {to}")


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
