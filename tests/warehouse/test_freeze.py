"""A data cut is made once, whole, and tells when a single byte of it has changed."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines.contracts.model import Contract
from pipelines.errors import StudyFileError
from pipelines.warehouse.freeze import freeze, verify
from tests.warehouse.cases import Sent, built, fall, people


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Path:
    return built(
        tmp_path_factory.mktemp("w"),
        contract,
        people(),
        Sent("f.csv", {"fall": [fall(1), fall(2)]}),
    )


@pytest.fixture
def cut(warehouse: Path, tmp_path: Path) -> Path:
    return freeze(warehouse, tmp_path / "interim-1").parent


def wrong(cut: Path) -> str:
    with pytest.raises(StudyFileError) as caught:
        verify(cut)
    assert caught.value.where == "interim-1"
    assert caught.value.remedy
    return caught.value.what


def spoil(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_cut_holds_both_databases_every_table_and_where_it_came_from(cut: Path) -> None:
    manifest = json.loads((cut / "manifest.json").read_text())

    assert (
        verify(cut) == len(manifest["files"]) == len([p for p in cut.rglob("*") if p.is_file()]) - 1
    )
    assert manifest["name"] == "interim-1"
    assert manifest["cutoff_utc"] == "2025-11-04T03:15:00"
    assert manifest["tables"]["closed"]["core_fall"]["rows"] == 2
    assert manifest["tools"]["duckdb"] == duckdb.__version__
    assert [d["file_name"] for d in manifest["deliveries"]] == ["f.csv", "participants.csv"] or [
        d["file_name"] for d in manifest["deliveries"]
    ] == ["participants.csv", "f.csv"]
    assert pl.read_parquet(cut / "closed" / "core_fall.parquet").height == 2
    assert "arm" in pl.read_parquet(cut / "closed" / "core_participant.parquet").columns
    assert "arm" not in pl.read_parquet(cut / "open" / "core_participant.parquet").columns
    assert not [p for p in cut.parent.iterdir() if p != cut]  # nothing left aside


def test_no_file_of_a_cut_can_be_written_and_the_closed_part_not_be_read_by_others(
    cut: Path,
) -> None:
    for path in (p for p in cut.rglob("*") if p.is_file()):
        # The manifest lists file names, and those may hold a participant's code.
        closed = "closed" in path.relative_to(cut).as_posix() or path.name == "manifest.json"
        assert path.stat().st_mode & 0o777 == (0o440 if closed else 0o444), path.name


def test_a_cut_is_never_made_over(warehouse: Path, cut: Path) -> None:
    before = (cut / "manifest.json").read_bytes()

    with pytest.raises(StudyFileError) as caught:
        freeze(warehouse, cut)

    assert "exists" in caught.value.what
    assert (cut / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    "name", ["closed.duckdb", "open.duckdb", "open/core_fall.parquet", "closed/core_fall.parquet"]
)
def test_a_flipped_bit_is_found(cut: Path, name: str) -> None:
    content = bytearray((cut / name).read_bytes())
    content[len(content) // 2] ^= 1
    spoil(cut / name, bytes(content))

    assert name in wrong(cut)


@pytest.mark.parametrize("name", ["open.duckdb", "open/core_fall.parquet"])
def test_a_missing_file_is_found(cut: Path, name: str) -> None:
    (cut / name).unlink()

    assert name in wrong(cut)


def test_a_file_too_many_is_found(cut: Path) -> None:
    (cut / "open" / "core_extra.parquet").write_bytes(b"x")

    assert "open/core_extra.parquet" in wrong(cut)


def test_a_table_that_has_fewer_rows_than_the_manifest_says_is_found(cut: Path) -> None:
    manifest = json.loads((cut / "manifest.json").read_text())
    manifest["tables"]["closed"]["core_fall"]["rows"] = 3
    spoil(cut / "manifest.json", json.dumps(manifest).encode())

    assert "closed.core_fall" in wrong(cut)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"files": 3}', b"\xff\xfe"])
def test_a_manifest_that_is_none_is_found(cut: Path, content: bytes) -> None:
    spoil(cut / "manifest.json", content)

    assert "manifest" in wrong(cut)


def test_a_folder_without_manifest_is_no_cut(tmp_path: Path) -> None:
    (tmp_path / "interim-1").mkdir()

    assert "no such cut" in wrong(tmp_path / "interim-1")


def test_a_cut_that_failed_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "warehouse").mkdir()

    with pytest.raises(FileNotFoundError):
        freeze(tmp_path / "warehouse", tmp_path / "freezes" / "interim-1")

    assert list((tmp_path / "freezes").iterdir()) == []


def test_the_same_warehouse_gives_the_same_cut(warehouse: Path, tmp_path: Path, cut: Path) -> None:
    other = freeze(warehouse, tmp_path / "elsewhere" / "interim-1")

    assert other.read_bytes() == (cut / "manifest.json").read_bytes()
