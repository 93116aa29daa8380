"""Central statistical monitoring: every test at every clinic, and which of them are signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields

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


Family = Callable[[Inputs], pl.DataFrame]
_FAMILIES: Mapping[str, Family] = {
    "digits": lambda told: digit_preference(told.values),
    "spread": lambda told: variance_collapse(told.values),
    "copies": lambda told: copies(told.values),
    "dates": lambda told: visit_dates(told.visits),
    "rates": lambda told: under_reporting(told.people),
    "drift": lambda told: drift(told.values, told.days),
}
_KEYS = ["clinic_id", "test", "part"]


def monitored(inputs: Inputs) -> pl.DataFrame:
    """One row per clinic, part and test with `p_adjusted` and `is_signal`; both null where too few can be compared.

    Holm over all clinics and tests of the night: when all clinics are alike, at most 5 % of nights have any signal.
    Holm and not Benjamini-Hochberg, because every signal sends somebody to ask a clinic. Where several clinics have
    a signal in one test, the others are compared again without the most striking one, which may have made them so.
    """
    rows = _judged(pl.concat([
        family(inputs).with_columns(family=pl.lit(name)) for name, family in _FAMILIES.items()
    ]).with_columns(settled=False))  # fmt: skip
    while (crowded := _crowded(rows)).height:
        test, part, family = crowded.select("test", "part", "family").row(0)
        of_test = (pl.col("test") == test) & (pl.col("part") == part)
        open_ones = rows.filter(of_test & pl.col("is_signal") & ~pl.col("settled"))
        first = open_ones.sort("p", pl.col("z").abs(), descending=[False, True])["clinic_id"][0]
        rows = rows.with_columns(settled=pl.col("settled") | (of_test & (pl.col("clinic_id") == first)))  # fmt: skip
        gone = rows.filter(of_test & pl.col("settled"))["clinic_id"]
        again = _FAMILIES[family](_without(inputs, gone)).filter(of_test)
        again = again.with_columns(family=pl.lit(family), settled=False)
        kept = rows.filter(~(of_test & pl.col("clinic_id").is_in(again["clinic_id"].implode())))
        rows = _judged(pl.concat([kept.select(again.columns), again]))
    return rows.drop("family", "settled").sort(_KEYS)


def _crowded(rows: pl.DataFrame) -> pl.DataFrame:
    """Tests in which more than one clinic has a signal, some of them not yet settled."""
    signals = rows.filter("is_signal").group_by("test", "part", "family").agg(
        n=pl.len(), open=(~pl.col("settled")).sum()
    )  # fmt: skip
    return signals.filter(pl.col("n") > 1, pl.col("open") > 0).sort("test", "part")


def _without(inputs: Inputs, clinics: pl.Series) -> Inputs:
    stay = ~pl.col("clinic_id").is_in(clinics.implode())
    return Inputs(*(getattr(inputs, field.name).filter(stay) for field in fields(inputs)))


def _judged(rows: pl.DataFrame) -> pl.DataFrame:
    told = rows.filter(pl.col("p").is_not_null())
    adjusted = told.select(*_KEYS, p_adjusted=pl.Series(holm(told["p"].to_numpy())))
    return rows.join(adjusted, on=_KEYS, how="left").with_columns(
        is_signal=pl.col("p_adjusted") <= FALSE_ALARM_RATE
    )


def holm(p: np.ndarray) -> np.ndarray:
    """p-values adjusted for their number. Source: Holm, Scand J Stat 1979;6:65-70."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1.0)
    return adjusted
