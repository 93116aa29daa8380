"""The text above the pages of a GENEActiv file: the device, its set-up and its calibration."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from pipelines.devices.placement import placement_of
from pipelines.errors import DeliveryRefused

MARK = b"Recorded Data"
MAX_HEADER = 1 << 16  # real ones have 2 to 4 kB
_RATES_HZ = (1.0, 1000.0)
_FULL_SCALE = 2048
_DRIFT = re.compile(r"clock drift\s*([-+]?\d{1,9}(?:[.,]\d{1,9})?)\s*s", re.IGNORECASE)


@dataclass(frozen=True)
class Header:
    """What the file says of itself; `scale` and `shift` turn a raw value into g for each axis."""

    device_serial: str | None
    model: str | None
    rate_hz: float
    range_g: float | None
    n_pages: int | None
    scale: np.ndarray
    shift: np.ndarray
    clock_offset_s: float | None
    placement: str | None
    n_bytes: int  # where the first page begins


def read_header(head: bytes, where: str) -> Header:
    """The header at the start of a file; refused where it cannot say what the pages mean.

    Source: GENEActiv instructions, "Understanding .bin files": g = (raw * 100 - offset) / gain.
    """
    at = head.find(MARK)
    if at < 0:
        raise DeliveryRefused(
            "truncated", "no page of samples follows the header", where=where, remedy=_REMEDY
        )
    said = _said(head[:at])
    rate = _number(said.get("Measurement Frequency"))
    if rate is None or not _RATES_HZ[0] <= rate <= _RATES_HZ[1]:
        raise _unreadable("the measurement frequency is missing or absurd", where)
    gain = np.array([_number(said.get(f"{axis} gain")) or np.nan for axis in "xyz"])
    offset = np.array([_value(said.get(f"{axis} offset")) for axis in "xyz"])
    range_g = _range_g(said.get("Accelerometer Range"))
    reach = _FULL_SCALE * 100 / np.abs(gain)
    if np.isnan(gain).any() or np.isnan(offset).any():
        raise _unreadable("gain or offset of an axis is missing, so raw values mean nothing", where)
    if (reach > 4 * (range_g or 8)).any() or (reach < (range_g or 8) / 4).any():
        raise _unreadable("the gain of an axis does not fit the range of the accelerometer", where)
    if (np.abs(offset / gain) > 2).any():
        raise _unreadable("the offset of an axis is more than 2 g", where)
    drift = _DRIFT.search(said.get("Extract Notes", ""))
    kind = " ".join(said[key] for key in ("Device Type", "Device Model") if said.get(key))
    return Header(
        device_serial=said.get("Device Unique Serial Code") or None,
        model=kind or None,
        rate_hz=rate,
        range_g=range_g,
        n_pages=_count(said.get("Number of Pages")),
        scale=100 / gain,
        shift=-offset / gain,
        clock_offset_s=float(drift[1].replace(",", ".")) if drift else None,
        placement=placement_of(said.get("Device Location Code")),
        n_bytes=at,
    )


_REMEDY = "extract the recording again from the device with its own software"


def _unreadable(what: str, where: str) -> DeliveryRefused:
    return DeliveryRefused("unreadable", what, where=f"{where}, header", remedy=_REMEDY)


def _said(head: bytes) -> dict[str, str]:
    """Key -> text of the lines `key:text`; the first of two wins, padding is dropped."""
    pairs = (line.partition(":") for line in head.decode("ascii", errors="replace").splitlines())
    said: dict[str, str] = {}
    for key, colon, text in pairs:
        if colon:
            said.setdefault(key.strip(" \0"), text.strip(" \0\t"))
    return said


def _number(text: str | None) -> float | None:
    found = re.match(r"[-+]?\d{1,9}(?:[.,]\d{1,9})?", text or "")
    return float(found[0].replace(",", ".")) if found else None


def _value(text: str | None) -> float:
    number = _number(text)
    return np.nan if number is None else number


def _count(text: str | None) -> int | None:
    found = re.fullmatch(r"\d{1,12}", text or "")
    return int(found[0]) if found else None


def _range_g(text: str | None) -> float | None:
    """The upper end of a range like `-8 to 8`."""
    found = re.fullmatch(r"-?\d{1,3}(?:\.\d{1,3})?\s*to\s*(\d{1,3}(?:\.\d{1,3})?)", text or "")
    return float(found[1]) or None if found else None
