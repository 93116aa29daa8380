"""Every planted fault is found at its line, nothing else is held, and every row is accounted for."""

from __future__ import annotations

import polars as pl
import pytest

from pipelines.synthetic.study import deliver, write_study
from tests.end_to_end.nights import NIGHT_1, NIGHT_2, Played, rows, run_night, tables


def _truth(study: Played, name: str) -> pl.DataFrame:
    return pl.read_csv(
        study.home / "truth" / f"{name}.csv",
        schema_overrides={"row_no": pl.Int64, "table_name": pl.String, "file_name": pl.String},
    ).with_columns(pl.col("table_name").fill_null(""))


def _planted(study: Played, night: int) -> pl.DataFrame:
    return _truth(study, "faults").filter(pl.col("night") <= night, pl.col("last_night") >= night)


def _found(frame: pl.DataFrame) -> set[tuple]:
    named = frame.select("clinic_id", "file_name", "table_name", "row_no", "rule")
    return set(named.iter_rows())


@pytest.mark.parametrize("night", [1, 2])
def test_every_planted_fault_is_found_at_its_line(faulty, night):
    planted = _planted(faulty, night).filter(pl.col("row_no") > 0)
    missed = _found(planted) - _found(faulty.findings[night - 1])
    assert sorted(missed) == []
    assert planted["rule"].n_unique() >= 40


@pytest.mark.parametrize("night", [1, 2])
def test_every_hostile_file_is_refused_for_its_reason(faulty, night):
    planted = _planted(faulty, night).filter(pl.col("row_no") == 0)
    refused = faulty.deliveries[night - 1].filter(status="refused")
    said = set(refused.select("clinic_id", "file_name", "reason").iter_rows())
    assert said == set(planted.select("clinic_id", "file_name", "rule").iter_rows())
    assert len(said) >= 5


@pytest.mark.parametrize("night", [1, 2])
def test_nothing_else_is_held(faulty, night):
    held = faulty.findings[night - 1].filter(severity="quarantine")
    assert sorted(_found(held) - _found(_planted(faulty, night))) == []


def test_what_was_sent_twice_is_counted_as_that(faulty):
    copies = _truth(faulty, "duplicates")
    lines = copies.filter(pl.col("row_no") > 0).group_by("clinic_id", "file_name").len("n")
    after = faulty.deliveries[1]
    counted = after.filter(pl.col("status") == "accepted", pl.col("n_duplicate") > 0)
    assert set(
        lines.select("clinic_id", "file_name", pl.col("n").cast(pl.Int64)).iter_rows()
    ) == set(counted.select("clinic_id", "file_name", "n_duplicate").iter_rows())
    whole = copies.filter(pl.col("row_no") == 0).select("clinic_id", "file_name")
    sent_again = after.filter(status="duplicate")
    assert set(whole.iter_rows()) == set(sent_again.select("clinic_id", "file_name").iter_rows())
    assert lines.height > 0 and whole.height > 0


@pytest.mark.parametrize("study", ["faulty", "clean"])
@pytest.mark.parametrize("night", [1, 2])
def test_received_is_accepted_quarantined_and_duplicate(request, study, night):
    played: Played = request.getfixturevalue(study)
    ledger = played.deliveries[night - 1]
    broken = ledger.filter(
        pl.col("n_received")
        != pl.col("n_accepted") + pl.col("n_quarantined") + pl.col("n_duplicate")
    )
    assert broken.height == 0
    assert ledger.height == sum(played.plan.n_files[:night])
    # A second count: the held rows that can be read equal those that the ledger counts.
    if night == 2:
        held = rows(
            played.home,
            "SELECT count(*) FROM (SELECT DISTINCT delivery_id, table_name, row_no FROM quarantine_row)",
        ).item()
        assert held == ledger["n_quarantined"].sum()


def test_a_study_without_faults_has_nothing_held(clean):
    for night in (0, 1):
        assert clean.deliveries[night]["n_quarantined"].sum() == 0
        assert set(clean.deliveries[night]["status"]) == {"accepted"}
        assert clean.findings[night].filter(severity="quarantine").height == 0


@pytest.mark.slow
def test_four_hundred_good_participants_give_few_flags(contract, tmp_path):
    write_study(contract, tmp_path, participants=400, seed=3, faults=False)
    for number, cutoff in enumerate((NIGHT_1, NIGHT_2), start=1):
        deliver(tmp_path, number)
        run_night(tmp_path, cutoff)
    ledger = rows(tmp_path, "SELECT * FROM ledger_delivery")
    flags = rows(tmp_path, "SELECT count(*) FROM ledger_finding WHERE severity = 'flag'").item()
    values = sum(
        rows(tmp_path, f"SELECT {' + '.join(f'count({c})' for c in columns)} FROM {table}").item()
        for table, columns in tables(tmp_path).items()
        if table.startswith("core_")
    )
    print(f"values {values}, flags {flags}, rows {ledger['n_received'].sum()}")  # noqa: T201
    assert ledger["n_quarantined"].sum() == 0
    assert values > 300_000
    assert flags < 0.005 * values
