"""Degrees of freedom and adjusted covariance for contrasts of a mixed model's coefficients."""

from __future__ import annotations

import numpy as np

from pipelines.analysis.mmrm_covariance import Array
from pipelines.analysis.mmrm_design import ModelRefused
from pipelines.analysis.mmrm_likelihood import At, Slopes, crossed


def satterthwaite(contrasts: Array, phi: Array, p: Array, w: Array) -> Array:
    """Degrees of freedom of each row of `contrasts` (k, p): 2 v^2 / var(v), v = c phi c'.

    `phi` (p, p) covariance of the coefficients, `p` (q, p, p) from Slopes, `w` (q, q) covariance of
    the covariance parameters.
    Source: Fai and Cornelius, J Stat Comput Simul 1996; 54: 363-378; Giesbrecht and Burns 1985.
    """
    c = contrasts @ phi
    v = np.einsum("kp,kp->k", c, contrasts)
    slope = np.einsum("kp,qpr,kr->kq", c, p, c, optimize=True)
    return 2 * v**2 / np.einsum("kq,qr,kr->k", slope, w, slope)


def kenward_roger_covariance(
    at: At, slopes: Slopes, first: Array, second: Array | None, w: Array
) -> Array:
    """The coefficients' covariance (p, p) with the small-sample correction.

    Source: Kenward and Roger, Biometrics 1997; 53: 983-997, equation 2 ff.
    """
    q, visits, _ = first.shape
    flat = first.reshape(q, -1)
    # sum_jk w_jk D_j W_g D_k for every pattern g, by way of one matrix over pairs of cells
    pairs = (flat.T @ w @ flat).reshape((visits,) * 4).transpose(0, 3, 1, 2)
    between = at.weight.reshape(len(at.weight), -1) @ pairs.reshape(visits**2, visits**2).T
    between = between.reshape(-1, visits, visits)
    crossing = np.tensordot(at.u, between[at.patterns.of] @ at.u, ((0, 1), (0, 1)))
    weighted = np.tensordot(w, slopes.p, 1)
    crossing = crossing - np.tensordot(slopes.p @ at.phi, weighted, ((0, 2), (0, 1)))
    if second is not None:
        curvature = np.tensordot(w, second, 2)
        crossing = crossing - np.tensordot(curvature, crossed(at.u, at.u), 2) / 4
    adjusted = at.phi + 2 * at.phi @ crossing @ at.phi
    return (adjusted + adjusted.T) / 2


def f_satterthwaite(
    contrasts: Array, beta: Array, phi: Array, p: Array, w: Array
) -> tuple[float, float]:
    """F and its denominator degrees of freedom for all of `contrasts` (k, p).

    Rows that repeat others are passed over. The degrees of freedom depend on how a hypothesis is
    written into rows, as they do in SAS.
    Source: Fai and Cornelius 1996.
    """
    values, vectors = np.linalg.eigh(contrasts @ phi @ contrasts.T)
    told = values > 1e-10 * values.max()
    values, vectors = values[told], vectors[:, told]
    t2 = (vectors.T @ (contrasts @ beta)) ** 2 / values
    df = satterthwaite(vectors.T @ contrasts, phi, p, w)
    k = len(t2)
    if k == 1 or np.ptp(df) < 1e-8 * df.max():
        return float(t2.mean()), float(df.mean())
    if df.min() <= 2:
        return float(t2.mean()), 2.0
    expected = (df / (df - 2)).sum()
    return float(t2.mean()), float(2 * expected / (expected - k))


def f_kenward_roger(
    contrasts: Array, beta: Array, phi: Array, adjusted: Array, p: Array, w: Array
) -> tuple[float, float]:
    """Scaled F and its denominator degrees of freedom for all of `contrasts` (k, p), of full rank.

    Source: Kenward and Roger 1997, equations 6 to 9.
    """
    k = len(contrasts)
    effect = contrasts @ beta
    f = effect @ np.linalg.solve(contrasts @ adjusted @ contrasts.T, effect) / k
    root = np.linalg.cholesky(np.linalg.inv(contrasts @ phi @ contrasts.T))
    c = root.T @ contrasts @ phi
    moved = c @ p @ c.T  # (q, k, k): theta = C'(C phi C')^-1 C in the paper
    trace = np.trace(moved, axis1=1, axis2=2)
    a1 = trace @ w @ trace
    flat = moved.reshape(len(moved), -1)
    a2 = np.einsum("qk,qr,rk->", flat, w, flat)
    b = (a1 + 6 * a2) / (2 * k)
    g = ((k + 1) * a1 - (k + 4) * a2) / ((k + 2) * a2)
    below = 3 * k + 2 * (1 - g)
    c1, c2, c3 = g / below, (k - g) / below, (k + 2 - g) / below
    mean = 1 / (1 - a2 / k)
    variance = 2 / k * (1 + c1 * b) / ((1 - c2 * b) ** 2 * (1 - c3 * b))
    rho = variance / (2 * mean**2)
    df = 4 + (k + 2) / (k * rho - 1)
    if not df > 2:
        raise ModelRefused("too few participants for a joint test of so many values")
    return float(f * df / (mean * (df - 2))), float(df)
