"""What docker-compose.yml promises: pinned images, nobody root, health checks, secrets from outside."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = {"postgres", "api-server", "scheduler", "dag-processor", "triggerer", "web"}
each_service = pytest.mark.parametrize(
    "service", COMPOSE["services"].values(), ids=COMPOSE["services"]
)
SECRET = re.compile(r"PASSWORD|SECRET|FERNET|HASH", re.IGNORECASE)


def test_the_services_are_those_of_a_deployment():
    assert set(COMPOSE["services"]) == SERVICES


@each_service
def test_an_image_is_pinned_to_a_full_version(service):
    assert re.search(r":\d+\.\d+(\.\d+)?(-\w+)?$", service["image"])


def test_the_base_image_is_pinned_to_a_full_version():
    dockerfile = (ROOT / "containers" / "airflow" / "Dockerfile").read_text()
    assert re.findall(r"^FROM (\S+)$", dockerfile, re.MULTILINE) == ["python:3.11.13-slim-bookworm"]
    assert re.search(r"^USER backstep$", dockerfile, re.MULTILINE)


@each_service
def test_nobody_is_root_or_can_become_it(service):
    assert service["user"].split(":")[0] not in {"", "0", "root"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@each_service
def test_every_service_says_whether_it_is_well(service):
    assert service["healthcheck"]["test"][0] == "CMD"


@each_service
def test_ports_are_open_on_loopback_only(service):
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@each_service
def test_no_secret_is_written_down_or_has_a_default(service):
    for name, value in service["environment"].items():
        if SECRET.search(name) and name != "ADMIN_EMAIL":
            assert re.fullmatch(r"\$\{\w+:\?see \.env\.example\}", value), name
        assert "://airflow:" not in value or "${POSTGRES_PASSWORD:?" in value, name


@each_service
def test_data_lie_in_named_volumes(service):
    for volume in service["volumes"]:
        source = volume.split(":")[0]
        assert source in COMPOSE["volumes"] or (source.startswith("./") and volume.endswith(":ro"))


def test_the_example_names_every_variable_that_must_be_given_and_no_secret():
    compose = (ROOT / "docker-compose.yml").read_text()
    example = dict(
        line.split("=", 1)
        for line in (ROOT / ".env.example").read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )
    needed = set(re.findall(r"\$\{(\w+):\?", compose))
    assert needed <= set(example)
    assert {example[name].strip("'") for name in needed} == {""}
    assert set(re.findall(r"\$\{(\w+)", compose)) <= set(example)


def test_what_is_never_committed_is_ignored():
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
