"""The night: receive, standardise and check what clinics sent, then build the warehouse.

Mapped per clinic and per delivery, so that one clinic's failure leaves the others green.
"""

from __future__ import annotations

import datetime as dt

from airflow.sdk import CronDataIntervalTimetable, Param, TriggerRule, dag, task
from study_dag import (
    NIGHT_CRON,
    RUN_TIMEOUT,
    SCHEDULED,
    START,
    WAREHOUSE,
    ZONE,
    default_args,
    due_within,
    home,
    locked,
    run_cutoff,
    run_failed,
    task_failed,
)

TRIAGE = """*Triage notes*

**A healthy night.** `take_lock` to `announce` green by 06:30, a `reports` run after it.
Red squares under `receive` or `standardise` do not fail the night: that clinic is marked stale,
its last accepted data stand, the others went on. A mail names it.

**A red task** means, and wants:

- `take_lock`: another run, or `backstep` by hand, held the lock for two hours. See who in the
  log; end it or wait; clear the task.
- `list_clinics`: a file under `schemas/` is at fault, or `clinics` names an unknown clinic. Mend
  what the log names; clear the task.
- `receive`: one clinic's landing folder could not be read. Reach the clinic or the storage; clear
  that square, then those downstream.
- `plan`: the database of Airflow, not the study. Clear the task.
- `standardise`: one delivery stopped the reader or its contract is at fault. The log names file
  and rule; mend the contract; clear that square, then those downstream.
- `check`: the night's suites could not run at all. Nothing was loaded; runbook, "Checks could not
  run".
- `build`: the warehouse was not built; the previous one stands and is served. Runbook, "Build
  stopped"; clear the task.
- `release_lock`: the lock stays until it runs out. Runbook, "Lock left behind".
- `announce`: warehouse is new, reports were not started. Clear the task.

Clearing is safe: everything is rebuilt from the raw copies, and the same cut-off gives the same
bytes. A past night is rebuilt by `replay`.
More in docs/runbook.md.
"""


@dag(
    dag_id="nightly",
    dag_display_name="nightly: receive, check, build",
    description="Receives, standardises and checks the clinics' files, then builds the warehouse",
    doc_md=TRIAGE,
    schedule=CronDataIntervalTimetable(NIGHT_CRON, timezone=ZONE) if SCHEDULED else None,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=RUN_TIMEOUT,
    default_args=default_args(),
    params={
        "cutoff": Param(
            None,
            type=["null", "string"],
            format="date-time",
            description="Take what arrived up to here; empty: the end of the run's interval",
        ),
        "clinics": Param(
            [],
            type="array",
            items={"type": "string"},
            description="Receive from these clinics only; empty: from all",
        ),
    },
    deadline=due_within(135),  # 06:30, half an hour before the study leads read
    on_failure_callback=run_failed(),
    tags=["backstep", "scheduled"],
)
def nightly():
    """One night."""

    @task
    def list_clinics(params: dict) -> list[str]:
        """The declared clinics, or those of them that the run asks for."""
        from pipelines import stages
        from pipelines.errors import StudyFileError

        declared = stages.clinics(home())
        if unknown := sorted(set(params["clinics"]) - set(declared)):
            raise StudyFileError(
                f"no such clinic: {', '.join(unknown)}",
                where="run parameter `clinics`",
                remedy=f"choose among {', '.join(declared)}",
            )
        asked = {*params["clinics"], stages.CANARIES} if params["clinics"] else set(declared)
        return [name for name in declared if name in asked]

    @task(
        map_index_template="{{ task.op_kwargs['clinic_id'] }}",
        on_failure_callback=task_failed(),
        execution_timeout=dt.timedelta(minutes=20),
    )
    def receive(clinic_id: str) -> dict:
        """One clinic's new deliveries."""
        from pipelines import stages

        deliveries = stages.receive_clinic(home(), clinic_id, run_cutoff())
        return {"clinic_id": clinic_id, "deliveries": deliveries}

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def plan(receipts) -> list[dict]:
        """Every delivery of the clinics that could be received."""
        return [delivery for receipt in receipts[:] for delivery in receipt["deliveries"]]

    @task(
        map_index_template="{{ task.op_kwargs['delivery']['clinic_id'] }}/"
        "{{ task.op_kwargs['delivery']['file_name'] }}",
        on_failure_callback=task_failed(),
    )
    def standardise(delivery: dict) -> dict:
        """One delivery in study terms, with its counts."""
        from pipelines import stages

        counts = stages.standardise_delivery(home(), delivery, run_cutoff())
        return {"delivery": delivery, "counts": counts}

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def check(clinics: list[str], receipts, planned: list[dict], staged) -> dict:
        """Checks what was standardised; marks stale the clinics whose own task failed."""
        from pipelines import stages

        done = [item["delivery"] for item in staged[:]] if planned else []
        done_ids = {delivery["delivery_id"] for delivery in done}
        not_received = set(clinics) - {receipt["clinic_id"] for receipt in receipts[:]}
        not_read = {item["clinic_id"] for item in planned if item["delivery_id"] not in done_ids}
        for reason, sick in (("receive", not_received), ("standardise", not_read)):
            if sick:
                stages.mark_stale(home(), sorted(sick), run_cutoff(), f"{reason} failed")
        return stages.check_night(home(), done, run_cutoff())

    @task(max_active_tis_per_dag=1, execution_timeout=dt.timedelta(hours=1))
    def build(checked: dict) -> dict:
        """The warehouse of everything accepted up to the cut-off."""
        from pipelines import stages

        return stages.build_warehouse(home(), run_cutoff())

    @task(outlets=[WAREHOUSE], execution_timeout=dt.timedelta(minutes=5))
    def announce(built: dict, *, outlet_events) -> None:
        """Says that the warehouse is new. After the lock is free, so that `reports` can take it."""
        outlet_events[WAREHOUSE].extra = {"cutoff": run_cutoff(), "rows": built.get("rows")}

    with (unlocked := locked()):
        clinics = list_clinics()
        receipts = receive.expand(clinic_id=clinics)
        planned = plan(receipts)
        staged = standardise.expand(delivery=planned)
        built = build(check(clinics, receipts, planned, staged))
    unlocked >> announce(built)


nightly()
