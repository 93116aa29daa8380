"""One recording of raw samples, read twice, to its epochs, its walking bouts and how good it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pipelines.contracts.shapes import SignalChunk, SignalFile
from pipelines.signals import activity, nonwear
from pipelines.signals.calibrate import GOOD_MG, Calibration, calibrate, still
from pipelines.signals.grid import SECOND_US, knots, parts
from pipelines.signals.walks import Walk, spans, walks
from pipelines.signals.windows import REST_S, Tally, epoch_tally, move_tally, rest_tally

GAP_S = 0.5  # less between two chunks is a correction of the clock
DAY_S = 86_400
FINDING_SCHEMA = {"row_no": pl.Int64, "rule": pl.String}
BOUT_SCHEMA = {"part": pl.Int32, "start_us": pl.Int64, "end_us": pl.Int64}


@dataclass(frozen=True)
class Recording:
    """What one file of raw samples says; all times are microseconds since 1970 on the recording's own clock.

    `part` counts from 0 and grows where that clock was set back, so that a time may stand in two parts.
    """

    epochs: pl.DataFrame  # activity.EPOCH_SCHEMA
    bouts: pl.DataFrame  # BOUT_SCHEMA and the columns of the gait chain
    wear: pl.DataFrame  # nonwear.WEAR_SCHEMA
    quality: pl.DataFrame  # one row; `abstained` lists what could not be told, as metric:reason
    findings: pl.DataFrame  # FINDING_SCHEMA


@dataclass
class _Passage:
    """What the first reading counts besides the windows."""

    n: int = 0
    n_gaps: int = 0
    gap_us: int = 0
    steps: int = 0  # periods between samples of one chunk, and the time they took
    steps_us: int = 0
    last_us: int | None = None
    part: int = 0

    def add(self, part: int, chunk: SignalChunk, rate_hz: float) -> None:
        if not len(chunk.acc_g):
            return
        _, time_us = knots(chunk, rate_hz)
        if self.last_us is not None and part == self.part:
            lost_us = int(time_us[0]) - self.last_us - round(SECOND_US / rate_hz)
            if lost_us > GAP_S * SECOND_US:
                self.n_gaps, self.gap_us = self.n_gaps + 1, self.gap_us + lost_us
        self.n += len(chunk.acc_g)
        self.steps += len(chunk.acc_g) - 1
        self.steps_us += int(time_us[-1] - time_us[0])
        self.last_us, self.part = int(time_us[-1]), part


def analyse(
    file: SignalFile, placement: str | None, *, candidates: Callable, gait: Callable
) -> Recording:
    """Epochs, wear, walking bouts and quality of a recording; holds one chunk and one walk at a time.

    The first reading fills 10 s windows, which give calibration and wear, and 1 s windows, which give the stretches
    that may be walking (`candidates`, see walks.spans; a gain off by a percent moves their threshold by as much).
    The second fills the epochs and hands every stretch, calibrated, to `gait(acc_g, rate_hz, placement, gyro_dps)`,
    whose answer has `bouts` (with `start_s` and `end_s` from the first sample) and `abstained` (reasons).
    """
    rate_hz, findings, passage = file.rate_hz, [], _Passage()
    rest, move = rest_tally(rate_hz, file.range_g), move_tally(rate_hz)
    for part, chunk in parts(file.chunks()):
        findings += chunk.findings
        passage.add(part, chunk, rate_hz)
        rest.add(part, chunk)
        move.add(part, chunk)
    rested = rest.frame()
    calibration = _calibration(rested, rate_hz)
    wear = nonwear.blocks(rested, rate_hz)
    found = spans(move.frame(), wear, candidates)
    epoch, told = epoch_tally(rate_hz, calibration), []
    reasons = _reasons(calibration, wear, passage, rate_hz)
    for walk in walks(_counted(file, epoch), found, rate_hz, calibration):
        answer = gait(walk.acc_g, walk.rate_hz, placement, walk.gyro_dps)
        told.append(_placed(walk, answer.bouts))
        reasons |= {f"walking:{reason}" for reason in answer.abstained}
    return Recording(
        epochs=activity.epochs(epoch.frame(), wear, rate_hz),
        bouts=pl.concat([pl.DataFrame(schema=BOUT_SCHEMA), *told], how="diagonal_relaxed"),
        wear=wear,
        quality=_quality(
            file, placement, passage, calibration, int(rested["saturated"].sum()), reasons
        ),
        findings=pl.DataFrame(findings, schema=FINDING_SCHEMA, orient="row"),
    )


def _counted(file: SignalFile, epoch: Tally) -> Iterator[tuple[int, SignalChunk]]:
    for part, chunk in parts(file.chunks()):
        epoch.add(part, chunk)
        yield part, chunk


def _calibration(rested: pl.DataFrame, rate_hz: float) -> Calibration:
    n = rested["n"].to_numpy()
    mean_g = rested.select("x", "y", "z").to_numpy() / n[:, None]
    squares = rested.select("xx", "yy", "zz").to_numpy() - n[:, None] * mean_g**2
    sd_g = np.sqrt(np.maximum(squares, 0.0) / np.maximum(n - 1, 1)[:, None])
    is_still = still(n, mean_g, sd_g, rate_hz * REST_S)
    heat = rested["heat"].to_numpy() / n
    return calibrate(mean_g[is_still], heat[is_still])


def _placed(walk: Walk, bouts: pl.DataFrame) -> pl.DataFrame:
    """The bouts of one walk on the recording's clock."""
    at = {
        name: walk.start_us + (pl.col(since) * SECOND_US).round().cast(pl.Int64)
        for name, since in (("start_us", "start_s"), ("end_us", "end_s"))
    }
    return bouts.select(
        pl.lit(walk.part, dtype=pl.Int32).alias("part"), **at
    ).hstack(bouts.drop("start_s", "end_s"))  # fmt: skip


