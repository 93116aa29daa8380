"""The bytes of an Apple Health export's XML, from the file itself or out of the phone's archive.

Exports bring a document type in front of the data. That of iOS 16 is broken, and no reader needs
it: everything before the root element is dropped, and so is every entity that could be declared
there. Control characters that XML does not allow (iOS writes some into names) are dropped as well.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipelines.devices.xml_stream import PIECE_BYTES, ends_with, pieces_of, require_size, root_name
from pipelines.errors import DeliveryRefused

MAX_BYTES = 4 << 30  # about ten million records: many years of phone and watch
_MAX_RATIO = 100  # real exports pack to a thirtieth; a small file may be one repeated line
_MAX_MEMBERS, _MAX_DIRECTORY = 20_000, 4 << 20
_MAX_CANDIDATES = 20
_MAX_PROLOGUE = 1 << 20
_ROOT = re.compile(rb"<HealthData[\s/>]")
_DOCUMENT_TYPE = re.compile(rb"<!DOCTYPE\s+HealthData\b")
_CONTROL = bytes(code for code in range(32) if code not in b"\t\n\r")
_LOCAL_HEADER = b"PK\x03\x04"
_FOLDER = re.compile(
    rb"(apple_health_export/|(export|export_cda)\.xml$|workout-routes/|electrocardiograms/)"
)
_REMEDY = "export the health data on the phone again and send the archive unopened"


def is_export(head: bytes) -> bool:
    """Whether the first bytes are the XML, or an archive whose first member is of an export."""
    if head.startswith(_LOCAL_HEADER):
        n_name = int.from_bytes(head[26:28], "little")
        return _FOLDER.match(head[30 : 30 + n_name]) is not None
    return _DOCUMENT_TYPE.search(head) is not None or root_name(head) == "HealthData"


def xml_pieces(path: Path) -> Iterator[bytes]:
    """The export from its root element on, without control characters, in pieces.

    Refused as `empty`, `too_large`, `truncated`, `unreadable` or `bad_checksum`.
    """
    require_size(path, MAX_BYTES)
    with path.open("rb") as file:
        is_archive = file.read(4) == _LOCAL_HEADER
    if is_archive:
        yield from _from_root(_of_archive(path), path.name)
        return
    if not ends_with(path, "HealthData"):
        raise DeliveryRefused(
            "truncated",
            "the export breaks off: whole kinds of records may be missing from its end",
            where=path.name,
            remedy=_REMEDY,
        )
    yield from _from_root(pieces_of(path), path.name)


def _from_root(pieces: Iterable[bytes], where: str) -> Iterator[bytes]:
    waiting, begun = b"", False
    for piece in pieces:
        if begun:
            yield piece.translate(None, _CONTROL)
            continue
        waiting += piece
        root = _ROOT.search(waiting)
        if root:
            begun = True
            yield waiting[root.start() :].translate(None, _CONTROL)
        elif len(waiting) > _MAX_PROLOGUE:
            break
    if not begun:
        raise DeliveryRefused(
            "unreadable", "the file has no HealthData in it", where=where, remedy=_REMEDY
        )


class _SmallReads(io.FileIO):
    """A file that hands out little at once, so that an archive's lying directory is not loaded."""

    def read(self, size: int = -1) -> bytes:
        if size > _MAX_DIRECTORY:
            raise zipfile.BadZipFile("a directory of that size")
        return super().read(_MAX_DIRECTORY if size is None or size < 0 else size)


def _of_archive(path: Path) -> Iterator[bytes]:
    """The export's XML unpacked piece by piece; nothing is written to disk."""
    try:
        with zipfile.ZipFile(_SmallReads(path)) as archive:
            member = _export_of(archive, path.name)
            with archive.open(member) as file:
                while piece := file.read(PIECE_BYTES):
                    yield piece
    except (zipfile.BadZipFile, zlib.error, EOFError) as fault:
        raise _refusal(fault, path.name) from None
    except (NotImplementedError, RuntimeError, ValueError, OverflowError, OSError):
        # what zipfile raises for headers that lie about places, methods or passwords
        raise DeliveryRefused(
            "unreadable", "the archive cannot be unpacked", where=path.name, remedy=_REMEDY
        ) from None


def _export_of(archive: zipfile.ZipFile, where: str) -> zipfile.ZipInfo:
    """The member that is the export, told by its content: its name is in the phone's language."""
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise DeliveryRefused(
            "too_large", f"the archive has {len(members)} members", where=where, remedy=_REMEDY
        )
    for member in members:
        parts = member.filename.replace("\\", "/").split("/")
        if ".." in parts or member.filename.startswith(("/", "\\")) or ":" in parts[0]:
            raise DeliveryRefused(
                "unreadable", "a member of the archive has a path that leads out of it",
                where=where, remedy=_REMEDY,
            )  # fmt: skip
    candidates = [
        member for member in members
        if member.filename.lower().endswith(".xml") and member.filename.count("/") < 3
    ]  # fmt: skip
    candidates.sort(key=lambda member: -member.file_size)
    found = [
        member
        for member in candidates[:_MAX_CANDIDATES]
        if _is_usable(member, where) and _begins_as_export(archive, member)
    ]
    if len(found) != 1:
        raise DeliveryRefused(
            "unreadable" if not found else "ambiguous_format",
            f"the archive has {len(found)} health exports in it",
            where=where,
            remedy=_REMEDY,
        )
    return found[0]


def _is_usable(member: zipfile.ZipInfo, where: str) -> bool:
    is_bomb = member.file_size > max(1 << 20, _MAX_RATIO * member.compress_size)
    if member.file_size > MAX_BYTES or is_bomb:
        raise DeliveryRefused(
            "too_large",
            f"a member of the archive unpacks from {member.compress_size} to "
            f"{member.file_size} bytes",
            where=where,
            remedy=_REMEDY,
        )
    return member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def _begins_as_export(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    with archive.open(member) as file:
        return _ROOT.search(file.read(_MAX_PROLOGUE)) is not None


def _refusal(fault: Exception, where: str) -> DeliveryRefused:
    if "CRC" in str(fault):
        return DeliveryRefused(
            "bad_checksum", "the archive's checksum does not match", where=where, remedy=_REMEDY
        )
    return DeliveryRefused(
        "truncated",
        "the archive has lost its end or is damaged inside",
        where=where,
        remedy=_REMEDY,
    )
