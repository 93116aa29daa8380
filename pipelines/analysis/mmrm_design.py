"""From a frame and declared terms to a design matrix, with what was left out counted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import polars as pl

from pipelines.analysis.mmrm_covariance import Array
from pipelines.errors import BackstepError

_ALIASED = 1e-9  # of a column's length: what is left of it beside the columns before


class ModelRefused(BackstepError):
    """A mixed model cannot be fitted to what was given, or a question cannot be answered by it."""


@dataclass(frozen=True)
class Design:
    """The columns of a model: an intercept, then each term's.

    `levels` of every factor, its reference first; `columns` their names, all of them; `kept` those
    that are no combination of columns before them; `alias` (p, all): column = kept columns @ alias.
    """

    terms: tuple[tuple[str, ...], ...]
    levels: Mapping[str, tuple]
    columns: tuple[str, ...] = ()
    kept: tuple[int, ...] = ()
    alias: Array | None = None


def parse_terms(terms: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """`["arm*visit", "baseline:visit"]` as tuples of names, lower orders first, each once."""
    found: dict[frozenset, tuple[str, ...]] = {}
    for text in terms:
        names = [name.strip() for name in re.split(r"[*:]", text)]
        if not all(names) or len(set(names)) < len(names) or ("*" in text and ":" in text):
            raise ModelRefused(
                f"the term {text!r} cannot be read",
                remedy="write names joined by ':' for a product, or by '*' for all products",
            )
        sizes = range(1, len(names) + 1) if "*" in text else [len(names)]
        for group in (group for size in sizes for group in combinations(names, size)):
            found.setdefault(frozenset(group), group)
    return tuple(sorted(found.values(), key=len))


def declare(frame: pl.DataFrame, terms: Sequence[str], levels: Mapping[str, Sequence]) -> Design:
    """The terms with the levels of their factors as the frame has them; no columns yet.

    Text, categories and booleans are factors, and whatever `levels` names. A declared level that no
    row has is no level.
    """
    parsed = parse_terms(terms)
    found = {}
    for name in dict.fromkeys(name for term in parsed for name in term):
        kind = frame.schema[name]
        if name not in levels and kind.is_numeric():
            continue
        if name not in levels and not isinstance(
            kind, (pl.String, pl.Categorical, pl.Enum, pl.Boolean)
        ):
            raise ModelRefused(f"column {name!r} is neither number nor text but {kind}")
        found[name] = present_levels(frame[name], levels.get(name))
    return Design(parsed, found)


def present_levels(values: pl.Series, declared: Sequence | None) -> tuple:
    """The values there are: in the declared order, an Enum's, or sorted with numbers in texts as
    numbers ("week 2" before "week 10")."""
    there = set(values.drop_nulls().unique().to_list())
    if declared is None:
        order = values.dtype.categories if isinstance(values.dtype, pl.Enum) else _natural(there)
        return tuple(value for value in order if value in there)
    unknown = there - set(declared)
    if unknown:
        raise ModelRefused(
            f"column {values.name!r} has {len(unknown)} values that are not among its levels",
            remedy="declare every level, or leave those rows out first",
        )
    return tuple(value for value in declared if value in there)


def _natural(values: set) -> list:
    if not all(isinstance(value, str) for value in values):
        return sorted(values)
    return sorted(
        values,
        key=lambda text: [
            (0, int(part), "") if part.isdigit() else (1, 0, part)
            for part in re.findall(r"\d+|\D+", text)
        ],
    )


def design_rows(design: Design, frame: pl.DataFrame) -> tuple[Array, tuple[str, ...]]:
    """Every column, aliased ones too, for the rows of a frame: (rows, all), and the names.

    A factor is coded against its reference where the term without it is in the model too, and in
    full where it is not, so that no marginal term is needed.
    Source: Chambers and Hastie, Statistical Models in S, 1992, section 2.4.1.
    """
    present = {frozenset(), *(frozenset(term) for term in design.terms)}
    indicators = {
        name: {level: (frame[name] == level).to_numpy().astype(float) for level in levels}
        for name, levels in design.levels.items()
    }
    blocks, names = [np.ones((frame.height, 1))], ["(intercept)"]
    for term in design.terms:
        choices = []
        for name in term:
            if name not in design.levels:
                choices.append([(name, frame[name].cast(pl.Float64).to_numpy())])
                continue
            skip = 1 if frozenset(term) - {name} in present else 0
            choices.append([
                (f"{name}[{level}]", indicators[name][level])
                for level in design.levels[name][skip:]
            ])  # fmt: skip
        # The last factor runs fastest.
        for cells in product(*choices):
            names.append(":".join(text for text, _ in cells))
            blocks.append(np.prod([values for _, values in cells], axis=0)[:, None])
    return np.hstack(blocks), tuple(names)


def independent_columns(x: Array) -> tuple[tuple[int, ...], Array, Array, Array]:
    """The columns that no earlier ones explain: their places, Q (rows, p), R (p, p), alias (p, all).

    x[:, kept] = Q R with orthonormal Q. Gram-Schmidt, each column twice.
    """
    basis = np.empty(x.shape, order="F")
    kept: list[int] = []
    coordinates = np.zeros((x.shape[1], x.shape[1]))
    for place in range(x.shape[1]):
        column = x[:, place]
        length = np.linalg.norm(column)
        q = basis[:, : len(kept)]
        along = q.T @ column
        rest = column - q @ along
        more = q.T @ rest
        rest, along = rest - q @ more, along + more
        coordinates[: len(kept), place] = along
        left = np.linalg.norm(rest)
        if length > 0 and left > _ALIASED * length:
            coordinates[len(kept), place] = left
            basis[:, len(kept)] = rest / left
            kept.append(place)
    p = len(kept)
    r = coordinates[:p, kept]
    return tuple(kept), basis[:, :p], r, np.linalg.solve(r, coordinates[:p])
