"""The de-identified set holds no date, id, serial, place or free text of the warehouse it came from."""

from __future__ import annotations

import csv
import datetime as dt
import re
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines.errors import BackstepError
from pipelines.exports import export
from pipelines.exports.deidentified import age_sql, reason_to_leave_out
from pipelines.exports.new_codes import codes_for
from tests.exports.cases import HOSTILE, PERSON, SQL

DATE = re.compile(r"\b(19|20)\d\d-[01]\d-[0-3]\d\b|\b[0-2]\d:[0-5]\d:[0-5]\d\b")


def secrets_of(database: Path) -> dict[str, set[str]]:
    """Every text and date of the warehouse that must not be found, by where it stands."""
    found: dict[str, set[str]] = {}
    with duckdb.connect(str(database), read_only=True) as con:
        columns = con.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal AND "
            "(data_type IN ('DATE', 'TIMESTAMP') OR column_name IN ('participant_id', 'clinic_id', 'clinic_name', "
            "'time_zone', 'device_serial', 'delivery_id', 'file_name', 'sha256', 'ae_term', 'fall_note', 'session_note', "
            "'entered_by', 'changed_reason', 'therapist_code', 'assessor_code', 'device_maker', 'device_model', "
            "'sent'))"
        ).fetchall()
        for table, column, _ in columns:
            values = con.execute(
                f'SELECT DISTINCT CAST("{column}" AS VARCHAR) FROM {table} WHERE "{column}" IS NOT NULL'
            ).fetchall()
            found.setdefault(column, set()).update(v for (v,) in values if v)
    return found


def cells(folder: Path) -> set[str]:
    found: set[str] = set()
    for path in (folder / "csv").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as text:
            rows = csv.reader(text)
            next(rows)
            for row in rows:
                found.update(row)
    return found


@pytest.mark.parametrize("audience", ["open", "closed"])
def test_nothing_that_identifies_is_in_any_file(exported, rendered_home, audience):
    folder = exported("deidentified", audience)
    secret = secrets_of(rendered_home / "warehouse" / "closed.duckdb")
    seen = cells(folder)
    words = [p.read_text(encoding="utf-8") for p in folder.iterdir() if p.is_file()]
    everything = "\n".join([*sorted(seen), *words])

    sure = (
        "participant_id",
        "device_serial",
        "ae_term",
        "session_note",
        "delivery_id",
        "clinic_name",
    )
    assert all(secret[column] for column in sure)
    for column, values in secret.items():
        assert seen & values == set(), column
        # Short codes may stand inside other words by chance; whole cells were looked at above.
        assert [v for v in values if len(v) >= 6 and v in everything] == [], column
    assert DATE.findall(everything) == []


@pytest.mark.parametrize("audience", ["open", "closed"])
def test_the_parquet_files_hold_what_the_csv_files_hold(exported, audience):
    folder = exported("deidentified", audience)

    paths = sorted((folder / "parquet").glob("*.parquet"))
    assert paths
    for path in paths:
        frame = pl.read_parquet(path)
        assert not [c for c, kind in frame.schema.items() if kind.is_temporal()]
        text = pl.read_csv(folder / "csv" / f"{path.stem}.csv", schema=frame.schema)
        assert text.equals(frame), path.stem


def test_the_scan_finds_what_is_there(exported, rendered_home):
    """The same search on the tables for analysis, which do hold ids: a search that finds nothing proves nothing."""
    secret = secrets_of(rendered_home / "warehouse" / "closed.duckdb")
    seen = cells(exported("analysis", "closed"))

    assert all(seen & secret[column] for column in ("participant_id", "device_serial", "ae_term"))


def test_the_open_set_has_no_arm_and_the_closed_has(exported):
    held = {
        side: {n for p in (exported("deidentified", side) / "parquet").glob("*.parquet") for n in pl.read_parquet_schema(p)}
        for side in ("open", "closed")
    }  # fmt: skip

    assert "arm" in held["closed"]
    assert not held["open"] & {"arm", "direction_code", "relatedness_code", "age_years"} - {
        "age_years"
    }


def test_days_are_those_of_the_warehouse_and_no_row_is_lost(exported, rendered_home):
    folder = exported("deidentified", "closed")
    with duckdb.connect(str(rendered_home / "warehouse" / "closed.duckdb"), read_only=True) as con:
        days = sorted(r[0] for r in con.execute("SELECT study_day FROM core_walk_test").fetchall())

    assert (
        sorted(pl.read_parquet(folder / "parquet" / "core_walk_test.parquet")["study_day"]) == days
    )


