"""A query's life: asked once, closed when mended, shown when mended wrongly, the same for any cut-off."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from pipelines.warehouse.queries import (
    FINDING_SCHEMA,
    LETTER_SCHEMA,
    VERSION_SCHEMA,
    life,
    to_ask,
    yield_by_rule,
)

NIGHTS = [dt.datetime(2025, 11, day, 2) for day in range(1, 11)]
OVERDUE_DAYS = 7


def version(
    night: int, subject: str, content: int | None, *, clinic: str = "a", keyed: str = "increment"
) -> dict:
    return {"delivery_id": f"{clinic}-{night}", "clinic_id": clinic, "table_name": "fall", "subject": subject,
            "rank_no": night, "received_utc": NIGHTS[night] - dt.timedelta(hours=1), "keyed": keyed, "content": content}  # fmt: skip


def finding(
    night: int,
    subject: str,
    rule: str = "too_low",
    field: str | None = "count",
    *,
    clinic: str = "a",
) -> dict:
    return {"delivery_id": f"{clinic}-{night}", "table_name": "fall", "subject": subject, "rule": rule, "field": field}  # fmt: skip


def frames(versions: list[dict], findings: list[dict]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A finding's content is that of the version it was found in."""
    content = {(v["delivery_id"], v["subject"]): str(v["content"]) for v in versions}
    told = [f | {"row_no": 2, "content": content[f["delivery_id"], f["subject"]]} for f in findings]
    return pl.DataFrame(
        [{name: v[name] for name in VERSION_SCHEMA} for v in versions], schema=VERSION_SCHEMA
    ), pl.DataFrame(told, schema=FINDING_SCHEMA)


def lives(*given) -> pl.DataFrame:
    return life(*given)[0].with_columns(severity=pl.lit("quarantine"))


def no_letters() -> pl.DataFrame:
    return pl.DataFrame(schema=LETTER_SCHEMA)


def lived(
    versions: list[dict], findings: list[dict], nights: int
) -> tuple[pl.DataFrame, list[list[str]]]:
    """The queries after so many nights, and the subjects each night's letter listed."""
    letters, listed = no_letters(), []
    for cutoff in NIGHTS[:nights]:
        queries = lives(*frames(versions, findings), letters, cutoff)
        asked = to_ask(queries, cutoff, OVERDUE_DAYS)
        listed.append(asked["subject"].to_list())
        sent = asked.select("query_id", cutoff_utc=pl.lit(cutoff, pl.Datetime("us")))
        letters = pl.concat([letters, sent])
    after = NIGHTS[nights - 1] + dt.timedelta(hours=1)
    return lives(*frames(versions, findings), letters, after), listed


def test_ten_faults_seven_mended_one_mended_wrongly() -> None:
    subjects = [f"s{n}" for n in range(10)]
    versions = [version(0, s, 100) for s in subjects] + [version(1, s, 200) for s in subjects[:8]]
    findings = [finding(0, s) for s in subjects] + [finding(1, "s7")]

    queries, listed = lived(versions, findings, 2)

    states = dict(queries.select("subject", "state").iter_rows())
    assert listed == [subjects, ["s7"]]  # s8 and s9 were asked the night before and are not overdue
    assert states == dict.fromkeys(subjects[:7], "solved") | {
        "s7": "wrongly_corrected", "s8": "pending", "s9": "pending"}  # fmt: skip
    assert queries.filter(state="solved")["solved_by_delivery_id"].unique().to_list() == ["a-1"]
    [of_rule] = yield_by_rule(queries).to_dicts()
    assert (of_rule["queries_n"], of_rule["asked_n"], of_rule["changed_n"]) == (10, 10, 7)
    assert of_rule["changed_share"] == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("versions", "findings", "state"),
    [
        ([version(0, "s", 1)], [finding(0, "s")], "pending"),
        ([version(0, "s", 1), version(1, "s", 1)], [finding(0, "s"), finding(1, "s")], "answered"),
        ([version(0, "s", 1, keyed="snapshot"), version(1, "s", 1, keyed="snapshot")],
         [finding(0, "s"), finding(1, "s")], "pending"),
        ([version(0, "s", 1), version(1, "s", 2)], [finding(0, "s"), finding(1, "s")], "wrongly_corrected"),
        ([version(0, "s", 1), version(1, "s", 2), version(2, "s", 2)],
         [finding(n, "s") for n in range(3)], "wrongly_corrected"),
        ([version(0, "s", 1), version(1, "s", None)], [finding(0, "s")], "solved"),
        ([version(0, "s", 1), version(1, "s", 2), version(2, "s", 1)],
         [finding(0, "s"), finding(2, "s")], "reopened"),
        ([version(n, "s", c) for n, c in enumerate((1, 2, 1, 3))],
         [finding(0, "s"), finding(2, "s"), finding(3, "s", "too_high")], "reopened"),
        ([version(0, "s", 1), version(1, "s", 2, clinic="b")], [finding(0, "s")], "pending"),
        ([version(0, "s", 1), version(1, "s", 2)], [finding(0, "s", field=None)], "solved"),
    ],
    ids=["asked", "again_unchanged", "again_in_a_snapshot", "changed_still_breaking", "wrong_and_sent_again",
         "removed", "broken_again", "broken_again_then_changed_wrongly", "another_clinic_has_the_key", "rule_of_the_row"],
)  # fmt: skip
def test_the_state_after_four_nights(
    versions: list[dict], findings: list[dict], state: str
) -> None:
    queries, _ = lived(versions, findings, 4)

    assert queries.filter(rule="too_low")["state"].to_list() == [state]


