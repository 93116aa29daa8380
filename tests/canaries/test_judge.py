"""A canary is caught only by what it was planted for: each part of the night, broken, lets its own through."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from pipelines import stages
from pipelines.canaries import judge
from pipelines.check import double_entry, extract, held_rows, night, suite
from pipelines.contracts.model import Contract
from pipelines.errors import CanaryMissed, DeliveryRefused
from pipelines.receive import ledger
from pipelines.standardise import columns, delivery
from tests.end_to_end.nights import unfinished

NIGHT = "2025-11-04T03:15:00Z"
AT = dt.datetime(2025, 11, 4, 3, 15)
Break = Callable[[pytest.MonkeyPatch], None]


def fly(home: Path, *, backwards: bool = False) -> None:
    """The canaries' own part of a night, as every clinic's files go."""
    due = stages.receive_clinic(str(home), stages.CANARIES, NIGHT)
    for one in reversed(due) if backwards else due:
        stages.standardise_delivery(str(home), one, NIGHT)
    assert stages.check_night(str(home), due, NIGHT) == {"deliveries": {}}


def missed(home: Path, contract: Contract) -> set[str]:
    rows = judge.counted(home, contract, AT)
    return set(rows.filter(pl.col("caught_n") < pl.col("planted_n"))["fault"])


def test_all_are_caught_and_nothing_but_the_count_is_kept(
    tmp_path: Path, contract: Contract
) -> None:
    fly(tmp_path)

    assert judge.require_caught(judge.counted(tmp_path, contract, AT)) == {
        "planted_n": 13,
        "caught_n": 13,
    }
    left = [p for p in tmp_path.rglob("*") if p.is_file() and "data_docs" not in p.parts]
    assert [p.relative_to(tmp_path).as_posix() for p in left] == [
        "ledger/canaries/2025-11-04T031500Z.json"
    ]
    assert unfinished(tmp_path) == []


@pytest.mark.parametrize("backwards", [False, True])
def test_another_run_of_the_night_writes_the_same_count(tmp_path: Path, backwards: bool) -> None:
    fly(tmp_path)
    (path,) = (tmp_path / "ledger" / "canaries").iterdir()
    first = path.read_bytes()

    fly(tmp_path, backwards=backwards)

    assert path.read_bytes() == first


def test_deliveries_of_canaries_reconcile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "clear", lambda home: None)
    fly(tmp_path)

    checks = [
        json.loads(p.read_text()) for p in (tmp_path / "ledger" / "checks" / "canary").iterdir()
    ]
    read = [check for check in checks if check["status"] == "accepted"]
    assert [check["status"] for check in checks].count("refused") == 2
    counts = sorted(
        [c["n_received"], c["n_accepted"], c["n_quarantined"], c["n_duplicate"]] for c in read
    )
    assert counts == [[2, 1, 1, 0], [9, 2, 6, 1]]


def lose_a_rule(patch: pytest.MonkeyPatch) -> None:
    """Out of the list and out of the suite, as by a wrong release."""
    real_rules, real_suite = night.rules_of, night._suite

    def rules(contract, table):
        return [rule for rule in real_rules(contract, table) if rule.name != "girth_cm_valid"]

    def less(suites, name):
        found = real_suite(suites, name)
        kept = [e for e in found["expectations"] if e["meta"]["rule"] != "girth_cm_valid"]
        return {**found, "expectations": kept}

    patch.setattr(night, "rules_of", rules)
    patch.setattr(night, "_suite", less)


def find_nothing(patch: pytest.MonkeyPatch) -> None:
    """Both entries of the double entry are silent."""
    passes_everything(patch)
    patch.setattr(extract, "failing_rows", lambda *_: pl.DataFrame(schema=extract.FAILING_SCHEMA))


def passes_everything(patch: pytest.MonkeyPatch) -> None:
    real = suite.run_suite

    def all_passed(connection, view, one):
        return [
            replace(result, state="passed", n_failed=0) for result in real(connection, view, one)
        ]

    patch.setattr(double_entry, "run_suite", all_passed)


def lose_the_held_rows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(held_rows, "write_held", lambda *_: None)


def drop_the_last_lines(patch: pytest.MonkeyPatch) -> None:
    real = delivery.read_table

    def shorter(*arguments, **options):
        for batch in real(*arguments, **options):
            yield replace(batch, rows=batch.rows.head(5))

    patch.setattr(delivery, "read_table", shorter)


def read_no_workbook(patch: pytest.MonkeyPatch) -> None:
    real = delivery.read_table

    def text_only(path, file_format, *arguments, **options):
        if file_format == "xlsx":
            raise DeliveryRefused("unknown_format", "this reader is dead")
        return real(path, file_format, *arguments, **options)

    patch.setattr(delivery, "read_table", text_only)


def take_any_columns(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(columns, "_require_columns", lambda present, mapping: None)


def count_nothing_twice(patch: pytest.MonkeyPatch) -> None:
    real = night._load

    def load(con, staging, table, names):
        found = real(con, staging, table, names)
        if found:
            con.execute(f"CREATE OR REPLACE VIEW staged_{table} AS SELECT * FROM part_{table}")
            con.execute(f"DELETE FROM duplicate_{table}")
        return found

    patch.setattr(night, "_load", load)


def know_no_wrong_digit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(columns, "_id_faults", lambda ids, prefix: [])


ROWS = {
    "out_of_range",
    "unknown_code",
    "unreadable_number",
    "ambiguous_date",
    "missing_value",
    "unknown_participant",
}
EVERY_ROW = ROWS | {"clean_row", "repeated_row", "implausible"}


@pytest.mark.parametrize(
    ("broken", "let_through"),
    [
        (lose_a_rule, {"out_of_range"}),
        (find_nothing, ROWS | {"implausible"}),
        (passes_everything, EVERY_ROW),  # the entries differ, so nothing was checked and nothing is loaded
        (lose_the_held_rows, ROWS),
        (drop_the_last_lines, {"unreadable_number", "ambiguous_date", "missing_value", "unknown_participant"}),
        (read_no_workbook, {"clean_row", "missing_value"}),
        (take_any_columns, {"lost_column"}),
        (count_nothing_twice, {"clean_row", "repeated_row"}),  # two rows of one key hold each other
        (know_no_wrong_digit, {"unknown_participant"}),
    ],
    ids=lambda one: one.__name__ if callable(one) else "",
)  # fmt: skip
def test_what_is_broken_shows(
    tmp_path: Path, contract: Contract, monkeypatch: pytest.MonkeyPatch, broken: Break, let_through: set[str]
) -> None:  # fmt: skip
    broken(monkeypatch)
    fly(tmp_path)

    assert missed(tmp_path, contract) == let_through
    with pytest.raises(CanaryMissed):
        stages.require_canaries(str(tmp_path), NIGHT)
    assert list((tmp_path / "raw" / "canary").iterdir())  # they stay, so that somebody can look


def test_the_next_night_clears_away_what_was_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        lose_the_held_rows(patch)
        fly(tmp_path)

    fly(tmp_path)

    assert stages.require_canaries(str(tmp_path), NIGHT)["caught_n"] == 13
    assert not (tmp_path / "raw" / "canary").exists()


def test_a_night_in_which_none_flew_is_no_good_night(tmp_path: Path, contract: Contract) -> None:
    with pytest.raises(CanaryMissed) as caught:
        stages.require_canaries(str(tmp_path), NIGHT)

    assert caught.value.exit_code == 15
    assert judge.counted(tmp_path, contract, AT)["planted_n"].sum() == 0


def test_a_night_killed_on_the_way_leaves_no_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        ledger, "write_check", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt())
    )
    with pytest.raises(KeyboardInterrupt):
        fly(tmp_path)
    assert not list((tmp_path / "ledger").glob("canaries/*"))
    monkeypatch.undo()

    fly(tmp_path)

    assert stages.require_canaries(str(tmp_path), NIGHT)["caught_n"] == 13


def test_a_study_with_other_tables_flies_its_own(
    tmp_path: Path, grip_schemas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKSTEP_SCHEMAS", str(grip_schemas))
    fly(tmp_path / "home")

    assert stages.require_canaries(str(tmp_path / "home"), NIGHT) == {
        "planted_n": 13,
        "caught_n": 13,
    }


def test_a_past_night_flies_again_only_under_another_contract(
    tmp_path: Path, schemas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKSTEP_SCHEMAS", str(schemas))
    home = str(tmp_path / "home")
    assert len(stages.due_deliveries(home, stages.CANARIES, NIGHT)) == 4  # its counts were lost
    fly(tmp_path / "home")
    assert stages.due_deliveries(home, stages.CANARIES, NIGHT) == []

    with (schemas / "codes.yaml").open("a") as file:
        file.write("\n# changed\n")

    assert len(stages.due_deliveries(home, stages.CANARIES, NIGHT)) == 4
