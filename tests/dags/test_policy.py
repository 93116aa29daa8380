"""What every DAG of this study must have, whoever writes the next one."""

from __future__ import annotations

import ast
import datetime as dt
import itertools
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pendulum
import pytest

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "dags"
IDS = ["nightly", "replay", "reports"]
TAGS = {"backstep", "scheduled", "asset", "by-hand"}
each_dag = pytest.mark.parametrize("dag_id", IDS)


def test_the_folder_holds_exactly_the_three_dags(dagbag):
    assert dagbag.import_errors == {}
    assert sorted(dagbag.dags) == IDS


@each_dag
def test_a_dag_can_be_stored_for_the_scheduler(dagbag, dag_id):
    from airflow.serialization.serialized_objects import DagSerialization

    stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dagbag.dags[dag_id]))

    assert set(stored.task_ids) == set(dagbag.dags[dag_id].task_ids)


@each_dag
def test_a_run_never_overlaps_the_one_before_nor_runs_for_ever(dagbag, dag_id):
    dag = dagbag.dags[dag_id]
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.dagrun_timeout <= dt.timedelta(hours=4)


@each_dag
def test_tags_come_from_the_closed_list(dagbag, dag_id):
    tags = dagbag.dags[dag_id].tags
    assert "backstep" in tags
    assert tags <= TAGS


@each_dag
def test_triage_notes_name_every_task(dagbag, dag_id):
    dag = dagbag.dags[dag_id]
    assert dag.doc_md.startswith("*Triage notes*")
    assert "docs/runbook.md" in dag.doc_md
    assert [task_id for task_id in dag.task_ids if f"`{task_id}`" not in dag.doc_md] == []


@each_dag
def test_every_task_has_owner_retries_policy_and_time_out(dagbag, dag_id):
    from airflow.sdk import ExceptionRetryPolicy

    for task in dagbag.dags[dag_id].tasks:
        assert task.owner == "operator"
        assert task.retries >= 2, task.task_id
        assert isinstance(task.retry_policy, ExceptionRetryPolicy), task.task_id
        assert dt.timedelta(0) < task.execution_timeout <= dt.timedelta(hours=1), task.task_id


@each_dag
def test_tasks_stay_out_of_pools_that_a_new_machine_lacks(dagbag, dag_id):
    # A task in a pool that was never created waits for ever and nothing turns red.
    assert {task.pool for task in dagbag.dags[dag_id].tasks} == {"default_pool"}


@each_dag
def test_the_operator_hears_of_a_failed_run(dagbag, dag_id):
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    (notifier,) = dagbag.dags[dag_id].on_failure_callback
    assert isinstance(notifier, SmtpNotifier)
    assert notifier.to == ["operator@example.org"]


@pytest.mark.parametrize(("dag_id", "minutes"), [("nightly", 135), ("reports", 60)])
def test_a_late_run_is_noticed(dagbag, dag_id, minutes):
    (deadline,) = dagbag.dags[dag_id].deadline
    assert deadline.interval == dt.timedelta(minutes=minutes)


@each_dag
def test_work_happens_between_taking_and_giving_back_the_lock(dagbag, dag_id):
    dag = dagbag.dags[dag_id]
    assert dag.get_task("take_lock").is_setup
    assert dag.get_task("release_lock").is_teardown
    inside = set(dag.task_ids) - {"take_lock", "release_lock", "announce"}
    assert inside <= dag.get_task("take_lock").get_flat_relative_ids(upstream=False)
    assert inside <= dag.get_task("release_lock").get_flat_relative_ids(upstream=True)


def test_the_lock_outlives_the_longest_run(dagbag, stages, play):
    _, _ = play("replay", conf={"cutoff": "2026-03-02T04:15:00+01:00"})

    ((_, minutes),) = stages.of("take_lock")
    assert dt.timedelta(minutes=minutes) >= dagbag.dags["replay"].dagrun_timeout


def test_no_night_is_lost_or_doubled_when_clocks_change(dagbag):
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    timetable = coerce_to_core_timetable(dagbag.dags["nightly"].timetable)
    zone = ZoneInfo("Europe/Berlin")
    first = pendulum.datetime(2026, 1, 1, tz="Europe/Berlin")
    restriction = TimeRestriction(earliest=first, latest=None, catchup=True)
    nights, last = [], None
    for _ in range(700):
        run = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        last = run.data_interval
        nights.append(last)

    assert all(a.end == b.start for a, b in itertools.pairwise(nights))
    ends = [night.end.astimezone(zone) for night in nights]
    assert {(end.hour, end.minute) for end in ends} == {(4, 15)}
    # 2026-01-01 04:15 opens the first interval, so the first night ends on 2 January.
    first_end = dt.date(2026, 1, 2)
    assert [end.date() for end in ends] == [first_end + dt.timedelta(n) for n in range(700)]


def test_parsing_imports_nothing_heavy():
    # Every task parses its DAG file first: what this imports is paid some forty times a night.
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from airflow.dag_processing.dagbag import BundleDagBag\n"
        "before = set(sys.modules)\n"
        f"folder = Path({str(DAGS)!r})\n"
        "bag = BundleDagBag(folder, bundle_path=folder, bundle_name='dags', safe_mode=False)\n"
        "assert len(bag.dags) == 3, bag.import_errors\n"
        "print('LOADED', *sorted({name.split('.')[0] for name in set(sys.modules) - before}\n"
        "      | {n for n in sys.modules if n.startswith('pipelines.')}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    (line,) = [text for text in done.stdout.splitlines() if text.startswith("LOADED")]
    loaded = set(line.split())
    assert not loaded & {"polars", "duckdb", "great_expectations", "pandas", "pyarrow", "numpy"}
    ours = {name for name in loaded if name.startswith("pipelines.")}
    assert ours == {"pipelines.errors", "pipelines.settings"}


@pytest.mark.parametrize("path", sorted(DAGS.glob("*.py")), ids=lambda path: path.name)
def test_no_dag_file_reads_the_clock(path):
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}
    assert not names & {"now", "utcnow", "today", "time"}


@pytest.mark.parametrize("path", sorted(DAGS.glob("*.py")), ids=lambda path: path.name)
def test_dags_reach_the_study_only_through_its_stages(path):
    found = {
        name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipelines")
        for name in ([f"pipelines.{alias.name}" for alias in node.names]
                     if node.module == "pipelines" else [node.module])
    }  # fmt: skip
    assert found <= {"pipelines.stages", "pipelines.errors", "pipelines.settings"}
