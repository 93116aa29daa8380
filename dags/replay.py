"""Any past night again: the warehouse, reports and letters of one cut-off."""

from __future__ import annotations

import datetime as dt

from airflow.sdk import Param, dag, task
from study_dag import RUN_TIMEOUT, START, default_args, home, locked, run_cutoff, run_failed

TRIAGE = """*Triage notes*

**Healthy.** All green; the served warehouse is then that of the cut-off asked for,
until the next `nightly` or another `replay`. Receives nothing: it uses what had arrived by then.

**A red task** means, and wants:

- `take_lock`: another run, or `backstep` by hand, held the lock for two hours. See who in the
  log; end it or wait; clear the task.
- `build`: the warehouse was not built; the previous one stands and is served. Runbook, "Build
  stopped"; clear the task.
- `render`, `letters`: warehouse stands at the cut-off, its pages were not written. The log names
  page and reason; clear the task.
- `release_lock`: the lock stays until it runs out. Runbook, "Lock left behind".

To go back to the present: replay the latest night's cut-off. More in docs/runbook.md.
"""


@dag(
    dag_id="replay",
    dag_display_name="replay: any cut-off again",
    description="Rebuilds warehouse, reports and letters of a past cut-off",
    doc_md=TRIAGE,
    schedule=None,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    dagrun_timeout=RUN_TIMEOUT,
    default_args=default_args(),
    params={
        "cutoff": Param(
            type="string",
            format="date-time",
            description="Everything that had arrived by then, e.g. 2026-03-02T04:15:00+01:00",
        )
    },
    on_failure_callback=run_failed(),
    tags=["backstep", "by-hand"],
)
def replay():
    """One past night."""

    @task(max_active_tis_per_dag=1, execution_timeout=dt.timedelta(hours=1))
    def build() -> dict:
        """The warehouse of everything accepted up to the cut-off."""
        from pipelines import stages

        return stages.build_warehouse(home(), run_cutoff())

    @task
    def render() -> dict:
        """Every report of that warehouse."""
        from pipelines import stages

        return stages.render_reports(home(), run_cutoff())

    @task
    def letters() -> dict:
        """Every clinic's letter as of the cut-off."""
        from pipelines import stages

        return stages.render_letters(home(), run_cutoff())

    with locked():
        build() >> [render(), letters()]


replay()
