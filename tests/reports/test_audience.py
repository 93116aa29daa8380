"""A process for each audience: both are made, and one that fails is told without stopping the other's pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.contracts.load import load_contract
from pipelines.errors import BuildStopped
from pipelines.reports import audience

ROOT = Path(__file__).parents[2]


def task(home: Path, folder: Path, whom: str, *names: str) -> audience.Task:
    contract = load_contract(ROOT / "schemas")
    return audience.Task(whom, names, home / "warehouse", folder, contract, ROOT / "sql")


def test_pages_and_numbers_are_those_of_the_process_of_the_night(home, tmp_path):
    audience.write_all([task(home, tmp_path, "open", "progress"), task(home, tmp_path, "closed", "progress")])  # fmt: skip
    for whom in ("open", "closed"):
        made = (tmp_path / whom / "progress.html").read_bytes()
        assert made == (home / "reports" / "2025-11-04T031500Z" / whom / "progress.html").read_bytes()  # fmt: skip
        assert (tmp_path / whom / "results.parquet").is_file()


def test_a_failing_audience_is_named_and_says_why(home, tmp_path, capfd):
    missing = task(tmp_path / "nowhere", tmp_path, "closed", "progress")
    with pytest.raises(BuildStopped, match="the closed reports could not be made"):
        audience.write_all([task(home, tmp_path, "open", "progress"), missing])
    assert "there is no warehouse for this night" in capfd.readouterr().err
    assert (tmp_path / "open" / "progress.html").is_file()
