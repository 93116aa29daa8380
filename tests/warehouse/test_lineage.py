"""From rows of a table to the lines under them: all that were used, of nobody else."""

from __future__ import annotations

import duckdb
import polars as pl
import pytest

from pipelines.warehouse.lineage import LINES, Lineage
from tests.warehouse.cases import ADA, BOB, SQL, Sent, built, fall, participant, session


@pytest.fixture(scope="module")
def lineage(contract, tmp_path_factory):
    files = [
        Sent("people.csv", {"participant": [participant(), participant(BOB, arm="FW")]}),
        Sent("falls.csv", {"fall": [fall(), fall(2), fall(1, BOB)]}),
        Sent("sessions.csv", {"session": [session(), session(2), session(1, BOB)]}),
    ]
    home = built(tmp_path_factory.mktemp("lineage"), contract, *files)
    with duckdb.connect(str(home / "closed.duckdb"), read_only=True) as con:
        yield Lineage(con, contract, SQL), {sent.delivery_id: sent.name for sent in files}


def told(found: pl.DataFrame, names: dict[str, str]) -> set[tuple[str, str, int]]:
    return {
        (table, names[delivery], row)
        for table, delivery, row in found.select(LINES.names()).iter_rows()
    }


def test_a_participants_mart_rests_on_all_that_its_sql_reads_of_that_participant(lineage):
    lines, names = lineage
    found = told(lines.lines("mart_safety", f"participant_id = '{ADA}'"), names)
    assert found == {
        ("participant", "people.csv", 2), ("fall", "falls.csv", 2), ("fall", "falls.csv", 3),
        ("session", "sessions.csv", 2), ("session", "sessions.csv", 3),
    }  # fmt: skip


def test_rows_that_a_clinic_sent_rest_on_their_own_lines_and_the_register(lineage):
    lines, names = lineage
    found = told(lines.lines("core_fall", f"participant_id = '{BOB}'"), names)
    assert found == {("fall", "falls.csv", 4), ("participant", "people.csv", 3)}
    assert told(lines.lines("core_participant", "true"), names) == {
        ("participant", "people.csv", 2),
        ("participant", "people.csv", 3),
    }


def test_lines_can_be_told_apart_by_a_column_and_kept_to_some_deliveries(lineage):
    lines, names = lineage
    (falls,) = [delivery for delivery, name in names.items() if name == "falls.csv"]
    found = lines.lines("mart_safety", "true", ("participant_id",), only=pl.Series([falls]))
    assert found.group_by("participant_id").len().sort("len").rows() == [(BOB, 1), (ADA, 2)]


def test_what_the_study_declares_rests_on_no_line(lineage):
    lines, _ = lineage
    found = lines.lines("ref_threshold", "true", ("measure",))
    assert found.is_empty() and found.columns == ["measure", *LINES]


def test_a_delivery_counted_as_a_whole_has_no_line(lineage):
    lines, _ = lineage
    found = lines.lines("ledger_delivery", "true")
    assert found.height == 3 and found["row_no"].null_count() == 3


def test_a_comparison_of_clinics_rests_on_everybody_alike(lineage):
    lines, _ = lineage
    assert lines.is_of_everything("core_monitoring")
    assert not lines.is_of_everything("mart_safety")
    assert not lines.is_of_everything("core_fall")
