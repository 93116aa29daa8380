"""Nights played by Airflow in this process; every stage is replaced by one that notes its call."""

from __future__ import annotations

import pytest

from pipelines.errors import ContractError, LockHeld

CUTOFF = "2026-03-02T04:15:00+01:00"
IN_UTC = "2026-03-02T03:15:00+00:00"
GREEN = {
    "take_lock": ["success"],
    "list_clinics": ["success"],
    "receive": ["success"] * 2,
    "plan": ["success"],
    "standardise": ["success"] * 4,
    "check": ["success"],
    "build": ["success"],
    "release_lock": ["success"],
    "announce": ["success"],
}


def raises(error):
    def stage(*arguments):
        raise error

    return stage


def fails_for(clinic, error, otherwise):
    """A stage that raises when its first argument concerns one clinic."""

    def stage(first, *rest):
        if clinic in (first, first["clinic_id"] if isinstance(first, dict) else None):
            raise error
        return otherwise(first, *rest)

    return stage


def one_delivery(clinic, cutoff):
    return [{"clinic_id": clinic, "delivery_id": f"{clinic}-1", "file_name": "koos.csv"}]


def warehouse_events():
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        events = session.scalars(select(AssetEvent).order_by(AssetEvent.id))
        return [event.extra for event in events]


def test_a_healthy_night(stages, play):
    before = len(warehouse_events())

    state, tasks = play("nightly", conf={"cutoff": CUTOFF})

    assert (state, tasks) == ("success", GREEN)
    names = [call[0] for call in stages]
    assert names[:2] == ["take_lock", "clinics"]
    assert names[-3:] == ["check_night", "build_warehouse", "release_lock"]
    assert sorted(clinic for clinic, _ in stages.of("receive_clinic")) == ["alder", "birch"]
    assert len(stages.of("standardise_delivery")) == 4
    ((checked, cutoff),) = stages.of("check_night")
    assert [item["clinic_id"] for item in checked] == ["alder", "alder", "birch", "birch"]
    assert cutoff == IN_UTC
    assert stages.of("build_warehouse") == [[IN_UTC]]
    assert stages.of("mark_stale") == []
    assert warehouse_events()[before:] == [{"cutoff": IN_UTC, "rows": 12}]


def test_the_lock_is_given_back_under_the_name_it_was_taken(stages, play):
    play("nightly", conf={"cutoff": CUTOFF})

    ((taken, _),) = stages.of("take_lock")
    ((given_back,),) = stages.of("release_lock")
    assert taken == given_back
    assert taken.startswith("airflow nightly manual__")


def test_a_clinic_that_cannot_be_received_leaves_the_others_green(stages, play, mailbox):
    stages.answer("receive_clinic", fails_for("alder", ContractError("no zone"), one_delivery))

    state, tasks = play("nightly", conf={"cutoff": CUTOFF})

    assert state == "success"
    assert tasks == GREEN | {"receive": ["failed", "success"], "standardise": ["success"]}
    assert stages.of("mark_stale") == [[["alder"], IN_UTC, "receive failed"]]
    assert stages.of("build_warehouse") == [[IN_UTC]]
    (mail,) = mailbox
    assert mail["To"] == "operator@example.org"
    assert mail["Subject"] == "[backstep] nightly: receive failed for one clinic"
    text = mail.get_body().get_content()
    assert "receive failed for alder" in text
    assert "no zone" not in text  # an error's text stays in the log


def test_a_delivery_that_cannot_be_read_marks_its_clinic_stale(stages, play, mailbox):
    stages.answer(
        "standardise_delivery",
        fails_for("birch", ContractError("no such column"), lambda delivery, cutoff: {}),
    )
    stages.answer("receive_clinic", one_delivery)

    state, tasks = play("nightly", conf={"cutoff": CUTOFF})

    assert state == "success"
    assert tasks["standardise"] == ["failed", "success"]
    assert stages.of("mark_stale") == [[["birch"], IN_UTC, "standardise failed"]]
    ((checked, _),) = stages.of("check_night")
    assert [item["clinic_id"] for item in checked] == ["alder"]
    (mail,) = mailbox
    assert "standardise failed for birch/koos.csv" in mail.get_body().get_content()


