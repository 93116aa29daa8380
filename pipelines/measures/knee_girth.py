"""Knee swelling: the index knee's circumference at mid-patella minus the other knee's."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Scale
from pipelines.measures.rows import FORM, as_outcomes

MEASURE = Measure(
    name="girth",
    title="Knee circumference, index minus other knee",
    unit="cm",
    better="lower",
    licence="free to use",
    source="tape at mid-patella, both knees the same day; no published threshold at hand",
    reads="knee_girth",
    scales={"difference": Scale("cm", "lower", (-30.0, 30.0))},
)


def score(girths: pl.LazyFrame) -> pl.LazyFrame:
    """Index minus other knee, where both were measured; it rests on the index knee's row."""
    known = girths.filter(
        pl.col("girth_site_code") == "mid_patella",
        pl.col("girth_cm") > 0,
        pl.col("index_knee_side").is_in(["left", "right"]),
        pl.col("test_side_code").is_in(["left", "right"]),
    )
    own = pl.col("test_side_code") == pl.col("index_knee_side")
    index = known.filter(own).sort("delivery_id", "row_no").unique(FORM, keep="first")
    other = known.filter(~own).sort("delivery_id", "row_no").unique(FORM, keep="first")
    return (
        index.join(other.select(*FORM, other_cm="girth_cm"), on=FORM)
        .with_columns(value=pl.col("girth_cm") - pl.col("other_cm"), scale=pl.lit("difference"))
        .pipe(as_outcomes, MEASURE)
    )
