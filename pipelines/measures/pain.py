"""Numeric pain rating, 0 none to 10 worst, of four moments."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from pipelines.measures.model import Measure, Purpose, Scale, Threshold
from pipelines.measures.rows import answers_by_scale, as_outcomes

_MSK = "pmc.ncbi.nlm.nih.gov/articles/PMC7990728/table/tbl0005"
_NAYLOR = (
    "Naylor 2014, BMC Musculoskelet Disord 15:235, biomedcentral.com/1471-2474/15/235/abstract"
)
_BANDED = "hindawi.com/journals/iji/2011/231926"
_MOMENTS = ("average_7d", "walking", "worst_24h", "now")


def _vas(value: float, unit: str, purpose: Purpose, population: str, source: str) -> Threshold:
    # Another instrument's number in its own unit: not to be held against a rating unconverted.
    population = f"visual analogue scale, {population}"
    return Threshold("average_7d", purpose, value, unit, population, source)


def _vas_mcid(low: float, high: float | None, least: float, most: float) -> tuple[Threshold, ...]:
    """The two ends of the MCID of one baseline band; the top band starts above its lower end."""
    return tuple(
        replace(
            _vas(value, "mm", "mcid", f"by baseline, {end} estimate", _BANDED),
            baseline_low=low,
            baseline_high=high,
            baseline_low_open=high is None,
        )
        for end, value in (("lower", least), ("upper", most))
    )


def _relative(moment: str) -> Threshold:
    return Threshold(
        scale=moment,
        purpose="mcid",
        value=30.0,
        unit="pct",
        population="chronic pain, moderate improvement",
        source="commonly used 30 % of baseline",
        relative=True,
        verified=False,
    )


MEASURE = Measure(
    name="pain",
    title="Numeric pain rating scale",
    unit="points",
    better="lower",
    licence="free to use",
    source="one 0 to 10 rating per moment, reported as given",
    reads="answer",
    scales={
        moment: Scale("points", "lower", (0.0, 10.0), (moment,), item_top=10.0, least_answered=1)
        for moment in _MOMENTS
    },
    thresholds=(
        *(
            Threshold(moment, "mcid", 2.0, "points", "chronic musculoskeletal pain", _MSK)
            for moment in _MOMENTS
        ),
        *(_relative(moment) for moment in _MOMENTS),
        _vas(1.75, "cm", "mcid", "osteoarthritis", _MSK),
        _vas(2.8, "cm", "mdc95", "awaiting knee replacement", _NAYLOR),
        *_vas_mcid(30.0, 49.0, 7.0, 11.0),
        *_vas_mcid(50.0, 65.0, 19.0, 27.0),
        *_vas_mcid(65.0, None, 29.0, 37.0),
    ),
)


def score(answers: pl.LazyFrame) -> pl.LazyFrame:
    """Each moment's rating as it was given."""
    return (
        answers_by_scale(answers, MEASURE)
        .with_columns(value=pl.col("total"))
        .pipe(as_outcomes, MEASURE)
    )
