"""What devices saw: walking speed once heights are known, days around visits, sessions beside their logs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import duckdb
import polars as pl

from pipelines.contracts.build_rules import build_rules
from pipelines.contracts.model import Contract
from pipelines.signals import limits
from pipelines.signals.stride import PENDULUM
from pipelines.warehouse.order import build_order


def create_refs(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """ref_wear (one row), ref_bout_class, ref_limit, ref_cut_point and ref_pendulum."""
    wear = contract.study.wear
    tables = {
        "ref_wear": pl.DataFrame({
            "least_min": [wear.valid_day.min_worn_h * 60.0], "least_days": [wear.valid_window.min_days],
            "least_weekend_days": [wear.valid_window.min_weekend_days],
            "owner_least_bouts": [wear.owner.least_bouts], "owner_least_days": [wear.owner.least_other_days],
            "owner_least_pooled": [wear.owner.least_pooled_days], "owner_p": [wear.owner.p],
            "from_day": [wear.around_visit.from_], "to_day": [wear.around_visit.to],
        }).with_columns(pl.col("from_day", "to_day").cast(pl.Int32)),
        "ref_bout_class": pl.DataFrame(
            [(name, one.from_, one.to) for name, one in wear.bout_classes_s.items()],
            schema={"bout_class": pl.String, "from_s": pl.Float64, "to_s": pl.Float64}, orient="row",
        ),
        "ref_limit": limits.limits(),
        "ref_cut_point": limits.cut_points(),
        "ref_pendulum": pl.DataFrame([dataclasses.asdict(PENDULUM)]),
    }  # fmt: skip
    for name, rows in tables.items():
        con.register("rows", rows.to_arrow())
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")
        con.unregister("rows")


def finish_speed(con: duckdb.DuckDBPyConnection) -> None:
    """Walking speed of bouts found in samples, from their moments and the participant's height.

    Without a height the speed stays null and `not_told` says so. See signals/stride.py for the formula.
    """
    con.execute("""
        UPDATE core_wear_bout AS b
        SET speed_mean_mps = CASE WHEN p.height_cm IS NOT NULL THEN
                least(8, greatest(0, 2 * k.scale * sqrt(2 * k.height_share * p.height_cm / 100)
                    * (b.rise_half - b.rise_three_half / (4 * k.height_share * p.height_cm / 100)))) END,
            not_told = CASE WHEN p.height_cm IS NULL
                THEN concat_ws('; ', b.not_told, 'speed:height_missing') ELSE b.not_told END
        FROM core_participant AS p, ref_pendulum AS k
        WHERE p.participant_id = b.participant_id AND b.rise_half IS NOT NULL AND b.speed_mean_mps IS NULL
    """)


def build_views(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """The tables of sql/core, each after those it reads; a SELECT becomes the table it is named after."""
    for file in build_order(folder):
        con.execute(f"CREATE TABLE {file.stem} AS {file.read_text(encoding='utf-8')}")


def unlike_owner(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """A finding for each day that walks unlike its participant, on the first bout of that day.

    Assumes: core_wear_owner is built.
    """
    found = [
        con.execute(
            f"""SELECT delivery_id, clinic_id, ? AS table_name, row_no, CAST(NULL AS VARCHAR) AS field,
                ? AS rule, ? AS kind, ? AS severity, ? AS remedy
            FROM core_wear_owner WHERE {rule.breaks} ORDER BY clinic_id, delivery_id, row_no""",
            [rule.table, rule.name, rule.kind, rule.severity, rule.remedy],
        ).pl()
        for rule in build_rules("wear_bout")
    ]
    return pl.concat(found)