def _reasons(
    calibration: Calibration, wear: pl.DataFrame, passage: _Passage, rate_hz: float
) -> set[str]:
    found = set()
    if not passage.n:
        found.add("recording:no_samples")
    if calibration.abstained:
        found.add(f"calibration:{calibration.abstained}")
    elif calibration.after_mg is not None and calibration.after_mg > GOOD_MG:
        found.add("calibration:residual_above_10_mg")
    if wear["worn"].null_count():
        found.add("wear:too_few_samples_in_the_hour")
    if rate_hz < activity.LEAST_RATE_HZ:
        found |= {f"enmo:{activity.RATE_TOO_LOW}", f"mad:{activity.RATE_TOO_LOW}"}
    return found


def _quality(file, placement, passage, calibration, n_saturated, reasons) -> pl.DataFrame:
    measured_hz = passage.steps * SECOND_US / passage.steps_us if passage.steps_us > 0 else None
    row: dict[str, Any] = {
        "placement": placement,
        "n_samples": passage.n,
        "rate_hz": file.rate_hz,
        "measured_rate_hz": measured_hz,
        # What the samples, counted at the nominal rate, run ahead of the device's clock in a day.
        "drift_s_per_day": measured_hz and (measured_hz / file.rate_hz - 1) * DAY_S,
        "clock_offset_s": file.clock_offset_s,
        "n_gaps": passage.n_gaps,
        "gap_s": passage.gap_us / SECOND_US,
        "n_saturated": n_saturated if file.range_g is not None else None,
        "n_still_windows": calibration.n_still,
        "calibration_before_mg": calibration.before_mg,
        "calibration_after_mg": calibration.after_mg,
        "gain": calibration.gain.tolist(),
        "offset_g": calibration.offset_g.tolist(),
        "slope_g_per_c": calibration.slope_g_per_c.tolist(),
        "abstained": sorted(reasons),
    }
    return pl.DataFrame([row], schema=QUALITY_SCHEMA)


QUALITY_SCHEMA = {
    "placement": pl.String, "n_samples": pl.Int64, "rate_hz": pl.Float64, "measured_rate_hz": pl.Float64,
    "drift_s_per_day": pl.Float64, "clock_offset_s": pl.Float64, "n_gaps": pl.Int64, "gap_s": pl.Float64,
    "n_saturated": pl.Int64, "n_still_windows": pl.Int64, "calibration_before_mg": pl.Float64,
    "calibration_after_mg": pl.Float64, "gain": pl.List(pl.Float64), "offset_g": pl.List(pl.Float64),
    "slope_g_per_c": pl.List(pl.Float64), "abstained": pl.List(pl.String),
}  # fmt: skip
