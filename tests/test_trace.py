"""A number of a report is followed to its lines, and the lines are told file by file."""

from __future__ import annotations

import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines import trace as tracing
from pipelines.__main__ import app
from pipelines.errors import BackstepError
from pipelines.reports import results

NIGHT = "2025-11-04T031500Z"


def lines(*rows: tuple) -> pl.DataFrame:
    schema = ["table_name", "clinic_id", "file_name", "delivery_id", "row_no"]
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_lines_are_told_in_runs_file_by_file():
    found = tracing.by_file(lines(
        *(("fall", "alder", "a.csv", "d1", n) for n in (2, 3, 4, 7)), ("fall", "birke", "b.csv", "d2", 9),
        ("ledger_delivery", "birke", "c.csv", "d3", None),
    ))  # fmt: skip
    assert found.rows() == [
        ("alder", "a.csv", "fall", 4, "2-4, 7"),
        ("birke", "b.csv", "fall", 1, "9"),
        ("birke", "c.csv", "ledger_delivery", 1, "the whole file"),
    ]


def test_a_mean_rests_on_the_lines_that_hold_its_values(rendered_home):
    kept = results.read(rendered_home / "reports" / NIGHT / "closed")
    wanted = kept.filter(report="knee_pain", statistic="KOOS pain by visit: n", group="W6, BW")
    found = tracing.trace(str(rendered_home), "knee_pain", wanted["number"][0], closed=True)
    assert found.rows_n == found.result["value"] == wanted["n"][0]
    counted = dict(found.lines.group_by("table_name").len().iter_rows())
    assert counted["participant"] == found.rows_n
    assert found.rows_n < counted["koos"] <= 2 * found.rows_n  # the visit's and the baseline's


def test_the_command_says_value_sql_files_and_lines(rendered_home, tmp_path):
    run = CliRunner().invoke(
        app, ["trace", "knee_pain", "1", "--home", str(rendered_home), "--to", str(tmp_path / "l.csv")]
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    assert "SELECT count(*) FROM core_participant WHERE true" in run.output
    assert "110 rows of core_participant, resting on 110 lines" in run.output
    assert pl.read_csv(tmp_path / "l.csv").height == 110
    listed = CliRunner().invoke(app, ["trace", "knee_pain", "--home", str(rendered_home)])
    assert listed.exit_code == 0 and "participants" in listed.output


def test_a_night_without_numbers_is_told(rendered_home):
    with pytest.raises(BackstepError, match="kept no numbers"):
        tracing.numbers(str(rendered_home), "knee_pain", cutoff="2020-01-01T03:15:00Z")


def test_a_threshold_rests_on_no_line(rendered_home):
    kept = results.read(rendered_home / "reports" / NIGHT / "open")
    one = kept.filter(table_name="ref_threshold").row(0, named=True)
    assert tracing.trace(str(rendered_home), one["report"], one["number"]).lines.is_empty()
