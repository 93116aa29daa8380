"""The arm difference in an outcome, adjusted for its baseline value and for clinic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from pipelines.analysis.design import adjusted, dummies, strata_of, treated

_POOLED = "pooled"


@dataclass(frozen=True)
class ArmDifference:
    """Second arm minus first, with its 95 % interval; or no estimate, and a note why.

    `n_left_out` counts rows of the two arms without outcome, baseline or clinic. `clinics_pooled`
    are the clinics that share one clinic term because they were too small for their own.
    """

    n_by_arm: dict[str, int]
    n_left_out: int
    clinics_pooled: tuple[str, ...] = ()
    estimate: float | None = None
    se: float | None = None
    df: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p: float | None = None
    note: str | None = None


def adjusted_difference(
    frame: pl.DataFrame,
    *,
    outcome: str = "value",
    baseline: str | None = "baseline_value",
    arm: str = "arm",
    clinic: str = "clinic_id",
    arms: tuple[str, str] = ("FW", "BW"),
    strata: Sequence[str] = (),
    min_per_cell: int = 5,
) -> ArmDifference:
    """ANCOVA: outcome on arm, baseline, clinic and the allocation's strata, by least squares, with a t interval.

    Clinics with fewer than `min_per_cell` in an arm are pooled. If the pool is still too small it
    takes in the smallest other clinic (by participants, then by id), and so on.
    `baseline` None is for outcomes that have none by their nature, such as an impression of change.
    A stratum that does not apply to a participant, or is not known, is a stratum of its own.
    Assumes: one row per participant.
    Source: EMA guideline on adjustment for baseline covariates, 2015.
    """
    rows, empty = _analysed(frame, outcome, baseline, arm, clinic, arms, strata)
    too_few = _too_few(empty.n_by_arm, min_per_cell)
    if too_few:
        return replace(empty, note=too_few)
    pooled = _pooled_clinics(rows, arms, min_per_cell)
    stratum = pl.when(pl.col("clinic").is_in(list(pooled))).then(pl.lit(_POOLED))
    rows = rows.with_columns(stratum=stratum.otherwise("clinic:" + pl.col("clinic")))
    return _fit(rows, replace(empty, clinics_pooled=pooled), arms, baseline is not None)


def by_clinic(
    frame: pl.DataFrame,
    *,
    outcome: str = "value",
    baseline: str | None = "baseline_value",
    arm: str = "arm",
    clinic: str = "clinic_id",
    arms: tuple[str, str] = ("FW", "BW"),
    min_per_cell: int = 5,
) -> dict[str, ArmDifference]:
    """The same difference inside each clinic, outcome on arm and baseline; exploratory only."""
    found = {}
    for name in sorted(frame[clinic].drop_nulls().unique()):
        here = frame.filter(pl.col(clinic) == name)
        rows, empty = _analysed(here, outcome, baseline, arm, clinic, arms, ())
        too_few = _too_few(empty.n_by_arm, min_per_cell)
        rows = rows.with_columns(stratum=pl.lit(name))
        found[name] = (
            replace(empty, note=too_few)
            if too_few
            else _fit(rows, empty, arms, baseline is not None)
        )
    return found


def _analysed(
    frame: pl.DataFrame,
    outcome: str,
    baseline: str | None,
    arm: str,
    clinic: str,
    arms: tuple[str, str],
    strata: Sequence[str],
) -> tuple[pl.DataFrame, ArmDifference]:
    """The complete rows of the two arms in one fixed order, and a result with their counts."""
    if "participant_id" in frame.columns and frame["participant_id"].is_duplicated().any():
        raise ValueError("a participant has several rows; choose one visit and one knee first")
    of_arms = frame.filter(pl.col(arm).is_in(list(arms)))
    layers = [one.alias(f"stratum_{k}") for k, one in enumerate(strata_of(strata))]
    rows = (
        of_arms.select(
            y=pl.col(outcome).cast(pl.Float64),
            x=pl.lit(0.0) if baseline is None else pl.col(baseline).cast(pl.Float64),
            arm=pl.col(arm).cast(pl.String),
            clinic=pl.col(clinic).cast(pl.String),
        )
        .with_columns(of_arms.select(layers))
        .drop_nulls()
        .filter(pl.col("y").is_finite() & pl.col("x").is_finite())
    )
    # The same rows give the same bits, however they arrive.
    rows = rows.sort("clinic", "arm", "x", "y", *(f"stratum_{k}" for k in range(len(strata))))
    n_by_arm = {name: int((rows["arm"] == name).sum()) for name in arms}
    return rows, ArmDifference(n_by_arm=n_by_arm, n_left_out=of_arms.height - rows.height)


def _too_few(n_by_arm: dict[str, int], least: int) -> str | None:
    small = [f"{n} in {name}" for name, n in n_by_arm.items() if n < least]
    return f"too few participants: {', '.join(small)}; at least {least} needed" if small else None


def _pooled_clinics(
    rows: pl.DataFrame, arms: tuple[str, str], min_per_cell: int
) -> tuple[str, ...]:
    cells = rows.group_by("clinic").agg(
        *((pl.col("arm") == name).sum().cast(pl.Int64).alias(name) for name in arms)
    )
    cells = cells.with_columns(n=pl.sum_horizontal(arms)).sort("n", "clinic")
    is_small = pl.min_horizontal(arms) < min_per_cell
    small, large = cells.filter(is_small), cells.filter(~is_small)
    if small.is_empty():
        return ()
    for n_taken in range(large.height + 1):
        pool = pl.concat([small, large.head(n_taken)])
        if min(pool[name].sum() for name in arms) >= min_per_cell:
            break
    return tuple(sorted(pool["clinic"]))


def _fit(
    rows: pl.DataFrame, empty: ArmDifference, arms: tuple[str, str], with_baseline: bool
) -> ArmDifference:
    import statsmodels.api as sm  # takes seconds and brings pandas: not while a DAG is parsed

    y, x = rows["y"].to_numpy(), rows["x"].to_numpy()
    spread = np.std(x)
    if with_baseline and spread == 0:
        return replace(empty, note="all baseline values are the same")
    # Centred and scaled so that the rank test means the same in metres and in points.
    scaled = [(x - x.mean()) / spread] if with_baseline else []
    layers = [
        column for k in range(rows.width) if f"stratum_{k}" in rows.columns
        for column in dummies(rows[f"stratum_{k}"])
    ]  # fmt: skip
    others = [np.ones_like(y), *scaled, *dummies(rows["stratum"])]
    design = adjusted([treated(rows, arms)], others, layers)
    if design is None:
        return replace(empty, note="arm, baseline and clinic cannot be told apart")
    fit = sm.OLS(y, design).fit()
    if fit.df_resid < 1:
        return replace(empty, note="no degrees of freedom left for an interval")
    if fit.ssr <= 1e-20 * max(float(y @ y), 1e-300):
        return replace(empty, note="the outcome has no variation left to judge the difference by")
    low, high = fit.conf_int(alpha=0.05)[0]
    return replace(
        empty,
        estimate=float(fit.params[0]),
        se=float(fit.bse[0]),
        df=float(fit.df_resid),
        ci_low=float(low),
        ci_high=float(high),
        p=float(fit.pvalues[0]),
    )
