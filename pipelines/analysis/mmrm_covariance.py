"""How visits of one participant vary together: structures with their first and second derivatives.

Parameters are those SAS PROC MIXED prints (variances, covariances and correlations, no transforms),
because Kenward-Roger's covariance depends on the choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Covariance:
    """A structure over V visits with q parameters, all functions of theta (q,).

    `sigma` gives (V, V), `first` (q, V, V), `second` (q, q, V, V) or None where all are zero.
    `start` turns moments (V, V) into parameters. `scales` is True where a parameter is a variance
    or covariance (unit of the response, squared), `ties` where it says how visits go together:
    with those at zero the matrix is diagonal.
    """

    name: str
    parameters: tuple[str, ...]
    scales: Array
    ties: Array
    sigma: Callable[[Array], Array]
    first: Callable[[Array], Array]
    second: Callable[[Array], Array] | None
    start: Callable[[Array], Array]


LABELS = {
    "un": "unstructured",
    "toeph": "heterogeneous Toeplitz",
    "toep": "Toeplitz",
    "adh": "heterogeneous ante-dependence",
    "ar1h": "heterogeneous AR(1)",
    "ar1": "AR(1)",
    "csh": "heterogeneous compound symmetry",
    "cs": "compound symmetry",
}


def covariance(name: str, n_visits: int, n_groups: int = 1) -> Covariance:
    """The named structure; for several groups one matrix each, along the diagonal.

    Source: SAS/STAT 15.1, PROC MIXED, REPEATED statement, TYPE= (UN, TOEPH, TOEP, ANTE(1), ARH(1),
    AR(1), CSH, CS).
    """
    if name in ("un", "toep", "cs"):
        one = _linear(name, n_visits)
    elif name in ("toeph", "adh", "ar1h", "csh", "ar1"):
        one = _scaled(name, n_visits)
    else:
        raise ValueError(f"no covariance structure {name!r}; known are {', '.join(LABELS)}")
    return one if n_groups == 1 else _per_group(one, n_visits, n_groups)


def _linear(name: str, n: int) -> Covariance:
    """Structures that are sums of parameter times a fixed matrix: second derivatives vanish."""
    row, column = np.tril_indices(n)
    if name == "un":
        cell = np.arange(len(row))
        parameters = [f"UN({a + 1},{b + 1})" for a, b in zip(row, column, strict=True)]
    else:
        cell = row - column if name == "toep" else np.minimum(row - column, 1)
        parameters = ["variance", *(f"TOEP({k})" for k in range(1, cell.max() + 1))]
        parameters = ["variance", "CS"][: len(parameters)] if name == "cs" else parameters
    q = int(cell.max()) + 1
    basis = np.zeros((q, n, n))
    basis[cell, row, column] = basis[cell, column, row] = 1.0
    weight = basis / basis.sum(axis=(1, 2), keepdims=True)
    return Covariance(
        name,
        tuple(parameters),
        scales=np.ones(q, bool),
        ties=np.array([np.trace(matrix) == 0 for matrix in basis]),
        sigma=lambda theta: np.tensordot(theta, basis, 1),
        first=lambda theta: basis,
        second=None,
        start=lambda moments: np.tensordot(weight, moments, 2),
    )


def _scaled(name: str, n: int) -> Covariance:
    """Structures that are standard deviations times a correlation matrix."""
    correlation, lags = _correlation(name.removesuffix("h"), n)
    r, v = len(lags), n if name.endswith("h") else 1
    own = np.eye(n) if v == n else np.ones((1, n))  # (v, n): which visits a variance serves

    def parts(theta: Array) -> tuple[Array, Array, Array, Array, Array]:
        sd = np.sqrt(theta[:v] @ own)
        c, c1, c2 = correlation(theta[v:])
        scale = np.outer(sd, sd)
        # d log(sd_a sd_b) / d variance
        m = (own[:, :, None] + own[:, None, :]) / (2 * theta[:v, None, None])
        return scale, c, c1, c2, m

    def sigma(theta: Array) -> Array:
        scale, c, *_ = parts(theta)
        return scale * c

    def first(theta: Array) -> Array:
        scale, c, c1, _, m = parts(theta)
        return np.concatenate([m * (scale * c), c1 * scale])

    def second(theta: Array) -> Array:
        scale, c, c1, c2, m = parts(theta)
        found = np.empty((v + r, v + r, n, n))
        twice = m[:, None] * m[None]
        twice[np.arange(v), np.arange(v)] -= m / theta[:v, None, None]
        found[:v, :v] = twice * (scale * c)
        found[:v, v:] = m[:, None] * (c1 * scale)[None]
        found[v:, :v] = found[:v, v:].swapaxes(0, 1)
        found[v:, v:] = c2 * scale
        return found

    def start(moments: Array) -> Array:
        variances = own @ np.diag(moments) / own.sum(axis=1)
        sd = np.sqrt(np.diag(moments))
        rho = moments / np.outer(sd, sd)
        return np.concatenate([variances, [rho[lag].mean() for lag in lags]])

    which = name.removesuffix("h").upper()
    variances = [f"variance({a + 1})" for a in range(v)] if v == n else ["variance"]
    rhos = [f"{which} correlation" if r == 1 else f"{which} correlation({k + 1})" for k in range(r)]
    is_tie = np.arange(v + r) >= v
    return Covariance(name, (*variances, *rhos), ~is_tie, is_tie, sigma, first, second, start)


def _correlation(
    name: str, n: int
) -> tuple[Callable[[Array], tuple[Array, Array, Array]], list[tuple[Array, Array]]]:
    """A correlation matrix with derivatives, and for each parameter the cells it is begun from."""
    if n == 1:
        none = np.zeros((0, 1, 1)), np.zeros((0, 0, 1, 1))
        return lambda rho: (np.ones((1, 1)), *none), []
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    if name == "ar1":

        def ar1(rho: Array) -> tuple[Array, Array, Array]:
            c1 = apart * rho[0] ** np.maximum(apart - 1, 0)
            c2 = apart * (apart - 1) * rho[0] ** np.maximum(apart - 2, 0)
            return rho[0] ** apart, c1[None], c2[None, None]

        return ar1, [np.nonzero(apart == 1)]
    if name == "ad":
        # steps[k] marks the pairs of visits that lie on either side of the step k -> k + 1
        low = np.minimum.outer(np.arange(n), np.arange(n))
        steps = np.array([(low <= k) & (low + apart > k) for k in range(n - 1)])

        def product(rho: Array, without: tuple[int, ...] = ()) -> Array:
            kept = [k for k in range(n - 1) if k not in without]
            return np.where(steps[kept], rho[kept, None, None], 1.0).prod(axis=0)

        def ante(rho: Array) -> tuple[Array, Array, Array]:
            places = range(n - 1)
            c1 = np.array([steps[k] * product(rho, (k,)) for k in places])
            c2 = np.array([
                [steps[j] * steps[k] * product(rho, (j, k)) * (j != k) for k in places]
                for j in places
            ])  # fmt: skip
            return product(rho), c1, c2

        return ante, [(np.array([k]), np.array([k + 1])) for k in range(n - 1)]
    cell = apart if name == "toep" else np.minimum(apart, 1)
    basis = np.array([cell == k for k in range(1, cell.max() + 1)], float)
    zeros = np.zeros((len(basis), len(basis), n, n))
    return (
        lambda rho: (np.eye(n) + np.tensordot(rho, basis, 1), basis, zeros),
        [np.nonzero(matrix) for matrix in basis],
    )


def _per_group(one: Covariance, n: int, n_groups: int) -> Covariance:
    """Group k's visits stand at k * n .. k * n + n - 1; no two groups share a parameter."""
    q = len(one.parameters)
    blocks = [slice(k * n, (k + 1) * n) for k in range(n_groups)]
    pieces = [slice(k * q, (k + 1) * q) for k in range(n_groups)]

    def spread(shape: tuple[int, ...], per_group: Callable[[Array], Array], theta: Array) -> Array:
        found = np.zeros((*(n_groups * side for side in shape), n_groups * n, n_groups * n))
        for block, piece in zip(blocks, pieces, strict=True):
            found[(*(piece for _ in shape), block, block)] = per_group(theta[piece])
        return found

    return Covariance(
        one.name,
        tuple(f"{text} group {k + 1}" for k in range(n_groups) for text in one.parameters),
        scales=np.tile(one.scales, n_groups),
        ties=np.tile(one.ties, n_groups),
        sigma=lambda theta: spread((), one.sigma, theta),
        first=lambda theta: spread((q,), one.first, theta),
        second=one.second and (lambda theta: spread((q, q), one.second, theta)),
        start=lambda moments: np.concatenate([one.start(moments[b, b]) for b in blocks]),
    )
