"""The likelihood and its derivatives against finite differences and against matrices written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import block_diag

from pipelines.analysis.mmrm_covariance import LABELS, covariance
from pipelines.analysis.mmrm_data import by_pattern
from pipelines.analysis.mmrm_df import kenward_roger_covariance
from pipelines.analysis.mmrm_likelihood import Patterns, evaluate, slopes

VISITS = 4
THETA = {
    "un": [3.0, 1.1, 4.0, 0.7, 1.5, 5.0, 0.2, 0.9, 1.3, 4.5],
    "toeph": [3.0, 4.0, 5.0, 4.5, 0.5, 0.25, -0.1],
    "toep": [4.0, 1.8, 0.8, -0.3],
    "adh": [3.0, 4.0, 5.0, 4.5, 0.6, 0.0, -0.4],
    "ar1h": [3.0, 4.0, 5.0, 4.5, 0.45],
    "ar1": [4.0, -0.35],
    "csh": [3.0, 4.0, 5.0, 4.5, 0.3],
    "cs": [4.0, 1.2],
}
# (structure, groups): the second has a covariance matrix of its own for each of two groups
CASES = [*((name, 1) for name in LABELS), ("un", 2), ("ar1h", 2)]


def subjects(n_groups: int = 1) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Twelve participants: which visits were seen, x (seen, 3) and y (seen,)."""
    rng = np.random.default_rng(11)
    found = []
    for number in range(12):
        seen = np.flatnonzero(rng.random(VISITS) < 0.7) if number > 3 else np.arange(VISITS)
        seen = seen if len(seen) else np.array([1])
        x = np.column_stack([np.ones(len(seen)), seen, rng.normal(size=len(seen))])
        y = 2 + seen + rng.normal(size=len(seen)) * 2 + rng.normal()
        found.append((seen + VISITS * (number % n_groups), x, y))
    return found


def patterns(n_groups: int = 1) -> Patterns:
    rows = subjects(n_groups)
    who = np.repeat(np.arange(len(rows)), [len(seen) for seen, _, _ in rows])
    z = np.concatenate([np.column_stack([x, y]) for _, x, y in rows])
    places = np.concatenate([seen for seen, _, _ in rows])
    made, cube = by_pattern(who, places, VISITS * n_groups, z)
    return Patterns(made.seen, made.n, made.of, cube[:, :, :-1], cube[:, :, -1])


def written_out(n_groups: int, matrices: np.ndarray) -> np.ndarray:
    """The block diagonal matrix over all rows of each (V, V) matrix."""
    return np.array([
        block_diag(*(m[np.ix_(seen, seen)] for seen, _, _ in subjects(n_groups))) for m in matrices
    ])  # fmt: skip


def theta_of(name: str, n_groups: int) -> np.ndarray:
    return np.concatenate([np.array(THETA[name]) * (1 - 0.05 * k) for k in range(n_groups)])


