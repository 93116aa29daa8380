"""What was expected and what came, worked by hand over six weeks."""

from __future__ import annotations

import datetime as dt

import pytest

from pipelines.contracts.model import Clinic, Contract, FileKind
from pipelines.receive.calendar import arrivals

GRACE = 2


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(f"2025-{text}")


@pytest.fixture
def clinic(contract: Contract) -> Clinic:
    """Weekly from Monday 27 October 2025; a second kind comes when it comes."""
    file = {"name": r"(?P<sent>\d{8})", "format": "csv", "keyed": "increment"}
    files = {"koos": FileKind(**file, every_days=7), "watch": FileKind(**file)}
    return contract.clinics["alder"].model_copy(update={"files": files, "sends_from": day("10-27")})


def weeks(clinic: Clinic, sent: list[tuple[str, dt.date, bool]], today: str) -> dict:
    rows = arrivals(clinic, sent, day(today), GRACE)
    assert set(rows["file_kind"]) <= {"koos"}
    return {
        f"{row['expected_date']:%m-%d}": (row["state"], row["sent_date"], row["missing_since_date"])
        for row in rows.to_dicts()
    }


def test_six_weeks_by_hand(clinic: Clinic) -> None:
    sent = [
        ("koos", day("10-27"), True),  # on the day
        ("koos", day("11-05"), True),  # two days after the 3rd: within grace
        ("koos", day("11-14"), True),  # four days after the 10th: late
        ("koos", day("11-17"), False),  # refused, and never sent again
        # nothing for the 24th
        ("watch", day("11-24"), True),  # another kind does not stand in for it
    ]

    assert weeks(clinic, sent, "12-02") == {
        "10-27": ("came", day("10-27"), None),
        "11-03": ("came", day("11-05"), None),
        "11-10": ("late", day("11-14"), None),
        "11-17": ("refused", None, day("11-17")),
        "11-24": ("missing", None, day("11-17")),
        "12-01": ("due", None, None),
    }


def test_a_run_that_has_ended_is_missing_since_nothing(clinic: Clinic) -> None:
    sent = [("koos", day("11-10"), True)]

    found = weeks(clinic, sent, "11-18")

    assert found == {
        "10-27": ("missing", None, None),
        "11-03": ("missing", None, None),
        "11-10": ("came", day("11-10"), None),
        "11-17": ("due", None, None),
    }


@pytest.mark.parametrize(
    ("today", "state"), [("10-27", "due"), ("10-29", "due"), ("10-30", "missing")]
)
def test_a_file_is_due_until_grace_is_over(clinic: Clinic, today: str, state: str) -> None:
    assert weeks(clinic, [], today)["10-27"][0] == state


@pytest.mark.parametrize(
    ("sent", "state"), [("10-29", "came"), ("10-30", "late"), ("11-02", "late")]
)
def test_late_begins_the_day_after_grace(clinic: Clinic, sent: str, state: str) -> None:
    assert weeks(clinic, [("koos", day(sent), True)], "11-02")["10-27"][0] == state


def test_a_refused_file_that_is_sent_again_has_come(clinic: Clinic) -> None:
    sent = [("koos", day("10-27"), False), ("koos", day("10-28"), True)]

    assert weeks(clinic, sent, "10-29")["10-27"] == ("came", day("10-28"), None)


def test_of_several_the_first_usable_one_counts(clinic: Clinic) -> None:
    sent = [("koos", day("11-01"), True), ("koos", day("10-28"), True)]

    assert weeks(clinic, sent, "11-02")["10-27"] == ("came", day("10-28"), None)


def test_nothing_is_expected_before_a_clinic_begins(clinic: Clinic) -> None:
    assert weeks(clinic, [("koos", day("10-20"), True)], "10-26") == {}


def test_missing_since_speaks_of_every_file_of_the_open_run(clinic: Clinic) -> None:
    found = weeks(clinic, [("koos", day("10-27"), True)], "11-30")

    assert [found[k][2] for k in ("11-03", "11-10", "11-17", "11-24")] == [day("11-03")] * 4
