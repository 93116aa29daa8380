"""Writes accelerations the way an Axivity AX3 or AX6 stores them: a header, blocks of 512 bytes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

_BLOCK = np.dtype(
    {
        "names": ["mark", "length", "fraction", "session", "sequence", "time", "light",
                  "temperature", "battery", "rate", "packing", "offset", "count", "data", "sum"],
        "formats": ["S2", "<u2", "<u2", "<u4", "<u4", "<u4", "<u2", "<u2", "u1", "u1", "u1", "<i2",
                    "<u2", ("u1", 480), "<u2"],
        "offsets": [0, 2, 4, 6, 10, 14, 18, 20, 23, 24, 25, 26, 28, 30, 510],
        "itemsize": 512,
    }
)  # fmt: skip
_GYRO_DPS = 2000


def cwa_bytes(
    start_us: int,
    rate_hz: float,
    acc_g: np.ndarray,
    serial: int | str,
    *,
    gyro_dps: np.ndarray | None = None,
    packed: bool = True,
    range_g: int = 8,
    session: int = 7,
    placement: str = "",
    fraction: bool = True,
    temperature_c: float = 25.0,
    breaks: tuple[tuple[int, int], ...] = (),
) -> bytes:
    """The file of one recording; `start_us` is the wall clock as microseconds since 1970.

    Blocks say the nearest rate that the device has, their times follow `rate_hz`: real devices run
    up to 2 % off. `breaks` are (sample, microseconds): so much later than the rate has it comes that
    sample, which begins a block. Without `fraction` times are whole seconds, as old firmware has it.
    With a gyroscope, or not `packed`, values have 16 bits and steps of the device's finest kind.
    """
    per_block = 40 if gyro_dps is not None else 120 if packed else 80
    code = int(np.clip(np.round(np.log2(rate_hz / 3200)) + 15, 6, 15))
    nominal_hz = 3200 // (1 << (15 - code))  # the device counts in whole hertz
    edges = [0, *(sample for sample, _ in breaks), len(acc_g)]
    starts = np.concatenate([np.arange(a, b, per_block) for a, b in pairwise(edges)])
    counts = np.diff(np.append(starts, len(acc_g)))
    shift_us = np.zeros(len(starts))
    for sample, by_us in breaks:
        shift_us[starts >= sample] += by_us
    # the time of a sample a little behind the block, when the device last emptied its buffer
    ahead = counts + 5 * (np.arange(len(starts)) % 4)
    at_us = start_us + shift_us + (starts + ahead) * (1e6 / rate_hz)
    second = (at_us // 1e6).astype(np.int64)
    part = ((at_us - second * 1e6) * (65536 / 1e6)).astype(np.int64) & 0xFFFE
    if not fraction:
        ahead = ahead - np.round((at_us - second * 1e6) * (rate_hz / 1e6)).astype(np.int64)
        part[:] = 0
    accel_bits = 0 if packed and gyro_dps is None else {16: 3, 8: 4, 4: 5, 2: 6}[range_g]
    block = np.zeros(len(starts), _BLOCK)
    block["mark"], block["length"] = b"AX", 508
    block["fraction"] = part >> 1 | 0x8000 if fraction else int(serial) & 0x7FFF
    block["session"], block["sequence"] = session, np.arange(len(starts))
    block["time"] = _packed_times(second)
    block["light"] = accel_bits << 13 | (2 << 10 if gyro_dps is not None else 0) | 280
    block["temperature"] = round((temperature_c + 50) * 256 / 75)
    block["battery"], block["count"] = 190, counts
    block["rate"] = {16: 0, 8: 1, 4: 2, 2: 3}[range_g] << 6 | code
    block["packing"] = 0x62 if gyro_dps is not None else 0x30 if packed else 0x32
    block["offset"] = ahead - ((part * nominal_hz) >> 16)
    places = (
        np.repeat(np.arange(len(starts)), counts),
        np.arange(len(acc_g)) - np.repeat(starts, counts),
    )
    if accel_bits == 0:
        words = np.zeros((len(starts), per_block), "<u4")
        words[places] = _ten_bits(acc_g, range_g)
    else:
        columns = [acc_g * (256 << accel_bits)]
        if gyro_dps is not None:
            columns.insert(0, gyro_dps * (32768 / _GYRO_DPS))
        values = np.round(np.concatenate(columns, axis=1)).clip(-32768, 32767)
        words = np.zeros((len(starts), per_block, values.shape[1]), "<i2")
        words[places] = values
    block["data"] = words.reshape(len(starts), -1).view("u1")
    sums = block.view("<u2").reshape(len(starts), 256).sum(axis=1, dtype=np.int64)
    block["sum"] = -sums & 0xFFFF
    return _header(
        int(serial), session, code, block["time"][:1], gyro_dps is not None, placement
    ) + (block.tobytes())


def _ten_bits(acc_g: np.ndarray, range_g: int) -> np.ndarray:
    """Three values of 10 bits and the power of two that all of them are multiples of."""
    raw = np.round(acc_g * 256).clip(-range_g * 256, range_g * 256 - 1).astype(np.int32)
    largest = np.maximum(raw, -1 - raw).max(axis=1)
    power = (largest > 511).astype(np.int32) + (largest > 1023) + (largest > 2047)
    raw = (raw >> power[:, None]) & 0x3FF
    word = raw[:, 0] | raw[:, 1] << 10 | raw[:, 2] << 20
    return word.astype(np.uint32) | power.astype(np.uint32) << np.uint32(30)


def _packed_times(second: np.ndarray) -> np.ndarray:
    """YYYYYYMM MMDDDDDh hhhhmmmm mmssssss, with the years since 2000."""
    day = (second // 86_400).astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    months = month.astype(np.int64) - 30 * 12
    in_month = (day - month.astype("datetime64[D]")).astype(np.int64) + 1
    of_day = second % 86_400
    return (
        (months // 12) << 26 | (months % 12 + 1) << 22 | in_month << 17
        | of_day // 3600 << 12 | of_day // 60 % 60 << 6 | of_day % 60
    )  # fmt: skip


def _header(
    serial: int, session: int, code: int, start: np.ndarray, has_gyro: bool, placement: str
) -> bytes:
    head = bytearray(b"\xff" * 1024)
    head[0:4] = b"MD\xfc\x03"
    head[4] = 0x64 if has_gyro else 0x00
    head[5:7], head[11:13] = (
        (serial & 0xFFFF).to_bytes(2, "little"),
        (serial >> 16).to_bytes(2, "little"),
    )
    head[7:11] = session.to_bytes(4, "little")
    head[13:17] = start.astype("<u4").tobytes()
    head[35], head[36] = 0x02 if has_gyro else 0x00, code
    note = f"_p={placement.replace(' ', '+')}" if placement else ""
    head[64:512] = note.encode("ascii").ljust(448)
    return bytes(head)
