"""3-metre backward walk test: seconds for 3 m, and the speed."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Op, Scale, Threshold
from pipelines.measures.rows import FORM, as_outcomes, in_trial_order, per_assessment

_CONVENTION = "(MDC; its confidence is not in the abstract, 95 % by convention)"
_DEMARK = f"DeMark 2023, informahealthcare.com/doi/full/10.1080/09593985.2022.2085638 {_CONVENTION}"
_MS = f"medworm.com/1018901942 {_CONVENTION}"
_HIP = f"m.booksci.cn/literature/44951965.htm {_CONVENTION}"
_ELDERS = "mdpi.com/2411-5142/10/2/154 (n=483, AUC 0.655)"
_NURSING = "Kapan 2025, m.booksci.cn/literature/143788468.htm (n=217)"
_CARTER = "Carter 2019, as commonly quoted"
_STANDARD_M = 3.0


def _carter(value: float, population: str, op: Op) -> Threshold:
    return Threshold("time", "cutoff", value, "s", population, _CARTER, op=op, verified=False)


MEASURE = Measure(
    name="3mbwt",
    title="3-metre backward walk test",
    unit="s",
    better="lower",
    licence="free to use",
    source=(
        "two protocols: seconds at a fast safe pace (NCT06434311), or speed over the middle 3 m "
        "of 5 m at comfortable pace (DeMark 2023)"
    ),
    reads="walk_test",
    scales={
        "time": Scale("s", "lower", (0.0, None)),
        "backward_speed": Scale("mps", "higher", (0.0, None)),
    },
    thresholds=(
        Threshold("backward_speed", "mdc95", 0.07, "mps", "subacute stroke", _DEMARK),
        Threshold("backward_speed", "mdc95", 0.11, "mps", "chronic stroke", _DEMARK),
        Threshold("time", "mdc95", 1.69, "s", "multiple sclerosis", _MS),
        Threshold("time", "mdc95", 4.33, "s", "hip arthroplasty", _HIP),
        Threshold("time", "cutoff", 5.5, "s", "community elders, fall risk", _ELDERS),
        Threshold(
            "time",
            "cutoff",
            3.5,
            "s",
            "community elders, falls unlikely",
            _ELDERS,
            op="<",
        ),
        Threshold("time", "cutoff", 8.15, "s", "nursing home, later falls", _NURSING),
        Threshold("time", "cutoff", 9.31, "s", "nursing home, past falls", _NURSING),
        _carter(3.0, "older adults, falls unlikely", "<"),
        _carter(4.5, "older adults, falls likely", ">"),
    ),
)


def score(trials: pl.LazyFrame) -> pl.LazyFrame:
    """Mean seconds for 3 m and mean speed of an assessment's trials.

    Paces are never mixed: if an assessment has trials at both, those at the comfortable pace count.
    """
    walks = (
        trials.filter(
            pl.col("walk_test_code") == "3mbwt",
            pl.col("timed_distance_m") > 0,
            pl.col("time_s") > 0,
        )
        .pipe(_one_pace)
        .pipe(in_trial_order)
    )
    speed = pl.col("timed_distance_m") / pl.col("time_s")
    scored = [
        per_assessment(walks, "time", (_STANDARD_M / speed).mean()),
        per_assessment(walks, "backward_speed", speed.mean()),
    ]
    return as_outcomes(pl.concat(scored), MEASURE)


def _one_pace(walks: pl.LazyFrame) -> pl.LazyFrame:
    ranks = {"self_selected": 0, None: 1, "fast": 2}
    rank = pl.col("pace_code").replace_strict(ranks, default=3, return_dtype=pl.Int64)
    return walks.filter(rank == rank.min().over(FORM))
