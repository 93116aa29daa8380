"""A made-up study on disk: the same bytes twice, delivered once, and every planted fault where the truth says."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines.contracts.across import across_rules
from pipelines.contracts.build_rules import build_rules
from pipelines.contracts.model import Contract
from pipelines.contracts.rule_list import LINE_TABLE, rules_of
from pipelines.contracts.shapes import Delivery
from pipelines.errors import BackstepError, DeliveryRefused
from pipelines.files import sha256_of
from pipelines.receive.identify import look_inside, named
from pipelines.standardise.delivery import standardise
from pipelines.synthetic.study import StudyPlan, deliver, write_study

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 60
Finding = tuple[str, str, str, int, str]  # clinic, file, table, line, rule


@pytest.fixture(scope="module")
def study(contract: Contract, tmp_path_factory) -> StudyPlan:
    return write_study(contract, tmp_path_factory.mktemp("faulty"), participants=PEOPLE, seed=4)


@pytest.fixture(scope="module")
def clean(contract: Contract, tmp_path_factory) -> StudyPlan:
    return write_study(
        contract, tmp_path_factory.mktemp("clean"), participants=PEOPLE, seed=4, faults=False
    )


def _truth(study: StudyPlan, name: str) -> pl.DataFrame:
    numbers = {"row_no": pl.Int64, "night": pl.Int64, "last_night": pl.Int64}
    path = study.home / "truth" / f"{name}.csv"
    columns = path.read_text().split("\n", 1)[0].split(",")
    return pl.read_csv(path, schema={c: numbers.get(c, pl.String) for c in columns}).with_columns(
        pl.col(pl.String).fill_null("")
    )


def _staged(study: StudyPlan) -> list[Path]:
    return sorted(
        p
        for p in (study.home / "synthetic").rglob("*")
        if p.is_file() and p.parent.name != "synthetic"
    )


def _digest(home: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        total.update(path.relative_to(home).as_posix().encode() + b"\0" + path.read_bytes())
        if path.is_relative_to(home / "synthetic") and path.name != "fingerprint.json":
            total.update(str(path.stat().st_mtime_ns).encode())
    return total.hexdigest()


def test_another_process_writes_the_same_bytes_and_times(study, tmp_path):
    code = (
        "import sys; from pathlib import Path;"
        "from pipelines.contracts.load import load_contract;"
        "from pipelines.synthetic.study import write_study;"
        f"write_study(load_contract(Path('schemas')), Path(sys.argv[1]), participants={PEOPLE}, seed=4)"
    )
    env = {**os.environ, "PYTHONHASHSEED": "12345"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True, env=env)
    assert _digest(tmp_path) == _digest(study.home)


def test_a_second_run_touches_nothing(contract, study):
    before = {path: path.stat().st_ino for path in study.home.rglob("*")}
    again = write_study(contract, study.home, participants=PEOPLE, seed=4)
    assert again == study
    assert {path: path.stat().st_ino for path in study.home.rglob("*")} == before


def test_other_arguments_start_a_made_up_home_anew(contract, tmp_path):
    write_study(contract, tmp_path, participants=8, seed=1, faults=False)
    (tmp_path / "core").mkdir()
    (tmp_path / "keep.txt").write_text("mine")
    old = {path.name for path in tmp_path.glob("synthetic/night_1/*/*.fit")}
    write_study(contract, tmp_path, participants=12, seed=2, faults=False)
    assert not (tmp_path / "core").exists()
    assert (tmp_path / "keep.txt").read_text() == "mine"
    assert {path.name for path in tmp_path.glob("synthetic/night_1/*/*.fit")} != old


def test_a_home_that_is_not_made_up_is_refused_and_left_alone(contract, tmp_path):
    (tmp_path / "core").mkdir()
    with pytest.raises(BackstepError, match="not a made-up study"):
        write_study(contract, tmp_path, participants=8)
    assert [path.name for path in tmp_path.iterdir()] == ["core"]


def test_delivering_twice_is_delivering_once(clean):
    first = deliver(clean.home, 1)
    known = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in first}
    assert deliver(clean.home, 1) == first
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in first} == known
    # Sent on the evening of 3 November 2025, before the cut-off in the night.
    sent = dt.datetime(2025, 11, 3, 20, tzinfo=dt.UTC).timestamp()
    assert {path.stat().st_mtime for path in first} == {sent}
    assert len(first) == clean.n_files[0]
    assert all(path.parent.parent == clean.home / "landing" for path in first)


def test_a_night_that_was_not_written_cannot_be_delivered(clean):
    with pytest.raises(BackstepError, match="night 3"):
        deliver(clean.home, 3)


def test_the_cutoffs_are_listed(study):
    assert json.loads((study.home / "nights.json").read_text()) == [
        "2025-11-04T03:15:00Z",
        "2025-11-11T03:15:00Z",
    ]


def test_a_night_stays_small_enough_to_watch(study):
    labs = [path for path in _staged(study) if path.suffix in (".sto", ".c3d", ".txt")]
    here = [path for path in labs if "night_1" in path.parts]
    assert 10 <= len(here) <= 40  # two gait labs send a file per trial
    assert (
        40 <= study.n_files[0] - len(here) <= 70
    )  # two of the clinics send a file per form, 20 forms each
    assert study.n_files[1] < study.n_files[0]


def test_truth_names_files_that_are_there_and_lies_outside_the_landing_folder(study):
    names = {(path.parent.name, path.name) for path in _staged(study)}
    faults = _truth(study, "faults")
    assert faults.columns[:5] == ["clinic_id", "file_name", "table_name", "row_no", "rule"]
    assert set(faults.select("clinic_id", "file_name").iter_rows()) <= names
    assert not any("truth" in path.parts for path in (study.home / "synthetic").rglob("*"))


def test_at_least_forty_kinds_of_fault_are_planted(study):
    assert _truth(study, "faults")["rule"].n_unique() >= 40


def test_a_study_without_faults_has_none(clean):
    assert _truth(clean, "faults").height == 0
    assert _truth(clean, "duplicates").height == 0


def _found(contract: Contract, study: StudyPlan, staging: Path) -> tuple[set[Finding], int, int]:
    """What the pipeline's readers and the rules within tables find; values read; rows sent twice."""
    found: set[Finding] = set()
    seen: set[str] = set()
    n_values = n_copies = 0
    for path in _staged(study):
        clinic, sha256 = contract.clinics[path.parent.name], sha256_of(path)
        if sha256 in seen:
            continue
        seen.add(sha256)
        said = named(clinic, path.name)
        if said is None:
            found.add((clinic.clinic_id, path.name, "", 0, "unknown_file_name"))
            continue
        delivery = Delivery(
            f"{clinic.clinic_id}-{sha256[:12]}", clinic.clinic_id, path.name, said["kind"], sha256,
            path.stat().st_size, dt.datetime(2025, 11, 4), said["sent"], 0, "scope", path, said.get("participant"),
        )  # fmt: skip
        try:
            look_inside(clinic.files[said["kind"]], delivery)
            standardise(contract, delivery, staging)
        except DeliveryRefused as fault:
            found.add((clinic.clinic_id, path.name, "", 0, fault.reason))
            continue
        for table in (*contract.tables, LINE_TABLE):
            parts = sorted((staging / table / delivery.delivery_id).glob("*.parquet"))
            if parts:
                rows = pl.concat(pl.read_parquet(part) for part in parts)
                kept = (
                    rows
                    if table == LINE_TABLE
                    else rows.unique(["row_key", "row_hash"], keep="first")
                )
                fields = [f for f in rows.columns if f in contract.fields]
                n_values += sum(kept[field].count() for field in fields)
                n_copies += rows.height - kept.height
                found |= {
                    (clinic.clinic_id, path.name, *finding)
                    for finding in _broken(contract, table, kept)
                }
    return found, n_values, n_copies


