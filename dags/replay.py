"""Any past night again: the warehouse, reports and letters of one cut-off."""

from __future__ import annotations

import datetime as dt

from airflow.sdk import Param, dag, task
from study_dag import RUN_TIMEOUT, START, default_args, home, locked, run_cutoff, run_failed

TRIAGE = """*Triage notes*

**Healthy.** All green. The warehouse of that cut-off then lies beside the current one, in
`warehouse/past/<cut-off>/`, its pages under `reports/<cut-off>/` and `letters/<cut-off>/`; what is
served stays as it is. Receives nothing: it uses what had arrived by then.

**A red task** means, and wants:

- `take_lock`: another run, or `backstep` by hand, held the lock for two hours. See who in the
  log; end it or wait; clear the task.
- `check`: a delivery could not be read under the present contract. The log names file and rule;
  mend the contract; clear the task.
- `build`: that night's warehouse was not built; the current one is untouched. Runbook, "Build
  stopped"; clear the task.
- `render`, `letters`: the warehouse is there, its pages were not written. The log names page and
  reason; clear the task.
- `release_lock`: the lock stays until it runs out. Runbook, "Lock left behind".

Clearing is safe: the same cut-off gives the same bytes. More in docs/runbook.md.
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

    @task
    def check() -> dict:
        """Checks again what had arrived by then and no check of the present contract has seen."""
        from pipelines import stages

        study, cutoff = home(), run_cutoff()
        due = [
            delivery
            for clinic_id in stages.clinics(study)
            for delivery in stages.due_deliveries(study, clinic_id, cutoff)
        ]
        for delivery in due:
            stages.standardise_delivery(study, delivery, cutoff)
        return stages.check_night(study, due, cutoff)

    @task(max_active_tis_per_dag=1, execution_timeout=dt.timedelta(hours=1))
    def build() -> dict:
        """The warehouse of everything accepted up to the cut-off, beside the current one."""
        from pipelines import stages

        return stages.build_warehouse(home(), run_cutoff(), past=True)

    @task
    def render() -> dict:
        """Every report of that warehouse."""
        from pipelines import stages

        return stages.render_reports(home(), run_cutoff(), past=True)

    @task
    def letters() -> dict:
        """Every clinic's letter as of the cut-off."""
        from pipelines import stages

        return stages.render_letters(home(), run_cutoff(), past=True)

    with locked():
        check() >> build() >> [render(), letters()]


replay()
