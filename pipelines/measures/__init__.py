"""Outcome measures: every module here that has a MEASURE and a `score` is one."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

import polars as pl

from pipelines.measures.model import Threshold
from pipelines.measures.rows import OUTCOME_SCHEMA

_KEY = [
    "participant_id",
    "clinic_id",
    "visit_code",
    "measure",
    "scale",
    "assessed_date",
]
_TYPES = {"str": pl.String, "float": pl.Float64, "bool": pl.Boolean}
THRESHOLD_SCHEMA = pl.Schema(
    {"measure": pl.String}
    | {
        field.name: _TYPES.get(field.type.removesuffix(" | None"), pl.String)
        for field in dataclasses.fields(Threshold)
    }
)


@cache
def discovered() -> dict[str, ModuleType]:
    """Every measure module by its measure's name, in the order of the names."""
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    measures = {module.MEASURE.name: module for module in modules if hasattr(module, "MEASURE")}
    return dict(sorted(measures.items()))


def score_all(
    frames: Mapping[str, pl.LazyFrame],
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> pl.DataFrame:
    """Every measure's outcome rows, sorted by key.

    `frames` has what measures read: "answer", "walk_test", "balance_test", "strength", "knee_girth", "wear_window" and "knee_load". `options` holds the
    study's own choices by measure, for example `{"sls": {"cap_s": 30}}`.
    """
    scored = [
        module.score(frames[module.MEASURE.reads], **(options or {}).get(name, {}))
        for name, module in discovered().items()
    ]
    return pl.concat([OUTCOME_SCHEMA.to_frame().lazy(), *scored]).collect().sort(_KEY)


def thresholds() -> pl.DataFrame:
    """Every published threshold of every measure, one row each, for `ref_threshold`."""
    rows = [
        {"measure": name} | dataclasses.asdict(threshold)
        for name, module in discovered().items()
        for threshold in module.MEASURE.thresholds
    ]
    found = pl.DataFrame(rows, schema=THRESHOLD_SCHEMA, strict=True)
    return found.sort(pl.all(), nulls_last=True)
