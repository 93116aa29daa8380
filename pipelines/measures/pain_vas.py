"""Pain on a 100 mm line over the last 7 days; a clinic that measures in centimetres says so."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale, Threshold
from pipelines.measures.rows import answers_by_scale, as_outcomes

_MSK = "pmc.ncbi.nlm.nih.gov/articles/PMC7990728/table/tbl0005"
_NAYLOR = (
    "Naylor 2014, BMC Musculoskelet Disord 15:235, biomedcentral.com/1471-2474/15/235/abstract"
)
_BANDED = "hindawi.com/journals/iji/2011/231926"


def _banded(low: float, high: float | None, least: float, most: float) -> tuple[Threshold, ...]:
    """The two ends of the MCID of one baseline band; the top band starts above its lower end."""
    return tuple(
        Threshold(
            "pain", "mcid", value, "mm", f"by baseline, {end} estimate", _BANDED,
            baseline_low=low, baseline_high=high, baseline_low_open=high is None,
        )
        for end, value in (("lower", least), ("upper", most))
    )  # fmt: skip


MEASURE = Measure(
    name="vas",
    title="Pain, visual analogue scale",
    unit="mm",
    better="lower",
    licence="free to use",
    source="one mark on a 100 mm line, in mm",
    reads="answer",
    form="patient_rating",
    scales={
        "pain": Scale(
            "mm", "lower", (0.0, 100.0), ("pain_vas_mm",), item_top=100.0, least_answered=1
        )
    },
    thresholds=(
        Threshold("pain", "mcid", 17.5, "mm", "osteoarthritis (printed as 1.75 cm)", _MSK),
        Threshold(
            "pain", "mdc95", 28.0, "mm", "awaiting knee replacement (printed as 2.8 cm)", _NAYLOR
        ),
        *_banded(30.0, 49.0, 7.0, 11.0),
        *_banded(50.0, 65.0, 19.0, 27.0),
        *_banded(65.0, None, 29.0, 37.0),
    ),
)


def score(answers: pl.LazyFrame) -> pl.LazyFrame:
    """The rating as it was given."""
    return (
        answers_by_scale(answers, MEASURE)
        .with_columns(value=pl.col("total"))
        .pipe(as_outcomes, MEASURE)
    )
