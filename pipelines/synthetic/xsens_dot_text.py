"""Writes samples the way the Movella (Xsens) DOT app exports them: a preamble, then one line each."""

from __future__ import annotations

import datetime as dt
import io

import numpy as np
import polars as pl

_G = 9.80665
_WRAP = 1 << 32


def xsens_dot_text(
    start_us: int,
    rate_hz: float,
    acc_g: np.ndarray,
    gyro_dps: np.ndarray,
    tag: str,
    *,
    offset_h: int | None = None,
    first_fine: int = 0,
    packets: np.ndarray | None = None,
    newline: str = "\n",
    says_rate: bool = True,
    says_sep: bool = True,
) -> bytes:
    """The file of one sensor; `start_us` is UTC where `offset_h` says the zone, else the wall clock.

    `packets` numbers the samples from 1 where some are lost; SampleTimeFine starts at `first_fine`
    and wraps at 32 bits, as the sensor's does.
    """
    numbers = np.arange(1, len(acc_g) + 1) if packets is None else np.asarray(packets)
    fine = (first_fine + np.round((numbers - numbers[0]) * 1e6 / rate_hz).astype(np.int64)) % _WRAP
    columns = {"PacketCounter": numbers, "SampleTimeFine": fine}
    columns |= {f"Acc_{axis}": acc_g[:, i] * _G for i, axis in enumerate("XYZ")}
    columns |= {f"Gyr_{axis}": gyro_dps[:, i] for i, axis in enumerate("XYZ")}
    columns["Status"] = np.zeros(len(acc_g), np.int64)
    out = io.BytesIO()
    pl.DataFrame(columns).write_csv(out, float_precision=6, line_terminator=newline)
    lines = [
        *(["sep=,"] if says_sep else []),
        f"DeviceTag:,{tag}",
        "FirmwareVersion:,2.0.0",
        "AppVersion:,2021.0",
        "SyncStatus:,Synced",
        *([f"OutputRate:,{rate_hz:g}Hz"] if says_rate else []),
        "FilterProfile:,General",
        "Measurement Mode:,Custom Mode 5",
        f"StartTime: ,{_start(start_us, offset_h)}",
        "© Xsens Technologies B. V. 2005-2021",
        "",
        "",
    ]
    return newline.join(lines).encode("utf-8") + out.getvalue()


def _start(start_us: int, offset_h: int | None) -> str:
    local = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=start_us, hours=offset_h or 0)
    zone = "" if offset_h is None else f" GMT{offset_h:+d}"
    return f"{local:%Y-%m-%d_%H:%M:%S}_{local.microsecond // 1000:03d}{zone}"
