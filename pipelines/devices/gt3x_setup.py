"""How an ActiGraph was set up: its info.txt, and the first records of its log."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

import numpy as np

from pipelines.devices.gt3x_records import METADATA, PARAMETERS, Records
from pipelines.devices.placement import placement_of
from pipelines.errors import DeliveryRefused

MAX_INFO = 1 << 16  # real ones have half a kilobyte
MIN_RATE_HZ, MAX_RATE_HZ = 10, 512
_TICKS_TO_1970 = 621_355_968_000_000_000  # of 100 ns, from the year 1
_US_2000, _US_2100 = 946_684_800_000_000, 4_102_444_800_000_000
_ACCEL_SCALE, _SAMPLE_RATE = (0, 55), (1, 10)  # address space and identifier
_SSP_FRACTION = 1 << 23
# steps per g and range of devices that do not say it; by the start of the serial
_SCALES = {"NEO": (341.0, 6.0), "CLE": (341.0, 6.0), "MRA": (341.0, 6.0)}
_SCALES |= {"MOS": (256.0, 8.0), "TAS": (256.0, 8.0)}
_TURNED_FIRMWARE = ("MOS", "1.6.0")


@dataclass(frozen=True)
class Setup:
    """What turns records into samples: see `gt3x_records.decode` for columns, gains and limit."""

    device_serial: str | None
    model: str | None
    rate_hz: float
    range_g: float | None
    is_utc: bool
    placement: str | None
    start_us: int | None
    columns: tuple[int, int, int]
    gains: tuple[float, float, float]
    limit: int


def read_info(text: bytes) -> dict[str, str]:
    """Key in small letters -> text of the lines `key: text`; the first of two wins."""
    said: dict[str, str] = {}
    for line in text[:MAX_INFO].decode("utf-8-sig", errors="replace").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            said.setdefault(key.strip().lower(), value.strip())
    return said


def read_parameters(payload: bytes) -> dict[tuple[int, int], int]:
    """(address space, identifier) -> value of a PARAMETERS record, as its 32 bits.

    Source: github.com/actigraph/GT3X-File-Format, LogRecords/Parameters.md.
    """
    pairs = np.frombuffer(payload[: len(payload) // 8 * 8], "<u2,<u2,<u4")
    return {(int(space), int(name)): int(value) for space, name, value in pairs}


def ssp_float(bits: int) -> float:
    """A number as the device writes it: a fraction of 24 bits and a power of two of 8."""
    fraction = (bits & 0xFFFFFF) - ((bits & 0x800000) << 1)
    power = (bits >> 24) - ((bits >> 23) & 0x100)
    return math.ldexp(fraction / _SSP_FRACTION, power)


def read_setup(
    info: dict[str, str], log: tuple[np.ndarray, Records] | None, seen_per_s: int | None, where: str
) -> Setup:
    """The set-up; `log` is the beginning of the log with its records, None for the older kind.

    `seen_per_s` is how many samples a second of the log has. Refused where neither the file nor the
    kind of device says what rate and steps per g are.
    """
    parameters: dict[tuple[int, int], int] = {}
    is_utc = False
    if log is not None:
        data, records = log
        for kind, at, n in zip(records.kind, records.at, records.n_bytes, strict=True):
            if kind == PARAMETERS and not parameters:
                parameters = read_parameters(data[at : at + n].tobytes())
            elif kind == METADATA:
                is_utc |= _says_utc(data[at : at + n].tobytes())
    serial = info.get("serial number") or None
    scale, range_g = _scale(info, parameters, serial, where)
    turned = (serial or "").startswith(_TURNED_FIRMWARE[0]) and (
        info.get("firmware") == _TURNED_FIRMWARE[1]
    )
    step = 1 / scale
    return Setup(
        device_serial=serial,
        model=info.get("device type") or None,
        rate_hz=_rate(info, parameters, seen_per_s, where),
        range_g=range_g,
        is_utc=is_utc,
        placement=placement_of(info.get("limb")),
        start_us=ticks_us(info.get("start date")),
        # firmware 1.6.0 of the wGT3X-BT turned the axes: its y is x, its x is -y
        columns=(1, 0, 2) if turned else (0, 1, 2),
        gains=(-step, step, step) if turned else (step, step, step),
        limit=int(min(2047 if range_g is None or range_g <= 8 else 32767, (range_g or 8) * scale)),
    )


def range_of(serial: str | None) -> float | None:
    """The range in g of the kind of device that the serial names, or None."""
    known = _SCALES.get((serial or "")[:3].upper())
    return known[1] if known else None


def ticks_us(text: str | None) -> int | None:
    """Ticks of 100 ns since the year 1 as microseconds since 1970; None where that is no time."""
    if not re.fullmatch(r"\d{1,19}", text or "", re.ASCII):
        return None
    us = (int(text) - _TICKS_TO_1970) // 10
    return us if _US_2000 <= us < _US_2100 else None


def _says_utc(payload: bytes) -> bool:
    """Whether a METADATA record says that the clock is UTC (CentrePoint), not local (ActiLife)."""
    if b"UsedUtc" not in payload:
        return False
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("UsedUtc") is True


def _scale(
    info: dict[str, str], parameters: dict[tuple[int, int], int], serial: str | None, where: str
) -> tuple[float, float | None]:
    """Steps per g and range: as the log says, else info.txt, else by the kind of device."""
    by_serial = _SCALES.get((serial or "")[:3].upper())
    range_g = _number(info.get("acceleration max")) or (by_serial[1] if by_serial else None)
    stated = (
        ssp_float(parameters.get(_ACCEL_SCALE, 0)),
        _number(info.get("acceleration scale")),
        by_serial[0] if by_serial else None,
    )
    scale = next((one for one in stated if one is not None and 8 <= one <= 32768), None)
    if scale is None:
        raise unreadable("neither it nor the kind of device says how many steps are 1 g", where)
    return scale, range_g if range_g and 1 <= range_g <= 64 else None


def _rate(
    info: dict[str, str],
    parameters: dict[tuple[int, int], int],
    seen_per_s: int | None,
    where: str,
) -> float:
    """The rate as set up; where the two places disagree, the one that the samples bear out."""
    stated = [_number(info.get("sample rate")), parameters.get(_SAMPLE_RATE)]
    rates = [float(one) for one in stated if one and MIN_RATE_HZ <= one <= MAX_RATE_HZ]
    if seen_per_s in rates or (not rates and seen_per_s):
        return float(seen_per_s)
    if not rates:
        raise unreadable("the sample rate is missing or absurd", where)
    return rates[0]


def _number(text: str | None) -> float | None:
    """A number with a point or, as some languages have it, a comma."""
    found = re.fullmatch(r"[-+]?\d{1,9}(?:[.,]\d{1,9})?", text or "", re.ASCII)
    return float(found[0].replace(",", ".")) if found else None


def unreadable(what: str, where: str) -> DeliveryRefused:
    """The refusal of a recording whose set-up does not do."""
    return DeliveryRefused(
        "unreadable",
        f"the recording's set-up cannot be used: {what}",
        where=f"{where}, info.txt",
        remedy="download the recording again from the device with ActiLife or CentrePoint",
    )
