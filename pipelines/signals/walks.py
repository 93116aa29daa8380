"""Stretches that may be walking: found among 1 s windows, then their samples gathered as the file streams by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.contracts.shapes import SignalChunk
from pipelines.signals.calibrate import Calibration, calibrated
from pipelines.signals.grid import SECOND_US, knots, runs
from pipelines.signals.nonwear import BLOCK_S

LOST_S = 0.1  # samples further apart than this (beyond one period) are not one stretch
FILLED_S = 60  # a longer gap parts the seconds that candidates are sought among
MOST_SAMPLES = (
    720_000  # 2 h at 100 Hz: a longer stretch is handed on in pieces, which bounds the memory
)
SPAN_SCHEMA = {"part": pl.Int32, "start_s": pl.Int64, "end_s": pl.Int64}


@dataclass(frozen=True)
class Walk:
    """Calibrated samples without a gap, on the device's own axes."""

    part: int
    start_us: int
    rate_hz: float  # as measured over the stretch
    acc_g: np.ndarray
    gyro_dps: np.ndarray | None


def spans(move: pl.DataFrame, wear: pl.DataFrame, candidates: Callable) -> pl.DataFrame:
    """Seconds since 1970 [start_s, end_s) that may be walking; those that begin in non-wear are left out.

    `candidates(sd_1s, n_1s)` finds them in seconds without a long gap: it is given the standard deviation of |a| and
    the number of samples of each second, both 0 where a second has no samples, and answers with pairs of indices.
    Assumes: `move` is the frame of windows.move_tally, `wear` that of nonwear.blocks.
    """
    n, over = move["n"].to_numpy(), move["r"].to_numpy()
    variance = (move["rr"].to_numpy() - over**2 / np.maximum(n, 1)) / np.maximum(n - 1, 1)
    sd_g = np.sqrt(np.maximum(variance, 0.0))
    second, part = move["window"].to_numpy(), move["part"].to_numpy()
    cuts = np.flatnonzero((np.diff(second) > FILLED_S) | (np.diff(part) != 0)) + 1
    found = []
    for here in np.split(np.arange(len(second)), cuts) if len(second) else []:
        first = second[here[0]]
        dense_sd, dense_n = np.zeros((2, second[here[-1]] - first + 1))
        dense_sd[second[here] - first], dense_n[second[here] - first] = sd_g[here], n[here]
        pairs = np.asarray(candidates(dense_sd, dense_n.astype(np.int64)), dtype=np.int64).reshape(
            -1, 2
        )
        found.append(np.column_stack((np.full(len(pairs), part[here[0]]), pairs + first)))
    table = np.concatenate(found) if found else np.empty((0, 3), np.int64)
    rows = pl.DataFrame(table, schema=list(SPAN_SCHEMA)).cast(SPAN_SCHEMA)
    off = wear.filter(~pl.col("worn")).select("part", "block")
    return rows.with_columns(block=pl.col("start_s") // BLOCK_S).join(
        off, on=["part", "block"], how="anti", maintain_order="left"
    )[list(SPAN_SCHEMA)]  # fmt: skip


def walks(
    numbered: Iterable[tuple[int, SignalChunk]],
    found: pl.DataFrame,
    rate_hz: float,
    calibration: Calibration,
) -> Iterator[Walk]:
    """The samples of each span, as soon as the chunks of `grid.parts` have passed it; a gap ends a stretch."""
    by_part = {
        part: (rows["start_s"].to_numpy(), rows["end_s"].to_numpy())
        for (part,), rows in found.group_by("part")
    }
    nothing = (np.empty(0, np.int64), np.empty(0, np.int64))
    open_walk: list[_Piece] = []
    for part, chunk in numbered:
        if not len(chunk.acc_g):
            continue
        starts_s, ends_s = by_part.get(part, nothing)
        for piece in _pieces(part, chunk, starts_s, ends_s, rate_hz, calibration):
            held = sum(len(p.acc_g) for p in open_walk)
            if open_walk and (not _goes_on(open_walk[-1], piece, rate_hz) or held >= MOST_SAMPLES):
                yield _joined(open_walk, rate_hz)
                open_walk = []
            open_walk.append(piece)
    if open_walk:
        yield _joined(open_walk, rate_hz)


@dataclass(frozen=True)
class _Piece:
    """What one chunk has of one span."""

    part: int
    span: int
    first_us: float
    last_us: float
    acc_g: np.ndarray
    gyro_dps: np.ndarray | None


def _pieces(part, chunk, starts_s, ends_s, rate_hz, calibration) -> Iterator[_Piece]:
    start, second = runs(chunk, SECOND_US, rate_hz)
    low = np.searchsorted(ends_s, second[0], side="right")
    high = np.searchsorted(starts_s, second[-1], side="right")
    if low >= high:
        return
    index, time_us = knots(chunk, rate_hz)
    start = np.append(start, len(chunk.acc_g))
    has_heat = chunk.temperature_c is not None and calibration.slope_g_per_c.any()
    for span in range(low, high):
        a = start[np.searchsorted(second, starts_s[span])]
        b = start[np.searchsorted(second, ends_s[span])]
        for from_ in range(a, b, MOST_SAMPLES):
            to = min(from_ + MOST_SAMPLES, b)
            heat = (
                np.interp(np.arange(from_, to), chunk.knot_index, chunk.temperature_c)
                if has_heat
                else None
            )
            first_us, last_us = np.interp([from_, to - 1], index, time_us - time_us[0]) + time_us[0]
            gyro = None if chunk.gyro_dps is None else chunk.gyro_dps[from_:to].astype(np.float64)
            acc = calibrated(chunk.acc_g[from_:to], calibration, heat)
            yield _Piece(part, span, first_us, last_us, acc, gyro)


def _goes_on(last: _Piece, piece: _Piece, rate_hz: float) -> bool:
    lost_s = (piece.first_us - last.last_us) / SECOND_US - 1 / rate_hz
    same = (piece.part, piece.span) == (last.part, last.span)
    return same and abs(lost_s) <= LOST_S and (piece.gyro_dps is None) == (last.gyro_dps is None)


def _joined(pieces: list[_Piece], rate_hz: float) -> Walk:
    acc_g = np.concatenate([piece.acc_g for piece in pieces])
    has_gyro = pieces[0].gyro_dps is not None
    passed_s = (pieces[-1].last_us - pieces[0].first_us) / SECOND_US
    return Walk(
        part=pieces[0].part,
        start_us=round(pieces[0].first_us),
        rate_hz=(len(acc_g) - 1) / passed_s if passed_s > 0 else rate_hz,
        acc_g=acc_g,
        gyro_dps=np.concatenate([piece.gyro_dps for piece in pieces]) if has_gyro else None,
    )
