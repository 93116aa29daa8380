"""Settings come from the environment, with defaults, and a bad one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import BackstepError
from pipelines.settings import load_settings

NAMES = [
    "HOME",
    "SCHEMAS",
    "LANDING",
    "SMTP_HOST",
    "SMTP_PORT",
    "SMTP_FROM",
    "SMTP_TO",
    "SETTLE_SECONDS",
]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    for name in NAMES:
        monkeypatch.delenv(f"BACKSTEP_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_defaults(tmp_path):
    settings = load_settings()

    assert settings.home == tmp_path / "var"
    assert settings.landing == str(tmp_path / "var" / "landing")
    assert not settings.landing_is_remote
    assert settings.schemas == Path(__file__).resolve().parent.parent / "schemas"
    assert (settings.smtp_host, settings.smtp_to, settings.digest_to) == (None, (), ())


def test_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("BACKSTEP_HOME", str(tmp_path / "study"))
    monkeypatch.setenv("BACKSTEP_LANDING", "s3://trial/landing")
    monkeypatch.setenv("BACKSTEP_SMTP_PORT", "2525")
    monkeypatch.setenv("BACKSTEP_SMTP_TO", "lead@example.org, dm@example.org,")
    monkeypatch.setenv("BACKSTEP_DIGEST_TO", " pi@example.org ,")
    monkeypatch.setenv("BACKSTEP_SMTP_HOST", "")
    monkeypatch.setenv("BACKSTEP_SETTLE_SECONDS", "0")

    settings = load_settings()

    assert settings.home == tmp_path / "study"
    assert settings.landing_is_remote
    assert settings.smtp_port == 2525
    assert settings.smtp_to == ("lead@example.org", "dm@example.org")
    assert settings.digest_to == ("pi@example.org",)
    assert settings.smtp_host is None
    assert settings.settle_seconds == 0


def test_the_caller_beats_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("BACKSTEP_HOME", str(tmp_path / "elsewhere"))

    assert load_settings(tmp_path / "here").home == tmp_path / "here"


@pytest.mark.parametrize("port", ["mail", "0", "70000", "nan"])
def test_a_bad_number_is_named(monkeypatch, port):
    monkeypatch.setenv("BACKSTEP_SMTP_PORT", port)

    with pytest.raises(BackstepError, match="BACKSTEP_SMTP_PORT"):
        load_settings()
