"""A real Airflow on this machine alone: its settings, its four services, its REST API.

Used to play the demo's nights and to show the study in Airflow's pages. SQLite and loopback only:
a deployment is described by docker-compose.yml.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SERVICES = {
    "api-server": ["api-server", "--workers", "1"],
    "scheduler": ["scheduler", "--skip-serve-logs"],  # that server would listen on every address
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
PRELOAD = (
    "airflow",
    "airflow.executors.local_executor",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.dag_processing.dagbag",
    "airflow.providers.smtp.notifications.smtp",
    "pipelines.stages",
)
READY_WITHIN_S = 120
STOP_WITHIN_S = 15


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(home: Path, port: int) -> dict[str, str]:
    """The environment of every service; secrets are new at every start and never written down."""
    airflow_home = home / "airflow"
    base = {name: text for name, text in os.environ.items() if not name.startswith("AIRFLOW")}
    base.pop("PYTHONDONTWRITEBYTECODE", None)  # without byte-code every task pays seconds
    return base | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": os.pathsep.join(filter(None, [base.get("PYTHONPATH"), str(REPOSITORY)])),
        "BACKSTEP_HOME": str(home),
        "BACKSTEP_SETTLE_SECONDS": "0",  # the demo's files are whole when the night begins
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
        "AIRFLOW__BACKSTEP__SCHEDULED": "False",  # nights are played when asked for
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_home / 'airflow.db'}",
        # Workers are forked from a process that has these modules loaded, so no task loads them.
        "AIRFLOW__SCHEDULER__MP_START_METHOD": "forkserver",
        "AIRFLOW__CORE__MP_FORKSERVER_PRELOAD": ",".join(PRELOAD),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        # A supervisor that misses its task's exit holds a worker's slot so long; default 5 s.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


@dataclass(frozen=True)
class Api:
    """Airflow's public REST API, signed in as the local admin."""

    url: str
    token: str

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        """The answer to one request."""
        return _request(method, f"{self.url}/api/v2/{path}", body, self.token)


def _request(method: str, url: str, body: dict | None, token: str | None) -> dict:
    request = urllib.request.Request(url, method=method)
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(request, data, timeout=30) as answer:
        return json.loads(answer.read() or b"{}")


def password_file(home: Path) -> Path:
    """Where Airflow keeps the password it made up for `admin`."""
    return home / "airflow" / "simple_auth_manager_passwords.json.generated"


@contextlib.contextmanager
def running(home: Path, port: int) -> Iterator[Api]:
    """Airflow up and healthy, with the DAGs loaded; stopped to the last process at the end."""
    env = environment(home, port)
    logs = home / "airflow" / "services"
    logs.mkdir(parents=True, exist_ok=True)
    services: dict[str, subprocess.Popen] = {}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` runs on it too
    if _start(["db", "migrate"], env, logs / "migrate.log").wait():
        raise SystemExit(f"Airflow's database could not be made; see {logs / 'migrate.log'}")
    try:
        for name, command in SERVICES.items():
            services[name] = _start(command, env, logs / f"{name}.log")
        yield _ready(home, port, services, logs)
    finally:
        _stop(services)


def _start(command: list[str], env: dict[str, str], log: Path) -> subprocess.Popen:
    """One Airflow command in a process group of its own, so that all of it can be stopped."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "airflow"), *command],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _ready(home: Path, port: int, services: dict[str, subprocess.Popen], logs: Path) -> Api:
    """The API, once scheduler and DAG processor are healthy and have read the DAGs."""
    url, api = f"http://127.0.0.1:{port}", None
    give_up = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up:
        for name, process in services.items():
            if process.poll() is not None:
                raise SystemExit(f"Airflow's {name} ended at once; see {logs / name}.log")
        with contextlib.suppress(urllib.error.URLError, ConnectionError, FileNotFoundError):
            if api is None:
                password = json.loads(password_file(home).read_text())["admin"]
                sign_in = {"username": "admin", "password": password}
                token = _request("POST", f"{url}/auth/token", sign_in, None)["access_token"]
                api = Api(url, token)
            health = api.call("GET", "monitor/health")
            loaded = api.call("GET", "dags")["total_entries"]
            if health["scheduler"]["status"] == "healthy" and loaded == 3:
                return api
        time.sleep(0.3)
    raise SystemExit(f"Airflow was not ready within {READY_WITHIN_S} s; see {logs}")


def _stop(services: dict[str, subprocess.Popen]) -> None:
    """Ends every service and what it started."""
    for process in services.values():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    give_up = time.monotonic() + STOP_WITHIN_S
    for process in services.values():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, give_up - time.monotonic()))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def main() -> None:
    """Shows a study in Airflow's pages until interrupted."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--home", type=Path, default=Path("var/demo"))
    parser.add_argument("--port", type=int, default=8080)
    arguments = parser.parse_args()
    home = arguments.home.resolve()
    if not home.is_dir():
        raise SystemExit(f"{home} does not exist: run `make demo` first, or name a study's home")
    print("Airflow is starting ...", flush=True)
    with running(home, arguments.port) as api:
        print(f"Airflow:   {api.url}   (this machine only; Ctrl-C ends it)")
        print("user:      admin")
        print(f"password:  in {password_file(home)}")
        print("Nights are not scheduled here: trigger `nightly` by hand.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