def test_when_no_clinic_can_be_received_the_night_is_still_built(stages, play):
    stages.answer("receive_clinic", raises(ContractError("no zone")))

    state, tasks = play("nightly", conf={"cutoff": CUTOFF})

    assert state == "success"
    assert tasks["receive"] == ["failed", "failed"]
    assert tasks["standardise"] == ["skipped"]
    assert stages.of("mark_stale") == [[["alder", "birch"], IN_UTC, "receive failed"]]
    assert stages.of("check_night") == [[[], IN_UTC]]
    assert stages.of("build_warehouse") == [[IN_UTC]]


def test_a_night_without_new_files_is_built_and_announced(stages, play):
    stages.answer("receive_clinic", lambda clinic, cutoff: [])

    state, tasks = play("nightly", conf={"cutoff": CUTOFF})

    assert state == "success"
    assert tasks == GREEN | {"standardise": ["skipped"]}
    assert stages.of("mark_stale") == []


@pytest.mark.parametrize(
    ("stage", "task", "not_run"),
    [
        ("check_night", "check", ["build", "announce"]),
        ("build_warehouse", "build", ["announce"]),
    ],
)
def test_a_failed_step_stops_the_run_mails_and_frees_the_lock(
    stages, play, mailbox, stage, task, not_run
):
    stages.answer(stage, raises(ContractError("participant 4711 is odd")))
    before = len(warehouse_events())

    state, tasks = play("nightly", conf={"cutoff": CUTOFF})

    assert state == "failed"
    assert tasks[task] == ["failed"]
    assert [tasks[name] for name in not_run] == [["upstream_failed"]] * len(not_run)
    assert tasks["release_lock"] == ["success"]
    assert len(stages.of("release_lock")) == 1
    assert len(warehouse_events()) == before
    (mail,) = mailbox
    assert mail["Subject"] == "[backstep] nightly failed"
    assert "4711" not in mail.as_string()


def test_a_held_lock_keeps_the_whole_run_out(stages, play, mailbox):
    stages.answer("take_lock", raises(LockHeld("held by backstep nightly")))

    state, tasks = play("nightly", conf={"cutoff": CUTOFF}, retries=0)

    assert state == "failed"
    assert {call[0] for call in stages} == {"take_lock"}
    assert tasks["release_lock"] == ["upstream_failed"]
    assert len(mailbox) == 1


@pytest.mark.parametrize(
    ("error", "tries", "end"),
    [
        (ConnectionError("reset"), 2, "success"),
        (RuntimeError("unforeseen"), 2, "success"),
        (ContractError("wrong"), 1, "failed"),
    ],
    ids=["transient", "unforeseen", "data"],
)
def test_only_what_may_pass_is_tried_again(stages, play, error, tries, end):
    attempts = []

    def once(cutoff):
        attempts.append(cutoff)
        if len(attempts) == 1:
            raise error
        return {"rows": 12}

    stages.answer("build_warehouse", once)

    state, tasks = play("nightly", conf={"cutoff": CUTOFF})

    assert len(attempts) == tries
    assert (state, tasks["build"]) == (end, [end])


def test_a_run_can_be_limited_to_some_clinics(stages, play):
    state, tasks = play("nightly", conf={"cutoff": CUTOFF, "clinics": ["birch"]})

    assert (state, tasks["receive"]) == ("success", ["success"])
    assert stages.of("receive_clinic") == [["birch", IN_UTC]]
    assert stages.of("mark_stale") == []


def test_a_run_limited_to_some_clinics_has_its_canaries_all_the_same(stages, play):
    stages.answer("clinics", lambda: ["alder", "birch", "canary"])

    play("nightly", conf={"cutoff": CUTOFF, "clinics": ["birch"]})

    assert sorted(stages.of("receive_clinic")) == [["birch", IN_UTC], ["canary", IN_UTC]]


def test_an_unknown_clinic_is_refused_before_anything_is_read(stages, play):
    state, tasks = play("nightly", conf={"cutoff": CUTOFF, "clinics": ["birhc"]})

    assert (state, tasks["list_clinics"]) == ("failed", ["failed"])
    assert stages.of("receive_clinic") == []
    assert len(stages.of("release_lock")) == 1