def numeric(function, at: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences along each parameter, stacked first."""
    return np.array([
        (function(at + move) - function(at - move)) / (2 * step)
        for move in step * np.eye(len(at))
    ])  # fmt: skip


@pytest.mark.parametrize(("name", "n_groups"), CASES)
def test_derivatives_of_the_covariance(name, n_groups):
    model, theta = covariance(name, VISITS, n_groups), theta_of(name, n_groups)

    assert model.first(theta) == pytest.approx(numeric(model.sigma, theta), abs=1e-8)
    second = np.zeros_like(numeric(model.first, theta))
    if model.second is not None:
        second = model.second(theta)
    assert second == pytest.approx(numeric(model.first, theta), abs=1e-8)
    assert len(model.parameters) == len(theta) == len(model.scales) == len(model.ties)


@pytest.mark.parametrize("name", LABELS)
def test_moments_of_the_structure_start_at_its_parameters(name):
    model, theta = covariance(name, VISITS), np.array(THETA[name])
    if name in ("adh", "ar1", "ar1h"):
        theta = np.abs(theta)

    assert model.start(model.sigma(theta)) == pytest.approx(theta, abs=1e-12)


@pytest.mark.parametrize("name", LABELS)
def test_without_its_ties_a_structure_is_diagonal(name):
    model = covariance(name, VISITS)

    sigma = model.sigma(np.where(model.ties, 0.0, THETA[name]))

    assert sigma == pytest.approx(np.diag(np.diag(sigma)), abs=0)


def test_the_value_is_that_of_matrices_written_out():
    sigma = covariance("un", VISITS).sigma(np.array(THETA["un"]))
    v = written_out(1, sigma[None])[0]
    x = np.concatenate([x for _, x, _ in subjects()])
    y = np.concatenate([y for _, _, y in subjects()])
    w = np.linalg.inv(v)
    beta = np.linalg.solve(x.T @ w @ x, x.T @ w @ y)
    ml = np.linalg.slogdet(v)[1] + (y - x @ beta) @ w @ (y - x @ beta)

    at = evaluate(patterns(), sigma, reml=False)

    assert at.value == pytest.approx(ml, rel=1e-12)
    assert at.beta == pytest.approx(beta, rel=1e-10)
    assert at.phi == pytest.approx(np.linalg.inv(x.T @ w @ x), rel=1e-10)
    reml = ml + np.linalg.slogdet(x.T @ w @ x)[1]
    assert evaluate(patterns(), sigma, reml=True).value == pytest.approx(reml, rel=1e-12)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize(("name", "n_groups"), CASES)
def test_gradient_and_hessian(name, n_groups, reml):
    model, theta, rows = (
        covariance(name, VISITS, n_groups),
        theta_of(name, n_groups),
        patterns(n_groups),
    )

    def derivatives(theta):
        at = evaluate(rows, model.sigma(theta), reml)
        return slopes(at, model.first(theta), model.second and model.second(theta))

    found = derivatives(theta)

    by_value = numeric(lambda t: np.array(evaluate(rows, model.sigma(t), reml).value), theta)
    assert found.gradient == pytest.approx(by_value, rel=1e-6, abs=1e-6)
    by_gradient = numeric(lambda t: derivatives(t).gradient, theta)
    assert found.observed == pytest.approx(by_gradient, rel=1e-6, abs=1e-6)
    by_phi = numeric(lambda t: evaluate(rows, model.sigma(t), reml).phi, theta)
    phi = evaluate(rows, model.sigma(theta), reml).phi
    assert phi @ found.p @ phi == pytest.approx(by_phi, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(("name", "n_groups"), CASES)
def test_expected_hessian_and_kenward_roger_of_matrices_written_out(name, n_groups):
    model, theta = covariance(name, VISITS, n_groups), theta_of(name, n_groups)
    v = written_out(n_groups, model.sigma(theta)[None])[0]
    d = written_out(n_groups, model.first(theta))
    q = len(d)
    second = np.zeros((q, q, *model.sigma(theta).shape))
    if model.second is not None:
        second = model.second(theta)
    x = np.concatenate([x for _, x, _ in subjects(n_groups)])
    wi = np.linalg.inv(v)
    phi = np.linalg.inv(x.T @ wi @ x)
    projection = wi - wi @ x @ phi @ x.T @ wi
    expected = np.array([[np.trace(projection @ a @ projection @ b) for b in d] for a in d])
    w = 2 * np.linalg.inv(expected)
    # Kenward and Roger 1997: P_i, Q_ij and R_ij as they write them
    p = [-x.T @ wi @ a @ wi @ x for a in d]
    total = np.zeros_like(phi)
    for i in range(q):
        for j in range(q):
            q_ij = x.T @ wi @ d[i] @ wi @ d[j] @ wi @ x
            r_ij = x.T @ wi @ written_out(n_groups, second[i, j][None])[0] @ wi @ x
            total += w[i, j] * (q_ij - p[i] @ phi @ p[j] - r_ij / 4)

    at = evaluate(patterns(n_groups), model.sigma(theta))
    found = slopes(at, model.first(theta), model.second and model.second(theta))
    adjusted = kenward_roger_covariance(
        at, found, model.first(theta), model.second and model.second(theta), w
    )

    assert found.expected == pytest.approx(expected, rel=1e-9, abs=1e-11)
    assert adjusted == pytest.approx(phi + 2 * phi @ total @ phi, rel=1e-9, abs=1e-12)


def test_fewer_rows_stand_for_many_participants():
    rng = np.random.default_rng(3)
    n = 300
    arm, baseline = np.arange(n) % 2, rng.normal(size=n)
    x = np.stack([np.ones((n, VISITS)), np.repeat(arm[:, None], VISITS, 1),
                  np.repeat(baseline[:, None], VISITS, 1)], axis=2)  # fmt: skip
    y = rng.normal(size=(n, VISITS))
    whole = Patterns(np.ones((1, VISITS), bool), np.array([float(n)]), np.zeros(n, int), x, y)
    who, places = np.repeat(np.arange(n), VISITS), np.tile(np.arange(VISITS), n)
    z = np.concatenate([x, y[:, :, None]], axis=2).reshape(n * VISITS, -1)
    made, cube = by_pattern(who, places, VISITS, z)
    small = Patterns(made.seen, made.n, made.of, cube[:, :, :-1], cube[:, :, -1])
    model, theta = covariance("un", VISITS), np.array(THETA["un"])

    one, other = evaluate(whole, model.sigma(theta)), evaluate(small, model.sigma(theta))

    assert len(cube) == 3 + VISITS  # intercept, arm, baseline; a response at each visit
    assert other.value == pytest.approx(one.value, rel=1e-12)
    assert slopes(other, model.first(theta), None).observed == pytest.approx(
        slopes(one, model.first(theta), None).observed, rel=1e-9
    )


@pytest.mark.parametrize(
    "sigma",
    [
        np.diag([1.0, 1, 1, 0]),
        np.full((4, 4), 1.0),
        np.diag([1.0, 1, 1, -2]),
        np.full((4, 4), np.nan),
    ],
)
def test_outside_its_reach_there_is_no_likelihood(sigma):
    assert evaluate(patterns(), sigma) is None


def test_an_unknown_structure_is_named():
    with pytest.raises(ValueError, match="no covariance structure 'huge'"):
        covariance("huge", VISITS)
