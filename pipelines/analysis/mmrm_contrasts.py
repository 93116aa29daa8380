"""Questions to a fitted mixed model: contrasts, means, arm differences by visit, joint tests."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Literal

import numpy as np
import polars as pl
from scipy import stats

from pipelines.analysis.mmrm import Fit
from pipelines.analysis.mmrm_covariance import Array
from pipelines.analysis.mmrm_design import ModelRefused, design_rows
from pipelines.analysis.mmrm_df import f_kenward_roger, f_satterthwaite, satterthwaite

Method = Literal["satterthwaite", "kenward-roger"]


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


def coefficients(fit: Fit, *, df: Method = "satterthwaite", level: float = 0.95) -> pl.DataFrame:
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
    directions = directions[size > 1e-9 * size[0]]  # rows that repeat others test nothing
    if not len(directions) or size[0] == 0:
        raise ModelRefused("a test of nothing: every row is zero")
    _covariance_for(fit, df)  # refuses what cannot be had
    back, scale = fit.prepared.r, fit.prepared.scale
    beta = back @ fit.coefficients / scale
    phi, p, w = fit.top.at.phi, fit.top.slopes.p, fit.theta_covariance
    if df == "kenward-roger":
        adjusted = back @ fit.kenward_roger @ back.T / scale**2
        f, freedom = f_kenward_roger(directions, beta, phi, adjusted, p, w)
    else:
        f, freedom = f_satterthwaite(inner, beta, phi, p, w)
    k = len(directions)
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
    df: Method = "satterthwaite",
    level: float = 0.95,
) -> pl.DataFrame:
    """Second arm minus first at each visit: the visit's column, then as `contrasts`."""
    visit = fit.prepared.visit
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
