"""Plays the nights of a synthetic study through a real Airflow: `nightly`, then `reports`.

`make demo` runs this. It takes no shortcut: files are laid into the landing folder, Airflow's
scheduler runs the DAGs of this repository, one night after the other, and is shut down again.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from local_airflow import Api, free_port, running
from rich.console import Console

POLL_S = 0.5
NIGHT_WITHIN_S = 1800
RED = {"failed", "upstream_failed", "up_for_retry"}  # nothing transient is expected here
DONE = RED | {"success", "skipped", "removed"}
LOG_LINES = 25

console = Console(highlight=False)


def main() -> None:
    """Plays every planned night; exits with 1 and a log's tail where a task fails."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--home", type=Path, default=Path("var/demo"))
    parser.add_argument("--nights", type=int, help="only the first so many nights")
    arguments, for_demo = parser.parse_known_args()
    home, started = arguments.home.resolve(), time.monotonic()

    shutil.rmtree(home / "airflow", ignore_errors=True)
    console.print(f"[bold]Synthetic study[/] into {home}")
    backstep("demo", "--home", str(home), *for_demo)
    cutoffs = json.loads((home / "nights.json").read_text())[: arguments.nights]

    with contextlib.ExitStack() as stack:
        with console.status("Airflow is starting (scheduler, DAG processor, API, triggerer)"):
            api = stack.enter_context(running(home, free_port()))
        clock(started, "Airflow is up")
        for number, cutoff in enumerate(cutoffs, start=1):
            console.print(f"[bold]Night {number} of {len(cutoffs)}[/], cut-off {cutoff}")
            backstep("demo", "--home", str(home), "--deliver", str(number))
            follow(api, "nightly", start_night(api, number, cutoff), started)
            follow(api, "reports", announced_run(api, cutoff), started)
    clock(started, "done")
    where_to_look(home)


def backstep(*arguments: str) -> None:
    """Runs the command line of Backstep; ends with its exit code if it fails."""
    done = subprocess.run([sys.executable, "-m", "pipelines", *arguments])
    if done.returncode:
        raise SystemExit(done.returncode)


def start_night(api: Api, number: int, cutoff: str) -> str:
    """Triggers `nightly` for one cut-off; returns the run's id."""
    run_id = f"night_{number}"
    body = {"dag_run_id": run_id, "logical_date": None, "conf": {"cutoff": cutoff}}
    return api.call("POST", "dags/nightly/dagRuns", body)["dag_run_id"]


def announced_run(api: Api, cutoff: str) -> str:
    """The id of the `reports` run that the warehouse of this cut-off started by itself."""
    moment = dt.datetime.fromisoformat(cutoff)
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        for run in api.call("GET", "dags/reports/dagRuns?order_by=-run_after")["dag_runs"]:
            if run["start_date"] is None:
                continue  # 3.3 cannot serialise the events of a run that still queues
            path = f"dags/reports/dagRuns/{run['dag_run_id']}/upstreamAssetEvents"
            events = api.call("GET", path)["asset_events"]
            told = [dt.datetime.fromisoformat(event["extra"]["cutoff"]) for event in events]
            if moment in told:
                return run["dag_run_id"]
        time.sleep(POLL_S)
    raise SystemExit("the new warehouse started no `reports` run within a minute")


def follow(api: Api, dag_id: str, run_id: str, started: float) -> None:
    """Shows a run's tasks as they end; returns when all of the run is green."""
    path = f"dags/{dag_id}/dagRuns/{run_id}"
    told: set[str] = set()
    give_up = time.monotonic() + NIGHT_WITHIN_S
    with console.status(dag_id) as status:
        while time.monotonic() < give_up:
            state = api.call("GET", path)["state"]
            tasks = api.call("GET", f"{path}/taskInstances?limit=1000")["task_instances"]
            if red := [task for task in tasks if task["state"] in RED - {"upstream_failed"}]:
                fail(api, path, red[0])
            totals = Counter(task["task_id"] for task in tasks)
            ended = Counter(task["task_id"] for task in tasks if task["state"] in DONE)
            complete = {name for name in totals if ended[name] == totals[name]} - told
            for task in sorted(tasks, key=lambda task: task["end_date"] or ""):
                name = task["task_id"]
                if name in complete - told:
                    told.add(name)
                    clock(started, f"{dag_id}.{name:<13} {totals[name]:>3}  {task['state']}")
            going = [f"{name} {ended[name]}/{totals[name]}" for name in totals if name not in told]
            status.update(f"{dag_id}: {', '.join(going)}")
            if state == "success":
                return
            if state == "failed":
                raise SystemExit(f"run {run_id} of {dag_id} failed")
            time.sleep(POLL_S)
    raise SystemExit(f"run {run_id} of {dag_id} was not done within {NIGHT_WITHIN_S} s")


def fail(api: Api, path: str, task: dict) -> None:
    """Ends with the last lines of a failed task's log."""
    label = task["rendered_map_index"] or ""
    console.print(f"[red]{task['dag_id']}.{task['task_id']} {label} {task['state']}[/]")
    log = api.call(
        "GET",
        f"{path}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        f"?map_index={task['map_index']}&full_content=true",
    )
    for line in log["content"][-LOG_LINES:]:
        console.print(
            f"  {line.get('event', line)}" if isinstance(line, dict) else f"  {line}", markup=False
        )
        for error in line.get("error_detail", []) if isinstance(line, dict) else []:
            console.print(f"  {error['exc_type']}: {error['exc_value']}", markup=False)
    raise SystemExit(1)


def clock(started: float, text: str) -> None:
    """One line of progress, with the seconds since the start."""
    console.print(f"  {time.monotonic() - started:6.1f} s  {text}")


def where_to_look(home: Path) -> None:
    """Names what the nights left behind."""
    console.print("[bold]Where to look[/]")
    for label, paths in (
        ("reports", sorted(home.glob("reports/*/index.html"))[-1:]),
        ("analysts' database", [home / "warehouse" / "open.duckdb"]),
        ("letters", sorted(home.glob("letters/*"))[-1:]),
    ):
        for path in paths:
            console.print(f"  {label:<19} {path}")
    console.print(f"  SQL                 backstep sql --home {home}")
    console.print(f"  every delivery      backstep status --home {home}")
    console.print("  Airflow's pages     make airflow")


if __name__ == "__main__":
    main()
