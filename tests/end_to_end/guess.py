"""An adversary: everything an open database says of each participant, and a classifier that guesses the arm from it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import polars as pl
from polars import selectors as cs
from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

_FEW_VALUES = 15  # texts with at most so many different values are counted one by one


def features(database: Path) -> pl.DataFrame:
    """One row per participant: sums, spreads, counts, gaps and places of every column of every table."""
    with duckdb.connect(str(database), read_only=True) as con:
        names = [
            row[0]
            for row in con.execute(
                """SELECT DISTINCT table_name FROM duckdb_columns()
                WHERE column_name = 'participant_id' AND NOT internal ORDER BY 1"""
            ).fetchall()
        ]
        found = con.execute("SELECT DISTINCT participant_id FROM core_participant ORDER BY 1").pl()
        found = found.with_columns(pl.int_range(pl.len()).alias("place"))
        ledger = con.execute(
            "SELECT delivery_id, n_received, n_accepted, n_flagged FROM ledger_delivery"
        ).pl()
        broken = con.execute(
            "SELECT table_name, delivery_id, row_no, rule FROM ledger_finding WHERE row_no IS NOT NULL"
        ).pl()
        for name in names:
            rows = con.execute(f"SELECT * FROM {name}").pl().with_row_index("line")
            if "delivery_id" in rows.columns:
                rows = rows.join(ledger, on="delivery_id", how="left")
                rows = rows.with_columns(delivery=pl.col("delivery_id").rank("dense"))
            if {"delivery_id", "row_no"} <= set(rows.columns):
                said = broken.filter(pl.col("table_name") == name.removeprefix("core_"))
                said = said.group_by("delivery_id", "row_no").len("findings")
                rows = rows.join(said, on=["delivery_id", "row_no"], how="left")
            found = found.join(_per_participant(rows, name), on="participant_id", how="left")
    return found


def _per_participant(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    rows = rows.with_columns(cs.boolean().cast(pl.Float64))
    wanted = cs.numeric() - cs.by_name("participant_id", require_all=False)
    listed = [
        (column, value)
        for column, kind in rows.schema.items()
        if kind == pl.String and column not in ("participant_id", "delivery_id")
        and rows[column].n_unique() <= _FEW_VALUES
        for value in rows[column].drop_nulls().unique().sort()
    ]  # fmt: skip
    return rows.group_by("participant_id").agg(
        pl.len().alias(f"{name}.rows"),
        wanted.mean().name.map(lambda c: f"{name}.{c}.mean"),
        wanted.sum().name.map(lambda c: f"{name}.{c}.sum"),
        wanted.min().name.map(lambda c: f"{name}.{c}.min"),
        wanted.max().name.map(lambda c: f"{name}.{c}.max"),
        wanted.std().name.map(lambda c: f"{name}.{c}.std"),
        cs.exclude("participant_id").null_count().name.map(lambda c: f"{name}.{c}.missing"),
        *((pl.col(c) == v).sum().alias(f"{name}.{c}={v}") for c, v in listed),
    )


def models() -> dict[str, ClassifierMixin]:
    """The two that guess."""
    return {
        "boosting": HistGradientBoostingClassifier(max_iter=80, max_depth=4, random_state=0),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(C=0.02, max_iter=2000)),
    }


def areas(seen: pl.DataFrame, is_test: np.ndarray) -> dict[str, float]:
    """Area under the ROC curve of each model, cross-validated in five parts; no participant is in two."""
    table = seen.drop("participant_id").with_columns(pl.all().cast(pl.Float64))
    varied = [c for c in table.columns if table[c].drop_nulls().n_unique() > 1]
    values = table.select(varied).with_columns(pl.all().fill_null(pl.all().median()).fill_nan(0))
    matrix = values.to_numpy()
    parts = StratifiedKFold(5, shuffle=True, random_state=0)
    return {
        name: float(
            roc_auc_score(
                is_test,
                cross_val_predict(model, matrix, is_test, cv=parts, method="predict_proba")[:, 1],
            )
        )
        for name, model in models().items()
    }
