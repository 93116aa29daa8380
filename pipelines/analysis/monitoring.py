"""Central statistical monitoring: every test at every clinic, and which of them are signals."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.analysis.monitoring_copies import copies
from pipelines.analysis.monitoring_dates import visit_dates
from pipelines.analysis.monitoring_digits import digit_preference
from pipelines.analysis.monitoring_drift import drift
from pipelines.analysis.monitoring_inputs import Inputs
from pipelines.analysis.monitoring_rates import under_reporting
from pipelines.analysis.monitoring_spread import variance_collapse

FALSE_ALARM_RATE = 0.05


def monitored(inputs: Inputs) -> pl.DataFrame:
    """One row per clinic, part and test with `p_adjusted` and `is_signal`; both null where too few can be compared.

    Holm over all clinics and tests of the night: when all clinics are alike, at most 5 % of nights have any signal.
    Holm and not Benjamini-Hochberg, because every signal sends somebody to ask a clinic.
    """
    rows = pl.concat([
        digit_preference(inputs.values), variance_collapse(inputs.values), copies(inputs.values),
        visit_dates(inputs.visits), under_reporting(inputs.people), drift(inputs.values, inputs.days),
    ]).sort("clinic_id", "test", "part")  # fmt: skip
    tested = rows.filter(pl.col("p").is_not_null())
    judged = tested.with_columns(p_adjusted=pl.Series(holm(tested["p"].to_numpy())))
    keys = ["clinic_id", "test", "part"]
    return rows.join(judged.select(*keys, "p_adjusted"), on=keys, how="left", maintain_order="left").with_columns(
        is_signal=pl.col("p_adjusted") <= FALSE_ALARM_RATE
    )  # fmt: skip


def holm(p: np.ndarray) -> np.ndarray:
    """p-values adjusted for their number. Source: Holm, Scand J Stat 1979;6:65-70."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1.0)
    return adjusted
