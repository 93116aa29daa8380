"""Stances of the gait lab compared with each other: those that run from lift-off to contact are named."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl

from pipelines.contracts.build_rules import build_rules
from pipelines.signals.stance_checks import is_turned


def name_turned(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Marks turned stances in core_knee_load and returns a finding for each.

    Judged among a person's own stances of one leg and one way of walking. Assumes: core_knee_load is built.
    """
    stances = con.execute("""
        SELECT k.delivery_id, k.clinic_id, k.row_no, m.moment_curve,
            concat_ws('|', k.participant_id, k.stance_side_code, k.lab_direction_code) AS of_one
        FROM core_knee_load AS k JOIN core_knee_moment AS m USING (delivery_id, row_no)
        WHERE m.moment_curve IS NOT NULL ORDER BY ALL
    """).pl()
    turned = stances.clear()
    if stances.height:
        points = stances["moment_curve"].str.split(" ").list.eval(pl.element().cast(pl.Float64))
        curves = np.array(points.to_list())
        turned = stances.filter(pl.Series(is_turned(curves, stances["of_one"].to_numpy())))
    con.register("turned", turned.select("delivery_id", "row_no").to_arrow())
    con.execute("""
        UPDATE core_knee_load AS k SET is_turned = TRUE FROM turned AS t
        WHERE t.delivery_id = k.delivery_id AND t.row_no = k.row_no
    """)
    con.unregister("turned")
    (rule,) = build_rules("knee_moment")
    return turned.select(
        "delivery_id", "clinic_id", "row_no", table_name=pl.lit(rule.table), field=pl.lit(None, pl.String),
        rule=pl.lit(rule.name), kind=pl.lit(rule.kind), severity=pl.lit(rule.severity), remedy=pl.lit(rule.remedy),
    )  # fmt: skip
