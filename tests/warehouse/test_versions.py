"""Which row of a key is current when clinics send again, correct, leave out, or contradict themselves."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.contracts.model import Contract
from pipelines.identity import make_id
from pipelines.warehouse.build import build
from pipelines.warehouse.freeze import export_tables
from tests.warehouse.cases import (
    ADA,
    BOB,
    SQL,
    Sent,
    ask,
    built,
    fall,
    finding,
    inputs_of,
    nothing_found,
    participant,
    people,
    session,
)

FALLS = "SELECT fall_no, hopkins_grade, delivery_id, row_no FROM core_fall ORDER BY ALL"
HISTORY = """SELECT fall_no, hopkins_grade, state, replaced_by_delivery_id, replaced_by_row_no, replaced_utc,
             replaced_by, replaced_reason FROM history_fall ORDER BY ALL"""


def day(n: int) -> dt.date:
    return dt.date(2025, 11, n)


# --- corrected resends


def test_a_corrected_resend_takes_the_place_of_its_batch(
    tmp_path: Path, contract: Contract
) -> None:
    first = Sent(
        "w45.csv", {"fall": [fall(1), fall(2), fall(3)]}, keyed="resend", scope="alder/falls/W45"
    )
    again = replace(
        first, name="w45_rev1.csv", rows={"fall": [fall(1), fall(2, hopkins_grade="3")]}, revision=1,
        sent_by="B. Clerk", reason="wrong grade", received_utc=dt.datetime(2025, 11, 4, 3, 10),
    )  # fmt: skip

    warehouse = built(tmp_path, contract, people(), first, again)

    assert ask(warehouse, FALLS) == [(1, "2", again.delivery_id, 2), (2, "3", again.delivery_id, 3)]
    who = (dt.datetime(2025, 11, 4, 3, 10), "B. Clerk", "wrong grade")
    assert ask(warehouse, HISTORY) == [
        (2, "2", "superseded", again.delivery_id, 3, *who),
        (3, "2", "removed", again.delivery_id, None, *who),
    ]


def test_the_senders_revision_decides_and_not_the_order_of_arrival(
    tmp_path: Path, contract: Contract
) -> None:
    old = Sent(
        "w45.csv",
        {"fall": [fall(1)]},
        keyed="resend",
        scope="s",
        received_utc=dt.datetime(2025, 11, 4, 3, 14),
    )
    new = replace(old, name="w45_rev2.csv", rows={"fall": [fall(1, hopkins_grade="4")]}, revision=2,
                  received_utc=dt.datetime(2025, 11, 4, 2, 0))  # fmt: skip

    warehouse = built(tmp_path, contract, people(), new, old)

    assert ask(warehouse, FALLS) == [(1, "4", new.delivery_id, 2)]


def test_the_senders_date_goes_before_the_revision(tmp_path: Path, contract: Contract) -> None:
    old = Sent(
        "a.csv", {"fall": [fall(1)]}, keyed="resend", scope="s", sent_date=day(3), revision=9
    )
    new = Sent(
        "b.csv", {"fall": [fall(1, hopkins_grade="4")]}, keyed="resend", scope="s", sent_date=day(4)
    )

    assert ask(built(tmp_path, contract, people(), old, new), FALLS) == [
        (1, "4", new.delivery_id, 2)
    ]


def test_another_batch_is_left_alone_by_a_resend(tmp_path: Path, contract: Contract) -> None:
    w44 = Sent(
        "w44.csv", {"fall": [fall(1)]}, keyed="resend", scope="alder/falls/W44", sent_date=day(1)
    )
    w45 = Sent(
        "w45.csv", {"fall": [fall(2)]}, keyed="resend", scope="alder/falls/W45", sent_date=day(3)
    )

    warehouse = built(tmp_path, contract, people(), w44, w45)

    assert [row[0] for row in ask(warehouse, FALLS)] == [1, 2]
    assert ask(warehouse, HISTORY) == []


# --- snapshots


def test_a_row_gone_from_a_snapshot_is_removed_and_kept_in_history(
    tmp_path: Path, contract: Contract
) -> None:
    first = Sent(
        "s1.csv",
        {"fall": [fall(1), fall(2)]},
        keyed="snapshot",
        scope="alder/all",
        sent_date=day(1),
    )
    later = replace(first, name="s2.csv", rows={"fall": [fall(1)]}, sent_date=day(3))

    warehouse = built(tmp_path, contract, people(), first, later)

    assert [row[0] for row in ask(warehouse, FALLS)] == [1]
    assert [row[:4] for row in ask(warehouse, HISTORY)] == [(2, "2", "removed", later.delivery_id)]


def test_a_row_held_in_the_latest_snapshot_is_held_and_not_removed(
    tmp_path: Path, contract: Contract
) -> None:
    first = Sent(
        "s1.csv",
        {"fall": [fall(1), fall(2)]},
        keyed="snapshot",
        scope="alder/all",
        sent_date=day(1),
    )
    later = replace(
        first,
        name="s2.csv",
        rows={"fall": [fall(1)]},
        held={"fall": [{"row_key": f"{ADA}|2"}]},
        sent_date=day(3),
    )

    warehouse = built(tmp_path, contract, people(), first, later)

    assert [row[:3] for row in ask(warehouse, HISTORY)] == [(2, "2", "held")]
    assert ask(warehouse, "SELECT row_no, held_at FROM quarantine_row") == [(102, "check")]


def test_a_row_that_comes_back_is_current_again(tmp_path: Path, contract: Contract) -> None:
    base = Sent(
        "s1.csv",
        {"fall": [fall(1), fall(2)]},
        keyed="snapshot",
        scope="alder/all",
        sent_date=day(1),
    )
    without = replace(base, name="s2.csv", rows={"fall": [fall(1)]}, sent_date=day(2))
    back = replace(base, name="s3.csv", sent_date=day(3))

    warehouse = built(tmp_path, contract, people(), base, without, back)

    assert [(n, d) for n, _, d, _ in ask(warehouse, FALLS)] == [
        (1, back.delivery_id),
        (2, back.delivery_id),
    ]
    assert ask(warehouse, HISTORY) == []


def test_a_withdrawn_snapshot_row_that_an_increment_also_sent_stays(
    tmp_path: Path, contract: Contract
) -> None:
    snapshot = Sent(
        "s1.csv", {"fall": [fall(1)]}, keyed="snapshot", scope="alder/all", sent_date=day(1)
    )
    empty = replace(snapshot, name="s2.csv", rows={"fall": [fall(9)]}, sent_date=day(3))
    increment = Sent("i.csv", {"fall": [fall(1)]}, sent_date=day(2))

    warehouse = built(tmp_path, contract, people(), snapshot, empty, increment)

    assert [(n, d) for n, _, d, _ in ask(warehouse, FALLS)] == [
        (1, increment.delivery_id),
        (9, empty.delivery_id),
    ]


# --- increments


def changed_rows(con):
    """Stands in for the check: one finding for each current row that an increment changed."""
    return con.sql("""
        SELECT delivery_id, clinic_id, 'fall' AS table_name, row_no, CAST(NULL AS VARCHAR) AS field,
            'row_changed_without_resend' AS rule, 'conformance' AS kind, 'flag' AS severity, 'confirm' AS remedy
        FROM current_fall WHERE changed""").pl()


def test_an_increment_that_contradicts_an_earlier_one_is_flagged(
    tmp_path: Path, contract: Contract
) -> None:
    first = Sent("f1.csv", {"fall": [fall(1), fall(2)]}, sent_date=day(1))
    later = Sent("f2.csv", {"fall": [fall(2, hopkins_grade="4"), fall(3)]}, sent_date=day(3))

    warehouse = built(tmp_path, contract, people(), first, later, check=changed_rows)

    assert ask(warehouse, FALLS) == [(1, "2", first.delivery_id, 2), (2, "4", later.delivery_id, 2),
                                     (3, "2", later.delivery_id, 3)]  # fmt: skip
    assert ask(warehouse, "SELECT delivery_id, row_no, rule, is_open FROM ledger_finding") == [
        (later.delivery_id, 2, "row_changed_without_resend", True)
    ]
    assert [row[:4] for row in ask(warehouse, HISTORY)] == [
        (2, "2", "superseded", later.delivery_id)
    ]


def test_the_same_row_twice_in_increments_is_one_row_without_a_word(
    tmp_path: Path, contract: Contract
) -> None:
    first = Sent("f1.csv", {"fall": [fall(1)]}, sent_date=day(1))
    later = Sent("f2.csv", {"fall": [fall(9), fall(1)]}, sent_date=day(3))

    warehouse = built(tmp_path, contract, people(), first, later, check=changed_rows)

    assert [row[0] for row in ask(warehouse, FALLS)] == [1, 9]
    assert ask(warehouse, "SELECT count(*) FROM ledger_finding") == [(0,)]
    assert ask(warehouse, HISTORY) == []


def test_a_row_held_in_a_later_increment_leaves_the_earlier_one_standing(
    tmp_path: Path, contract: Contract
) -> None:
    first = Sent("f1.csv", {"fall": [fall(1)]}, sent_date=day(1))
    later = Sent(
        "f2.csv", {"fall": [fall(2)]}, held={"fall": [{"row_key": f"{ADA}|1"}]}, sent_date=day(3)
    )

    warehouse = built(tmp_path, contract, people(), first, later)

    assert [row[0] for row in ask(warehouse, FALLS)] == [1, 2]
    assert ask(warehouse, HISTORY) == []


def test_a_missing_value_that_becomes_known_is_a_change(tmp_path: Path, contract: Contract) -> None:
    first = Sent("f1.csv", {"fall": [fall(1, in_session=None)]}, sent_date=day(1))
    later = Sent("f2.csv", {"fall": [fall(1, in_session=False)]}, sent_date=day(3))

    warehouse = built(tmp_path, contract, people(), first, later, check=changed_rows)

    assert ask(warehouse, "SELECT in_session FROM core_fall") == [(False,)]
    assert ask(warehouse, "SELECT in_session, state FROM history_fall") == [(None, "superseded")]
    assert ask(warehouse, "SELECT count(*) FROM ledger_finding") == [(1,)]


# --- what is still open of earlier findings


def test_a_finding_is_closed_once_its_row_no_longer_counts(
    tmp_path: Path, contract: Contract
) -> None:
    old = Sent(
        "w45.csv",
        {"fall": [fall(1)]},
        {"fall": [{"row_key": f"{ADA}|7"}]},
        keyed="resend",
        scope="w45",
    )
    new = replace(old, name="w45_rev1.csv", held={}, revision=1)
    other = Sent(
        "w46.csv",
        {"fall": [fall(4)]},
        {"fall": [{"row_key": f"{ADA}|5"}, {"row_key": f"{ADA}|4"}]},
        sent_date=day(1),
    )
    later = Sent("w47.csv", {"fall": [fall(5)]}, sent_date=day(3))
    findings = [
        finding(old, "fall", 102, "hopkins_grade_given", "quarantine"),
        finding(other, "fall", 2, "reported_after_fall"),
        finding(
            other, "fall", 102, "hopkins_grade_given", "quarantine"
        ),  # the row came good in w47
        finding(other, "fall", 103, "one_row_per_key", "quarantine"),
    ]

    warehouse = built(tmp_path, contract, people(), old, new, other, later, findings=findings)

    found = ask(warehouse, "SELECT delivery_id, row_no, is_open FROM ledger_finding ORDER BY ALL")
    assert sorted(found) == sorted([
        (old.delivery_id, 102, False), (other.delivery_id, 2, True), (other.delivery_id, 102, False),
        (other.delivery_id, 103, True),
    ])  # fmt: skip


def test_a_row_held_at_one_clinic_is_not_mended_by_another_clinics_row(
    tmp_path: Path, contract: Contract
) -> None:
    """Birke wrote one of Alder's codes: whatever Alder sends, Birke still has to correct its line."""
    wrong = Sent(
        "b45.csv", {"fall": [fall(1, make_id("02", 1))]}, {"fall": [{"row_key": f"{ADA}|1"}]},
        sent_date=day(1), clinic_id="birke",
    )  # fmt: skip
    right = Sent("a45.csv", {"fall": [fall(1)]}, sent_date=day(3))
    findings = [finding(wrong, "fall", 102, "other_clinic_participant", "quarantine")]

    warehouse = built(tmp_path, contract, people(), wrong, right, findings=findings)

    assert ask(warehouse, "SELECT row_no, is_open FROM ledger_finding") == [(102, True)]


