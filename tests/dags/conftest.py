"""One throw-away Airflow home for all DAG tests; its environment is set before airflow loads."""

from __future__ import annotations

import atexit
import datetime as dt
import os
import shutil
import socket
import tempfile
from email import message_from_bytes, policy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "dags"
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="airflow-test-"))
atexit.register(shutil.rmtree, AIRFLOW_HOME, ignore_errors=True)
os.environ.update(
    AIRFLOW_HOME=str(AIRFLOW_HOME),
    AIRFLOW__CORE__DAGS_FOLDER=str(DAGS),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__CORE__LAZY_LOAD_PLUGINS="True",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{AIRFLOW_HOME / 'airflow.db'}",
    AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR",
    AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(AIRFLOW_HOME / "logs"),
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
    SQLALCHEMY_SILENCE_UBER_WARNING="1",
)


STUDY = {
    "BACKSTEP_HOME": str(AIRFLOW_HOME / "study"),
    "BACKSTEP_SMTP_TO": "operator@example.org",
    "BACKSTEP_SMTP_FROM": "backstep@example.org",
    "BACKSTEP_DIGEST_TO": "lead@example.org",
}


@pytest.fixture(autouse=True)
def study_environment(monkeypatch):
    """The study's own settings, for each DAG test and for no other test of the run."""
    for name, value in STUDY.items():
        monkeypatch.setenv(name, value)


def load_bag():
    """The DAG folder as the dag-processor and the workers load it."""
    from airflow.dag_processing.dagbag import BundleDagBag

    with pytest.MonkeyPatch.context() as environment:
        for name, value in STUDY.items():
            environment.setenv(name, value)
        return BundleDagBag(DAGS, bundle_path=DAGS, bundle_name="dags-folder", safe_mode=False)


@pytest.fixture(scope="session")
def dagbag():
    """All DAGs, for tests that only look at them."""
    return load_bag()


@pytest.fixture(scope="session")
def airflow_db():
    """A migrated metadata database in the throw-away home."""
    from airflow.utils.db import initdb

    initdb()
    return AIRFLOW_HOME


class Calls(list):
    """What the DAGs asked of `pipelines.stages`, in order: (function, arguments without home)."""

    def of(self, name: str) -> list[tuple]:
        """The arguments of every call of one function."""
        return [arguments for called, *arguments in self if called == name]


@pytest.fixture
def stages(monkeypatch):
    """Replaces every stage by one that writes down its call; two clinics, two deliveries each."""
    calls = Calls()

    def answer(name, result):
        def stage(home, *arguments, **options):
            assert home == os.environ["BACKSTEP_HOME"]
            calls.append((name, *arguments, options) if options else (name, *arguments))
            return result(*arguments)

        monkeypatch.setattr(f"pipelines.stages.{name}", stage)

    answer("take_lock", lambda owner, minutes: None)
    answer("release_lock", lambda owner: None)
    answer("clinics", lambda: ["alder", "birch"])
    answer("receive_clinic", lambda clinic, cutoff: [_delivery(clinic, n) for n in (1, 2)])
    answer("due_deliveries", lambda clinic, cutoff: [])
    answer("standardise_delivery", lambda delivery, cutoff: {"n_received": 3})
    answer("check_night", lambda deliveries, cutoff: {"not_checked": []})
    answer("mark_stale", lambda clinics, cutoff, reason: None)
    answer("build_warehouse", lambda cutoff: {"cutoff": cutoff, "rows": 12})
    answer("render_reports", lambda cutoff: {})
    answer("render_letters", lambda cutoff: {})
    answer("require_canaries", lambda cutoff: {"planted_n": 13, "caught_n": 13})
    answer(
        "write_digest", lambda cutoff: {"subject": "Digest", "html": "<p>Digest</p>", "files": []}
    )
    calls.answer = answer
    return calls


def _delivery(clinic: str, number: int) -> dict:
    return {
        "clinic_id": clinic,
        "delivery_id": f"{clinic}-{number:012d}",
        "file_name": f"session_{number}.csv",
    }


@pytest.fixture
def play(airflow_db):
    """Runs one DAG to its end in this process; returns its state and each task's states."""

    def run(dag_id: str, *, conf: dict | None = None, retries: int | None = None):
        bag = load_bag()
        dag = bag.dags[dag_id]
        dag.deadline = None  # dag.test() of 3.3 cannot run a DAG that has one
        for task in dag.tasks:
            values = task.partial_kwargs if task.is_mapped else vars(task)
            values["retry_delay"] = dt.timedelta(0)
            values["retries"] = values["retries"] if retries is None else retries
        notices, dag.on_failure_callback = dag.on_failure_callback, None
        finished = dag.test(run_conf=conf)
        if str(finished.state) == "failed":
            dag.on_failure_callback = notices
            _notify_as_the_dag_processor_does(bag, finished)
        states = {}
        for ti in finished.get_task_instances():
            states.setdefault(ti.task_id, []).append(str(ti.state))
        return str(finished.state), {name: sorted(found) for name, found in states.items()}

    return run


def _notify_as_the_dag_processor_does(bag, run) -> None:
    """Calls the run's failure callbacks.

    dag.test() of 3.3 calls them with the stored form of the DAG, which cannot render a mail.
    """
    import structlog
    from airflow.dag_processing.processor import _execute_dag_callbacks
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        run = session.get(DagRun, run.id)
        red = next(ti for ti in run.get_task_instances(session=session) if ti.state == "failed")
        request = run.produce_dag_callback(
            dag=None, success=False, relevant_ti=red, reason="task_failure"
        )
    _execute_dag_callbacks(bag, request, structlog.get_logger())


@pytest.fixture
def mailbox(monkeypatch):
    """A mail server on loopback; the messages it took, as email.message.EmailMessage."""
    from aiosmtpd.controller import Controller

    messages = []

    class Keep:
        async def handle_DATA(self, server, session, envelope):
            messages.append(message_from_bytes(envelope.content, policy=policy.default))
            return "250 kept"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Controller(Keep(), hostname="127.0.0.1", port=port)
    server.start()
    monkeypatch.setenv(
        "AIRFLOW_CONN_SMTP_DEFAULT",
        f"smtp://127.0.0.1:{port}/?disable_ssl=true&disable_tls=true&timeout=10",
    )
    monkeypatch.setenv("BACKSTEP_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("BACKSTEP_SMTP_PORT", str(port))
    yield messages
    server.stop()
