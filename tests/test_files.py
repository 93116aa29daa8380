"""Files appear whole or not at all, and names cannot leave their folder."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import stat

import fsspec
import polars as pl
import pytest

from pipelines import files
from pipelines.errors import BackstepError


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "table.parquet"
    files.write_bytes_atomic(path, b"old")

    with pytest.raises(RuntimeError), files.atomic_path(path) as aside:
        aside.write_bytes(b"half")
        assert path.read_bytes() == b"old"
        raise RuntimeError

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["table.parquet"]


def test_the_new_file_is_moved_in_from_the_same_folder(tmp_path):
    path = tmp_path / "deep" / "er" / "table.json"

    with files.atomic_path(path) as aside:
        aside.write_bytes(b"new")
        assert aside.parent == path.parent
        assert not path.exists()

    assert path.read_bytes() == b"new"


def test_listing_hides_only_our_own_unfinished_files_and_what_is_no_file(tmp_path):
    (tmp_path / "b.csv").write_bytes(b"12")
    (tmp_path / ".a.csv").write_bytes(b"1")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "b.csv")
    os.utime(tmp_path / "b.csv", ns=(5, 7))

    with files.atomic_path(tmp_path / "c.csv") as aside:
        aside.write_bytes(b"3")
        found = files.listing(tmp_path)

    assert [file.name for file in found] == [".a.csv", "b.csv"]
    assert found[1] == files.FileStat("b.csv", 2, 7)
    assert files.listing(tmp_path / "not there") == []


@pytest.mark.parametrize("size", [0, 1, files.BLOCK_BYTES, files.BLOCK_BYTES + 1])
def test_copy_verified(tmp_path, size):
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (tmp_path / "sent.csv").write_bytes(data)
    kept = tmp_path / "raw" / "kept"

    sha256 = files.copy_verified(tmp_path / "sent.csv", kept)

    assert sha256 == hashlib.sha256(data).hexdigest() == files.sha256_of(kept)
    assert kept.read_bytes() == data
    assert stat.S_IMODE(kept.stat().st_mode) == 0o444


def test_a_source_that_changes_under_the_copy_is_not_kept(tmp_path, monkeypatch):
    source = tmp_path / "sent.csv"
    source.write_bytes(b"first half")
    copy_blocks = files._copy_blocks

    def copy_while_growing(reader, writer):
        sha256 = copy_blocks(reader, writer)
        source.write_bytes(b"first half, second half")
        return sha256

    monkeypatch.setattr(files, "_copy_blocks", copy_while_growing)

    with pytest.raises(BackstepError, match="changed while"):
        files.copy_verified(source, tmp_path / "raw" / "kept")

    assert os.listdir(tmp_path / "raw") == []


def test_a_copy_that_reads_back_differently_is_not_kept(tmp_path, monkeypatch):
    (tmp_path / "sent.csv").write_bytes(b"data")
    monkeypatch.setattr(files, "sha256_of", lambda path: "0" * 64)

    with pytest.raises(BackstepError, match="read back"):
        files.copy_verified(tmp_path / "sent.csv", tmp_path / "raw" / "kept")

    assert os.listdir(tmp_path / "raw") == []


def test_parquet_from_frame_or_plan_is_the_same_bytes_every_time(tmp_path):
    rows = pl.DataFrame({"n": range(300_000)}).with_columns(text=pl.col("n").cast(pl.String))

    files.write_parquet(rows, tmp_path / "a.parquet")
    files.write_parquet(rows.lazy(), tmp_path / "b.parquet")

    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert pl.read_parquet(tmp_path / "a.parquet").equals(rows)


def test_json_is_sorted_and_plain(tmp_path):
    path = tmp_path / "a.json"

    files.write_json(path, {"b": dt.date(2025, 3, 10), "a": tmp_path, "c": "né"})

    assert path.read_text(encoding="utf-8").splitlines()[1:] == [
        f' "a": "{tmp_path.as_posix()}",',
        ' "b": "2025-03-10",',
        ' "c": "né"',
        "}",
    ]
    assert files.read_json(path)["b"] == "2025-03-10"


@pytest.mark.parametrize("unfit", [float("nan"), {1, 2}])
def test_json_refuses_what_it_cannot_say(tmp_path, unfit):
    with pytest.raises((ValueError, TypeError)):
        files.write_json(tmp_path / "a.json", {"a": unfit})

    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["koos 2025-03.csv", "Übung_(2).xlsx", "..csv", "a..b"])
def test_safe_names(name):
    assert files.safe_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "a\nb",
        "a\0b",
        "a\u202eb",
        "a\ud800b",
        "x" * 256,
        "ü" * 128,
    ],
)
def test_unsafe_names(name):
    with pytest.raises(BackstepError, match="file name"):
        files.safe_name(name)


@pytest.fixture
def remote():
    """An in-memory landing, the simplest of fsspec's stores."""
    storage = fsspec.filesystem("memory")
    storage.store.clear()
    storage.pseudo_dirs[:] = [""]
    storage.pipe_file("/landing/alder/koos.csv", b"a,b\n1,2\n")
    storage.pipe_file("/landing/birch/deep/steps.csv", b"x")
    yield storage
    storage.store.clear()


def test_fetch_landing_copies_once_and_again_only_what_changed(remote, tmp_path):
    first = files.fetch_landing("memory://landing", tmp_path)
    second = files.fetch_landing("memory://landing", tmp_path)
    remote.pipe_file("/landing/alder/koos.csv", b"a,b\n1,3\n")
    third = files.fetch_landing("memory://landing", tmp_path)

    assert first.copied == ("alder/koos.csv", "birch/deep/steps.csv")
    assert (second.copied, second.unchanged) == ((), first.copied)
    assert (third.copied, third.unchanged) == (
        ("alder/koos.csv",),
        ("birch/deep/steps.csv",),
    )
    assert (tmp_path / "alder" / "koos.csv").read_bytes() == b"a,b\n1,3\n"


def test_fetch_landing_leaves_a_growing_file_for_the_next_night(remote, tmp_path, monkeypatch):
    copy_blocks = files._copy_blocks

    def copy_while_growing(reader, writer):
        sha256 = copy_blocks(reader, writer)
        remote.pipe_file("/landing/alder/koos.csv", b"a,b\n1,2\n3,4\n")
        return sha256

    monkeypatch.setattr(files, "_copy_blocks", copy_while_growing)

    fetched = files.fetch_landing("memory://landing/alder", tmp_path)

    assert fetched.changing == ("koos.csv",)
    assert os.listdir(tmp_path) == []


def test_fetch_landing_refuses_a_name_that_leaves_the_folder(remote, tmp_path):
    remote.store["/landing/alder/..\\..\\evil.csv"] = remote.store["/landing/alder/koos.csv"]

    fetched = files.fetch_landing("memory://landing/alder", tmp_path / "in")

    assert fetched.refused == ("..\\..\\evil.csv",)
    assert sorted(os.listdir(tmp_path / "in")) == ["koos.csv"]
