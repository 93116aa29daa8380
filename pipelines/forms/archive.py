"""Whether a zip archive may be opened: whole, not encrypted, and no larger inside than it says."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from pipelines.errors import DeliveryRefused
from pipelines.forms.limits import (
    MAX_INFLATED_BYTES,
    MAX_INFLATION,
    MAX_MEMBERS,
    SMALL_INFLATED_BYTES,
)

_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_ENCRYPTED_FLAG = 0x1
_STEP_BYTES = 1 << 20


def member_names(path: Path) -> frozenset[str]:
    """The names in a zip archive that was inflated once, in pieces, and found harmless."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError) as error:
        raise DeliveryRefused(
            "truncated",
            "the zip archive has no readable list of contents; its end is missing or damaged",
            where=path.name,
            remedy="export the file and send it again",
        ) from error
    _check_declared(members, path)
    with path.open("rb") as file:
        inflated = 0
        for member in members:
            inflated += _inflated_bytes(file, member, path)
            if inflated > MAX_INFLATED_BYTES:
                raise _bomb(path, "it inflates to more than its list of contents says")
    return frozenset(member.filename for member in members)


def _check_declared(members: list[zipfile.ZipInfo], path: Path) -> None:
    """Refuses what the list of contents itself gives away."""
    if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
        raise DeliveryRefused(
            "encrypted",
            "the archive is protected by a password",
            where=path.name,
            remedy="send the file without a password, over the agreed secure transfer",
        )
    n_bytes = path.stat().st_size
    declared = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS:
        raise _bomb(path, f"it has {len(members)} members")
    if sum(member.compress_size for member in members) > n_bytes:
        raise _bomb(path, "its members overlap")
    if declared > MAX_INFLATED_BYTES:
        raise _bomb(path, f"it would inflate to {declared} bytes")
    if declared > SMALL_INFLATED_BYTES and declared > n_bytes * MAX_INFLATION:
        raise _bomb(path, f"it would inflate {declared // n_bytes} times")


def _inflated_bytes(file: BinaryIO, member: zipfile.ZipInfo, path: Path) -> int:
    """The bytes a member truly holds; read past zipfile, which stops at the declared size."""
    file.seek(member.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
        raise _damaged(path)
    *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    file.seek(name_length + extra_length, 1)
    if member.compress_type == zipfile.ZIP_STORED:
        if member.compress_size != member.file_size:
            raise _damaged(path)
        return member.file_size
    if member.compress_type != zipfile.ZIP_DEFLATED:
        return 0  # neither Excel nor the readers here know other methods: it is never inflated
    inflater, left, found, crc = zlib.decompressobj(-15), member.compress_size, 0, 0
    piece = b""
    while not inflater.eof:
        if not piece:
            piece = file.read(min(left, _STEP_BYTES))
            left -= len(piece)
        try:
            out = inflater.decompress(piece, _STEP_BYTES)
        except zlib.error as error:
            raise _damaged(path) from error
        piece = inflater.unconsumed_tail
        found += len(out)
        crc = zlib.crc32(out, crc)
        if found > member.file_size:
            raise _bomb(path, "a member is larger than the list of contents says")
        if not out and not piece and not left and not inflater.eof:
            raise _damaged(path)
    if crc != member.CRC or found != member.file_size:
        raise _damaged(path)
    return found


def _bomb(path: Path, why: str) -> DeliveryRefused:
    return DeliveryRefused(
        "archive_bomb",
        f"the archive is not safe to open: {why}",
        where=path.name,
        remedy="send the plain file, or ask the sender what made this archive",
    )


def _damaged(path: Path) -> DeliveryRefused:
    return DeliveryRefused(
        "damaged",
        "a member of the archive cannot be inflated to what its checksum says",
        where=path.name,
        remedy="export the file and send it again",
    )
