"""The morning: reports and query letters, whenever the warehouse is new."""

from __future__ import annotations

from airflow.sdk import Param, dag, get_current_context, task
from study_dag import (
    RUN_TIMEOUT,
    START,
    WAREHOUSE,
    cutoff_text,
    default_args,
    digest_by_mail,
    due_within,
    home,
    locked,
    run_failed,
)

TRIAGE = """*Triage notes*

**A healthy morning.** Starts by itself when `nightly` announced the warehouse; all green in some
minutes.

**A red task** means, and wants:

- `take_lock`: another run, or `backstep` by hand, held the lock for two hours. See who in the
  log; end it or wait; clear the task.
- `render`: reports were not written; yesterday's stand, under their own cut-off. The log names
  report and reason; runbook, "Reports missing"; clear the task.
- `letters`: clinics got no letter for this cut-off. As `render`.
- `canaries`: pages and letters stand, and the checks of the night missed a planted fault: the log
  names it. Do not rely on the night; runbook, "A canary was missed".
- `digest`: the study leads got no mail. Reports are there; clear the task once its fault is mended.
- `release_lock`: the lock stays until it runs out. Runbook, "Lock left behind".

**No run at all** although `nightly` is green: is this DAG paused? Is `announce` green?
Started by hand it needs `cutoff`: that of the warehouse as it stands (`backstep status`).
Clearing is safe: the same cut-off gives the same bytes. More in docs/runbook.md.
"""


@dag(
    dag_id="reports",
    dag_display_name="reports: reports and letters",
    description="Writes the reports and the clinics' query letters of a new warehouse",
    doc_md=TRIAGE,
    schedule=[WAREHOUSE],
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    dagrun_timeout=RUN_TIMEOUT,
    default_args=default_args(),
    params={
        "cutoff": Param(
            None,
            type=["null", "string"],
            format="date-time",
            description="Only when started by hand; otherwise nightly's announcement tells it",
        )
    },
    deadline=due_within(60),
    on_failure_callback=run_failed(),
    tags=["backstep", "asset"],
)
def reports():
    """One morning."""

    def announced_cutoff() -> str:
        """The cut-off that the latest announcement of the warehouse carries."""
        context = get_current_context()
        asked = context["params"]["cutoff"]
        events = context["triggering_asset_events"].get(WAREHOUSE, [])
        latest = max(events, key=lambda event: event.timestamp, default=None)
        return cutoff_text(asked or (latest and latest.extra["cutoff"]), None)

    @task
    def render() -> dict:
        """Every report of the warehouse."""
        from pipelines import stages

        return stages.render_reports(home(), announced_cutoff())

    @task
    def letters() -> dict:
        """Every clinic's query letter and held rows."""
        from pipelines import stages

        return stages.render_letters(home(), announced_cutoff())

    @task(on_success_callback=digest_by_mail())
    def digest() -> dict:
        """The study lead's digest, mailed when it is written."""
        from pipelines import stages

        return stages.write_digest(home(), announced_cutoff())

    @task
    def canaries() -> dict:
        """Fails when the night's checks missed a planted fault; the pages stand, and say so."""
        from pipelines import stages

        return stages.require_canaries(home(), announced_cutoff())

    with locked():
        rendered = render()
        rendered >> digest()
        [rendered, letters()] >> canaries()


reports()
