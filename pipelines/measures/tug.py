"""Timed Up and Go: seconds to rise, walk 3 m, turn, walk back and sit."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale, Threshold
from pipelines.measures.rows import as_outcomes, in_trial_order, per_assessment

_ALGHADIR = (
    "Alghadir 2015, BMC Musculoskelet Disord 16:174, doi.org/10.1186/s12891-015-0637-8 "
    "(MDC; its confidence is not in the abstract, 95 % by convention)"
)
_NAYLOR = (
    "Naylor 2014, BMC Musculoskelet Disord 15:235, biomedcentral.com/1471-2474/15/235/abstract"
)
_STEADI = "CDC STEADI, slideshare.net/slideshow/tug-test-print-86594236/86594236"
_KL13 = "knee osteoarthritis KL 1-3"
_ALTERNATIVE = "older adults, fall risk, alternative"

MEASURE = Measure(
    name="tug",
    title="Timed Up and Go",
    unit="s",
    better="lower",
    licence="free to use",
    source=f"Podsiadlo 1991; procedure of {_STEADI}",
    reads="balance_test",
    scales={"time": Scale("s", "lower", (0.0, None))},
    thresholds=(
        Threshold("time", "mdc95", 1.10, "s", _KL13, _ALGHADIR),
        Threshold("time", "mdc95", 1.14, "s", f"{_KL13}, two raters", _ALGHADIR),
        Threshold(
            "time",
            "mdc95",
            36.7,
            "pct",
            "awaiting knee replacement",
            _NAYLOR,
            relative=True,
        ),
        Threshold("time", "cutoff", 12.0, "s", "older adults, fall risk", _STEADI),
        Threshold("time", "cutoff", 13.5, "s", _ALTERNATIVE, "commonly quoted", verified=False),
    ),
)


def score(trials: pl.LazyFrame) -> pl.LazyFrame:
    """The mean time of an assessment's trials, which is this study's choice."""
    return (
        trials.filter(pl.col("balance_test_code") == "tug", pl.col("time_s") > 0)
        .pipe(in_trial_order)
        .pipe(per_assessment, "time", pl.col("time_s").mean())
        .pipe(as_outcomes, MEASURE)
    )
