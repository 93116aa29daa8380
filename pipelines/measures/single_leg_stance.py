"""Single-leg stance, eyes open: the longest of the trials, up to a cap that all clinics share."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale, Threshold
from pipelines.measures.rows import (
    as_outcomes,
    in_trial_order,
    of_index_side,
    per_assessment,
)

_WEAK = "th4.ilovetranslation.com/dvDQ0MRC11Z=d (weak secondary source)"

MEASURE = Measure(
    name="sls",
    title="Single-leg stance",
    unit="s",
    better="higher",
    licence="free to use",
    source=(
        "best of three, clock stopped at 30 s (sralab.org/rehabilitation-measures, Timed Unipedal "
        "Stance Test) or 45 s (Netic 2012, dlib.si)"
    ),
    reads="balance_test",
    scales={
        "best": Scale("s", "higher", (0.0, None)),
        # 1: stood until the clock was stopped, so `best` is only a lower bound
        "at_cap": Scale("1", "higher", (0.0, 1.0)),
    },
    thresholds=(
        Threshold("best", "cutoff", 5.0, "s", "fall risk", _WEAK, op="<"),
        Threshold("best", "cutoff", 10.0, "s", "impaired balance", _WEAK, op="<"),
    ),
)


def score(trials: pl.LazyFrame, cap_s: float = 30.0) -> pl.LazyFrame:
    """Best time cut at `cap_s`, the study's smallest cap, and whether the cap was reached.

    A clinic that stops the clock later is cut back, so that caps cannot pass for balance. Where the
    clock stopped earlier than `cap_s` the true time is unknown, so there is no row. The index leg
    counts, or both legs where the participant has no index knee.
    """
    stances = trials.filter(
        pl.col("balance_test_code") == "sls",
        pl.col("eyes_code") == "open",
        pl.col("time_s") >= 0,
    )
    without_index = stances.filter(pl.col("index_knee_side").is_null())
    with_index = stances.filter(pl.col("index_knee_side").is_not_null())
    stances = pl.concat([without_index, with_index.pipe(of_index_side, "test_side_code")])
    stances = in_trial_order(stances)
    stopped_early = (pl.col("time_s") >= pl.col("cap_s")) & (pl.col("cap_s") < cap_s)
    best = pl.col("time_s").max().clip(upper_bound=cap_s)
    unknown = stopped_early.any() & (best < cap_s)
    at_cap = (best >= cap_s).cast(pl.Float64)
    scored = [
        per_assessment(stances, scale, pl.when(~unknown).then(value))
        for scale, value in (("best", best), ("at_cap", at_cap))
    ]
    return as_outcomes(pl.concat(scored), MEASURE)
