"""Falls per person-year in one arm against the other: negative binomial with the time watched as exposure."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy.optimize import linprog
from scipy.stats import norm

from pipelines.analysis.design import adjusted, dummies, strata_of, treated
from pipelines.analysis.summary import wald_ratio

_LEAST_DISPERSION = 1e-4
_LEAST_FALLS = 5  # with fewer in both arms together a ratio says nothing


@dataclass(frozen=True)
class RateRatio:
    """Second arm over first with its 95 % Wald interval; or no estimate, and a note why.

    `n_by_arm`, `falls_by_arm` and `person_years_by_arm` are of those fitted. `n_left_out` people of the two
    arms have no time watched, count or clinic; `n_without_falls` are of clinics, strata or combinations of them
    where nobody fell, which cannot say anything of a ratio. `dispersion` is 1/theta of the negative binomial, None where
    Poisson stood in, and `method` then says why.
    """

    n_by_arm: dict[str, int]
    falls_by_arm: dict[str, int]
    person_years_by_arm: dict[str, float]
    n_left_out: int = 0
    n_without_falls: int = 0
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
    strata: Sequence[str] = (),
) -> RateRatio:
    """Events on arm, clinic and the allocation's strata with log person-years as offset, one row per participant.

    The dispersion is found by maximum likelihood, then coefficients and errors given it, as
    glm.nb of R's MASS does. Where the counts do not vary more than Poisson counts, or the fit does not
    converge, a Poisson model with the larger of its own and robust (HC0) errors is fitted instead.
    People without person-time, and those of clinics or strata without a fall, are left out and counted.
    Source: Robertson et al. 2005, Stat Med 24:3297 (falls).
    """
    of_arms = frame.filter(pl.col(arm).is_in(list(arms)))
    watched = (
        of_arms.filter(pl.col(person_years) > 0)
        .drop_nulls([events, clinic])
        .select(
            y=pl.col(events).cast(pl.Float64),
            t=pl.col(person_years).cast(pl.Float64),
            arm=pl.col(arm).cast(pl.String),
            clinic=pl.col(clinic).cast(pl.String),
            **{f"stratum_{k}": one for k, one in enumerate(strata_of(strata))},
        )
        .sort("clinic", "arm", "t", "y", *(f"stratum_{k}" for k in range(len(strata))))
    )
    terms = ["clinic", *(f"stratum_{k}" for k in range(len(strata)))]
    rows = watched.filter(_informative(watched, terms, arms))
    found = RateRatio(
        {name: int((rows["arm"] == name).sum()) for name in arms},
        {name: int(rows.filter(arm=name)["y"].sum()) for name in arms},
        {name: float(rows.filter(arm=name)["t"].sum()) for name in arms},
        n_left_out=of_arms.height - watched.height,
        n_without_falls=watched.height - rows.height,
    )
    if sum(found.falls_by_arm.values()) < _LEAST_FALLS or not all(found.falls_by_arm.values()):
        return replace(found, note="too few falls for a ratio")
    return _fit(rows, found, arms, terms)


def _informative(watched: pl.DataFrame, terms: list[str], arms: tuple[str, str]) -> np.ndarray:
    """Who is left when all are set aside for whom the model would have to expect no falls at all.

    Where nobody of a clinic fell, or nobody of a clinic who has a condition and is in one arm, a term runs to
    minus infinity, and its people tell nothing. A direction in which the likelihood rises for ever is
    found by a linear program, again until there is none.
    Source: Correia, Guimaraes & Zylkin 2019, arXiv 1903.01633 (existence of Poisson estimates).
    """
    fell = watched["y"].to_numpy() > 0
    x = np.column_stack([np.ones(len(fell)), treated(watched, arms), *_columns(watched, terms)])
    kept = np.ones(len(fell), bool)
    while (kept & ~fell).any() and fell.any():
        calm, held = (np.unique(x[kept & who], axis=0) for who in (~fell, fell))
        found = linprog(
            calm.sum(axis=0), A_ub=calm, b_ub=np.zeros(len(calm)),
            A_eq=held, b_eq=np.zeros(len(held)), bounds=(-1, 1),
        )  # fmt: skip
        gone = kept & ~fell & (x @ found.x < -1e-7)
        if not gone.any():
            break
        kept &= ~gone
    return kept


def _columns(rows: pl.DataFrame, terms: list[str]) -> list[np.ndarray]:
    return [column for term in terms for column in dummies(rows[term])]


def _fit(
    rows: pl.DataFrame, found: RateRatio, arms: tuple[str, str], terms: list[str]
) -> RateRatio:
    import statsmodels.api as sm  # takes seconds and brings pandas: not while a DAG is parsed

    y, offset = rows["y"].to_numpy(), np.log(rows["t"].to_numpy())
    clinics, strata = dummies(rows["clinic"]), _columns(rows, terms[1:])
    design = adjusted([treated(rows, arms)], [np.ones_like(y), *clinics], strata)
    if design is None:
        return replace(found, note="arm and clinic cannot be told apart")
    dispersion, why_not = _dispersion(y, design, offset)
    if dispersion is None:
        model = sm.GLM(y, design, family=sm.families.Poisson(), offset=offset)
        fit, robust = (model.fit(cov_type=c, tol=1e-12, maxiter=200) for c in ("nonrobust", "HC0"))
        # Robust errors alone are too small with few falls (docs/operating_characteristics.md).
        log_se = max(float(fit.bse[0]), float(robust.bse[0]))
        method = f"Poisson ({why_not})"
    else:
        family = sm.families.NegativeBinomial(alpha=dispersion)
        fit = sm.GLM(y, design, family=family, offset=offset).fit(tol=1e-12, maxiter=200)
        method, log_se = "negative binomial", float(fit.bse[0])
    log_estimate = float(fit.params[0])
    ratio = wald_ratio(log_estimate, log_se)
    return replace(
        found,
        estimate=ratio.estimate,
        low=ratio.low,
        high=ratio.high,
        p=2 * float(norm.sf(abs(log_estimate / log_se))),
        log_estimate=log_estimate,
        log_se=log_se,
        dispersion=dispersion,
        method=method,
    )


def _dispersion(y: np.ndarray, design: np.ndarray, offset: np.ndarray) -> tuple[float | None, str]:
    """Alpha of the negative binomial; or None, and why there is none."""
    from statsmodels.discrete.discrete_model import NegativeBinomial

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = NegativeBinomial(y, design, offset=offset).fit(
            method="bfgs", disp=0, maxiter=500, gtol=1e-8
        )
    alpha = float(fit.params[-1])
    # On the way to no dispersion the likelihood is flat, and the search ends anywhere near 0.
    if math.isfinite(alpha) and alpha <= _LEAST_DISPERSION:
        return None, "the counts vary no more than Poisson counts"
    if not (fit.mle_retvals["converged"] and math.isfinite(alpha)):
        return None, "the negative binomial did not converge"
    return alpha, ""
