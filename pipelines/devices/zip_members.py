"""Members of a small zip archive, found without trusting it and streamed without unpacking it.

The directory at the end is read where there is one; of an archive whose end is lost, the members
are found by their own headers, from the front. Nothing is ever written to disk.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from isal import igzip_lib, isal_zlib

from pipelines.errors import DeliveryRefused

PIECE_BYTES = 4 << 20
_MAX_MEMBERS, _MAX_DIRECTORY = 64, 1 << 16
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_BEHIND = 1, 8  # bits of the flags
_UNKNOWN = 0xFFFFFFFF  # also what an archive of the 64 bit kind says in place of a size
_READ_BYTES, _SMALL_BYTES = 1 << 18, 1 << 10
_REMEDY = "download the recording from the device again and send the file unchanged"


@dataclass(frozen=True)
class Member:
    """One file of an archive; `n_bytes` unpacked is what is said of it, and never exceeded."""

    name: str
    is_deflated: bool
    data_at: int
    n_packed: int
    n_bytes: int
    crc: int | None  # None where it is not known
    is_cut: bool  # the archive ends inside of it


@dataclass(frozen=True)
class Piece:
    """Bytes of a member in a row; `end` says how the member ended, on its last piece only.

    "whole"; "cut" where bytes are missing; "bad_checksum"; "longer" than what is said of it.
    """

    data: bytes
    end: str | None = None


def members(
    path: Path, max_bytes: int, max_ratio: int, used: Container[str] | None = None
) -> tuple[Member, ...]:
    """The members of an archive; refused where one unpacks to too much, or cannot be read.

    Members not `used` (by name) may say what they like, as nobody unpacks them.
    Assumes: a ratio means something from a megabyte on; a small member may be one repeated byte.
    """
    with path.open("rb") as file:
        file.seek(0, 2)
        size = file.tell()
        found = _by_directory(file, size, path.name)
        if found is None:
            found = _by_headers(file, size, path.name)
    for member in found:
        if used is not None and member.name not in used:
            continue
        is_bomb = member.n_bytes > 1 << 20 and member.n_bytes > max_ratio * member.n_packed
        if member.n_bytes != _UNKNOWN and (member.n_bytes > max_bytes or is_bomb):
            raise DeliveryRefused(
                "too_large",
                f"a member of the archive unpacks from {member.n_packed} to {member.n_bytes} bytes",
                where=path.name,
                remedy="send one recording per file, as the device's own software wrote it",
            )
    return found


def pieces(path: Path, member: Member, max_bytes: int) -> Iterator[Piece]:
    """The member unpacked in pieces of at most `PIECE_BYTES`; the last one, maybe empty, has `end`."""
    most = min(member.n_bytes, max_bytes)
    inflate = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
    crc = n_done = n_read = 0
    end = None
    with path.open("rb") as file:
        file.seek(member.data_at)
        while end is None:
            packed = b""
            if not member.is_deflated or inflate.needs_input:
                packed = file.read(min(_READ_BYTES, member.n_packed - n_read))
                n_read += len(packed)
            data, end = packed, None
            if member.is_deflated:
                try:
                    data = inflate.decompress(packed, PIECE_BYTES)
                except (igzip_lib.IsalError, EOFError, ValueError):
                    data, end = _before_the_fault(path, member, n_done), "cut"
                if inflate.eof:
                    end = "whole"
                elif not packed and not data:
                    end = "cut"
            elif not packed:
                end = "cut" if member.is_cut else "whole"
            if n_done + len(data) > most:
                data, end = data[: most - n_done], "longer"
            crc = isal_zlib.crc32(data, crc)
            n_done += len(data)
            if end == "whole":
                end = _verdict(member, n_done, crc)
            if data or end:
                yield Piece(data, end)


def _before_the_fault(path: Path, member: Member, n_done: int) -> bytes:
    """What a broken stream unpacks to before it breaks, without the first `n_done` bytes.

    The step in which the fault lies gives nothing, so that it is taken again in small ones.
    """
    inflate = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
    kept, n_past, n_read = [], 0, 0
    with path.open("rb") as file:
        file.seek(member.data_at)
        while True:
            packed = b""
            if inflate.needs_input:
                packed = file.read(min(_SMALL_BYTES, member.n_packed - n_read))
                n_read += len(packed)
            try:
                data = inflate.decompress(packed, _SMALL_BYTES)
            except (igzip_lib.IsalError, EOFError, ValueError):
                return b"".join(kept)
            if n_past + len(data) > n_done:
                kept.append(data[max(0, n_done - n_past) :])
            n_past += len(data)
            if inflate.eof or (not packed and not data):
                return b"".join(kept)


def _verdict(member: Member, n_done: int, crc: int) -> str:
    if member.n_bytes != _UNKNOWN and n_done < member.n_bytes:
        return "cut"
    return "whole" if member.crc in (None, crc) else "bad_checksum"


def _by_directory(file, size: int, where: str) -> tuple[Member, ...] | None:
    """The members that the directory lists, or None where the archive has lost its end."""
    file.seek(max(0, size - 22 - 0xFFFF))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        return None
    n_members, n_directory, directory_at = struct.unpack_from("<HII", tail, at + 10)
    if n_members > _MAX_MEMBERS or n_directory > _MAX_DIRECTORY:
        raise _unreadable(f"its directory says {n_members} members", where)
    file.seek(directory_at)
    directory = file.read(n_directory)
    found, at = [], 0
    while len(found) < n_members:
        if directory[at : at + 4] != b"PK\x01\x02" or at + 46 > len(directory):
            return None
        flags, method, _, crc, n_packed, n_bytes = struct.unpack_from("<HHIIII", directory, at + 8)
        n_name, n_extra, n_comment = struct.unpack_from("<HHH", directory, at + 28)
        (header_at,) = struct.unpack_from("<I", directory, at + 42)
        name = directory[at + 46 : at + 46 + n_name]
        file.seek(header_at)
        header = file.read(30)
        if header[:4] != b"PK\x03\x04" or len(header) < 30:
            return None
        data_at = header_at + 30 + sum(struct.unpack_from("<HH", header, 26))
        if _UNKNOWN in (n_packed, n_bytes):
            raise _unreadable("a member has 4 GB or more", where)
        found.append(_member(name, flags, method, crc, n_packed, n_bytes, data_at, size, where))
        at += 46 + n_name + n_extra + n_comment
    return tuple(found)


def _by_headers(file, size: int, where: str) -> tuple[Member, ...]:
    """The members that follow each other from the front, the last one maybe cut."""
    found: list[Member] = []
    at = 0
    while len(found) < _MAX_MEMBERS:
        file.seek(at)
        header = file.read(30)
        if header[:4] != b"PK\x03\x04" or len(header) < 30:
            break
        flags, method, _, crc, n_packed, n_bytes = struct.unpack_from("<HHIIII", header, 6)
        n_name, n_extra = struct.unpack_from("<HH", header, 26)
        name = file.read(n_name)
        data_at = at + 30 + n_name + n_extra
        if flags & _SIZES_BEHIND:  # only the stream itself knows where it ends
            n_packed, n_bytes, crc = max(0, size - data_at), _UNKNOWN, None
        found.append(_member(name, flags, method, crc, n_packed, n_bytes, data_at, size, where))
        at = data_at + n_packed
    return tuple(found)


def _member(name, flags, method, crc, n_packed, n_bytes, data_at, size, where) -> Member:
    if flags & _ENCRYPTED or method not in (_STORED, _DEFLATED):
        raise _unreadable("a member is encrypted or packed in an unusual way", where)
    there = max(0, min(n_packed, size - data_at))
    return Member(
        name=name.decode("utf-8", errors="replace"),
        is_deflated=method == _DEFLATED,
        data_at=data_at,
        n_packed=there,
        n_bytes=n_bytes,
        crc=crc,
        is_cut=there < n_packed or (crc is None and method == _STORED),
    )


def _unreadable(what: str, where: str) -> DeliveryRefused:
    return DeliveryRefused(
        "unreadable", f"the archive cannot be used: {what}", where=where, remedy=_REMEDY
    )
