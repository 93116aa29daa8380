"""Small cells of a table of counts: which are hidden so that no hidden one can be worked out from the margins.

Source: Fischetti and Salazar, Management Science 2001;47:1008-1027 (secondary cell suppression as an exact program).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack, identity, kron, vstack

from pipelines.errors import BackstepError


def hidden_cells(counts: np.ndarray, limit: int = 5) -> np.ndarray:
    """Which cells of a table (rows by columns, its margins published) are hidden, as few as possible.

    Primary: counts from 1 to `limit` - 1. A zero is shown: it speaks of nobody. Complementary: as many more as it
    takes until each hidden cell could differ by at least `limit` from one possible table to another.
    Raises BackstepError where no choice of cells is enough; such a table must be coarser or go without margins.
    """
    cells = np.asarray(counts)
    if cells.ndim != 2 or (cells < 0).any() or (cells != cells.round()).any():
        raise ValueError("counts must be a table of whole numbers from 0")
    guarded = (cells > 0) & (cells < limit)
    while guarded.any():
        hidden = _fewest(cells, guarded, limit)
        if (hidden == guarded).all():
            return hidden
        guarded = hidden  # a complementary cell must not be worked out either
    return guarded


def _fewest(cells: np.ndarray, guarded: np.ndarray, limit: int) -> np.ndarray:
    """The fewest hidden cells, small ones rather than large, that protect the guarded ones.

    Per guarded cell two ways to change the hidden cells that keep every margin: they differ by `limit` in that cell.
    """
    value, who = cells.ravel().astype(float), np.flatnonzero(guarded.ravel())
    n, ways, most = len(value), 2 * len(who), value.sum() + limit
    rows, columns = cells.shape
    margins = vstack([
        kron(identity(rows), np.ones((1, columns))), kron(np.ones((1, rows)), identity(columns)),
    ])  # fmt: skip
    each_way = identity(ways)
    kept = hstack([csr_array((ways * sum(cells.shape), n)), kron(each_way, margins)])
    stacked = np.ones((ways, 1))
    lowest = hstack([kron(stacked, np.diag(value)), identity(ways * n)])
    highest = hstack([kron(stacked, most * np.eye(n)), -identity(ways * n)])
    apart = np.zeros((len(who), n + ways * n))
    at = np.arange(len(who))
    apart[at, n + 2 * at * n + who], apart[at, n + (2 * at + 1) * n + who] = 1.0, -1.0
    cost = np.r_[1.0 + value / (n * most), np.zeros(ways * n)]
    found = milp(
        cost,
        integrality=np.r_[np.ones(n), np.zeros(ways * n)],
        bounds=Bounds(
            np.r_[guarded.ravel().astype(float), np.full(ways * n, -most)],
            np.r_[np.ones(n), np.full(ways * n, most)],
        ),
        constraints=[
            LinearConstraint(kept, 0, 0), LinearConstraint(lowest, 0, np.inf),
            LinearConstraint(highest, 0, np.inf), LinearConstraint(apart, limit, np.inf),
        ],
    )  # fmt: skip
    if found.x is None:
        raise BackstepError(
            "no choice of hidden cells protects this table",
            where="a table of counts with its margins",
            remedy="join small rows or columns, or leave the margins out",
        )
    return (found.x[:n] > 0.5).reshape(cells.shape)
