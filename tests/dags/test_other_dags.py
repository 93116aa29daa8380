"""`reports` and `replay` played in this process; the cut-off's text; the notice of a late run."""

from __future__ import annotations

import datetime as dt

import pytest

from pipelines.errors import CanaryMissed, StudyFileError

CUTOFF = "2026-03-02T04:15:00+01:00"
IN_UTC = "2026-03-02T03:15:00+00:00"


def test_replay_builds_and_writes_one_past_night_beside_the_current_one(stages, play):
    state, _ = play("replay", conf={"cutoff": CUTOFF})

    assert state == "success"
    names = [call[0] for call in stages]
    assert names[-5:-3] == ["check_night", "build_warehouse"]
    assert sorted(names[-3:-1]) == ["render_letters", "render_reports"]
    assert [names[0], names[-1]] == ["take_lock", "release_lock"]
    for name in ("build_warehouse", "render_reports", "render_letters"):
        assert stages.of(name) == [[IN_UTC, {"past": True}]], name


def test_replay_checks_only_what_had_arrived_and_was_not_checked(stages, play):
    waiting = {"clinic_id": "birch", "delivery_id": "birch-1", "file_name": "koos.csv"}
    stages.answer("due_deliveries", lambda clinic, cutoff: [waiting] if clinic == "birch" else [])

    play("replay", conf={"cutoff": CUTOFF})

    assert stages.of("receive_clinic") == []
    assert stages.of("standardise_delivery") == [[waiting, IN_UTC]]
    assert stages.of("check_night") == [[[waiting], IN_UTC]]


def test_replay_does_not_guess_its_cutoff(stages, play):
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        play("replay")

    assert stages == []


def test_reports_of_a_cutoff_given_by_hand(stages, play):
    state, _ = play("reports", conf={"cutoff": CUTOFF})

    assert state == "success"
    assert stages.of("render_reports") == stages.of("render_letters") == [[IN_UTC]]


def test_a_missed_canary_fails_the_run_once_pages_and_letters_are_made(stages, play, mailbox):
    def missed(cutoff):
        raise CanaryMissed("1 of 13 canaries were not caught: out of range in knee_girth")

    stages.answer("require_canaries", missed)

    state, tasks = play("reports", conf={"cutoff": CUTOFF})

    assert state == "failed"
    assert tasks["canaries"] == ["failed"]
    assert tasks["render"] == tasks["letters"] == tasks["digest"] == ["success"]
    asked = [name for name, *_ in stages]
    assert asked.index("require_canaries") > max(
        asked.index("render_reports"), asked.index("render_letters")
    )
    assert asked.count("require_canaries") == 1  # the same again would miss the same
    assert "[backstep] reports failed" in {mail["Subject"] for mail in mailbox}


def test_reports_without_announcement_or_cutoff_fail_and_free_the_lock(stages, play):
    state, tasks = play("reports")

    assert state == "failed"
    assert tasks["render"] == tasks["letters"] == ["failed"]
    assert stages.of("render_reports") == []
    assert len(stages.of("release_lock")) == 1


def study_dag(dagbag):
    """The module that the DAG files share, as the bag's folder makes it importable."""
    import study_dag as module

    return module


@pytest.mark.parametrize(
    ("asked", "otherwise", "text"),
    [
        (CUTOFF, None, IN_UTC),
        ("2026-07-02T04:15:00+02:00", None, "2026-07-02T02:15:00+00:00"),
        (None, dt.datetime(2026, 3, 2, 3, 15, tzinfo=dt.UTC), IN_UTC),
        ("", dt.datetime(2026, 3, 2, 3, 15, tzinfo=dt.UTC), IN_UTC),
        (CUTOFF, dt.datetime(2020, 1, 1, tzinfo=dt.UTC), IN_UTC),
    ],
)
def test_a_cutoff_is_text_in_utc(dagbag, asked, otherwise, text):
    assert study_dag(dagbag).cutoff_text(asked, otherwise) == text


@pytest.mark.parametrize("asked", ["2026-03-02T04:15:00", "2026-03-02", None])
def test_a_cutoff_without_zone_is_refused(dagbag, asked):
    with pytest.raises(StudyFileError, match="time zone"):
        study_dag(dagbag).cutoff_text(asked, None)


def test_a_late_night_is_told_by_mail(dagbag, mailbox):
    import structlog
    from airflow.sdk.execution_time.callback_supervisor import execute_callback

    callback = dagbag.dags["nightly"].deadline[0].callback
    context = {"dag_run": {"dag_id": "nightly", "dag_run_id": "scheduled__2026-03-02"}}

    told, error = execute_callback(
        callback.path,
        callback.kwargs | {"context": context},
        dag_rel_path="nightly.py",
        bundle_path=None,
        log=structlog.get_logger(),
    )

    assert (told, error) == (True, None)
    (mail,) = mailbox
    assert mail["Subject"] == "[backstep] nightly is late"
    assert mail["To"] == "operator@example.org"
    assert "scheduled__2026-03-02" in mail.get_body().get_content()
    assert "135 minutes" in mail.get_body().get_content()
