"""Units and scales that change during the trial, found from the numbers alone: a step by a known factor, or a slow slide.

Source: Hawkins and Zamba, Technometrics 2005;47:164-173 (one change of level); conversion factors: BIPM, SI Brochure, 9th ed.
"""

from __future__ import annotations

import math

import polars as pl

from pipelines.analysis.monitoring_null import SCHEMA, by_clinic

_UNIT = ["clinic_id", "participant_id"]
_DATES_TRIED = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # quantiles of the clinic's own assessment dates
_FACTORS = {
    1000.0: "thousandths of the unit (such as milliseconds for seconds)",
    100.0: "hundredths of the unit (such as centimetres for metres)",
    60.0: "seconds for minutes",
    10.0: "tenths of the unit (such as millimetres for centimetres)",
    9.80665: "newtons for kilograms-force",
    4.4482216: "newtons for pounds-force",
    3.6: "kilometres per hour for metres per second",
    3.2808399: "feet for metres",
    2.54: "centimetres for inches",
    2.2369363: "miles per hour for metres per second",
    2.2046226: "pounds for kilograms",
}
_TOLERANCE = 0.08  # of the logarithm: 8 %


def drift(values: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Per clinic and kind of measurement: `unit_change` (a step) and `slow_drift`; per clinic `device_drift`.

    All are changes within participants beside those of other clinics' participants at the same dates, so that
    neither a clinic's level nor the course of the trial is a signal. `value` and `others` are log ratios:
    of later to earlier values for a step, per 100 days for a slide.
    """
    logs = _logs(values)
    found = [pl.DataFrame(schema=SCHEMA)]
    for (kind,), one in logs.sort("kind").group_by("kind", maintain_order=True):
        found += [_step(one, str(kind)), _slide(one, "slow_drift", str(kind))]
    worn = days.rename({"wear_date": "assessed_date"})
    return pl.concat([*found, _slide(worn, "device_drift", "")])


def known_factor(log_ratio: float) -> str:
    """What a ratio of new to old values may mean, in words; empty when it is no known factor."""
    for factor, words in _FACTORS.items():
        if abs(abs(log_ratio) - math.log(factor)) < _TOLERANCE:
            way = "times" if log_ratio > 0 else "divided by"
            return f"values are about {way} {factor:.3g}: {words}" + ("" if log_ratio > 0 else ", the other way round")  # fmt: skip
    return ""


def _logs(values: pl.DataFrame) -> pl.DataFrame:
    """One number per participant, visit and kind: the mean log value less the visit's median over the study."""
    told = values.filter(pl.col("kind") != "answer", pl.col("value") > 0).with_columns(log=pl.col("value").log())  # fmt: skip
    level = pl.col("log") - pl.col("log").median().over("item", "visit_code")
    return (
        told.with_columns(level=level)
        .group_by(*_UNIT, "kind", "visit_code")
        .agg(pl.col("level").mean(), pl.col("assessed_date").min())
    )


def _step(logs: pl.DataFrame, kind: str) -> pl.DataFrame:
    """The clinic's most striking date; its p is taken times the number of dates tried (Bonferroni)."""
    rows = [_at_best(logs, str(clinic), kind) for clinic in logs["clinic_id"].unique().sort()]
    return pl.concat(rows)


def _at_best(logs: pl.DataFrame, clinic: str, kind: str) -> pl.DataFrame:
    dates = logs.filter(clinic_id=clinic)["assessed_date"]
    tried = []
    for date in sorted({dates.quantile(q, "nearest") for q in _DATES_TRIED}):
        later = pl.col("assessed_date") >= date
        change = pl.col("level").filter(later).mean() - pl.col("level").filter(~later).mean()
        people = logs.group_by(_UNIT).agg(score=change)
        alone = people.with_columns(
            clinic_id=pl.when(pl.col("clinic_id") == clinic).then("clinic_id").otherwise(pl.lit(""))
        )
        row = by_clinic(alone, "score", "unit_change", "both", part=kind).filter(clinic_id=clinic)
        middle = alone.drop_nulls("score").group_by("clinic_id").agg(pl.col("score").median())
        centre = dict(middle.iter_rows())
        ratio = centre.get(clinic, 0.0) - centre.get("", 0.0)
        words = known_factor(ratio)
        told = f"since about {date:%B %Y} {words}" if words else ""
        tried.append(row.with_columns(reading=pl.lit(told)))
    found = pl.concat(tried) if tried else pl.DataFrame(schema=SCHEMA)
    best = found.sort("p", "participants_n", nulls_last=True).head(1)
    return best.with_columns(p=(pl.col("p") * len(tried)).clip(upper_bound=1.0))


def _slide(logs: pl.DataFrame, test: str, part: str) -> pl.DataFrame:
    """A participant's slope over at least three dates, in log units per 100 days."""
    day = pl.col("assessed_date").to_physical() / 100
    slope = pl.cov(day, pl.col("level")) / day.var()
    people = logs.group_by(_UNIT).agg(score=slope, dates=pl.col("assessed_date").n_unique())
    return by_clinic(people.filter(pl.col("dates") >= 3), "score", test, "both", part=part)
