"""Forms that are nearly the same: as the participant's last one, or as another participant's of the clinic.

Source: Simonsohn, Psychological Science 2013;24:1875-1888; Kuriakose and Robbins, Stat J IAOS 2016;32:283-291.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.analysis.monitoring_null import SCHEMA, having

LEAST_ANSWERS, LEAST_MEASURED = 10, 5  # answers have few levels, a stopwatch has thousands
SAME_SHARE = 0.9
_BLOCK = 512  # forms compared with all others at a time
_UNIT = ["clinic_id", "participant_id"]


def copies(values: pl.DataFrame) -> pl.DataFrame:
    """Two rows per clinic: participants with a form carried forward, and with a near twin at the clinic.

    Two forms are nearly the same when at least 90 % of the values both have are equal, of at least ten answers or
    five measured values.
    """
    if values.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    people = values.select(_UNIT).unique()
    forward = _forward(values)
    twins = pl.concat([_twins(one) for _, one in values.group_by("clinic_id", "form")])
    return pl.concat([
        having(_marked(people, forward), "has", "copied_on"),
        having(_marked(people, twins), "has", "near_duplicates"),
    ])  # fmt: skip


def _marked(people: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    marks = found.unique().with_columns(has=pl.lit(True))
    return people.join(marks, on="participant_id", how="left").with_columns(pl.col("has").fill_null(False))  # fmt: skip


def _least(kind: pl.Expr) -> pl.Expr:
    return pl.when(kind == "answer").then(LEAST_ANSWERS).otherwise(LEAST_MEASURED)


def _forward(values: pl.DataFrame) -> pl.DataFrame:
    """Participants one of whose forms is nearly the same as the one before it."""
    keys = ["participant_id", "form"]
    forms = values.select(*keys, "visit_code", "assessed_date").unique().sort(*keys, "assessed_date", "visit_code")  # fmt: skip
    forms = forms.unique([*keys, "visit_code"], keep="first", maintain_order=True)
    before = forms.with_columns(earlier=pl.col("visit_code").shift(1).over(keys)).drop_nulls("earlier")  # fmt: skip
    cells = values.group_by(*keys, "visit_code", "item").agg(pl.col("value", "kind").first())
    pairs = (
        before.select(*keys, "visit_code", "earlier")
        .join(cells, on=[*keys, "visit_code"])
        .join(cells, left_on=[*keys, "earlier", "item"], right_on=[*keys, "visit_code", "item"])
    )
    same = (pl.col("value") == pl.col("value_right")).mean()
    alike = pairs.group_by(*keys, "visit_code").agg(
        n=pl.len(), same=same, least=_least(pl.col("kind").first())
    )
    return alike.filter(pl.col("n") >= pl.col("least"), pl.col("same") >= SAME_SHARE).select("participant_id")  # fmt: skip


def _twins(values: pl.DataFrame) -> pl.DataFrame:
    """Participants with a form nearly the same as another participant's, of one form at one clinic."""
    wide = values.sort("item").pivot(
        "item", index=["participant_id", "visit_code"], values="value", aggregate_function="first"
    )
    least = values.select(_least(pl.col("kind").first())).item()
    owner = wide["participant_id"].rank("dense").to_numpy()
    cells = wide.drop("participant_id", "visit_code").cast(pl.Float64).to_numpy().astype(np.float32)
    known = ~np.isnan(cells)
    found = np.zeros(len(cells), bool)
    for start in range(0, len(cells), _BLOCK):
        rows = slice(start, start + _BLOCK)
        common = known[rows].astype(np.float32) @ known.T.astype(np.float32)
        same = np.zeros(common.shape, np.int16)
        for item in range(cells.shape[1]):
            same += cells[rows, item, None] == cells[None, :, item]
        alike = (common >= least) & (same >= SAME_SHARE * common)
        found[rows] = (alike & (owner[rows, None] != owner[None, :])).any(axis=1)
    return wide.filter(pl.Series(found, dtype=pl.Boolean)).select("participant_id")
