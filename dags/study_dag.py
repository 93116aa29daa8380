"""What the three DAGs share: the night's times, retry rules, notices, the lock. Not a DAG itself.

Folders and addresses come from `pipelines.settings`. Two switches that concern Airflow alone come
through its own configuration, section `[backstep]`: `zone` and `scheduled`.
"""

from __future__ import annotations

import datetime as dt

import pendulum
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import (
    Asset,
    DeadlineAlert,
    DeadlineReference,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    SyncCallback,
    get_current_context,
    task,
)
from airflow.sdk.configuration import conf

from pipelines.settings import load_settings

ZONE = conf.get("backstep", "zone", fallback="Europe/Berlin")
NIGHT_CRON = "15 4 * * *"  # after the last hour that a change of clocks repeats or leaves out
SCHEDULED = conf.getboolean("backstep", "scheduled", fallback=True)
START = pendulum.datetime(2026, 1, 1, tz=ZONE)
WAREHOUSE = Asset(name="warehouse", uri="x-backstep://study/warehouse", group="backstep")
RUN_TIMEOUT = dt.timedelta(hours=4)

TRANSIENT = [OSError, ConnectionError, TimeoutError]
RETRY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="pipelines.errors.BackstepError",
            action=RetryAction.FAIL,
            reason="the data or a declaration is at fault: the same again would fail the same way",
        ),
        RetryRule(exception=TRANSIENT, action=RetryAction.RETRY, reason="may pass by itself"),
    ]
)
WAIT_FOR_LOCK = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="pipelines.errors.LockHeld",
            action=RetryAction.RETRY,
            retry_delay=dt.timedelta(minutes=5),
            reason="another run holds the study's lock",
        ),
    ],
    default=RetryAction.FAIL,  # any other fault would be waited for two hours in vain
)


def default_args() -> dict:
    """Arguments of every task."""
    return {
        "owner": "operator",
        "retries": 2,
        "retry_delay": dt.timedelta(minutes=2),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": dt.timedelta(minutes=20),
        "retry_policy": RETRY,
        "execution_timeout": dt.timedelta(minutes=30),
    }


def home() -> str:
    """The study's folder. Read when a task runs, not when the file is parsed."""
    return str(load_settings().home)


def cutoff_text(asked: str | None, otherwise: dt.datetime | None) -> str:
    """The cut-off as ISO text in UTC: the one asked for, or the end of the run's interval."""
    from pipelines.errors import StudyFileError

    moment = dt.datetime.fromisoformat(asked) if asked else otherwise
    if moment is None or moment.tzinfo is None:
        raise StudyFileError(
            "the run has no cut-off with a time zone",
            where="run parameter `cutoff`",
            remedy="start the run with a cut-off such as 2026-03-02T04:15:00+01:00",
        )
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds")


def run_cutoff() -> str:
    """The cut-off of the run that the current task belongs to."""
    context = get_current_context()
    end = context.get("data_interval_end") or context["dag_run"].run_after
    return cutoff_text(context["params"].get("cutoff"), end)


@task(retries=24, retry_policy=WAIT_FOR_LOCK, execution_timeout=dt.timedelta(minutes=5))
def take_lock() -> None:
    """Keeps every other run, by Airflow or by hand, away from the study's files."""
    from pipelines import stages

    stages.take_lock(home(), _lock_owner(), int(RUN_TIMEOUT.total_seconds() // 60))


@task(execution_timeout=dt.timedelta(minutes=5))
def release_lock() -> None:
    """Gives the lock back, whatever became of the tasks between."""
    from pipelines import stages

    stages.release_lock(home(), _lock_owner())


def _lock_owner() -> str:
    """One name per run, so that a task tried again finds its own lock."""
    context = get_current_context()
    return f"airflow {context['dag'].dag_id} {context['run_id']}"


def locked():
    """A context: the tasks inside run between taking and giving back the lock."""
    return release_lock().as_teardown(setups=take_lock())


def run_failed() -> list[SmtpNotifier]:
    """Mail to the operator when a whole run failed."""
    return _mail(
        "[backstep] {{ dag.dag_id }} failed",
        "<p>Run {{ run_id }} of {{ dag.dag_id }} failed ({{ reason }}).</p>"
        "<p>What to do: the triage notes on the DAG's page, then docs/runbook.md.</p>",
    )


def task_failed() -> list[SmtpNotifier]:
    """Mail when one clinic's task failed while the run goes on without it."""
    return _mail(
        "[backstep] {{ dag.dag_id }}: {{ ti.task_id }} failed for one clinic",
        "<p>{{ ti.task_id }} failed for {{ ti.rendered_map_index or ti.map_index }} "
        "in run {{ run_id }}. The other clinics went on; this one is marked stale.</p>"
        "<p>What to do: the triage notes on the DAG's page, then docs/runbook.md.</p>",
    )


class DigestNotifier(SmtpNotifier):
    """The mail that its task returned: subject, html, and files that the html shows by content id.

    The html is not a template: a clinic's words in it stay words.
    """

    def notify(self, context):
        written = context["ti"].xcom_pull(task_ids=context["ti"].task_id)
        self.subject, self.html_content = written["subject"], written["html"]
        self.files = written["files"]
        super().notify(context)


def digest_by_mail() -> list[SmtpNotifier]:
    """The digest to the study leads; none where the machine names none."""
    settings = load_settings()
    if not settings.digest_to:
        return []
    return [
        DigestNotifier(
            to=list(settings.digest_to),
            from_email=settings.smtp_from,
            subject="",
            html_content="",
            mime_subtype="related",
        )
    ]


def _mail(subject: str, html: str) -> list[SmtpNotifier]:
    """A mail through the connection `smtp_default`; never carries an exception's text.

    None where the machine names no recipients: a notice to nobody would only fill the logs.
    """
    settings = load_settings()
    if not settings.smtp_to:
        return []
    return [
        SmtpNotifier(
            to=list(settings.smtp_to),
            from_email=settings.smtp_from,  # None: the connection's own
            subject=subject,
            html_content=html,
        )
    ]


def due_within(minutes: int) -> DeadlineAlert:
    """A notice by mail when a run is not done so many minutes after it was queued."""
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=dt.timedelta(minutes=minutes),
        callback=SyncCallback(deadline_missed, kwargs={"minutes": minutes}),
        name=f"done within {minutes} minutes",
    )


def deadline_missed(*, minutes: int, context: dict) -> None:
    """Tells the operator, while the run may still be going."""
    from pipelines import stages

    run = context["dag_run"]
    stages.send_notice(
        home(),
        f"[backstep] {run['dag_id']} is late",
        f"Run {run['dag_run_id']} of {run['dag_id']} is not done {minutes} minutes after it was "
        "queued.\nWhat to do: the triage notes on the DAG's page, then docs/runbook.md.",
    )
