"""The two databases: reconciled, swapped in whole, the same every time; corrections; what the open side lets through."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines.contracts.model import Contract, Correction
from pipelines.errors import BuildStopped, StudyFileError
from pipelines.warehouse.build import build
from pipelines.warehouse.freeze import export_tables
from tests.warehouse.cases import (
    ADA,
    BOB,
    DAY_1,
    SQL,
    Sent,
    ask,
    built,
    delivery_row,
    fall,
    finding,
    inputs_of,
    nothing_found,
    participant,
    people,
    session,
)

SECRET = "SECRET"


# --- ledger


def test_every_delivery_reconciles_and_rows_held_at_build_move_to_quarantined(
    tmp_path: Path, contract: Contract
) -> None:
    sent = Sent(
        "f.csv", {"fall": [fall(1), fall(2), fall(3)]}, {"fall": [{"row_key": "x"}]}, n_duplicate=2
    )

    def hold_one(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
        rows = [finding(sent, "fall", 3, "participant_enrolled", "quarantine"),
                finding(sent, "fall", 3, "session_exists", "quarantine"),
                finding(sent, "fall", 4, "session_exists", "flag")]  # fmt: skip
        return pl.DataFrame(rows, schema=nothing_found(con).schema)

    warehouse = built(tmp_path, contract, people(), sent, check=hold_one)

    counts = "SELECT n_received, n_accepted, n_quarantined, n_duplicate, n_flagged FROM ledger_delivery WHERE file_name = 'f.csv'"
    assert ask(warehouse, counts) == [(6, 2, 2, 2, 1)]
    assert ask(warehouse, "SELECT fall_no FROM core_fall ORDER BY 1") == [(1,), (3,)]
    held = ask(warehouse, "SELECT row_no, held_at, sent FROM quarantine_row ORDER BY 1")
    assert [(row_no, at) for row_no, at, _ in held] == [(3, "build"), (102, "check")]
    assert '"fall_no":2' in held[0][2]


@pytest.mark.parametrize(
    "wrong",
    [{"n_received": 3}, {"n_accepted": 0}, {"n_duplicate": 1}, {"n_accepted": None}, {"n_received": None},
     {"n_accepted": -1, "n_quarantined": 3}],
)  # fmt: skip
def test_a_delivery_that_does_not_add_up_stops_the_build(
    tmp_path: Path, contract: Contract, wrong: dict
) -> None:
    sent = Sent("f.csv", {"fall": [fall(1), fall(2)]})
    inputs = inputs_of(tmp_path, contract, [sent])
    inputs = replace(
        inputs,
        deliveries=pl.DataFrame([delivery_row(sent) | wrong], schema=inputs.deliveries.schema),
    )
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "warehouse" / "closed.duckdb").write_bytes(b"the night before")

    with pytest.raises(BuildStopped) as caught:
        build(tmp_path / "warehouse", SQL, contract, inputs, nothing_found)

    assert "do not reconcile" in caught.value.what
    assert [p.name for p in (tmp_path / "warehouse").iterdir()] == ["closed.duckdb"]
    assert (tmp_path / "warehouse" / "closed.duckdb").read_bytes() == b"the night before"


# --- the open side


def telling(contract: Contract) -> list[Sent]:
    """A study in which everything that must not be seen says so."""
    text = {
        name: SECRET
        for name, f in contract.fields.items()
        if f.type == "text" and (f.reveals or f.identifies)
    }
    log = {name: text[name] for name in contract.tables["session"].fields if name in text}
    marked = session(1, direction_code="BW", support_code="rail", near_fall_n=37, actual_dist_m=777.125,
                     start_utc=dt.datetime(2025, 9, 3, 14, 0), entered_utc=dt.datetime(2025, 9, 3, 15, 0), **log)  # fmt: skip
    note = {"fall_note": SECRET, "reported_date": dt.date(2025, 10, 2)}
    event = {"participant_id": ADA, "ae_no": 1, "onset_date": dt.date(2025, 10, 1), "severity_code": "mild",
             "serious": False, "ae_term": SECRET, "relatedness_code": "definite"}  # fmt: skip
    bout = {
        "participant_id": ADA,
        "device_serial": SECRET,
        "start_utc": dt.datetime(2025, 9, 3, 14, 0),
        "sport": SECRET,
    }
    wear = {
        "participant_id": ADA,
        "device_serial": SECRET,
        "wear_date": dt.date(2025, 9, 3),
        "wear_min": 600.0,
    }
    return [
        Sent("01-001-9_20251103_1.fit", {"wear_bout": [bout]}),
        Sent("a.csv", {"participant": [participant(birth_year=1961, consented_date=DAY_1), participant(BOB, arm="FW")],
                       "session": [marked], "fall": [fall(**note)], "adverse_event": [event], "wear_day": [wear]}),
    ]  # fmt: skip


def test_the_open_database_has_no_arm_no_identifier_and_no_date(
    tmp_path: Path, contract: Contract
) -> None:
    sents = telling(contract)
    inputs = inputs_of(tmp_path, contract, sents, [
        finding(sents[1], "session", 3, "near_fall_n_valid", field="near_fall_n"),
            finding(sents[1], "session", 3, "unreadable_number", field="near_fall_n"),
            finding(sents[1], "session", 3, "a_rule_of_long_ago"),
            finding(sents[1], "session", 9, "too_many_fields", "quarantine"),
        finding(sents[1], "session", 3, "walked_as_allocated"),
        finding(sents[1], "session", 3, "planned_min_plausible", field="planned_min"),
    ])  # fmt: skip
    rows = inputs.deliveries.with_columns(
        names_participant=pl.col("file_name").str.ends_with(".fit"),
        what=pl.lit("01-001-9 was named here"),
    )
    build(tmp_path / "warehouse", SQL, contract, replace(inputs, deliveries=rows), nothing_found)

    with duckdb.connect(str(tmp_path / "warehouse" / "open.duckdb"), read_only=True) as con:
        columns = con.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
        everything = {
            table: con.execute(f"SELECT * FROM {table}").fetchall()
            for table in {t for t, _, _ in columns}
        }

    closed_fields = {name for name, f in contract.fields.items() if f.reveals or f.identifies}
    assert not [(t, c) for t, c, _ in columns if c in closed_fields | {"sent", "arm"}]
    about_people = [(t, c, k) for t, c, k in columns if t.startswith(("core_", "mart_"))]
    assert len({t for t, _, _ in about_people}) > 20
    assert not [(t, c) for t, c, kind in about_people if "DATE" in kind or "TIME" in kind]
    texts = {(t, str(cell)) for t, found in everything.items() for row in found for cell in row}
    assert not [(t, cell) for t, cell in texts if SECRET in cell]
    assert not [
        t
        for t, cell in texts
        if t.startswith(("core_", "mart_")) and cell in ("BW", "FW", "37", "777.125", "1961")
    ]
    assert not [t for t, cell in texts if t.startswith("ledger") and "01-001" in cell]
    assert sum("(name withheld)" in cell for _, cell in texts) == 1
    seen = ask(tmp_path / "warehouse", "SELECT rule FROM ledger_finding ORDER BY 1", "open")
    assert seen == [("planned_min_plausible",), ("too_many_fields",)]
    flags = ask(tmp_path / "warehouse", "SELECT max(n_flagged) FROM ledger_delivery")
    assert flags == [(5,)]
    assert ask(tmp_path / "warehouse", "SELECT max(n_flagged) FROM ledger_delivery", "open") == [
        (1,)
    ]
    assert ask(
        tmp_path / "warehouse", "SELECT study_day, entered_day, start_day FROM core_session", "open"
    ) == [(3, 3, 3)]


def test_the_closed_database_has_the_arm_wherever_a_participant_is(
    tmp_path: Path, contract: Contract
) -> None:
    warehouse = built(tmp_path, contract, *telling(contract))

    for (mart,) in ask(
        warehouse, "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'mart_%'"
    ):
        columns = {
            c
            for (c,) in ask(
                warehouse, f"SELECT column_name FROM duckdb_columns() WHERE table_name = '{mart}'"
            )
        }
        assert ("arm" in columns) == ("participant_id" in columns), mart
    assert ask(warehouse, "SELECT participant_id, arm FROM mart_adherence ORDER BY 1") == [
        (ADA, "BW"),
        (BOB, "FW"),
    ]
    assert (warehouse / "closed.duckdb").stat().st_mode & 0o777 == 0o440
    assert (warehouse / "open.duckdb").stat().st_mode & 0o777 == 0o444


# --- study days


def test_study_days_follow_the_clinics_wall(tmp_path: Path, contract: Contract) -> None:
    """23:30 in New York is the next day in UTC; the day before randomisation is day -1."""
    late = session(
        1, scheduled_date=DAY_1, start_utc=dt.datetime(2025, 9, 2, 3, 30), start_on=DAY_1
    )
    early = session(2, scheduled_date=DAY_1 - dt.timedelta(days=1))

    warehouse = built(tmp_path, contract, people(), Sent("s.csv", {"session": [late, early]}))

    found = ask(warehouse, "SELECT session_no, study_day, start_day FROM core_session ORDER BY 1")
    assert found == [(1, 1, 1), (2, -1, None)]


# --- corrections

ENTRY = {
    "table": "fall", "clinic_id": "alder", "match": {"participant_id": ADA, "fall_no": "1"}, "field": "hopkins_grade",
    "expect": "2", "value": "3", "reason": "seen by a doctor", "by": "C. Manager", "decided_date": dt.date(2025, 11, 1),
}  # fmt: skip


def corrected(contract: Contract, **more: object) -> Contract:
    return contract.model_copy(update={"corrections": (Correction.model_validate(ENTRY | more),)})


def test_a_correction_is_applied_and_says_who_when_and_why(
    tmp_path: Path, contract: Contract
) -> None:
    warehouse = built(
        tmp_path, corrected(contract), people(), Sent("f.csv", {"fall": [fall(1), fall(2)]})
    )

    assert ask(warehouse, "SELECT fall_no, hopkins_grade FROM core_fall ORDER BY 1") == [
        (1, "3"),
        (2, "2"),
    ]
    history = "SELECT fall_no, hopkins_grade, state, replaced_by, replaced_utc, replaced_reason FROM history_fall"
    assert ask(warehouse, history) == [
        (1, "2", "corrected", "C. Manager", dt.datetime(2025, 11, 1), "seen by a doctor")
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [({"expect": "4"}, "no longer says what the correction expects"), ({"expect": None}, "no longer says"),
     ({"match": {"participant_id": ADA}}, "fits 2 rows"), ({"match": {"fall_no": "9"}}, "fits 0 rows"),
     ({"clinic_id": "birke"}, "fits 0 rows")],
)  # fmt: skip
def test_a_correction_that_no_longer_fits_stops_the_build(
    tmp_path: Path, contract: Contract, change: dict, said: str
) -> None:
    with pytest.raises(StudyFileError) as caught:
        built(
            tmp_path,
            corrected(contract, **change),
            people(),
            Sent("f.csv", {"fall": [fall(1), fall(2)]}),
        )

    assert said in caught.value.what
    assert "entry 1" in caught.value.where
    assert ADA not in str(caught.value)
    assert not (tmp_path / "warehouse" / "closed.duckdb").exists()


def test_a_resend_with_the_right_value_asks_for_the_entry_to_go(
    tmp_path: Path, contract: Contract
) -> None:
    sents = [
        Sent("f.csv", {"fall": [fall(1)]}, sent_date=dt.date(2025, 11, 1)),
        Sent("g.csv", {"fall": [fall(1, hopkins_grade="3")]}),
    ]

    with pytest.raises(StudyFileError) as caught:
        built(tmp_path, corrected(contract), people(), *sents)

    assert "remove the entry" in caught.value.remedy


def test_a_corrected_instant_moves_its_day_on_the_clinics_wall(
    tmp_path: Path, contract: Contract
) -> None:
    entry = {"table": "session", "match": {"participant_id": ADA, "session_no": "1"}, "field": "start_utc",
             "expect": "2025-09-03 14:00:00", "value": "2025-09-05 02:00:00"}  # fmt: skip
    log = session(1, start_utc=dt.datetime(2025, 9, 3, 14, 0))

    warehouse = built(
        tmp_path, corrected(contract, **entry), people(), Sent("s.csv", {"session": [log]})
    )

    # 02:00 UTC on the 5th is 22:00 on the 4th in Boston: study day 4.
    assert ask(warehouse, "SELECT start_utc, start_day FROM core_session") == [
        (dt.datetime(2025, 9, 5, 2, 0), 4)
    ]


def test_an_entry_counts_from_the_day_after_it_was_decided(
    tmp_path: Path, contract: Contract
) -> None:
    sents = [people(), Sent("f.csv", {"fall": [fall(1)]})]
    late = corrected(contract, decided_date=dt.date(2025, 11, 4))

    assert ask(built(tmp_path, late, *sents), "SELECT hopkins_grade FROM core_fall") == [("2",)]


# --- the swap


def test_an_open_connection_keeps_reading_what_it_had(tmp_path: Path, contract: Contract) -> None:
    first = built(tmp_path, contract, people(), Sent("f.csv", {"fall": [fall(1)]}))
    with duckdb.connect(str(first / "open.duckdb"), read_only=True) as analyst:
        before = analyst.execute("SELECT * FROM core_fall").fetchall()
        assert len(before) == 1

        built(tmp_path, contract, people(), Sent("f.csv", {"fall": [fall(1), fall(2)]}))

        assert analyst.execute("SELECT * FROM core_fall").fetchall() == before
        assert analyst.execute("SELECT count(*) FROM mart_outcome").fetchall() == [(0,)]
    assert ask(first, "SELECT count(*) FROM core_fall", "open") == [(2,)]


def test_a_mart_that_fails_leaves_the_night_before_standing(
    tmp_path: Path, contract: Contract
) -> None:
    warehouse = built(tmp_path, contract, people())
    before = {p.name: p.read_bytes() for p in warehouse.iterdir()}
    sql = Path(shutil.copytree(SQL, tmp_path / "sql"))
    (sql / "marts" / "mart_bad.sql").write_text(
        "SELECT CAST(sex_code AS INTEGER) AS x FROM core_participant"
    )

    with pytest.raises(BuildStopped) as caught:
        built(tmp_path, contract, people(), sql=sql)

    assert caught.value.where == "mart_bad.sql"
    assert "female" not in str(caught.value)  # no participant's value in an error
    assert {p.name: p.read_bytes() for p in warehouse.iterdir()} == before


def test_a_mart_that_names_no_table_says_so(tmp_path: Path, contract: Contract) -> None:
    sql = Path(shutil.copytree(SQL, tmp_path / "sql"))
    (sql / "marts" / "mart_bad.sql").write_text("SELECT x FROM core_nowhere")

    with pytest.raises(BuildStopped) as caught:
        built(tmp_path, contract, people(), sql=sql)

    assert "core_nowhere" in caught.value.remedy


def test_what_a_killed_build_left_is_cleared_away(tmp_path: Path, contract: Contract) -> None:
    (tmp_path / "warehouse").mkdir()
    for name in (".closed.1.duckdb", ".closed.1.duckdb.wal", ".open.1.duckdb"):
        (tmp_path / "warehouse" / name).write_bytes(b"half")

    warehouse = built(tmp_path, contract, people())

    assert sorted(p.name for p in warehouse.iterdir()) == ["closed.duckdb", "open.duckdb"]


# --- the same every time


def test_two_builds_give_the_same_bytes_in_every_exported_table(
    tmp_path: Path, contract: Contract
) -> None:
    sents = telling(contract)

    one, two = (built(tmp_path, contract, *sents, name=name) for name in ("one", "two"))

    for side in ("closed", "open"):
        first = export_tables(one / f"{side}.duckdb", tmp_path / f"1{side}")
        second = export_tables(two / f"{side}.duckdb", tmp_path / f"2{side}")
        assert first == second
        assert len(first) > 20
        for name in first:
            bytes_of = [(tmp_path / f"{n}{side}" / f"{name}.parquet").read_bytes() for n in (1, 2)]
            assert bytes_of[0] == bytes_of[1]


def test_the_numbers_of_rows_are_told(tmp_path: Path, contract: Contract) -> None:
    inputs = inputs_of(tmp_path, contract, [people(), Sent("f.csv", {"fall": [fall(1), fall(2)]})])

    counts = build(tmp_path / "warehouse", SQL, contract, inputs, nothing_found)

    assert counts["participant"] == counts["fall"] == 2
    assert counts["session"] == 0
    assert set(counts) == {t for t, body in contract.tables.items() if body.answers is None}


def test_every_table_of_the_open_side_has_its_select_in_the_repository() -> None:
    for file in (SQL / "open").glob("*.sql"):
        assert re.search(rf"\bFROM closed\.{file.stem}\b", file.read_text()), file.name
