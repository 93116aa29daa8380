"""Tables for analysis hold what the warehouse holds, say what it means, and are the same bytes each time."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines.errors import BackstepError, BuildStopped
from pipelines.exports import export
from pipelines.files import sha256_of
from tests.exports.cases import HOSTILE, PERSON, SQL


def tables(database: Path) -> set[str]:
    with duckdb.connect(str(database), read_only=True) as con:
        return {r[0] for r in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}


@pytest.mark.parametrize("audience", ["open", "closed"])
def test_every_core_table_and_mart_is_there_row_for_row(exported, rendered_home, audience):
    folder, database = (
        exported("analysis", audience),
        rendered_home / "warehouse" / f"{audience}.duckdb",
    )
    wanted = {t for t in tables(database) if t.startswith(("core_", "mart_"))}

    assert wanted
    for table in wanted:
        with duckdb.connect(str(database), read_only=True) as con:
            lines = con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
            parquet = f"read_parquet('{folder / 'parquet' / f'{table}.parquet'}')"
            names = [
                name for name, kind in con.execute(
                    f"SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '{table}'"
                ).fetchall() if name != "sent"
            ]  # fmt: skip
            columns = ", ".join(f'"{name}"' for name in names)
            differing = con.execute(
                f"SELECT count(*) FROM ((SELECT {columns} FROM {table} EXCEPT ALL SELECT {columns} FROM {parquet}) "
                f"UNION ALL (SELECT {columns} FROM {parquet} EXCEPT ALL SELECT {columns} FROM {table}))"
            ).fetchall()[0][0]
            assert con.execute(f"SELECT count(*) FROM {parquet}").fetchall()[0][0] == lines
        assert differing == 0, table
        with (folder / "csv" / f"{table}.csv").open(encoding="utf-8", newline="") as text:
            assert sum(1 for _ in csv.reader(text)) == lines + 1


@pytest.mark.parametrize("kind", ["analysis", "deidentified"])
@pytest.mark.parametrize("audience", ["open", "closed"])
def test_the_dictionary_has_words_for_every_column(exported, kind, audience):
    folder = exported(kind, audience)
    words = pl.read_csv(folder / "dictionary.csv")
    written = {
        (path.stem, name)
        for path in (folder / "parquet").glob("*.parquet")
        for name in pl.read_parquet_schema(path)
    }

    assert set(words.select("table", "column").iter_rows()) == written
    silent = words.filter(pl.col("description").is_null())
    # Add the words to pipelines/exports/derived_columns.yaml.
    assert silent.select("table", "column").rows() == []


def test_the_dictionary_gives_unit_codes_and_range_from_the_contract(exported, contract):
    words = pl.read_csv(exported("analysis", "closed") / "dictionary.csv")

    def row(table: str, column: str) -> dict:
        return words.row(
            by_predicate=(pl.col("table") == table) & (pl.col("column") == column), named=True
        )

    assert row("core_participant", "height_cm")["unit"] == "cm"
    assert row("core_participant", "height_cm")["valid"] == "100 to 230"
    assert row("core_participant", "sex_code")["codes"].startswith("female = female; male = male")
    assert "withdrawn_date" in row("core_participant", "withdrawn_day")["description"]


def test_a_text_that_tries_things_comes_back_as_it_was(by_hand, contract, tmp_path):
    event = {
        "participant_id": "01-001-3", "ae_no": 1, "onset_date": dt.date(2025, 3, 12), "study_day": 3,
        "severity_code": "mild", "serious": False, "ae_term": HOSTILE,
    }  # fmt: skip
    empty = event | {"ae_no": 2, "ae_term": ""}
    none = event | {"ae_no": 3, "ae_term": None}
    warehouse = by_hand({"core_participant": [PERSON], "core_adverse_event": [event, empty, none]})

    export(
        warehouse,
        tmp_path / "out",
        contract,
        "analysis",
        "closed",
        sql=SQL,
        codes=tmp_path / "codes.csv",
    )

    back = pl.read_parquet(tmp_path / "out" / "parquet" / "core_adverse_event.parquet").sort(
        "ae_no"
    )
    assert back["ae_term"].to_list() == [HOSTILE, "", None]
    path = tmp_path / "out" / "csv" / "core_adverse_event.csv"
    with path.open(encoding="utf-8", newline="") as text:
        assert [r["ae_term"] for r in csv.DictReader(text)] == [HOSTILE, "", ""]
    assert '"",' in path.read_text(encoding="utf-8")  # the empty text; a missing one is nothing


@pytest.mark.parametrize("kind", ["analysis", "cdisc", "deidentified"])
def test_the_same_night_gives_the_same_bytes(exported, rendered_home, contract, tmp_path, kind):
    first = exported(kind, "closed")
    codes = first.parent / "keys" / "new_codes.csv"

    export(
        rendered_home / "warehouse",
        tmp_path / "again",
        contract,
        kind,
        "closed",
        sql=SQL,
        codes=codes,
    )

    names = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert names == sorted(
        p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file()
    )
    assert [n for n in names if sha256_of(first / n) != sha256_of(tmp_path / "again" / n)] == []


def test_the_manifest_names_every_file_with_its_hash(exported):
    folder = exported("analysis", "open")
    said = json.loads((folder / "manifest.json").read_text())

    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(said["files"]) == found - {"manifest.json"}
    assert all(sha256_of(folder / name) == f["sha256"] for name, f in said["files"].items())
    assert said["cutoff_utc"] == "2025-11-04T03:15:00Z"


def test_the_open_side_has_no_arm(exported):
    words = pl.read_csv(exported("analysis", "open") / "dictionary.csv")

    assert words.filter(
        pl.col("column").is_in(["arm", "direction_code", "therapist_code"])
    ).is_empty()


def test_what_was_handed_out_is_not_written_over(exported, rendered_home, contract, tmp_path):
    (tmp_path / "there").mkdir()

    with pytest.raises(BackstepError) as caught:
        export(rendered_home / "warehouse", tmp_path / "there", contract, "analysis", "open",
               sql=SQL, codes=tmp_path / "codes.csv")  # fmt: skip

    assert caught.value.where == "there"
    assert list((tmp_path / "there").iterdir()) == []


def test_an_export_that_fails_leaves_nothing(contract, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "open.duckdb").write_bytes(b"not a database")

    with pytest.raises(duckdb.Error):
        export(
            tmp_path / "w",
            tmp_path / "out",
            contract,
            "analysis",
            "open",
            sql=SQL,
            codes=tmp_path / "c.csv",
        )

    assert [p.name for p in tmp_path.iterdir()] == ["w"]


@pytest.mark.parametrize(
    ("kind", "audience", "error"),
    [
        ("excel", "open", BackstepError),
        ("analysis", "all", BackstepError),
        ("analysis", "open", BuildStopped),
    ],
)
def test_what_cannot_be_exported_is_said(contract, tmp_path, kind, audience, error):
    with pytest.raises(error) as caught:
        export(
            tmp_path,
            tmp_path / "out",
            contract,
            kind,
            audience,
            sql=SQL,
            codes=tmp_path / "codes.csv",
        )

    assert caught.value.remedy
