"""Activity of 5 s epochs: ENMO, mean amplitude deviation and the angles of the axes."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.signals.nonwear import BLOCK_S
from pipelines.signals.windows import EPOCH_S, SECOND_US

LEAST_FILLED = 0.5  # of an epoch's samples; our choice: with fewer its metrics stay null
LEAST_RATE_HZ = 20.0  # our choice: walking has content to about 10 Hz
RATE_TOO_LOW = "rate_below_20_hz"
METRICS = ("enmo_g", "mad_g", "angle_x_deg", "angle_y_deg", "angle_z_deg")
EPOCH_SCHEMA = {
    "part": pl.Int32, "time_us": pl.Int64, "n": pl.Int64, "enmo_g": pl.Float64, "mad_g": pl.Float64,
    "angle_x_deg": pl.Float64, "angle_y_deg": pl.Float64, "angle_z_deg": pl.Float64, "worn": pl.Boolean,
}  # fmt: skip


def epochs(sums: pl.DataFrame, wear: pl.DataFrame, rate_hz: float) -> pl.DataFrame:
    """One row of EPOCH_SCHEMA per epoch with a sample; `time_us` is its start on the recording's clock.

    ENMO is the mean of max(|a| - 1 g, 0); MAD the mean distance of |a| from its mean over the epoch; the angle of an
    axis is that between it and the horizontal, from the epoch's mean acceleration.
    Metrics are null in an epoch with less than half of its samples, and under 20 Hz.
    Assumes: `sums` is the frame of windows.epoch_tally, `wear` that of nonwear.blocks.
    Source: ENMO: van Hees VT, et al. PLoS ONE 2013;8(4):e61691, doi:10.1371/journal.pone.0061691. MAD:
    Vaha-Ypya H, Vasankari T, Husu P, et al. Clin Physiol Funct Imaging 2015;35(1):64-70, doi:10.1111/cpf.12127.
    Angles: van Hees VT, Sabia S, Anderson KN, et al. PLoS ONE 2015;10(11):e0142533,
    doi:10.1371/journal.pone.0142533 (there from a running median).
    """
    is_told = (pl.col("n") >= LEAST_FILLED * rate_hz * EPOCH_S) & (rate_hz >= LEAST_RATE_HZ)
    flat = {
        "x": (pl.col("y") ** 2 + pl.col("z") ** 2).sqrt(),
        "y": (pl.col("x") ** 2 + pl.col("z") ** 2).sqrt(),
        "z": (pl.col("x") ** 2 + pl.col("y") ** 2).sqrt(),
    }
    return (
        sums.lazy()
        .with_columns(
            time_us=pl.col("window") * (EPOCH_S * SECOND_US),
            block=pl.col("window") // (BLOCK_S // EPOCH_S),
            enmo_g=pl.col("over") / pl.col("n"),
            mad_g=pl.col("mad"),
            **{
                f"angle_{a}_deg": pl.arctan2(pl.col(a), other) * (180 / np.pi)
                for a, other in flat.items()
            },
        )
        .with_columns(pl.when(is_told).then(pl.col(METRICS).fill_nan(None)))
        .join(wear.lazy(), on=["part", "block"], how="left", maintain_order="left")
        .select(EPOCH_SCHEMA.keys())
        .cast(EPOCH_SCHEMA)
        .collect()
    )
