"""Writes accelerations the way OmGui's converters export them from an Axivity: a line per sample."""

from __future__ import annotations

import numpy as np
import polars as pl


def axivity_csv_bytes(
    start_us: int,
    rate_hz: float,
    acc_g: np.ndarray,
    *,
    gyro_dps: np.ndarray | None = None,
    stamps: bool = False,
    header: bool = False,
    battery: bool = False,
) -> bytes:
    """The export of one recording; `start_us` is the wall clock as microseconds since 1970.

    Times are seconds with four decimals, or with `stamps` dates and times to the millisecond.
    """
    us = start_us + np.arange(len(acc_g)) * (1e6 / rate_hz)
    time = pl.Series("Time", np.round(us).astype(np.int64)).cast(pl.Datetime("us"))
    if stamps:
        time = time.dt.round("1ms").dt.strftime("%Y-%m-%d %H:%M:%S%.3f")
    else:
        tenths = (np.round(us / 100)).astype(np.int64)
        seconds = pl.DataFrame({"s": tenths // 10_000, "f": tenths % 10_000})
        fraction = pl.col("f").cast(pl.String).str.zfill(4)
        time = seconds.select(pl.concat_str("s", pl.lit("."), fraction)).to_series()
    columns = {"Time": time}
    columns |= {f"Accel-{axis} (g)": acc_g[:, i] for i, axis in enumerate("XYZ")}
    if gyro_dps is not None:
        columns |= {f"Gyro-{axis} (d/s)": gyro_dps[:, i] for i, axis in enumerate("XYZ")}
    text = pl.DataFrame(columns).cast({pl.Float32: pl.Float64})
    if battery:
        text = text.with_columns(pl.lit(190).alias("battery"))
    lines = text.write_csv(include_header=False, float_precision=6).encode("ascii")
    names = ",".join(columns).replace(",", ", ").replace(", ", ",", 1)
    return (names.encode("ascii") + b"\n" if header else b"") + lines
