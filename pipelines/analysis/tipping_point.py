"""How much worse must the missing outcomes be before the conclusion tips? Delta-adjusted multiple imputation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import polars as pl
from scipy.stats import t as student

from pipelines.analysis.design import adjusted, dummies, strata_of, treated

_LEAST_OBSERVED = 5  # per arm
_TURNS = 60  # halvings of the search interval


@dataclass(frozen=True)
class Tipping:
    """`by_delta`: delta, estimate, low, high of second arm minus first, from delta 0 (missing at random) on.

    `tips_at` is the delta nearest to 0 at which the 95 % interval reaches zero; None where it never
    does within the range, or where it includes zero already under missing at random (`note`).
    `n_left_out` people of the two arms have no baseline value or clinic.
    """

    n_imputed: dict[str, int]
    by_delta: pl.DataFrame
    tips_at: float | None = None
    note: str | None = None
    n_left_out: int = 0


def tipping_point(
    frame: pl.DataFrame,
    *,
    worst_delta: float,
    arms: tuple[str, str] = ("FW", "BW"),
    strata: Sequence[str] = (),
    n_imputations: int = 100,
    n_steps: int = 9,
    seed: int = 20250310,
) -> Tipping:
    """Missing outcomes are imputed from arm, baseline, clinic and strata, then shifted by delta in the second arm only.

    `worst_delta`, in the outcome's unit with its sign, is the far end of the range. Imputation is
    proper (parameters are drawn), the analysis is the ANCOVA of the pages, pooled by Rubin's rules
    with Barnard and Rubin's degrees of freedom. The same frame gives the same numbers.
    Assumes: one row per participant whose outcome was due: arm, clinic_id, baseline_value, value
    (null where missing). Sources: Rubin 1987; Barnard & Rubin 1999, Biometrika 86:948; Cro et al.
    2020, Stat Med 39:2815 (delta).
    """
    of_arms = frame.filter(pl.col("arm").is_in(list(arms)))
    layers = {f"stratum_{k}": one for k, one in enumerate(strata_of(strata))}
    rows = (
        of_arms.select("arm", "clinic_id", x=pl.col("baseline_value").cast(pl.Float64), y=pl.col("value").cast(pl.Float64), **layers)
        .drop_nulls(["clinic_id", "x"])
        .sort("clinic_id", "arm", "x", "y", *layers)
    )  # fmt: skip
    missing = rows["y"].is_null().to_numpy()
    counted = {name: int((rows["arm"].to_numpy()[missing] == name).sum()) for name in arms}
    nothing = pl.DataFrame(schema=dict.fromkeys(("delta", "estimate", "low", "high"), pl.Float64))
    seen = {name: rows.filter(pl.col("y").is_not_null(), arm=name).height for name in arms}
    x, y = rows["x"].to_numpy(), rows["y"].to_numpy()
    design = adjusted(
        [treated(rows, arms)],
        [np.ones(len(x)), x - x.mean(), *dummies(rows["clinic_id"])],
        chain(*(dummies(rows[layer]) for layer in layers)),
    ) if len(x) else None  # fmt: skip
    told = partial(Tipping, counted, n_left_out=of_arms.height - rows.height)
    if min(seen.values()) < _LEAST_OBSERVED or design is None or _short(design, missing):
        return told(nothing, note="too few outcomes are known to impute the others")
    if not counted[arms[1]]:
        return told(nothing, note=f"no outcome of {arms[1]} is missing")
    filled = _imputed(design, y, missing, n_imputations, np.random.default_rng(seed))
    shifted = (missing & (rows["arm"].to_numpy() == arms[1])).astype(float)

    def at(delta: float) -> tuple[float, float, float]:
        return _pooled(design, filled + delta * shifted[:, None])

    deltas = np.linspace(0.0, worst_delta, n_steps)
    by_delta = pl.DataFrame(
        [(float(delta), *at(delta)) for delta in deltas], schema=nothing.schema, orient="row"
    )
    low, high = by_delta["low"][0], by_delta["high"][0]
    if low <= 0 <= high:
        return told(by_delta, note="the interval includes zero already")
    side = 1 if low > 0 else 2

    def apart(delta: float) -> bool:
        return at(delta)[side] * (1 if side == 1 else -1) > 0

    if apart(worst_delta):
        return told(by_delta, note="the conclusion stands over the whole range")
    near, far = 0.0, worst_delta
    for _ in range(_TURNS):
        middle = (near + far) / 2
        near, far = (middle, far) if apart(middle) else (near, middle)
    return told(by_delta, tips_at=far)


def _short(design: np.ndarray, missing: np.ndarray) -> bool:
    known = design[~missing]
    return len(known) <= known.shape[1] + 1 or np.linalg.matrix_rank(known) < known.shape[1]


def _imputed(
    design: np.ndarray, y: np.ndarray, missing: np.ndarray, m: int, draws: np.random.Generator
) -> np.ndarray:
    """(n, m): the outcomes with the missing ones drawn from their predictive distribution."""
    known = design[~missing]
    inverse = np.linalg.inv(known.T @ known)
    beta = inverse @ known.T @ y[~missing]
    df = len(known) - known.shape[1]
    ssr = float(((y[~missing] - known @ beta) ** 2).sum())
    sigma = np.sqrt(ssr / draws.chisquare(df, m))
    betas = (
        beta[:, None] + np.linalg.cholesky(inverse) @ draws.standard_normal((len(beta), m)) * sigma
    )
    noise = draws.standard_normal((int(missing.sum()), m)) * sigma
    filled = np.repeat(np.where(missing, 0.0, y)[:, None], m, axis=1)
    filled[missing] = design[missing] @ betas + noise
    return filled


def _pooled(design: np.ndarray, filled: np.ndarray) -> tuple[float, float, float]:
    """The arm effect and its 95 % interval over all imputations."""
    n, k = design.shape
    m = filled.shape[1]
    inverse = np.linalg.inv(design.T @ design)
    betas = inverse @ design.T @ filled
    ssr = ((filled - design @ betas) ** 2).sum(axis=0)
    within = float((ssr / (n - k) * inverse[0, 0]).mean())
    estimate, between = float(betas[0].mean()), float(betas[0].var(ddof=1))
    total = within + (1 + 1 / m) * between
    complete = n - k
    share = (1 + 1 / m) * between / total
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    old = (m - 1) / share**2 if share > 0 else np.inf
    df = 1 / (1 / old + 1 / observed) if np.isfinite(old) else observed
    half = float(student.ppf(0.975, df)) * total**0.5
    return estimate, estimate - half, estimate + half
