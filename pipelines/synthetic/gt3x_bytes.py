"""Writes made-up samples the way an ActiGraph does: GT3X archives of both generations."""

from __future__ import annotations

import io
import json
import math
import zipfile

import numpy as np

_ACTIVITY, _BATTERY, _EVENT, _METADATA, _PARAMETERS, _ACTIVITY2 = 0, 2, 3, 6, 21, 26
_SLEEP, _WAKE = b"\x08", b"\x09"
_EPOCH_TICKS = 621_355_968_000_000_000
_SLEEP_MODE = 4  # bit of the features
_DATE = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever they are written


def gt3x_bytes(
    start_us: int,
    rate_hz: float,
    acc_g: np.ndarray,
    serial: str,
    *,
    kind: str = "int16",
    scale: float = 256.0,
    range_g: float = 8.0,
    asleep: tuple[tuple[int, int], ...] = (),
    lost: tuple[tuple[int, int], ...] = (),
    is_utc: bool = False,
    model: str = "Link",
    firmware: str = "1.7.2",
    limb: str = "",
    parameters: bool = True,
) -> bytes:
    """The archive of a recording; samples are rounded to 1 / `scale` g and clipped to the range.

    `kind` is "int16" (ACTIVITY2), "packed" (ACTIVITY, 12 bit), or "stream" (activity.bin of the
    older generation, which has no gaps). `asleep` and `lost` are seconds after the start, from and
    up to, that idle sleep mode skipped, and that are missing without a word.
    Assumes: the start and the samples are whole seconds.
    """
    per_s = round(rate_hz)
    if start_us % 1_000_000 or (kind != "stream" and len(acc_g) % per_s):
        raise ValueError("an ActiGraph writes whole seconds")
    most = 2046 if kind == "stream" else min(2047, math.floor(range_g * scale))
    raw = np.clip(np.round(np.asarray(acc_g, np.float64) * scale), -most, most).astype(np.int16)
    start_s = start_us // 1_000_000
    stop_s = start_s + math.ceil(len(raw) / per_s)
    info = _info(serial, per_s, start_s, stop_s, scale, range_g, model, firmware, limb, kind)
    if kind == "stream":
        lux = np.zeros(math.ceil(len(raw) / per_s), "<u2").tobytes()
        return zip_bytes({"activity.bin": packed(raw).tobytes(), "lux.bin": lux, "info.txt": info})
    head = _head(serial, per_s, start_s, scale, bool(asleep), is_utc, parameters)
    log = head + _seconds(raw.reshape(-1, per_s, 3), start_s, kind, asleep, lost)
    return zip_bytes({"log.bin": log, "info.txt": info})


def record(kind: int, second: int, payload: bytes) -> bytes:
    """One record with its checksum."""
    body = b"\x1e" + bytes([kind]) + second.to_bytes(4, "little")
    body += len(payload).to_bytes(2, "little") + payload
    return body + bytes([0xFF ^ int(np.bitwise_xor.reduce(np.frombuffer(body, np.uint8)))])


