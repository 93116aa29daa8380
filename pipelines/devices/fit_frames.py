"""The frame of a FIT file, checked before any decoder sees it: sizes, checksums, message counts.

Decoders keep every message in memory, and one of them panics on base types it does not know, so a
hostile file is turned away here, at a cost that grows with the bytes there, not those claimed.
Source: Garmin FIT protocol, "FIT File Structure" (header, definition and data messages, CRC-16).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from pipelines.errors import DeliveryRefused

SIGNATURE = b".FIT"
SESSION, RECORD, FIELD_DESCRIPTION = 18, 20, 206  # global message numbers of the FIT profile
_DISTANCE, _PACKED = 5, 8  # fields of a record
# an ultramarathon of 30 hours has 150,000 messages, 1.2 million fields and one session
MAX_MESSAGES = 400_000
MAX_FIELDS = 4_000_000
MAX_SESSIONS = 500
_TYPE_SIZE = {0: 1, 1: 1, 2: 1, 0x83: 2, 0x84: 2, 0x85: 4, 0x86: 4, 7: 1, 0x88: 4, 0x89: 8, 0x0A: 1}
_TYPE_SIZE |= {0x8B: 2, 0x8C: 4, 0x0D: 1, 0x8E: 8, 0x8F: 8, 0x90: 8}
_CRC_POLYNOMIAL = 0xA001  # CRC-16 with reflected 0x8005, start value 0


@dataclass
class Frames:
    """What the walk over a FIT file found. Message numbers count data messages from 1."""

    n_bytes: int = 0  # end of the last chained file; what follows belongs to no FIT file
    n_chained: int = 0
    n_messages: int = 0
    n_fields: int = 0
    session_nos: list[int] = field(default_factory=list)
    first_record_no: int | None = None
    kinds: set[int] = field(default_factory=set)  # global message numbers that are defined
    odd_types: bool = False  # a base type is unknown, or a field is no whole number of its values
    packed_distance: bool = False  # records have it in `compressed_speed_distance` only
    developer_names: bytes = b""  # content of the messages that name a watch app's own fields


@dataclass(frozen=True)
class _Definition:
    size: int
    kind: int
    n_fields: int
    odd_types: bool
    packed_distance: bool


def walk(data: bytes, where: str) -> Frames:
    """The frames of every chained file in `data`.

    Refused as `truncated`, `crc_fault`, `bad_structure` or `too_large`.
    """
    frames = Frames()
    while frames.n_chained == 0 or data[frames.n_bytes + 8 : frames.n_bytes + 12] == SIGNATURE:
        body, end = _segment(data, frames.n_bytes, where)
        _walk_messages(data, body, end, frames, where)
        frames.n_bytes, frames.n_chained = end + 2, frames.n_chained + 1
    return frames


def _segment(data: bytes, start: int, where: str) -> tuple[int, int]:
    """Where the messages of the file at `start` begin and end; both checksums are verified."""
    if len(data) < start + 12:
        raise _refusal("truncated", "the file ends inside its header", where)
    header_size = data[start]
    if header_size < 12 or data[start + 8 : start + 12] != SIGNATURE:
        raise _refusal("bad_structure", "the file does not start with a FIT header", where)
    (claimed,) = struct.unpack_from("<I", data, start + 4)
    body = start + header_size
    end = body + claimed
    if claimed == 0:
        raise _refusal(
            "truncated", "the header says 0 bytes: the watch never closed the file", where
        )
    if end + 2 > len(data):
        raise _refusal(
            "truncated", f"the header announces {end + 2} bytes and {len(data)} are there", where
        )
    if header_size >= 14:
        (sent,) = struct.unpack_from("<H", data, start + 12)
        # zero means that the writer left the header's own checksum out, which the protocol allows
        if sent and sent != crc16(data[start : start + 12]):
            raise _refusal("crc_fault", "the checksum of the header does not match", where)
    (sent,) = struct.unpack_from("<H", data, end)
    if sent != crc16(data[start:end]):
        raise _refusal("crc_fault", "the checksum of the file does not match", where)
    return body, end


def _walk_messages(data: bytes, position: int, end: int, frames: Frames, where: str) -> None:
    """Adds to `frames` what the messages from `position` to `end` hold."""
    defined: list[_Definition | None] = [
        None
    ] * 16  # by local message number; each chained file has its own
    n_definitions = 0
    while position < end:
        header = data[position]
        position += 1
        if header & 0xC0 == 0x40:
            definition, position = _definition(data, position, end, bool(header & 0x20), where)
            defined[header & 0x0F] = definition
            frames.odd_types |= definition.odd_types
            frames.packed_distance |= definition.packed_distance
            frames.kinds.add(definition.kind)
            n_definitions += 1
        else:
            # a set top bit is a compressed time stamp, which leaves two bits for the local number
            definition = defined[(header >> 5) & 0x03 if header & 0x80 else header & 0x0F]
            if definition is None:
                raise _refusal("bad_structure", "a message comes before its definition", where)
            frames.n_messages += 1
            frames.n_fields += definition.n_fields
            if definition.kind == SESSION:
                frames.session_nos.append(frames.n_messages)
            elif definition.kind == RECORD and frames.first_record_no is None:
                frames.first_record_no = frames.n_messages
            elif definition.kind == FIELD_DESCRIPTION:
                frames.developer_names += data[position : position + definition.size] + b"\0"
            position += definition.size
        if (
            frames.n_messages + n_definitions > MAX_MESSAGES
            or frames.n_fields > MAX_FIELDS
            or len(frames.session_nos) > MAX_SESSIONS
        ):
            raise _refusal("too_large", "more messages than an activity can have", where)
    if position != end:
        raise _refusal("bad_structure", "the last message runs past the end", where)


def _definition(
    data: bytes, position: int, end: int, has_developer_fields: bool, where: str
) -> tuple[_Definition, int]:
    """One definition message, and where it ends."""
    if position + 5 > end:
        raise _refusal("bad_structure", "a definition runs past the end", where)
    (kind,) = struct.unpack_from(">H" if data[position + 1] else "<H", data, position + 2)
    start = position + 5
    stop = start + 3 * data[position + 4]
    numbers = data[start:stop:3]
    sizes, types = data[start + 1 : stop : 3], data[start + 2 : stop : 3]
    packed = kind == RECORD and _PACKED in numbers and _DISTANCE not in numbers
    odd = any(size % _TYPE_SIZE.get(code, 256) for size, code in zip(sizes, types, strict=False))
    if has_developer_fields and stop < end:
        start, stop = stop + 1, stop + 1 + 3 * data[stop]
        sizes += data[start + 1 : stop : 3]
    if stop > end:
        raise _refusal("bad_structure", "a definition runs past the end", where)
    if 0 in sizes:
        raise _refusal("bad_structure", "a definition has a field of no bytes", where)
    return _Definition(sum(sizes), kind, len(sizes), odd, packed), stop


def crc16(data: bytes) -> int:
    """The FIT checksum of `data`, which is laid out as a matrix: a loop over bytes takes too long.

    The checksum is linear: rows are summed up side by side, then joined by "append one row of zero
    bytes". Zero bytes put in front change nothing because the start value is 0.
    """
    width = max(16, int(np.sqrt(len(data))))
    height = -(-len(data) // width)
    padded = np.zeros(height * width, dtype=np.uint8)
    padded[len(padded) - len(data) :] = np.frombuffer(data, dtype=np.uint8)
    columns = np.ascontiguousarray(padded.reshape(height, width).T)
    row_crcs = np.zeros(height, dtype=np.uint16)
    for column in columns:
        row_crcs = (row_crcs >> 8) ^ _CRC_TABLE[(row_crcs ^ column) & 0xFF]
    powers = np.left_shift(np.uint16(1), np.arange(16, dtype=np.uint16))
    for _ in range(width):
        powers = (powers >> 8) ^ _CRC_TABLE[powers & 0xFF]
    shifted = np.zeros(1, dtype=np.uint16)  # shifted[c]: checksum c after `width` zero bytes
    for power in powers:
        shifted = np.concatenate((shifted, shifted ^ power))
    crc = 0
    advance = shifted.tolist()
    for row_crc in row_crcs.tolist():
        crc = advance[crc] ^ row_crc
    return crc


def _crc_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint16)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ _CRC_POLYNOMIAL, table >> 1).astype(np.uint16)
    return table


_CRC_TABLE = _crc_table()


def _refusal(reason: str, what: str, where: str) -> DeliveryRefused:
    return DeliveryRefused(
        reason, what, where=where, remedy="copy the file from the watch again, or export it again"
    )
