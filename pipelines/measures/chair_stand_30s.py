"""30-second chair stand: full stands without the hands; with them it is another, adapted test."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale, Threshold
from pipelines.measures.rows import as_outcomes, in_trial_order, per_assessment

_GILL = "Gill 2022, dro.deakin.edu.au 20597538 (MDC of one person, about 2.5; 95 % by convention)"

MEASURE = Measure(
    name="cst30",
    title="30-second chair stand",
    unit="n",
    better="higher",
    licence="free to use",
    source="OARSI core set, hcplive.com/view/oarsi-adopts-tests-physical-function-hip-and-knee-oa; best of the trials (this study's choice)",
    reads="balance_test",
    scales={
        "stands": Scale("n", "higher", (0.0, None)),
        "stands_adapted": Scale("n", "higher", (0.0, None)),
    },
    thresholds=(Threshold("stands", "mdc95", 2.5, "n", "hip or knee osteoarthritis", _GILL),),
)


def score(trials: pl.LazyFrame) -> pl.LazyFrame:
    """The most stands of a trial; trials in which the hands helped are scored apart, never as zero."""
    counted = trials.filter(
        pl.col("balance_test_code") == "cst30", pl.col("repetitions_n").is_not_null()
    ).pipe(in_trial_order)
    helped = pl.col("arms_used").fill_null(value=False)
    most = pl.col("repetitions_n").max().cast(pl.Float64)
    return as_outcomes(
        pl.concat([
            per_assessment(counted.filter(~helped), "stands", most),
            per_assessment(counted.filter(helped), "stands_adapted", most),
        ]),
        MEASURE,
    )  # fmt: skip
