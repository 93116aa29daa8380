"""Rows of a frame made ready for the likelihood: checked, coded, grouped by the visits seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from pipelines.analysis.mmrm_covariance import Array
from pipelines.analysis.mmrm_design import (
    Design,
    ModelRefused,
    declare,
    design_rows,
    independent_columns,
    parse_terms,
    present_levels,
)
from pipelines.analysis.mmrm_likelihood import Patterns


@dataclass(frozen=True)
class Prepared:
    """What is fitted, in a scale of its own, and the way back.

    The response is its least squares residual over `scale`; the design's columns are orthonormal:
    coefficients are `ols` + `scale` * inverse(`r`) @ fitted. `moments` (V, V) are the residuals'.
    """

    patterns: Patterns
    design: Design
    visit: str
    visits: tuple
    groups: tuple
    r: Array
    ols: Array
    scale: float
    moments: Array
    means: dict[str, float]
    n_subjects: int
    n_rows: int
    n_left_out: int
    notes: tuple[str, ...]


def prepare(
    frame: pl.DataFrame,
    response: str,
    terms: Sequence[str],
    subject: str,
    visit: str,
    levels: Mapping[str, Sequence],
    group: str | None,
) -> Prepared:
    """The complete rows, coded and grouped. Raises ModelRefused where no model can be fitted."""
    rows, left_out = _complete(frame, response, terms, subject, visit, levels, group)
    visits = present_levels(rows[visit], levels.get(visit))
    design = declare(rows, terms, {**levels, visit: visits})
    x, names = design_rows(design, rows)
    y = rows[response].cast(pl.Float64).to_numpy()
    kept, q, r, alias = independent_columns(x)
    if len(y) <= len(kept):
        raise ModelRefused(
            f"{len(y)} complete rows are too few for {len(kept)} coefficients",
            remedy="declare fewer terms or pool small levels",
        )
    x = x[:, kept]
    ols = np.linalg.solve(r, q.T @ y)
    residual = y - x @ ols
    scale = float(np.sqrt(residual @ residual / (len(y) - len(kept))))
    if scale <= 1e-10 * max(float(np.abs(y).max()), 1e-300):
        raise ModelRefused("the response has no variation left beside the declared terms")

    subjects = rows[subject].rank("dense").to_numpy().astype(int) - 1
    places = _places(rows[visit], visits)
    groups: tuple = ()
    if group is not None:
        groups = present_levels(rows[group], levels.get(group))
        places = places + len(visits) * _places(rows[group], groups)
    n_places = len(visits) * max(1, len(groups))
    patterns, z = by_pattern(subjects, places, n_places, np.column_stack([x, residual / scale]))
    patterns = replace(patterns, x=z[:, :, :-1] @ np.linalg.inv(r), y=z[:, :, -1])
    notes = tuple(
        f"column {names[place]} is explained by others and was left out"
        for place in range(len(names))
        if place not in kept
    )
    covariates = {name for term in design.terms for name in term} - set(design.levels)
    return Prepared(
        patterns=patterns,
        design=replace(design, columns=names, kept=kept, alias=alias),
        visit=visit,
        visits=visits,
        groups=groups,
        r=r,
        ols=ols,
        scale=scale,
        moments=_moments(patterns, z[:, :, -1]),
        means={name: float(rows[name].cast(pl.Float64).mean()) for name in sorted(covariates)},
        n_subjects=int(patterns.n.sum()),
        n_rows=len(y),
        n_left_out=left_out,
        notes=notes,
    )


def _complete(
    frame: pl.DataFrame,
    response: str,
    terms: Sequence[str],
    subject: str,
    visit: str,
    levels: Mapping[str, Sequence],
    group: str | None,
) -> tuple[pl.DataFrame, int]:
    """The rows with all they need, in one fixed order, and how many have not."""
    used = dict.fromkeys(name for term in parse_terms(terms) for name in term)
    names = list(dict.fromkeys([subject, visit, *([group] if group else []), response, *used]))
    absent = [name for name in (*names, *levels) if name not in frame.columns]
    if absent:
        raise ModelRefused(
            f"no column {', '.join(map(repr, absent))}",
            where=f"columns are {', '.join(frame.columns)}",
        )
    if response in used or not frame.schema[response].is_numeric():
        raise ModelRefused(f"the response {response!r} must be a number and in no term")
    rows = frame.select(names)
    numbers = [name for name in names if rows.schema[name].is_float()]
    rows = rows.with_columns(
        pl.when(pl.col(name).is_finite()).then(pl.col(name)) for name in numbers
    )
    for name in (subject, visit):
        if rows[name].null_count():
            raise ModelRefused(
                f"{rows[name].null_count()} rows have no {name!r}",
                remedy="every row must say whose it is and from which visit",
            )
    n_twice = rows.height - rows.select(subject, visit).n_unique()
    if n_twice:
        raise ModelRefused(
            f"{n_twice} rows repeat a participant and visit of another row",
            remedy="choose one value per participant and visit first",
        )
    if group is not None and rows.select(subject, group).n_unique() > rows[subject].n_unique():
        raise ModelRefused(f"a participant stands in several groups of {group!r}")
    complete = rows.drop_nulls()
    if complete.is_empty():
        raise ModelRefused("no row has the response and every term")
    # The same rows give the same bits, however they arrive.
    return complete.sort(subject, visit), rows.height - complete.height


def _places(values: pl.Series, order: tuple) -> Array:
    found = np.empty(len(values), int)
    for place, value in enumerate(order):
        found[(values == value).to_numpy()] = place
    return found


def by_pattern(subjects: Array, places: Array, n_places: int, z: Array) -> tuple[Patterns, Array]:
    """Patterns, and the rows standing for participants (m, V, k); x and y are still empty."""
    n = int(subjects.max()) + 1
    cube = np.zeros((n, n_places, z.shape[1]))
    cube[subjects, places] = z
    seen = np.zeros((n, n_places), bool)
    seen[subjects, places] = True
    kinds, of, counts = np.unique(seen, axis=0, return_inverse=True, return_counts=True)
    of = of.reshape(-1)
    rows, pattern = [], []
    for kind in range(len(kinds)):
        fewer = _fewer_rows(cube[of == kind])
        rows.append(fewer)
        pattern.append(np.full(len(fewer), kind))
    cube = np.concatenate(rows)
    empty = np.empty(0)
    return Patterns(kinds, counts.astype(float), np.concatenate(pattern), empty, empty), cube


def _fewer_rows(cube: Array) -> Array:
    """Rows with the same sums of squares and products, but no more than differing columns.

    The likelihood depends on nothing else, so the cost of a step stops growing with participants.
    """
    n, *shape = cube.shape
    flat = cube.reshape(n, -1)
    keys = np.cos(np.arange(n)) @ flat  # equal columns have equal keys; the test below is exact
    _, first, back = np.unique(keys, return_index=True, return_inverse=True)
    if n <= len(first) or not np.array_equal(flat[:, first[back]], flat):
        return cube if n <= flat.shape[1] else np.linalg.qr(flat, mode="r").reshape(-1, *shape)
    return np.linalg.qr(flat[:, first], mode="r")[:, back].reshape(-1, *shape)


def _moments(patterns: Patterns, residual: Array) -> Array:
    """Mean products of residuals of visits seen together (V, V), drawn in until they are a
    covariance matrix."""
    seen = patterns.seen.astype(float)
    together = (seen.T * patterns.n) @ seen
    found = residual.T @ residual / np.maximum(together, 1)
    variances = np.maximum(np.diag(found), 1e-3)
    apart = found - np.diag(np.diag(found))
    for _ in range(60):
        found = apart + np.diag(variances)
        if np.linalg.eigvalsh(found / np.sqrt(np.outer(variances, variances)))[0] > 0.05:
            break
        apart = apart * 0.8
    return found