def _broken(contract: Contract, table: str, rows: pl.DataFrame) -> set[tuple[str, int, str]]:
    named_table = "table_name" if table == LINE_TABLE else f"'{table}'"
    found: set[tuple[str, int, str]] = set()
    with duckdb.connect() as con:
        con.register("rows", rows)
        for rule in rules_of(contract, table):
            said = f"len(list_filter(faults, lambda f: ends_with(f, ':{rule.field}') AND NOT starts_with(f, 'ambig'))) > 0"
            known = said if rule.name == f"{rule.field}_given" else "FALSE"
            found |= set(con.execute(
                f"SELECT {named_table}, row_no, '{rule.name}' FROM (SELECT *, {rule.breaks} AS b, {known} AS k FROM rows) "
                "WHERE b AND NOT k"
            ).fetchall())  # fmt: skip
    return found


def _few_false_alarms(contract: Contract, surplus: set[Finding], n_values: int) -> None:
    """Nothing good is held or refused, and under half a percent of the good values are flagged."""
    severity = {
        (t, r.name): r.severity
        for t in (*contract.tables, LINE_TABLE)
        for r in rules_of(contract, t)
    }
    assert {row for row in surplus if severity.get((row[2], row[4]), "refuse") != "flag"} == set()
    assert n_values > 50_000
    assert len(surplus) < 0.005 * n_values


def test_the_readers_find_every_planted_fault_at_its_line(contract, study, tmp_path):
    """File, line and value faults; the rules over several tables need a warehouse."""
    across = {
        (t, rule.name)
        for t in contract.tables
        for rule in (*across_rules(contract, t), *build_rules(t))
    }
    faults = _truth(study, "faults").select(
        "clinic_id", "file_name", "table_name", "row_no", "rule"
    )
    planted = {row for row in faults.iter_rows() if (row[2], row[4]) not in across}
    found, n_values, n_copies = _found(contract, study, tmp_path)
    assert planted - found == set()
    _few_false_alarms(contract, found - planted, n_values)
    copies = _truth(study, "duplicates")
    assert n_copies == copies.filter(pl.col("row_no") > 0).height > 0


def test_the_readers_find_nothing_in_a_study_without_faults(contract, clean, tmp_path):
    found, n_values, n_copies = _found(contract, clean, tmp_path)
    assert n_copies == 0
    _few_false_alarms(contract, found, n_values)
