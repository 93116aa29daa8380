"""Mixed model for repeated measures: means by visit, correlated within a participant.

    fit = fit_mmrm(rows, response="value", terms=["arm*visit", "baseline*visit", "clinic"],
                   subject="participant_id", visit="visit_code")
    arm_differences(fit, arm="arm", arms=("FW", "BW"), df="kenward-roger")
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal

import numpy as np
import polars as pl
from scipy import stats

from pipelines.analysis.mmrm_covariance import LABELS, Array, Covariance, covariance
from pipelines.analysis.mmrm_data import Prepared, prepare
from pipelines.analysis.mmrm_design import Design, ModelRefused, design_rows
from pipelines.analysis.mmrm_df import (
    f_kenward_roger,
    f_satterthwaite,
    kenward_roger_covariance,
    satterthwaite,
)
from pipelines.analysis.mmrm_fit import Top, maximise

# Tried in this order until one converges; which and why is kept with the fit.
FALL_BACKS = ("un", "toeph", "toep", "ar1", "cs")
Method = Literal["satterthwaite", "kenward-roger"]


@dataclass(frozen=True)
class Fit:
    """A fitted model. Coefficients and their covariance are of the `kept` columns of `design`.

    `sigma` (V, V), or (groups, V, V); `theta` its parameters as SAS prints them; `tried` the
    structures that were refused before `structure`, each with why; `minus2_log_likelihood` is the
    restricted one under REML. `n_left_out` counts rows without response or covariates.
    """

    design: Design
    visits: tuple
    groups: tuple
    structure: str
    tried: tuple[tuple[str, str], ...]
    reml: bool
    coefficients: Array
    covariance: Array
    sigma: Array
    theta: dict[str, float]
    minus2_log_likelihood: float
    aic: float
    n_steps: int
    n_subjects: int
    n_rows: int
    n_left_out: int
    notes: tuple[str, ...]
    prepared: Prepared
    model: Covariance
    top: Top

    @cached_property
    def kenward_roger(self) -> Array:
        """Covariance of the coefficients with the Kenward-Roger correction, (p, p). REML only."""
        if not self.reml:
            raise ModelRefused(
                "Kenward-Roger is defined for REML only", remedy="fit with reml=True"
            )
        theta, model = self.top.theta, self.model
        inner = kenward_roger_covariance(
            self.top.at,
            self.top.slopes,
            model.first(theta),
            model.second and model.second(theta),
            self.theta_covariance,
        )
        back = np.linalg.inv(self.prepared.r) * self.prepared.scale
        return back @ inner @ back.T

    @cached_property
    def theta_covariance(self) -> Array:
        """Covariance (q, q) of the covariance parameters, in the scale of the fitting."""
        return 2 * np.linalg.inv(self.top.slopes.observed)

    @property
    def note(self) -> str:
        """What was fitted, in words, with every structure that was refused and why."""
        text = f"{LABELS[self.structure]} covariance, {'REML' if self.reml else 'ML'}"
        for name, reason in self.tried:
            text += f"; {LABELS[name]} not used: {reason}"
        return "; ".join([text, *self.notes])


def fit_mmrm(
    frame: pl.DataFrame,
    *,
    response: str,
    terms: Sequence[str],
    subject: str,
    visit: str,
    levels: Mapping[str, Sequence] | None = None,
    group: str | None = None,
    structures: Sequence[str] = FALL_BACKS,
    reml: bool = True,
) -> Fit:
    """The model under the first of `structures` that converges.

    `terms` are columns, or products of them: "arm*visit" is arm, visit and arm:visit. Text columns,
    the visit and whatever `levels` names are factors; `levels` gives their order, reference first.
    Visits are in time order (`levels[visit]`, an Enum's order, or sorted with numbers as numbers).
    With `group`, each of its levels has a covariance matrix of its own. Rows with a null or
    not-finite response or covariate are left out and counted.
    Raises ModelRefused: absent columns, a participant and visit twice, nothing left to fit, no
    structure converges.
    Assumes: values are missing at random given what is in the model.
    Source: Mallinckrodt et al., Drug Inf J 2008; 42: 303-319; SAS/STAT 15.1, PROC MIXED.
    """
    unknown = [name for name in structures if name not in LABELS]
    if unknown or not structures:
        raise ModelRefused(
            f"no covariance structure {', '.join(unknown) or 'was named'}",
            remedy=f"choose among {', '.join(LABELS)}",
        )
    prepared = prepare(frame, response, terms, subject, visit, levels or {}, group)
    tried: list[tuple[str, str]] = []
    for name in dict.fromkeys(structures):
        model = covariance(name, len(prepared.visits), max(1, len(prepared.groups)))
        top = maximise(prepared.patterns, model, prepared.moments, reml)
        if isinstance(top, Top):
            return _fit(prepared, model, top, reml, tuple(tried))
        tried.append((name, top))
    raise ModelRefused(
        "no covariance structure converged",
        where="; ".join(f"{LABELS[name]}: {reason}" for name, reason in tried),
        remedy="declare fewer terms, pool visits, or look for values repeated at every visit",
    )


def _fit(
    prepared: Prepared, model: Covariance, top: Top, reml: bool, tried: tuple[tuple[str, str], ...]
) -> Fit:
    """The way back from the scale of the fitting."""
    scale, p, n = prepared.scale, len(prepared.r), prepared.n_rows
    back = np.linalg.inv(prepared.r)
    theta = np.where(model.scales, top.theta * scale**2, top.theta)
    value = top.at.value + 2 * n * math.log(scale) + (n - p * reml) * math.log(2 * math.pi)
    if reml:
        value += 2 * np.log(np.diag(prepared.r)).sum() - 2 * p * math.log(scale)
    sigma = top.sigma * scale**2
    if prepared.groups:
        k, v = len(prepared.groups), len(prepared.visits)
        sigma = sigma.reshape(k, v, k, v)[np.arange(k), :, np.arange(k)]
    return Fit(
        design=prepared.design,
        visits=prepared.visits,
        groups=prepared.groups,
        structure=model.name,
        tried=tried,
        reml=reml,
        coefficients=prepared.ols + scale * back @ top.at.beta,
        covariance=scale**2 * back @ top.at.phi @ back.T,
        sigma=sigma,
        theta=dict(zip(model.parameters, theta.tolist(), strict=True)),
        minus2_log_likelihood=float(value),
        aic=float(value + 2 * (len(theta) + p * (not reml))),
        n_steps=top.n_steps,
        n_subjects=prepared.n_subjects,
        n_rows=n,
        n_left_out=prepared.n_left_out,
        notes=prepared.notes,
        prepared=prepared,
        model=model,
        top=top,
    )


def contrasts(
    fit: Fit,
    rows: Array,
    labels: Sequence[str],
    *,
    df: Method = "satterthwaite",
    level: float = 0.95,
) -> pl.DataFrame:
    """Each of `rows` (k, all columns of the design) times the coefficients, with t inference.

    Columns: label, estimate, se, df, t, p, ci_low, ci_high; all null where the data cannot tell.
    """
    if not 0 < level < 1:
        raise ModelRefused(f"an interval's level lies between 0 and 1, not {level}")
    asked, can_tell = _estimable(fit, np.atleast_2d(np.asarray(rows, float)))
    inner = np.linalg.solve(fit.prepared.r.T, asked.T).T * fit.prepared.scale
    phi = fit.top.at.phi
    variance = np.einsum("kp,pr,kr->k", asked, _covariance_for(fit, df), asked)
    can_tell &= variance > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = satterthwaite(inner, phi, fit.top.slopes.p, fit.theta_covariance)
        estimate, se = asked @ fit.coefficients, np.sqrt(variance)
        t = estimate / se
        reach = stats.t.ppf((1 + level) / 2, freedom) * se
        found = {
            "estimate": estimate,
            "se": se,
            "df": freedom,
            "t": t,
            "p": 2 * stats.t.sf(np.abs(t), freedom),
            "ci_low": estimate - reach,
            "ci_high": estimate + reach,
        }
    values = pl.DataFrame(found).with_columns(can_tell=pl.Series(can_tell))
    values = values.select(pl.when("can_tell").then(pl.col(name)).alias(name) for name in found)
    return pl.DataFrame({"label": list(labels)}).hstack(values)


def coefficients(
    fit: Fit, *, df: Method = "satterthwaite", level: float = 0.95
) -> pl.DataFrame:
    """The table of the kept coefficients, as `contrasts` gives it."""
    kept = fit.design.kept
    one_each = np.eye(len(fit.design.columns))[list(kept)]
    labels = [fit.design.columns[place] for place in kept]
    return contrasts(fit, one_each, labels, df=df, level=level)


def joint_test(fit: Fit, rows: Array, *, df: Method = "satterthwaite") -> dict[str, float]:
    """F test that all of `rows` (k, all columns of the design) are zero: f, df_num, df_den, p."""
    asked, can_tell = _estimable(fit, np.atleast_2d(np.asarray(rows, float)))
    if not can_tell.all():
        raise ModelRefused("the data cannot tell the values that were asked to be tested")
    inner = np.linalg.solve(fit.prepared.r.T, asked.T).T
    _, size, directions = np.linalg.svd(inner, full_matrices=False)
    inner = directions[size > 1e-9 * max(size[0], 1e-300)]  # rows that repeat others test nothing
    if not len(inner):
        raise ModelRefused("a test of nothing: every row is zero")
    back, scale = fit.prepared.r, fit.prepared.scale
    beta = back @ fit.coefficients / scale
    phi, p, w = fit.top.at.phi, fit.top.slopes.p, fit.theta_covariance
    if df == "kenward-roger":
        adjusted = back @ fit.kenward_roger @ back.T / scale**2
        f, freedom = f_kenward_roger(inner, beta, phi, adjusted, p, w)
    else:
        f, freedom = f_satterthwaite(inner, beta, phi, p, w)
    k = len(inner)
    return {"f": f, "df_num": k, "df_den": freedom, "p": float(stats.f.sf(f, k, freedom))}


def least_squares_means(
    fit: Fit, over: Sequence[str], *, df: Method = "satterthwaite", level: float = 0.95
) -> pl.DataFrame:
    """Means for each combination of the factors `over`, in their columns, then as `contrasts`.

    Other factors weigh equally at each level, covariates stand at their mean over the rows used.
    Source: SAS/STAT 15.1, LSMEANS statement.
    """
    cells, rows = mean_rows(fit, over)
    labels = [", ".join(str(value) for value in cell) for cell in cells]
    found = contrasts(fit, rows, labels, df=df, level=level)
    keys = pl.DataFrame({name: [cell[k] for cell in cells] for k, name in enumerate(over)})
    return keys.hstack(found.drop("label"))


def arm_differences(
    fit: Fit,
    *,
    arm: str,
    arms: tuple,
    visit: str = "visit",
    df: Method = "satterthwaite",
    level: float = 0.95,
) -> pl.DataFrame:
    """Second arm minus first at each visit: the visit's column, then as `contrasts`."""
    cells, rows = mean_rows(fit, (arm, visit))
    where = {cell: place for place, cell in enumerate(cells)}
    absent = [name for name in arms if name not in fit.design.levels[arm]]
    if absent:
        raise ModelRefused(f"no arm {', '.join(map(repr, absent))} among the fitted rows")
    seen = fit.design.levels[visit]
    differ = [rows[where[arms[1], v]] - rows[where[arms[0], v]] for v in seen]
    found = contrasts(fit, np.array(differ), [str(v) for v in seen], df=df, level=level)
    return pl.DataFrame({visit: list(seen)}).hstack(found.drop("label"))


def mean_rows(fit: Fit, over: Sequence[str]) -> tuple[list[tuple], Array]:
    """For each combination of the factors `over`, the design's row of its mean: (cells, all)."""
    levels = fit.design.levels
    strange = [name for name in over if name not in levels]
    if strange:
        raise ModelRefused(
            f"{', '.join(map(repr, strange))} is no factor of the model",
            where=f"factors are {', '.join(levels)}",
        )
    others = [name for name in levels if name not in over]
    grid = pl.DataFrame(
        list(product(*(levels[name] for name in (*over, *others)))),
        schema=[*over, *others],
        orient="row",
    ).with_columns(pl.lit(value).alias(name) for name, value in fit.prepared.means.items())
    x, _ = design_rows(fit.design, grid)
    cells = list(product(*(levels[name] for name in over)))
    return cells, x.reshape(len(cells), -1, x.shape[1]).mean(axis=1)


def _covariance_for(fit: Fit, df: Method) -> Array:
    if df not in ("satterthwaite", "kenward-roger"):
        raise ModelRefused(f"no method {df!r}: satterthwaite or kenward-roger")
    return fit.kenward_roger if df == "kenward-roger" else fit.covariance


def _estimable(fit: Fit, rows: Array) -> tuple[Array, Array]:
    """The rows by kept columns, and which of them the data determine."""
    kept, alias = list(fit.design.kept), fit.design.alias
    if rows.shape[1] != len(fit.design.columns):
        raise ModelRefused(
            f"a contrast has {rows.shape[1]} numbers and the design {len(fit.design.columns)}"
        )
    asked = rows[:, kept]
    size = np.abs(rows).max(axis=1, keepdims=True) * np.maximum(np.abs(alias).max(axis=0), 1)
    return asked, (np.abs(asked @ alias - rows) <= 1e-7 * size).all(axis=1)
