"""The (restricted) likelihood of correlated visits, its gradient and its Hessian, without loops.

Everything is first found per cell (a, b) of the covariance matrix and only then carried to the
structure's parameters, so that cost does not grow with their number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.analysis.mmrm_covariance import Array


@dataclass(frozen=True)
class Patterns:
    """Participants by the visits they were seen at: G patterns, V visits, m rows, p coefficients.

    `seen` (G, V) bool; `n` (G,) participants; `of` (m,) ascending pattern of each row; `x`
    (m, V, p) and `y` (m, V), zero at unseen visits. A row is a participant, or one of the fewer
    rows that have the same sums of squares and products.
    """

    seen: Array
    n: Array
    of: Array
    x: Array
    y: Array


@dataclass(frozen=True)
class At:
    """The likelihood at one covariance matrix. `value` is -2 log L without its constant.

    `weight` (G, V, V) inverse covariance, zero outside the pattern; `u` (m, V, p) weight times x;
    `e` (m, V) weight times residual; `beta` (p,); `phi` (p, p) its covariance,
    `root_phi` times its own transpose.
    """

    patterns: Patterns
    reml: bool
    value: float
    weight: Array
    u: Array
    e: Array
    beta: Array
    phi: Array
    root_phi: Array


def evaluate(patterns: Patterns, sigma: Array, reml: bool = True) -> At | None:
    """The likelihood at `sigma` (V, V) with the coefficients at their best; None outside its reach.

    Source: Harville, JASA 1977; 72: 320-338.
    """
    if not np.isfinite(sigma).all():
        return None
    both = patterns.seen[:, :, None] & patterns.seen[:, None, :]
    try:
        np.linalg.cholesky(sigma)
        root = np.linalg.cholesky(np.where(both, sigma, np.eye(len(sigma))))
        half = np.linalg.inv(root)
        weight = np.where(both, half.swapaxes(1, 2) @ half, 0.0)
        u = weight[patterns.of] @ patterns.x
        information = np.tensordot(patterns.x, u, ((0, 1), (0, 1)))
        lower = np.linalg.cholesky((information + information.T) / 2)
        root_phi = np.linalg.inv(lower).T
    except np.linalg.LinAlgError:
        return None
    beta = root_phi @ (root_phi.T @ np.tensordot(u, patterns.y, ((0, 1), (0, 1))))
    residual = patterns.y - patterns.x @ beta
    e = (weight[patterns.of] @ residual[:, :, None])[:, :, 0]
    # An unseen visit's residual is zero already, as its x and y are.
    value = 2 * patterns.n @ np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    value += (residual * e).sum()
    if reml:
        value += 2 * np.log(np.diag(lower)).sum()
    return At(patterns, reml, float(value), weight, u, e, beta, root_phi @ root_phi.T, root_phi)


@dataclass(frozen=True)
class Slopes:
    """Derivatives of -2 log L by theta (q,), and what degrees of freedom are made of.

    `gradient` (q,), `observed` and `expected` (q, q) Hessians; `p` (q, p, p): X' W D_j W X, so that
    phi changes by phi p phi.
    """

    gradient: Array
    observed: Array
    expected: Array
    p: Array


def slopes(at: At, first: Array, second: Array | None) -> Slopes:
    """The derivatives, where `first` (q, V, V) and `second` (q, q, V, V) are the covariance's.

    The expected Hessian is exact under REML; under ML it leaves out the terms that vanish with n.
    """
    n = at.patterns.n[:, None, None]
    s = _per_pattern(at.patterns, at.e[:, :, None])
    c = _per_pattern(at.patterns, at.u @ at.root_phi) if at.reml else 0.0 * s
    by_cell = (n * at.weight - s - c).sum(axis=0)
    p = np.tensordot(first, crossed(at.u, at.u), 2)
    h = np.tensordot(first, crossed(at.u, at.e[:, :, None])[..., 0], 2)
    squared = _gram(at.root_phi.T @ p @ at.root_phi) * at.reml
    observed = _traces(first, at.weight, 2 * s + 2 * c - n * at.weight)
    observed += -squared - 2 * h @ at.phi @ h.T
    if second is not None:
        observed += np.tensordot(second, by_cell, 2)
    expected = _traces(first, at.weight, n * at.weight - 2 * c) + squared
    return Slopes(np.tensordot(first, by_cell, 2), observed, expected, p)


def crossed(left: Array, right: Array) -> Array:
    """Sum over rows of left[a] right[b]', as (V, V, p, k), from (m, V, p) and (m, V, k)."""
    m, visits, p = left.shape
    k = right.shape[2]
    flat = left.reshape(m, visits * p).T @ right.reshape(m, visits * k)
    return flat.reshape(visits, p, visits, k).transpose(0, 2, 1, 3)


def _per_pattern(patterns: Patterns, v: Array) -> Array:
    """The sum of v v' over the rows of each pattern: (G, V, V) from (m, V, k)."""
    begins = np.searchsorted(patterns.of, np.arange(len(patterns.n)))
    return np.add.reduceat(v @ v.swapaxes(1, 2), begins, axis=0)


def _traces(first: Array, weight: Array, t: Array) -> Array:
    """Sum over patterns of tr(D_j weight D_k t), for every j and k: (q, q)."""
    q, visits, _ = first.shape
    cells = weight.reshape(len(weight), -1).T @ t.reshape(len(t), -1)
    cells = cells.reshape((visits,) * 4).transpose(3, 0, 1, 2).reshape(visits**2, visits**2)
    flat = first.reshape(q, -1)
    return flat @ cells @ flat.T


def _gram(stack: Array) -> Array:
    """tr(A_j A_k) of symmetric matrices (q, p, p)."""
    flat = stack.reshape(len(stack), -1)
    return flat @ flat.T
