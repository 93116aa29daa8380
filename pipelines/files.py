"""The only place that touches storage: whole files, written aside and moved in, or not at all."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal

import fsspec
import polars as pl

from pipelines.errors import BackstepError

BLOCK_BYTES = 1 << 20
_ASIDE = (
    ".aside"  # marks our own unfinished files; a killed run may leave one, `listing` never shows it
)
_ROWS_PER_GROUP = 131_072  # fixed, so that the same rows always give the same bytes


@dataclass(frozen=True)
class FileStat:
    """A file of one folder, as far as the folder knows it."""

    name: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Fetched:
    """What became of each file of a remote landing; names are relative to it."""

    copied: tuple[str, ...]
    unchanged: tuple[str, ...]
    changing: tuple[str, ...]  # still being written: left for the next night
    refused: tuple[str, ...]  # names that cannot be safe local names


def safe_name(name: str) -> str:
    """The name itself, if it is one plain file name; otherwise an error."""
    hidden = any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in name)
    if name in ("", ".", "..") or "/" in name or "\\" in name or hidden or not _fits(name):
        raise BackstepError(
            "a file name holds a separator, a control character, '..', or is too long or empty",
            where=ascii(name)[:120],
            remedy="rename the file to letters, digits, '-', '_' and '.', and send it again",
        )
    return name


def listing(folder: Path) -> list[FileStat]:
    """The regular files directly in a folder, by name; none if the folder is not there yet."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        found = [
            FileStat(
                entry.name,
                (stat := entry.stat(follow_symlinks=False)).st_size,
                stat.st_mtime_ns,
            )
            for entry in entries
            if entry.is_file(follow_symlinks=False) and not entry.name.endswith(_ASIDE)
        ]
    return sorted(found, key=lambda file: file.name)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it becomes `path` if the block ends well, else vanishes."""
    _make_folder(path.parent)
    aside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}{_ASIDE}")
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(aside, path)
        _sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def clear_unfinished(folder: Path, but: tuple[str, ...] = ()) -> None:
    """Removes what killed runs left half-written below the folder, except in the folders named `but`.

    Assumes nobody is writing there: the caller holds the lock.
    """
    for left in folder.rglob(f".*{_ASIDE}"):
        if left.relative_to(folder).parts[0] not in but:
            left.unlink(missing_ok=True)


def private(folder: Path) -> Path:
    """The folder, made if need be, closed to all but its owner and group."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o750)
    return folder


def write_bytes_atomic(path: Path, data: bytes) -> None:
    """Puts the bytes at `path`, whole or not at all."""
    with atomic_path(path) as aside:
        aside.write_bytes(data)


def write_json(path: Path, obj: Any) -> None:
    """Writes JSON with sorted keys; dates as ISO 8601, paths with `/`; NaN is refused."""
    text = json.dumps(
        obj,
        sort_keys=True,
        indent=1,
        ensure_ascii=False,
        allow_nan=False,
        default=_plain,
    )
    write_bytes_atomic(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """The object in a JSON file."""
    return json.loads(path.read_bytes())


def write_parquet(
    rows: pl.DataFrame | pl.LazyFrame, path: Path, compression: Literal["zstd", "lz4"] = "zstd"
) -> None:
    """Writes rows in their order as Parquet, whole or not at all."""
    with atomic_path(path) as aside:
        rows.lazy().sink_parquet(
            aside,
            compression=compression,
            row_group_size=_ROWS_PER_GROUP,
            maintain_order=True,
        )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_verified(src: Path, dst: Path) -> str:
    """Copies a file to a read-only `dst` and returns the SHA-256 of what was copied.

    The copy is read back, and the source must not have changed meanwhile.
    """
    before = src.stat()
    with atomic_path(dst) as aside:
        with src.open("rb") as reader, aside.open("xb") as writer:
            sha256 = _copy_blocks(reader, writer)
        after = src.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise BackstepError(
                "a file changed while it was being copied",
                where=src.name,
                remedy="nothing was kept; it is read again once its sender has finished",
            )
        if sha256_of(aside) != sha256:
            raise BackstepError(
                "a copied file does not read back as it was written",
                where=dst.name,
                remedy="check the disk that holds the study's home; nothing was kept",
            )
        aside.chmod(0o444)
    return sha256


def fetch_landing(url: str, folder: Path) -> Fetched:
    """Brings new and changed files under a landing URL (`s3://`, `sftp://`) into a local folder.

    A local copy keeps the sender's size and time, which is how a later call knows it has the file.
    """
    storage, root = fsspec.url_to_fs(url)
    storage.invalidate_cache()
    root = root.rstrip("/")
    outcome: dict[str, list[str]] = {
        "copied": [],
        "unchanged": [],
        "changing": [],
        "refused": [],
    }
    for remote, info in sorted(storage.find(root, detail=True).items()):
        name = remote[len(root) :].lstrip("/")
        outcome[_fetch_one(storage, remote, info, folder, name)].append(name)
    return Fetched(**{state: tuple(names) for state, names in outcome.items()})


def _fetch_one(storage: Any, remote: str, info: dict[str, Any], folder: Path, name: str) -> str:
    try:
        local = folder.joinpath(*(safe_name(part) for part in PurePosixPath(name).parts))
    except BackstepError:
        return "refused"
    size, mtime_ns = info["size"], _mtime_ns(info)
    if local.is_file() and (local.stat().st_size, local.stat().st_mtime_ns) == (
        size,
        mtime_ns,
    ):
        return "unchanged"
    try:
        with atomic_path(local) as aside:
            with storage.open(remote, "rb") as reader, aside.open("xb") as writer:
                _copy_blocks(reader, writer)
            storage.invalidate_cache()
            now = storage.info(remote)
            if (now["size"], _mtime_ns(now), aside.stat().st_size) != (
                size,
                mtime_ns,
                size,
            ):
                raise _Changing
            os.utime(aside, ns=(mtime_ns, mtime_ns))
    except _Changing:
        return "changing"
    return "copied"


class _Changing(Exception):
    """The remote file was not the same before and after it was read."""


def _mtime_ns(info: dict[str, Any]) -> int:
    """When a remote file was last written, under whichever key its store uses; 0 if untold."""
    told = next(
        (info[key] for key in ("mtime", "LastModified", "modified", "created") if info.get(key)),
        0,
    )
    if isinstance(told, dt.datetime):
        told = told.replace(tzinfo=told.tzinfo or dt.UTC).timestamp()
    return int(told * 1_000_000) * 1000  # whole microseconds survive a float and every file system


def _copy_blocks(reader: BinaryIO, writer: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := reader.read(BLOCK_BYTES):
        digest.update(block)
        writer.write(block)
    return digest.hexdigest()


def _fits(name: str) -> bool:
    return len(name.encode("utf-8", "surrogatepass")) <= 255


def _plain(value: Any) -> str:
    if isinstance(value, dt.date | dt.time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(f"JSON has no form for {type(value).__name__}")


def _make_folder(folder: Path) -> None:
    """Makes a folder that survives a power cut: a name is safe once its parent is synced."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
