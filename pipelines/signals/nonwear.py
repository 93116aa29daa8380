"""When an accelerometer was not worn, from how still it lay; time without samples is neither."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl

from pipelines.signals.windows import REST_S

STILL_SD_G = 0.013
STILL_RANGE_G = 0.050
STILL_AXES = 2
BLOCK_S = 900
BIN_S = 450  # half a block: an hour about a block's middle is 8 of them
BINS_BEFORE, BINS_AROUND = 3, 8
LEAST_COVERED = 0.75  # of the hour; our choice: with less, stillness shows nothing
HOUR_BLOCKS = 3600 // BLOCK_S
# Wear shorter than this (h) and than this share of the non-wear on both its sides is carrying or posting.
SHORT_WEAR = ((6, 0.3), (3, 0.8))
EDGE_H = 3
LAST_H = 24
UNKNOWN, NOT_WORN, WORN = 0, 1, 2
WEAR_SCHEMA = {"part": pl.Int32, "block": pl.Int64, "worn": pl.Boolean}
_SUMS = ["n", "x", "y", "z", "xx", "yy", "zz"]
_LOWS, _HIGHS = ["x_low", "y_low", "z_low"], ["x_high", "y_high", "z_high"]


def blocks(rest: pl.DataFrame, rate_hz: float) -> pl.DataFrame:
    """`part`, `block` (quarter hours since 1970) and `worn`: True, False, or null where nothing can be said.

    A quarter hour is not worn where in the hour about it, moved inward at the ends of a recording and of
    gaps over an hour, at least 2 axes have a standard deviation under 13 mg and a range under 50 mg.
    Then wear of under 6 h is non-wear if shorter than 30 % of the non-wear directly on its two sides, and of
    under 3 h if shorter than 80 %. In a recording of a day or more (our limit: a visit to the laboratory must
    not vanish) so is wear of under 3 h in the last 24 h after over 1 h of non-wear, what comes before a first
    non-wear in the first 3 h, and what comes after a last one that ends in the last 3 h.
    A gap parts spells; it is none itself.
    Null: no samples, or stillness with samples in less than 45 minutes of the hour.
    Assumes: `rest` is the frame of windows.rest_tally.
    Source: van Hees VT, Renstrom F, Wright A, et al. PLoS ONE 2011;6(7):e22922, doi:10.1371/journal.pone.0022922;
    van Hees VT, Gorzelniak L, Dean Leon EC, et al. PLoS ONE 2013;8(4):e61691,
    doi:10.1371/journal.pone.0061691, with a 60 minute window and short wear as GGIR documents them.
    """
    if rest.is_empty():
        return pl.DataFrame(schema=WEAR_SCHEMA)
    bins = (
        rest.lazy()
        .with_columns(bin=pl.col("window") // (BIN_S // REST_S))
        .group_by("part", "bin", maintain_order=True)
        .agg(pl.col(_SUMS).sum(), pl.col(_LOWS).min(), pl.col(_HIGHS).max())
        .collect()
    )
    told = [
        _of_stretch(stretch, rate_hz)
        for (_part,), of_part in bins.group_by("part", maintain_order=True)
        for stretch in _stretches(of_part)
    ]
    spells = (
        pl.concat(told).group_by("part", "block", maintain_order=True).agg(pl.col("worn").max())
    )
    worn = pl.Series(_without_short_wear(spells))
    return spells.with_columns(
        worn=pl.when(worn == WORN).then(True).when(worn == NOT_WORN).then(False)
    ).cast(WEAR_SCHEMA)


def runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each run of equal values starts, and where it ends (not included)."""
    if not len(values):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    starts = np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1))
    return starts, np.append(starts[1:], len(values))


def _stretches(bins: pl.DataFrame) -> list[pl.DataFrame]:
    """The bins of one part, cut where more than an hour of them is missing."""
    cuts = np.flatnonzero(np.diff(bins["bin"].to_numpy()) > BINS_AROUND) + 1
    ends = [0, *cuts.tolist(), bins.height]
    return [bins[a:b] for a, b in pairwise(ends)]


def _of_stretch(bins: pl.DataFrame, rate_hz: float) -> pl.DataFrame:
    """Each quarter hour that has samples, judged by its hour alone."""
    number = bins["bin"].to_numpy()
    first, length = int(number[0]), int(number[-1] - number[0]) + 1
    sums = np.zeros((length + BINS_AROUND, len(_SUMS)))  # room for an hour from the last bin on
    low, high = np.full((len(sums), 3), np.inf), np.full((len(sums), 3), -np.inf)
    sums[number - first] = bins.select(_SUMS).to_numpy()
    low[number - first] = bins.select(_LOWS).to_numpy()
    high[number - first] = bins.select(_HIGHS).to_numpy()
    block = np.unique(number // 2)
    start = np.clip(block * 2 - first - BINS_BEFORE, 0, max(length - BINS_AROUND, 0))
    hour = start[:, None] + np.arange(BINS_AROUND)
    total = sums[hour].sum(axis=1)
    n = np.maximum(total[:, :1], 2.0)
    variance = np.maximum(total[:, 4:] - total[:, 1:4] ** 2 / n, 0.0) / (n - 1)
    spread = high[hour].max(axis=1) - low[hour].min(axis=1)
    still = (np.sqrt(variance) < STILL_SD_G) & (spread < STILL_RANGE_G)
    is_still = still.sum(axis=1) >= STILL_AXES
    is_covered = total[:, 0] >= LEAST_COVERED * 3600 * rate_hz
    worn = np.where(is_still, np.where(is_covered, NOT_WORN, UNKNOWN), WORN)
    part = np.full(len(block), bins["part"][0])
    return pl.DataFrame({"part": part, "block": block, "worn": worn})


def _without_short_wear(spells: pl.DataFrame) -> np.ndarray:
    """`worn` with short wear between or beside non-wear taken for non-wear, in three rounds as in the source."""
    worn = spells["worn"].to_numpy().copy()
    part, block = spells["part"].to_numpy(), spells["block"].to_numpy()
    is_break = (np.diff(block, prepend=block[0] - 1) != 1) | (np.diff(part, prepend=part[0]) != 0)
    stretch = np.cumsum(is_break)
    is_long = len(worn) >= LAST_H * HOUR_BLOCKS
    for round_no in range(3):
        starts, ends = runs(stretch * 4 + worn)
        label, length, where = worn[starts], ends - starts, stretch[starts]
        off = np.where(label == NOT_WORN, length, 0)
        before = np.append(0, np.where(where[1:] == where[:-1], off[:-1], 0))
        after = np.append(np.where(where[1:] == where[:-1], off[1:], 0), 0)
        around = before + after
        is_short = np.zeros(len(starts), dtype=bool)
        for hours, share in SHORT_WEAR:
            is_short |= (length < hours * HOUR_BLOCKS) & (length < share * around)
        if is_long:
            is_late = len(worn) - starts <= LAST_H * HOUR_BLOCKS
            is_short |= is_late & (length < EDGE_H * HOUR_BLOCKS) & (before > HOUR_BLOCKS)
        is_short &= (label == WORN) & (before > 0) & (after > 0)
        if is_long and round_no == 0 and (label == NOT_WORN).any():
            first, last = np.flatnonzero(label == NOT_WORN)[[0, -1]]
            if starts[first] < EDGE_H * HOUR_BLOCKS:
                is_short[:first] |= label[:first] == WORN
            if len(worn) - ends[last] < EDGE_H * HOUR_BLOCKS:
                is_short[last + 1 :] |= label[last + 1 :] == WORN
        worn[np.repeat(is_short, length)] = NOT_WORN
    return worn
