"""What the header of a CWA file and the heads of its blocks say: device, set-up, time, units."""

from __future__ import annotations

from dataclasses import dataclass, fields
from urllib.parse import parse_qs

import numpy as np

from pipelines.devices.cwa_blocks import BLOCK, FIRST_SAMPLE
from pipelines.devices.placement import placement_of
from pipelines.errors import DeliveryRefused

HEADER = 1024
HEADER_MARK = b"MD\xfc\x03"  # and the length of what follows, 1020
_MODELS = {0x00: "AX3", 0x17: "AX3", 0xFF: "AX3", 0x64: "AX6"}
_ANNOTATION = slice(64, 512)
_PAYLOAD = BLOCK - FIRST_SAMPLE - 2
_RATE_CODES = (6, 15)  # 6.25 to 3200 Hz
_PACKINGS = (0x30, 0x32, 0x62, 0x92)  # axes, then 0 for three axes in 32 bits, 2 for 16 bits each
_HEAD = np.dtype(
    [("mark", "<u4"), ("fraction", "<u2"), ("session", "<u4"), ("sequence", "<u4"), ("time", "<u4"),
     ("light", "<u2"), ("temperature", "<u2"), ("events", "u1"), ("battery", "u1"), ("rate", "u1"),
     ("packing", "u1"), ("offset", "<i2"), ("count", "<u2")]
)  # fmt: skip


@dataclass(frozen=True)
class Device:
    """What the header of the file says."""

    model: str | None
    number: int  # 0 where it is not known
    placement: str | None


@dataclass(frozen=True)
class Heads:
    """The heads of blocks; one entry per block. Where not `is_readable` the others mean nothing.

    Sample `anchor`, counted from the first one of the block, was taken at `time_us`. It may lie in
    the block after, and be negative.
    """

    at: np.ndarray
    is_readable: np.ndarray
    session: np.ndarray
    sequence: np.ndarray
    time_us: np.ndarray
    anchor: np.ndarray
    n_samples: np.ndarray
    rate_hz: np.ndarray
    range_g: np.ndarray
    n_axes: np.ndarray
    is_packed: np.ndarray
    acc_unit: np.ndarray  # g per step
    gyro_unit: np.ndarray  # degrees per second per step
    limit: np.ndarray  # steps at the end of the range
    temperature_c: np.ndarray
    setting: np.ndarray  # blocks with another one do not go on from each other
    device_number: np.ndarray  # 0 where the block does not say it

    def __len__(self) -> int:
        return len(self.at)

    def only(self, rows: np.ndarray | slice) -> Heads:
        """The heads of some of the blocks."""
        return Heads(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def read_device(head: bytes, where: str) -> Device:
    """The device as the header names it; refused where it is no header."""
    remedy = "download the recording again from the device with its own software"
    if len(head) < HEADER:
        what = f"the file ends within its header of {HEADER} bytes"
        raise DeliveryRefused("truncated", what, where=where, remedy=remedy)
    if not head.startswith(HEADER_MARK):
        what = "the file does not begin with the header of a CWA file"
        raise DeliveryRefused("unreadable", what, where=where, remedy=remedy)
    low, high = int.from_bytes(head[5:7], "little"), int.from_bytes(head[11:13], "little")
    number = 0 if low == 0xFFFF else low | (0 if high == 0xFFFF else high << 16)
    note = head[_ANNOTATION].strip(b" \0\xff").decode("ascii", errors="replace")
    said = parse_qs(note, max_num_fields=100) if note.count("&") < 100 else {}
    site = " ".join(said.get("_p", []))  # what OmGui calls the site of the device
    return Device(_MODELS.get(head[4]), number, placement_of(site))


def read_heads(data: np.ndarray, at: np.ndarray) -> Heads:
    """The heads of the blocks that begin at `at`. Source: Open Movement, cwa.h."""
    head = _first_bytes(data, at).view(_HEAD).reshape(-1)
    code = head["rate"].astype(np.int64) & 15
    rate = 3200.0 / (1 << (15 - code))
    range_g = 16 >> (head["rate"].astype(np.int64) >> 6)
    n_axes = head["packing"].astype(np.int64) >> 4
    is_packed = (head["packing"] & 15) == 0
    count = head["count"].astype(np.int64)
    room = _PAYLOAD // np.where(is_packed, 4, 2 * np.maximum(n_axes, 1))
    seconds, is_time = _seconds(head["time"].astype(np.int64))
    # with the top bit set: 15 bits of a second, whose whole samples the device took off the offset
    has_fraction = head["fraction"] >> 15 == 1
    fraction = np.where(has_fraction, (head["fraction"].astype(np.int64) & 0x7FFF) << 1, 0)
    anchor = head["offset"].astype(np.int64) + ((fraction * rate.astype(np.int64)) >> 16)
    light = head["light"].astype(np.int64)
    per_g = np.where(is_packed, 256, 256 << (light >> 13))
    full = np.where(is_packed, range_g * per_g * 511 // 512, range_g * per_g - 1)
    readable = (code >= _RATE_CODES[0]) & np.isin(head["packing"], _PACKINGS) & is_time
    readable &= (count > 0) & (count <= room) & (np.abs(anchor) <= 2 * rate + count)
    return Heads(
        at=at,
        is_readable=readable,
        session=head["session"].astype(np.int64),
        sequence=head["sequence"].astype(np.int64),
        time_us=seconds * 1_000_000 + np.round(fraction * (1e6 / 65536)).astype(np.int64),
        anchor=anchor,
        n_samples=count,
        rate_hz=rate,
        range_g=range_g,
        n_axes=n_axes,
        is_packed=is_packed,
        acc_unit=1.0 / per_g,
        gyro_unit=8000.0 / (1 << ((light >> 10) & 7)) / 32768,
        limit=np.minimum(full, 32767),
        temperature_c=(head["temperature"] & 0x3FF) * (75 / 256) - 50,
        setting=(light >> 10) << 16 | head["rate"].astype(np.int64) << 8 | head["packing"],
        device_number=np.where(has_fraction, 0, head["fraction"].astype(np.int64)),
    )


def _first_bytes(data: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The bytes before the samples, a row for each block."""
    if len(at) > 1 and at[-1] + BLOCK <= len(data) and (np.diff(at) == BLOCK).all():
        rows = data[at[0] : at[0] + len(at) * BLOCK].reshape(-1, BLOCK)
        return np.ascontiguousarray(rows[:, :FIRST_SAMPLE])
    return data[at[:, None] + np.arange(FIRST_SAMPLE)]


def _seconds(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since 1970 of times packed as YYYYYYMM MMDDDDDh hhhhmmmm mmssssss; whether they are one."""
    year, month, day = packed >> 26, packed >> 22 & 15, packed >> 17 & 31
    hour, minute, second = packed >> 12 & 31, packed >> 6 & 63, packed & 63
    first = ((year + 30) * 12 + month - 1).astype("datetime64[M]")
    days = first.astype("datetime64[D]").astype(np.int64) + day - 1
    is_time = (
        (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & (minute < 60) & (second < 60)
    )
    is_time &= days < (first + 1).astype("datetime64[D]").astype(np.int64)
    return days * 86_400 + hour * 3600 + minute * 60 + second, is_time
