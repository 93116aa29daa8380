"""The covariance parameters at which the (restricted) likelihood is greatest, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.analysis.mmrm_covariance import Array, Covariance
from pipelines.analysis.mmrm_likelihood import At, Patterns, Slopes, evaluate, slopes

_MOST_STEPS = 100
_CLOSE = 1e-9  # squared distance to the top, in standard errors of the parameters
_SAS_CRITERION = 1e-8  # PROC MIXED's CONVH=: gradient' inverse(Hessian) gradient over |-2 log L|
_SINGULAR = 1e-7  # smallest eigenvalue of a correlation matrix that is still taken for one


@dataclass(frozen=True)
class Top:
    """Where the likelihood is greatest: `theta` (q,), the likelihood and derivatives there."""

    theta: Array
    sigma: Array
    at: At
    slopes: Slopes
    n_steps: int


def maximise(
    patterns: Patterns,
    model: Covariance,
    moments: Array,
    reml: bool = True,
    sas_offset: float | None = None,
) -> Top | str:
    """The top, reached by Newton steps from the moments (V, V); a text says why it was not.

    Steps are Newton's where the Hessian allows, Fisher's elsewhere, halved until they ascend. With
    `sas_offset` (what to add to -2 log L for the response's own unit) they are PROC MIXED's by
    default: from independent visits one step of Fisher's, then Newton's until the criterion 1e-8.
    Assumes: the response is scaled to a residual standard deviation near 1.
    """
    like_sas = sas_offset is not None
    theta = _inside(model, model.start(np.eye(len(moments)) if like_sas else moments))
    if model.name == "un" and (n_pairs := _never_together(patterns, model.first(theta))):
        return f"{n_pairs} pairs of visits were never seen in one participant"
    at = evaluate(patterns, model.sigma(theta), reml)
    if at is None:
        return "no starting point inside the structure"
    step = 0
    for step in range(1, _MOST_STEPS + 1):
        here = slopes(at, model.first(theta), model.second and model.second(theta))
        direction = _direction(here, fisher=like_sas and step == 1)
        if direction is None:
            return "the data do not determine all its parameters" + _edge(model.sigma(theta))
        gain = float(-here.gradient @ direction)
        if like_sas and step > 1 and gain < _SAS_CRITERION * abs(at.value + sas_offset):
            break
        further = _ascend(patterns, model, theta, at, direction, gain, reml)
        if gain < _CLOSE:
            # The last step doubles the digits; at the top itself it may find nothing to gain.
            theta, at = further or (theta, at)
            break
        if further is None:
            return f"no step from iteration {step} ascends" + _edge(model.sigma(theta))
        theta, at = further
    else:
        return f"not converged after {_MOST_STEPS} iterations" + _edge(model.sigma(theta))
    sigma = model.sigma(theta)
    here = slopes(at, model.first(theta), model.second and model.second(theta))
    if _smallest_correlation(sigma) < _SINGULAR:
        return "the covariance matrix is singular"
    if not (np.diag(here.observed) > 0).all() or _smallest_correlation(here.observed) < 1e-10:
        return "the likelihood is flat where it is greatest"
    return Top(theta, sigma, at, here, step)


def _never_together(patterns: Patterns, first: Array) -> int:
    """How many covariances the structure has for which no participant has both values."""
    seen = patterns.seen.astype(float)
    return int(np.triu(first.any(axis=0) & (seen.T @ seen == 0)).sum())


def _inside(model: Covariance, theta: Array) -> Array:
    """The starting values, their ties loosened until the matrix is positive definite."""
    for _ in range(40):
        sigma = model.sigma(theta)
        if np.isfinite(sigma).all() and _smallest_correlation(sigma) > 0.02:
            break
        theta = np.where(model.ties, 0.7 * theta, theta)
    return theta


def _edge(sigma: Array) -> str:
    near = _smallest_correlation(sigma) < 1e-3
    return ", with a covariance matrix close to singular" if near else ""


def _smallest_correlation(matrix: Array) -> float:
    size = np.sqrt(np.diag(matrix))
    return float(np.linalg.eigvalsh(matrix / np.outer(size, size))[0])


def _direction(here: Slopes, fisher: bool = False) -> Array | None:
    """Newton's step where the Hessian is positive definite, else Fisher's, else none."""
    for hessian in (here.expected,) if fisher else (here.observed, here.expected):
        size = np.diag(hessian)
        if not (size > 0).all():
            continue
        size = np.sqrt(size)
        values, vectors = np.linalg.eigh(hessian / np.outer(size, size))
        if values[0] > 1e-11:
            return -(vectors @ ((vectors.T @ (here.gradient / size)) / values)) / size
    return None


def _ascend(
    patterns: Patterns,
    model: Covariance,
    theta: Array,
    at: At,
    direction: Array,
    gain: float,
    reml: bool,
) -> tuple[Array, At] | None:
    rounding = 1e-13 * abs(at.value) + 1e-12
    with np.errstate(invalid="ignore"):  # a variance below zero has no root: not in reach
        for halvings in range(40):
            further = theta + direction / 2**halvings
            there = evaluate(patterns, model.sigma(further), reml)
            if there is not None and there.value <= at.value - 1e-4 * gain / 2**halvings + rounding:
                return further, there
    return None
