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
from typing import Literal

import numpy as np
import polars as pl

from pipelines.analysis.mmrm_covariance import LABELS, Array, Covariance, covariance
from pipelines.analysis.mmrm_data import Prepared, prepare
from pipelines.analysis.mmrm_design import Design, ModelRefused
from pipelines.analysis.mmrm_df import kenward_roger_covariance
from pipelines.analysis.mmrm_fit import Top, maximise

# Tried in this order until one converges; which and why is kept with the fit.
FALL_BACKS = ("un", "toeph", "toep", "ar1", "cs")


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
    stop: Literal["top", "sas"] = "top",
) -> Fit:
    """The model under the first of `structures` that converges.

    `terms` are columns, or products of them: "arm*visit" is arm, visit and arm:visit. Text columns,
    the visit and whatever `levels` names are factors; `levels` gives their order, reference first.
    Visits are in time order (`levels[visit]`, an Enum's order, or sorted with numbers as numbers).
    With `group`, each of its levels has a covariance matrix of its own. Rows with a null or
    not-finite response or covariate are left out and counted. `stop="sas"` stops where PROC MIXED
    does, up to 2e-4 of a standard error short of the top: for comparisons of every printed digit.
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
        offset = _value_offset(prepared, reml) if stop == "sas" else None
        top = maximise(prepared.patterns, model, prepared.moments, reml, offset)
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
    value = top.at.value + _value_offset(prepared, reml) + (n - p * reml) * math.log(2 * math.pi)
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


def _value_offset(prepared: Prepared, reml: bool) -> float:
    """What -2 log L, less its constant, is greater by in the units the rows came in."""
    n, p = prepared.n_rows, len(prepared.r)
    jacobian = 2 * float(np.log(np.diag(prepared.r)).sum()) if reml else 0.0
    return 2 * (n - p * reml) * math.log(prepared.scale) + jacobian