def test_changed_to_a_value_that_breaks_another_rule_of_the_field_is_no_mending() -> None:
    versions = [version(0, "s", 1), version(1, "s", 2)]
    queries, _ = lived(versions, [finding(0, "s"), finding(1, "s", "too_high")], 2)

    assert dict(queries.select("rule", "state").iter_rows()) == {
        "too_low": "wrongly_corrected", "too_high": "pending"}  # fmt: skip


def test_a_fault_of_another_field_does_not_hold_a_query_open() -> None:
    versions = [version(0, "s", 1), version(1, "s", 2)]
    queries, _ = lived(versions, [finding(0, "s"), finding(1, "s", "too_low", "height")], 2)

    assert dict(queries.select("field", "state").iter_rows()) == {
        "count": "solved",
        "height": "pending",
    }


def test_an_unanswered_query_is_asked_again_only_when_overdue() -> None:
    _, listed = lived([version(0, "s", 1)], [finding(0, "s")], 9)

    assert listed == [["s"], [], [], [], [], [], [], ["s"], []]


def test_what_came_later_does_not_change_an_earlier_cut_off() -> None:
    before = frames([version(0, "s", 1)], [finding(0, "s")])
    after = frames([version(0, "s", 1), version(3, "s", 2)], [finding(0, "s")])
    letters = lives(*before, no_letters(), NIGHTS[0]).select(
        "query_id", cutoff_utc=pl.lit(NIGHTS[5], pl.Datetime("us"))
    )

    then = lives(*before, no_letters(), NIGHTS[2])
    again = lives(*after, letters, NIGHTS[2])

    assert then["state"].to_list() == ["new"]
    assert then["age_days"].to_list() == [2]  # received on 1 November, cut off on 3 November
    assert again.equals(then)


def test_the_order_of_the_lines_given_does_not_matter() -> None:
    versions = [version(n, s, n) for n in range(3) for s in ("s", "t")]
    findings = [finding(0, "s"), finding(1, "s"), finding(0, "t"), finding(2, "t")]

    given = lives(*frames(versions, findings), no_letters(), NIGHTS[4])
    turned = lives(*frames(versions[::-1], findings[::-1]), no_letters(), NIGHTS[4])

    assert given.equals(turned)


def test_a_mended_row_sent_again_stays_solved_on_the_day_it_was_mended() -> None:
    versions = [version(0, "s", 1), version(1, "s", 2), version(4, "s", 2)]
    queries, _ = lived(versions, [finding(0, "s")], 6)

    [query] = queries.to_dicts()
    assert (query["state"], query["solved_by_delivery_id"], query["age_days"]) == (
        "solved",
        "a-1",
        1,
    )
