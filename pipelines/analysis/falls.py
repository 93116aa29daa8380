"""Falls per person-year in one arm against the other: negative binomial with the time watched as exposure."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy.stats import norm

_Z = float(norm.ppf(0.975))
_LEAST_FALLS = 5  # with fewer in both arms together a ratio says nothing


@dataclass(frozen=True)
class RateRatio:
    """Second arm over first with its 95 % Wald interval; or no estimate, and a note why.

    `dispersion` is 1/theta of the negative binomial, None where Poisson with robust errors stood in.
    """

    n_by_arm: dict[str, int]
    falls_by_arm: dict[str, int]
    person_years_by_arm: dict[str, float]
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    log_estimate: float | None = None
    log_se: float | None = None
    dispersion: float | None = None
    method: str = "negative binomial"
    note: str | None = None


def rate_ratio(
    frame: pl.DataFrame,
    *,
    events: str = "falls_n",
    person_years: str = "person_years",
    arm: str = "arm",
    clinic: str = "clinic_id",
    arms: tuple[str, str] = ("FW", "BW"),
) -> RateRatio:
    """Events on arm and clinic with log person-years as offset, one row per participant.

    The dispersion is found by maximum likelihood, then coefficients and errors given it, as
    glm.nb of R's MASS does. Where the counts do not vary more than Poisson counts, or the fit does
    not converge, a Poisson model with robust (HC0) errors is fitted instead, and `method` says so.
    People without person-time are left out. Source: Robertson et al. 2005, Stat Med 24:3297 (falls).
    """
    rows = (
        frame.filter(pl.col(arm).is_in(list(arms)), pl.col(person_years) > 0)
        .drop_nulls([events, clinic])
        .select(
            y=pl.col(events).cast(pl.Float64),
            t=pl.col(person_years).cast(pl.Float64),
            arm=pl.col(arm).cast(pl.String),
            clinic=pl.col(clinic).cast(pl.String),
        )
        .sort("clinic", "arm", "t", "y")
    )
    found = RateRatio(
        {name: int((rows["arm"] == name).sum()) for name in arms},
        {name: int(rows.filter(arm=name)["y"].sum()) for name in arms},
        {name: float(rows.filter(arm=name)["t"].sum()) for name in arms},
    )
    if sum(found.falls_by_arm.values()) < _LEAST_FALLS or not all(found.falls_by_arm.values()):
        return replace(found, note="too few falls for a ratio")
    return _fit(rows, found, arms)


def _fit(rows: pl.DataFrame, found: RateRatio, arms: tuple[str, str]) -> RateRatio:
    import statsmodels.api as sm  # takes seconds and brings pandas: not while a DAG is parsed

    y, offset = rows["y"].to_numpy(), np.log(rows["t"].to_numpy())
    # A clinic in which nobody fell tells nothing of a ratio and has no finite term of its own.
    fell = rows.group_by("clinic").agg(pl.col("y").sum()).filter(pl.col("y") > 0)["clinic"]
    keep = rows["clinic"].is_in(fell.implode()).to_numpy()
    y, offset, rows = y[keep], offset[keep], rows.filter(keep)
    strata = sorted(rows["clinic"].unique())
    dummies = [(rows["clinic"] == name).cast(pl.Float64).to_numpy() for name in strata[1:]]
    treated = (rows["arm"] == arms[1]).cast(pl.Float64).to_numpy()
    design = np.column_stack([np.ones_like(y), treated, *dummies])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return replace(found, note="arm and clinic cannot be told apart")
    dispersion = _dispersion(y, design, offset)
    if dispersion is None:
        model = sm.GLM(y, design, family=sm.families.Poisson(), offset=offset)
        fit, method = model.fit(cov_type="HC0", tol=1e-12, maxiter=200), "Poisson, robust errors"
    else:
        family = sm.families.NegativeBinomial(alpha=dispersion)
        fit = sm.GLM(y, design, family=family, offset=offset).fit(tol=1e-12, maxiter=200)
        method = "negative binomial"
    log_estimate, log_se = float(fit.params[1]), float(fit.bse[1])
    return replace(
        found,
        estimate=math.exp(log_estimate),
        low=math.exp(log_estimate - _Z * log_se),
        high=math.exp(log_estimate + _Z * log_se),
        p=2 * float(norm.sf(abs(log_estimate / log_se))),
        log_estimate=log_estimate,
        log_se=log_se,
        dispersion=dispersion,
        method=method,
    )


def _dispersion(y: np.ndarray, design: np.ndarray, offset: np.ndarray) -> float | None:
    """Alpha of the negative binomial, or None: not found, or no more than Poisson variation."""
    from statsmodels.discrete.discrete_model import NegativeBinomial

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = NegativeBinomial(y, design, offset=offset).fit(
            method="bfgs", disp=0, maxiter=500, gtol=1e-8
        )
    alpha = float(fit.params[-1])
    return alpha if fit.mle_retvals["converged"] and math.isfinite(alpha) and alpha > 1e-4 else None
