"""ActiGraph GT3X: raw samples as the device wrote them, both generations of the file.

An archive of info.txt and either log.bin (seconds of samples in records with checksums; firmware 3
and later) or activity.bin (samples in a row; the GT3X+ of NHANES). Times are the wall clock of the
computer that set the device up, except where CentrePoint says that they are UTC. Seconds that the
device slept through or lost stay gaps; light and temperature are not read.
Source: github.com/actigraph/GT3X-File-Format and github.com/actigraph/NHANES-GT3X-File-Format.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from pipelines.contracts.shapes import SignalChunk, SignalFile
from pipelines.devices.format import Format
from pipelines.devices.gt3x_chunks import CHUNK_S, log_chunks, no_samples, usual_per_s
from pipelines.devices.gt3x_records import (
    ACTIVITY,
    Records,
    decode,
    find_records,
    fresh_state,
)
from pipelines.devices.gt3x_setup import MAX_INFO, Setup, read_info, read_setup, unreadable
from pipelines.devices.zip_members import PIECE_BYTES, Member, Piece, members, pieces
from pipelines.errors import DeliveryRefused

# thirty days at 100 Hz have 1.6 GB unpacked; a device that lies still packs to a tenth
MAX_FILE, MAX_UNPACKED, MAX_RATIO = 1 << 30, 2 << 30, 200
_LOG, _STREAM, _INFO, _CALIBRATION = "log.bin", "activity.bin", "info.txt", "calibration.json"
_OWN = {_LOG, _STREAM, "epoch.bin", "gt3xplus.ico", "lux.bin"}
_BESIDE = {_INFO, _CALIBRATION, "autorun.inf", "temperature_calibration.json"}
_SAMPLES_AT_ONCE = 2  # nine bytes
_SATURATED = 0.001
_STREAM_LIMIT = 2046  # steps; the three outermost values do not occur


def recognise(head: bytes) -> bool:
    """Whether the first bytes are an archive whose first members are those of an ActiGraph."""
    names, at = set(), 0
    while head[at : at + 4] == b"PK\x03\x04" and at + 30 <= len(head):
        n_name, n_extra = struct.unpack_from("<HH", head, at + 26)
        names.add(head[at + 30 : at + 30 + n_name].decode("ascii", errors="replace"))
        (n_packed,) = struct.unpack_from("<I", head, at + 18)
        at += 30 + n_name + n_extra + n_packed
    return bool(names & _OWN) and names <= _OWN | _BESIDE | {"metadata", "firmware.bin"}


def read(path: Path, *, date_order: str | None = None) -> SignalFile:
    """The recording in an ActiGraph's archive; `date_order` is not used.

    Findings carry the number of the record in log.bin, or of the hour in activity.bin.
    """
    n_bytes = path.stat().st_size
    if n_bytes == 0 or n_bytes > MAX_FILE:
        raise DeliveryRefused(
            "empty" if n_bytes == 0 else "too_large",
            f"the file has {n_bytes} bytes",
            where=path.name,
            remedy="send one recording per file, as the device's own software wrote it",
        )
    # a week of light in the dark is one repeated byte: only what is read is judged
    listed = members(path, MAX_UNPACKED, MAX_RATIO, {_LOG, _STREAM, _INFO, _CALIBRATION})
    log, stream = _one(listed, _LOG, path.name), _one(listed, _STREAM, path.name)
    info = read_info(_small(path, _one(listed, _INFO, path.name)))
    _must_be_calibrated(_small(path, _one(listed, _CALIBRATION, path.name)), path.name)
    if log is not None:
        data, end = _beginning(path, log, PIECE_BYTES)
        data = np.frombuffer(bytearray(data), np.uint8)
        records, _ = find_records(data, end is not None, fresh_state())
        per_s = usual_per_s(records)
        if per_s is None and end is not None:
            raise no_samples(path.name, is_cut=end == "cut")
        setup = read_setup(info, (data, records), per_s, path.name)
        per_s = per_s or round(setup.rate_hz)
        chunks = partial(_log_chunks, path, log, setup, per_s)
    elif stream is not None:
        setup = read_setup(info, None, None, path.name)
        if setup.start_us is None:
            raise unreadable("the start is missing or absurd", path.name)
        _must_be_whole(path, stream)
        chunks = partial(_stream_chunks, path, stream, setup)
    else:
        raise no_samples(path.name, is_cut=not listed or any(one.is_cut for one in listed))
    return SignalFile(
        maker="actigraph",
        model=setup.model,
        device_serial=setup.device_serial,
        rate_hz=setup.rate_hz,
        range_g=setup.range_g,
        is_utc=setup.is_utc,
        chunks=chunks,
        placement=setup.placement,
    )


def _log_chunks(path: Path, log: Member, setup: Setup, per_s: int) -> Iterator[SignalChunk]:
    return log_chunks(pieces(path, log, MAX_UNPACKED), setup, per_s, path.name)


def _stream_chunks(path: Path, stream: Member, setup: Setup) -> Iterator[SignalChunk]:
    """The samples of activity.bin an hour at a time; their times follow from the start alone."""
    n_chunk = round(setup.rate_hz * CHUNK_S) // _SAMPLES_AT_ONCE * _SAMPLES_AT_ONCE
    n_done = 0
    blocks = _blocks(pieces(path, stream, MAX_UNPACKED), n_chunk * 9 // 2)
    for number, (block, end) in enumerate(blocks, start=1):
        n_samples = len(block) * 2 // 9
        one = np.array([n_samples], np.int64)
        record = Records(np.array([ACTIVITY]), one * 0, one * 0, one * 0, one)
        acc, n_at_limit = decode(
            block, record, one, setup.columns, setup.gains, min(setup.limit, _STREAM_LIMIT)
        )
        findings = []
        if n_samples and n_at_limit >= _SATURATED * n_samples:
            findings.append((number, "saturated"))
        if end in ("cut", "longer"):
            findings.append((number, "truncated_end" if end == "cut" else "trailing_bytes"))
        index = np.unique(np.array([0, n_samples - 1])) if n_samples else np.zeros(0, np.int64)
        us = np.round((n_done + index) * (1_000_000 / setup.rate_hz)).astype(np.int64)
        if n_samples or findings:
            yield SignalChunk(index, setup.start_us + us, acc, findings=tuple(findings))
        n_done += n_samples


def _blocks(unpacked: Iterator[Piece], n_bytes: int) -> Iterator[tuple[np.ndarray, str | None]]:
    """The bytes in blocks of `n_bytes`, the last one shorter; and how they ended, with that one."""
    rest, end = b"", None
    for piece in unpacked:
        rest, end = rest + piece.data, piece.end
        while len(rest) > n_bytes:
            yield np.frombuffer(bytearray(rest[:n_bytes]), np.uint8), None
            rest = rest[n_bytes:]
    yield np.frombuffer(bytearray(rest), np.uint8), end


def _one(listed: tuple[Member, ...], name: str, where: str) -> Member | None:
    found = [member for member in listed if member.name == name]
    if len(found) > 1:
        raise DeliveryRefused(
            "unreadable",
            f"the archive has {name} more than once",
            where=where,
            remedy="download the recording from the device again",
        )
    return found[0] if found else None


def _small(path: Path, member: Member | None) -> bytes:
    """The beginning of a small member; nothing where it is absent."""
    return _beginning(path, member, MAX_INFO)[0][:MAX_INFO] if member else b""


def _beginning(path: Path, member: Member, n_bytes: int) -> tuple[bytes, str | None]:
    """At least so many bytes of a member, and how it ended if that is all there is."""
    data = b""
    for piece in pieces(path, member, MAX_UNPACKED):
        data += piece.data
        if piece.end or len(data) >= n_bytes:
            return data, piece.end
    return data, "cut"


def _must_be_calibrated(text: bytes, where: str) -> None:
    try:
        said = json.loads(text or b"{}")
    except (ValueError, RecursionError):
        return  # it describes what the samples went through; what they are stands in the log
    if isinstance(said, dict) and said.get("isCalibrated") is False:
        raise DeliveryRefused(
            "unreadable",
            "the samples are raw counts that were never calibrated",
            where=f"{where}, {_CALIBRATION}",
            remedy="export the calibrated recording from CentrePoint",
        )


def _must_be_whole(path: Path, stream: Member) -> None:
    """Refuses samples that the archive's checksum belies: they have no other protection."""
    for piece in pieces(path, stream, MAX_UNPACKED):
        if piece.end == "bad_checksum":
            raise DeliveryRefused(
                "bad_checksum",
                f"{_STREAM} is not what was put into the archive",
                where=path.name,
                remedy="download the recording from the device again and send the file unchanged",
            )


FORMAT = Format(name="gt3x", makers=("ActiGraph",), recognise=recognise, read=read)