def packed(raw: np.ndarray) -> np.ndarray:
    """Samples as y, x, z of 12 bits each, highest bit first; an odd last one is padded by half a byte."""
    nibbles = (raw[:, [1, 0, 2]].ravel().astype(np.int32) & 0xFFF).astype(np.uint16)
    if len(nibbles) % 2:
        nibbles = np.append(nibbles, np.uint16(0))
    a, b = nibbles[0::2], nibbles[1::2]
    out = np.stack((a >> 4, (a & 15) << 4 | b >> 8, b & 0xFF), axis=1).astype(np.uint8).ravel()
    return out[: (len(raw) * 9 + 1) // 2]


def zip_bytes(members: dict[str, bytes]) -> bytes:
    """An archive of the members in their order, packed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED, 1)
    return out.getvalue()


def _seconds(
    raw: np.ndarray,
    start_s: int,
    kind: str,
    asleep: tuple[tuple[int, int], ...],
    lost: tuple[tuple[int, int], ...],
) -> bytes:
    """The records of all seconds but those asleep or lost; sleep begins and ends with an event."""
    n_s, per_s, _ = raw.shape
    if kind == "packed":
        # every second begins on a byte: an odd last sample is padded
        even = raw if per_s % 2 == 0 else np.concatenate((raw, raw[:, :1] * 0), axis=1)
        payload = packed(even.reshape(-1, 3)).reshape(n_s, -1)[:, : (per_s * 9 + 1) // 2]
        number = _ACTIVITY
    elif kind == "int16":
        payload, number = raw.astype("<i2").view(np.uint8).reshape(n_s, per_s * 6), _ACTIVITY2
    else:
        raise ValueError(f"no such kind: {kind}")
    rows = np.empty((n_s, 9 + payload.shape[1]), np.uint8)
    rows[:, 0], rows[:, 1] = 0x1E, number
    rows[:, 2:6] = (start_s + np.arange(n_s)).astype("<u4").view(np.uint8).reshape(n_s, 4)
    rows[:, 6:8] = np.frombuffer(payload.shape[1].to_bytes(2, "little"), np.uint8)
    rows[:, 8:-1] = payload
    rows[:, -1] = 0xFF ^ np.bitwise_xor.reduce(rows[:, :-1], axis=1)
    parts, done = [], 0
    skips = [(*span, True) for span in asleep] + [(*span, False) for span in lost]
    for begin, end, sleeps in sorted(skips):
        parts.append(rows[done:begin].tobytes())
        if sleeps:
            parts.append(record(_EVENT, start_s + begin, _SLEEP))
            if end < n_s:
                parts.append(record(_EVENT, start_s + end, _WAKE))
        done = end
    parts.append(rows[done:].tobytes())
    return b"".join(parts)


def _head(
    serial: str,
    per_s: int,
    start_s: int,
    scale: float,
    sleeps: bool,
    is_utc: bool,
    parameters: bool,
) -> bytes:
    """What stands in a log before its first second."""
    set_up_s = start_s - 60
    log = record(_METADATA, set_up_s, _json({"MetadataType": "Bio", "SubjectName": serial}))
    clock = {"MetadataType": "LocalTimeLog", "UtcOffset": "-05:00:00", "UsedUtc": is_utc}
    log += record(_METADATA, set_up_s, _json(clock))
    if parameters:
        fraction, power = math.frexp(scale)
        bits = (power & 0xFF) << 24 | round(fraction * (1 << 23)) & 0xFFFFFF
        features = 0x180 | (_SLEEP_MODE if sleeps else 0)
        pairs = [(0, 55, bits), (1, 2, features), (1, 10, per_s), (1, 12, start_s)]
        log += record(_PARAMETERS, set_up_s, np.array(pairs, "<u2,<u2,<u4").tobytes())
    return log + record(_BATTERY, set_up_s, (4180).to_bytes(2, "little"))


def _json(said: dict[str, object]) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode("ascii")


def _info(
    serial: str,
    per_s: int,
    start_s: int,
    stop_s: int,
    scale: float,
    range_g: float,
    model: str,
    firmware: str,
    limb: str,
    kind: str,
) -> bytes:
    start, stop = (_EPOCH_TICKS + second * 10_000_000 for second in (start_s, stop_s))
    lines = [
        f"Serial Number: {serial}",
        f"Device Type: {model}",
        f"Firmware: {firmware}",
        "Battery Voltage: 4.18",
        f"Sample Rate: {per_s}",
        f"Start Date: {start}",
        "Stop Date: 0",
        "TimeZone: -05:00:00",
        f"Download Date: {stop}",
        "Unexpected Resets: 0",
    ]
    if kind != "stream":
        lines += [f"Acceleration Scale: {scale}", f"Acceleration Min: {-range_g}"]
        lines += [f"Acceleration Max: {range_g}"]
    lines += [f"Limb: {limb}"] if limb else []
    return "\r\n".join([*lines, f"Subject Name: {serial}"]).encode("ascii") + b"\r\n"
