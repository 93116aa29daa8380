"""Berg Balance Scale: 14 tasks of 0 to 4 points."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from pipelines.measures.model import Measure, Scale, Threshold, numbered
from pipelines.measures.rows import answers_by_scale, as_outcomes

_DONOGHUE = "Donoghue 2009, n=118, medicaljournals.se/jrm/content/abstract/10.2340/16501977-0337"
_ACUTE = "sage.cnpereading.com/doi/10.1177/02692155221108552"
_STEVENSON = "semanticscholar.org/paper/b9c3c2b77326e020ec907f280c17da9264ce438f"
_FORTY_FIVE = "commonly used, gzipwtf.com/?p=15346 (weak secondary source)"
_N_ITEMS = 14


def _mdc95(value: float, low: float, high: float) -> Threshold:
    band = Threshold("total", "mdc95", value, "points", "older adults", _DONOGHUE)
    return replace(band, baseline_low=low, baseline_high=high)


def _fall_risk(below: float, population: str, source: str) -> Threshold:
    return Threshold("total", "cutoff", below, "points", population, source, op="<")


def _acute(value: float, how: str) -> Threshold:
    return Threshold("total", "mcid", value, "points", f"acute stroke, {how}", _ACUTE)


MEASURE = Measure(
    name="berg",
    title="Berg Balance Scale",
    unit="points",
    better="higher",
    licence="free to use",
    source="Berg 1992; item text as published, 0 to 4 points each, 56 in all",
    reads="answer",
    scales={"total": Scale("points", "higher", (0.0, 56.0), numbered("", _N_ITEMS), 4.0, _N_ITEMS)},
    thresholds=(
        _mdc95(4.0, 45.0, 56.0),
        _mdc95(5.0, 35.0, 44.0),
        _mdc95(7.0, 25.0, 34.0),
        _mdc95(5.0, 0.0, 24.0),
        Threshold(
            "total",
            "mdc",
            6.0,
            "points",
            "subacute stroke, 80 % probability",
            _STEVENSON,
        ),
        _acute(6.5, "anchor, lower estimate"),
        _acute(12.5, "anchor, upper estimate"),
        _acute(2.3, "distribution, lower estimate"),
        _acute(4.9, "distribution, upper estimate"),
        _fall_risk(45.0, "fall risk", _FORTY_FIVE),
        _fall_risk(
            46.0,
            "fall risk, alternative",
            "faye.authorea.com/users/366262/articles/486040",
        ),
    ),
)


def score(answers: pl.LazyFrame) -> pl.LazyFrame:
    """The total of all 14 tasks; no row if one is missing: no rule for filling in is published.

    Assumes: a task the participant could not try is answered 0 by the instructions, not left out.
    """
    return (
        answers_by_scale(answers, MEASURE)
        .filter(pl.col("n_answered") == _N_ITEMS)
        .with_columns(value=pl.col("total"))
        .pipe(as_outcomes, MEASURE)
    )