@pytest.mark.parametrize(
    ("birth_year", "randomised", "age"),
    [
        # 203 days after 2025-03-10 is 2025-09-29: the year stays 2025.
        (1950, dt.date(2025, 3, 10), 75),
        (1936, dt.date(2025, 3, 10), 89),
        (1935, dt.date(2025, 3, 10), 90),
        (1900, dt.date(2025, 3, 10), 90),
        # 203 days after 2025-08-01 is 2026-02-20: who is 89 in 2025 may be 90 by then.
        (1936, dt.date(2025, 8, 1), 90),
        (1937, dt.date(2025, 8, 1), 88),
        (None, dt.date(2025, 3, 10), None),
    ],
)
def test_ages_over_89_are_one_group(birth_year, randomised, age):
    found = duckdb.execute(
        f"SELECT {age_sql(203)} FROM (SELECT ?::INTEGER AS birth_year, ?::DATE AS randomised_date)",
        [birth_year, randomised],
    ).fetchall()

    assert found == [(age,)]


def test_a_clinic_with_few_participants_is_not_told_apart(by_hand, contract, tmp_path):
    people = [PERSON | {"participant_id": f"01-00{n}-0"} for n in range(1, 6)]
    people += [
        PERSON | {"participant_id": f"02-00{n}-0", "clinic_id": "birke"} for n in range(1, 5)
    ]
    warehouse = by_hand({"core_participant": people})

    export(
        warehouse,
        tmp_path / "out",
        contract,
        "deidentified",
        "closed",
        sql=SQL,
        codes=tmp_path / "codes.csv",
    )

    clinics = pl.read_parquet(tmp_path / "out" / "parquet" / "core_participant.parquet")[
        "clinic_code"
    ]
    assert contract.study.analysis.smallest_clinic_cell == 5
    assert sorted(clinics.value_counts()["count"]) == [4, 5]
    assert clinics.to_list().count("OTHER") == 4
    assert "0 of 9 participants are alone" in (tmp_path / "out" / "README.md").read_text()


def test_free_text_and_unknown_columns_stay_out_unread(contract):
    assert reason_to_leave_out(contract, "a_new_column", "VARCHAR")
    assert reason_to_leave_out(contract, "birth_year", "INTEGER")
    assert reason_to_leave_out(contract, "wear_date", "DATE")
    assert reason_to_leave_out(contract, "not_told", "VARCHAR")
    assert reason_to_leave_out(contract, "sex_code", "VARCHAR") is None
    assert reason_to_leave_out(contract, "time_s", "DOUBLE") is None


def test_a_hostile_text_does_not_get_in(by_hand, contract, tmp_path):
    fall = {
        "participant_id": "01-001-3", "fall_no": 1, "fall_date": dt.date(2025, 4, 1), "study_day": 23,
        "hopkins_grade": "2", "fall_note": HOSTILE,
    }  # fmt: skip
    warehouse = by_hand({"core_participant": [PERSON], "core_fall": [fall]})

    export(
        warehouse,
        tmp_path / "out",
        contract,
        "deidentified",
        "closed",
        sql=SQL,
        codes=tmp_path / "codes.csv",
    )

    row = pl.read_parquet(tmp_path / "out" / "parquet" / "core_fall.parquet").row(0, named=True)
    assert {k: v for k, v in row.items() if not k.endswith("_code")} == {
        "fall_no": 1, "hopkins_grade": "2", "in_session": None, "session_no": None, "reported_day": None,
        "study_day": 23,
    }  # fmt: skip
    assert b"HYPERLINK" not in b"".join(
        p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()
    )


def test_rows_of_nobody_are_not_lost_in_silence(by_hand, contract, tmp_path):
    fall = {
        "participant_id": "01-009-9", "fall_no": 1, "fall_date": dt.date(2025, 4, 1), "hopkins_grade": "2",
    }  # fmt: skip
    warehouse = by_hand({"core_participant": [PERSON], "core_fall": [fall]})

    with pytest.raises(BackstepError, match="1 rows belong to no enrolled participant"):
        export(
            warehouse,
            tmp_path / "out",
            contract,
            "deidentified",
            "closed",
            sql=SQL,
            codes=tmp_path / "codes.csv",
        )


def test_codes_are_drawn_kept_and_never_given_twice(tmp_path):
    path = tmp_path / "keys" / "codes.csv"
    drawn = iter(["AAAA", "BBBB", "AAAA", "BBBB", "CCCC"])

    first = codes_for(path, "participant", ["b", "a"], draw=lambda: next(drawn))
    second = codes_for(path, "participant", ["c", "a", "b"], draw=lambda: next(drawn))

    assert first == {"a": "AAAA", "b": "BBBB"}
    assert second == {"a": "AAAA", "b": "BBBB", "c": "CCCC"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o007 == 0


def test_codes_of_two_studies_differ(tmp_path):
    one = codes_for(tmp_path / "1.csv", "participant", ["a", "b"])
    two = codes_for(tmp_path / "2.csv", "participant", ["a", "b"])

    assert not set(one.values()) & set(two.values())
