"""Time to the first fall: Kaplan-Meier curves, log-rank test and hazard ratio, by clinic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.analysis.summary import Z95, wald_ratio


@dataclass(frozen=True)
class Hazard:
    """Second arm over first with its 95 % Wald interval, and the stratified log-rank test.

    `n_left_out` people of the two arms have no day watched, or no clinic.
    """

    n_by_arm: dict[str, int]
    fell_by_arm: dict[str, int]
    n_left_out: int = 0
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    log_estimate: float | None = None
    log_se: float | None = None
    log_rank_chi2: float | None = None
    log_rank_p: float | None = None
    note: str | None = None


def survival_curve(frame: pl.DataFrame, *, days: str = "days", fell: str = "fell") -> pl.DataFrame:
    """Days, share still without a fall, its log-log 95 % interval, and the number at risk.

    A row for each day on which somebody fell, between one for day 0 and one for the last day watched.
    The interval is null where nobody, or everybody, is left. People whose days or fall are not known
    are left out of every number. Source: Kaplan & Meier 1958; interval as survfit's "log-log".
    """
    known = frame.drop_nulls([days, fell])
    steps = (
        known.group_by(pl.col(days).cast(pl.Float64).alias("days"))
        .agg(n_gone=pl.len(), n_fell=pl.col(fell).cast(pl.Int64).sum())
        .sort("days")
        .with_columns(n_at_risk=pl.col("n_gone").sum() - pl.col("n_gone").cum_sum() + pl.col("n_gone"))
        .filter(pl.col("n_fell") > 0)
    )  # fmt: skip
    at_risk, events = steps["n_at_risk"].to_numpy(), steps["n_fell"].to_numpy()
    share = np.cumprod(1 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(events / (at_risk * (at_risk - events)))
        half = Z95 * np.sqrt(greenwood) / np.abs(np.log(share))
        low, high = share ** np.exp(half), share ** np.exp(-half)
    drawn = steps.select("days", "n_at_risk", "n_fell").with_columns(
        share=pl.Series(share), low=pl.Series(low), high=pl.Series(high)
    ).with_columns(pl.col("low", "high").fill_nan(None))  # fmt: skip
    start = pl.DataFrame(
        {"days": [0.0], "n_at_risk": [known.height], "n_fell": [0], "share": [1.0]}
    )
    curve = pl.concat([start, drawn], how="diagonal_relaxed")
    last = known[days].cast(pl.Float64).max()
    if last is None or last <= curve["days"][-1]:
        return curve
    n_last = int((known[days] == last).sum())
    end = curve.tail(1).with_columns(
        days=pl.lit(last), n_at_risk=pl.lit(n_last, pl.Int64), n_fell=pl.lit(0, pl.Int64)
    )
    return pl.concat([curve, end], how="diagonal_relaxed")


def hazard_ratio(
    frame: pl.DataFrame,
    *,
    days: str = "days",
    fell: str = "fell",
    arm: str = "arm",
    clinic: str = "clinic_id",
    arms: tuple[str, str] = ("FW", "BW"),
) -> Hazard:
    """Cox regression on arm, stratified by clinic, ties by Efron; one row per participant.

    Source: Cox 1972; Efron 1977; as coxph of R's survival with strata(clinic).
    """
    of_arms = frame.filter(pl.col(arm).is_in(list(arms)))
    rows = of_arms.filter(pl.col(days) > 0).drop_nulls([fell, clinic])
    rows = rows.sort(clinic, arm, days, fell)
    hit = {name: int(rows.filter(pl.col(arm) == name)[fell].sum()) for name in arms}
    found = {
        "n_by_arm": {name: int((rows[arm] == name).sum()) for name in arms},
        "fell_by_arm": hit,
        "n_left_out": of_arms.height - rows.height,
    }
    if not all(hit.values()) or sum(hit.values()) < 5:
        return Hazard(**found, note="too few first falls for a ratio")
    compared = _compared(rows, days, fell, arm, clinic)
    if compared.is_empty():
        return Hazard(**found, note="nobody fell while both arms of a clinic were watched")
    from statsmodels.duration.hazard_regression import PHReg  # seconds to import
    from statsmodels.duration.survfunc import survdiff

    time, status = rows[days].to_numpy().astype(float), rows[fell].to_numpy().astype(int)
    treated = (rows[arm] == arms[1]).cast(pl.Int64).to_numpy()
    strata = rows[clinic].to_numpy()
    chi2, p = survdiff(time, status, treated, strata=strata)
    tested = found | {"log_rank_chi2": float(chi2), "log_rank_p": float(p)}
    if compared.n_unique() < 2:
        # The likelihood then rises for ever, and what a fit gives is where it stopped climbing.
        return Hazard(
            **tested,
            note=f"only {compared[0]} fell while both arms of a clinic were watched",
        )
    fit = PHReg(
        time, treated[:, None].astype(float), status=status, strata=strata, ties="efron"
    ).fit()
    log_estimate, log_se = float(fit.params[0]), float(fit.bse[0])
    ratio = wald_ratio(log_estimate, log_se)
    return Hazard(
        **tested, estimate=ratio.estimate, low=ratio.low, high=ratio.high,
        log_estimate=log_estimate, log_se=log_se,
    )  # fmt: skip


def _compared(rows: pl.DataFrame, days: str, fell: str, arm: str, clinic: str) -> pl.Series:
    """The arms of those who fell while participants of both arms of their clinic were at risk."""
    watched = rows.with_columns(until=pl.col(days).max().over(clinic, arm))
    both = (pl.col(arm).n_unique().over(clinic) == 2) & (
        pl.col(days) <= pl.col("until").min().over(clinic)
    )
    return watched.filter(both & pl.col(fell).cast(pl.Boolean))[arm]