def test_a_table_of_which_nothing_came_has_the_columns_that_it_has_otherwise(
    tmp_path: Path, contract: Contract
) -> None:
    some = built(tmp_path / "some", contract, people(), Sent("f.csv", {"fall": [fall(1)]}))
    none = built(tmp_path / "none", contract, people())

    for table in ("history_fall", "core_fall"):
        assert ask(none, f"SELECT count(*) FROM {table}") == [(0,)]
        assert ask(none, f"DESCRIBE {table}") == ask(some, f"DESCRIBE {table}")


# --- order


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[3::9])
def test_the_order_of_arrival_changes_no_table(
    tmp_path: Path, contract: Contract, order: tuple[int, ...]
) -> None:
    sents = [
        Sent("f1.csv", {"fall": [fall(1), fall(2)]}, sent_date=day(1)),
        Sent(
            "f2.csv",
            {"fall": [fall(2, hopkins_grade="3")], "session": [session(1), session(2)]},
            sent_date=day(2),
        ),
        Sent("w.csv", {"fall": [fall(4)]}, keyed="resend", scope="w", sent_date=day(2)),
        Sent(
            "w_rev1.csv",
            {"fall": [fall(4, in_session=True)]},
            keyed="resend",
            scope="w",
            sent_date=day(2),
            revision=1,
        ),
    ]
    reference = built(tmp_path, contract, people(), *sents, name="reference")
    shuffled = [sents[n] for n in order]

    inputs = inputs_of(tmp_path, contract, [*shuffled, people()])
    inputs = replace(
        inputs, core={t: list(reversed(paths)) for t, paths in reversed(list(inputs.core.items()))}
    )
    build(tmp_path / "shuffled", SQL, contract, inputs, nothing_found)

    for side in ("closed", "open"):
        one = export_tables(reference / f"{side}.duckdb", tmp_path / f"one_{side}")
        other = export_tables(tmp_path / "shuffled" / f"{side}.duckdb", tmp_path / f"other_{side}")
        assert one == other


def test_a_participants_own_change_is_a_version_too(tmp_path: Path, contract: Contract) -> None:
    first = people(participant(ADA), participant(BOB))
    left = Sent(
        "p2.csv",
        {
            "participant": [
                participant(ADA, withdrawn_date=dt.date(2025, 10, 1), withdrawn_reason="moved")
            ]
        },
    )

    warehouse = built(tmp_path, contract, replace(first, sent_date=day(1)), left)

    assert ask(
        warehouse, "SELECT participant_id, is_withdrawn FROM core_participant ORDER BY 1"
    ) == [(ADA, True), (BOB, False)]
    assert ask(
        warehouse, "SELECT participant_id, withdrawn_date, state FROM history_participant"
    ) == [(ADA, None, "superseded")]
