"""Writes accelerations the way a GENEActiv stores them: a text header, pages of 300 samples in hex."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

_PER_PAGE = 300
_DIGITS = np.frombuffer(b"0123456789ABCDEF", np.uint8)
GAIN, OFFSET = (25_522, 25_457, 24_829), (272, -1129, 101)  # of a real device


def geneactiv_bytes(
    start_us: int,
    rate_hz: float,
    acc_g: np.ndarray,
    serial: str,
    *,
    location: str = "left wrist",
    drift_s: float | None = None,
    zone: str = "GMT +00:00",
    temperature_c: float = 25.0,
    page_start_us: Sequence[int] | None = None,
    newline: str = "\r\n",
) -> bytes:
    """The file of one recording; `start_us` is the wall clock as microseconds since 1970.

    Pages begin at `page_start_us`, or one after the other without a gap. The last page is filled up
    with its last sample, as only whole pages are stored. Accelerations are rounded to the device's
    own steps of about 0.004 g and held to its 12 bits.
    """
    n_pages = -(-len(acc_g) // _PER_PAGE)
    starts = (
        start_us + np.round(np.arange(n_pages) * _PER_PAGE * 1e6 / rate_hz).astype(np.int64)
        if page_start_us is None
        else np.asarray(page_start_us, np.int64)
    )
    padding = n_pages * _PER_PAGE - len(acc_g)
    acc = np.concatenate((acc_g, np.repeat(acc_g[-1:], padding, axis=0)))
    raw = np.round((acc * np.array(GAIN) + np.array(OFFSET)) / 100).clip(-2048, 2047)
    hexed = _hex(raw.astype(np.int64) & 0xFFF).reshape(n_pages, -1)
    stamps = [_stamp(int(us)) for us in starts]
    pages = [
        newline.join(
            (
                "Recorded Data",
                f"Device Unique Serial Code:{serial}",
                f"Sequence Number:{number}",
                f"Page Time:{stamp}",
                "Unassigned:",
                f"Temperature:{temperature_c:.1f}",
                "Battery voltage:4.1642",
                "Device Status:Recording",
                f"Measurement Frequency:{rate_hz:.1f}",
                "",
            )
        ).encode("ascii")
        + digits.tobytes()
        + newline.encode("ascii")
        for number, (stamp, digits) in enumerate(zip(stamps, hexed, strict=True))
    ]
    head = _header(rate_hz, serial, stamps, location, drift_s, zone)
    return newline.join(head).encode("ascii") + b"".join(pages)


def _hex(raw: np.ndarray) -> np.ndarray:
    """Three hex digits per axis, then three for light and button, which are zero here."""
    digits = np.zeros((len(raw), 4, 3), np.uint8)
    digits[:, :3, 0], digits[:, :3, 1], digits[:, :3, 2] = raw >> 8, (raw >> 4) & 15, raw & 15
    return _DIGITS[digits]


def _stamp(us: int) -> str:
    time = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=us)
    return f"{time:%Y-%m-%d %H:%M:%S}:{time.microsecond // 1000:03d}"


def _header(
    rate_hz: float,
    serial: str,
    stamps: list[str],
    location: str,
    drift_s: float | None,
    zone: str,
) -> list[str]:
    notes = "" if drift_s is None else f"(device clock drift {drift_s:.3f}s)"
    padding = "\0" * 20  # the device fills its text fields up with zero bytes
    return [
        "Device Identity", f"Device Unique Serial Code:{serial}", "Device Type:GENEActiv",
        "Device Model:1.1", "Device Firmware Version:Ver4.08a date14Jul14",
        "Calibration Date:2019-02-04 13:49:24:000", "",
        "Device Capabilities", "Accelerometer Range:-8 to 8", "Accelerometer Resolution:0.0039",
        "Accelerometer Units:g", "Light Meter Range:0 to 5000", "Light Meter Resolution:5",
        "Light Meter Units:lux", "Temperature Sensor Range:0 to 70",
        "Temperature Sensor Resolution:0.1", "Temperature Sensor Units:deg. C", "",
        "Configuration Info", f"Measurement Frequency:{rate_hz:g} Hz", "Measurement Period:168 Hours",
        f"Start Time:{stamps[0]}", f"Time Zone:{zone}", "",
        "Trial Info", "Study Centre:", "Study Code:", f"Investigator ID:{padding}",
        f"Exercise Type:{padding}", f"Config Operator ID:{padding}",
        f"Config Time:{stamps[0]}", f"Config Notes:{padding}", "Extract Operator ID:",
        f"Extract Time:{stamps[-1]}", f"Extract Notes:{notes}", "",
        "Subject Info", f"Device Location Code:{location}", "Subject Code:", "Date of Birth:1900-1-1",
        "Sex:", "Height:", "Weight:", "Handedness Code:", f"Subject Notes:{padding}", "",
        "Calibration Data",
        *(f"{axis} {what}:{value[i]}" for i, axis in enumerate("xyz")
          for what, value in (("gain", GAIN), ("offset", OFFSET))),
        "Volts:42", "Lux:886", "",
        "Memory Status", f"Number of Pages:{len(stamps)}", "", "",
    ]  # fmt: skip
