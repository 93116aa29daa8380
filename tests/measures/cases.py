"""Builds measure inputs from the short form the worked vectors are written in."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from pipelines.measures import discovered

SQL = Path(__file__).resolve().parents[2] / "sql"
VISIT = {
    "participant_id": "01-001-0",
    "clinic_id": "alder",
    "visit_code": "W6",
    "assessed_date": dt.date(2025, 4, 21),
    "delivery_id": "alder-0",
}
COMMON = {
    "participant_id": pl.String,
    "clinic_id": pl.String,
    "visit_code": pl.String,
    "assessed_date": pl.Date,
    "index_knee_side": pl.String,
    "delivery_id": pl.String,
    "row_no": pl.Int64,
}
SCHEMAS = {
    "answer": COMMON
    | {
        "knee_side": pl.String,
        "measure": pl.String,
        "item": pl.String,
        "answer": pl.Float64,
    },
    "walk_test": COMMON
    | {
        "walk_test_code": pl.String,
        "pace_code": pl.String,
        "timed_distance_m": pl.Float64,
        "trial_no": pl.Int64,
        "time_s": pl.Float64,
    },
    "balance_test": COMMON
    | {
        "balance_test_code": pl.String,
        "test_side_code": pl.String,
        "eyes_code": pl.String,
        "cap_s": pl.Float64,
        "trial_no": pl.Int64,
        "time_s": pl.Float64,
        "repetitions_n": pl.Int64,
        "arms_used": pl.Boolean,
    },
    "strength": COMMON
    | {
        "muscle_code": pl.String,
        "test_side_code": pl.String,
        "trial_no": pl.Int64,
        "torque_nm_per_kg": pl.Float64,
    },
    "knee_girth": COMMON
    | {
        "girth_site_code": pl.String,
        "test_side_code": pl.String,
        "trial_no": pl.Int64,
        "girth_cm": pl.Float64,
    },
    "knee_load": COMMON
    | {
        "trial_no": pl.Int64,
        "stance_no": pl.Int64,
        "is_index_knee": pl.Boolean,
        "is_turned": pl.Boolean,
        "speed_state": pl.String,
        "lab_direction_code": pl.String,
        "ekam_first_peak_nm_per_kg": pl.Float64,
        "ekam_second_peak_nm_per_kg": pl.Float64,
        "kaai_nms_per_kg": pl.Float64,
    },
    "wear_window": COMMON
    | {
        "bout_class": pl.String,
        "is_valid": pl.Boolean,
        "speeds_n": pl.Int64,
        "speed_mean_mps": pl.Float64,
        "speed_p50_mps": pl.Float64,
        "speed_p90_mps": pl.Float64,
    },
}


def frame(table: str, rows: list[dict[str, Any]]) -> pl.LazyFrame:
    """A core table of the given rows; columns not given are null, the visit is always the same."""
    filled = [dict.fromkeys(SCHEMAS[table]) | VISIT | row for row in rows]
    return pl.LazyFrame(filled, schema=SCHEMAS[table])


def answer_rows(measure: str, answers: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """Long answer rows; a list under a prefix is that prefix's items numbered from 1."""
    items = {}
    for key, given in answers.items():
        if isinstance(given, list):
            items |= {f"{key}{number}": answer for number, answer in enumerate(given, 1)}
        else:
            items[key] = given
    row = {
        "measure": measure,
        "knee_side": "right",
        "index_knee_side": "right",
        "row_no": 2,
    } | more
    return [row | {"item": item, "answer": answer} for item, answer in items.items()]


def torques(rows: list[dict[str, Any]]) -> pl.LazyFrame:
    """Strength trials as the core table makes them of force, lever arm, torque and the participant's body mass."""
    told = dict.fromkeys(
        ("force_n", "lever_m", "torque_nm", "torque_nm_per_kg", "weight_kg"), pl.Float64
    )
    schema = SCHEMAS["strength"] | told | {"study_day": pl.Int64}
    sent = pl.DataFrame([dict.fromkeys(schema) | VISIT | row for row in rows], schema=schema)
    with duckdb.connect() as con:
        con.register("sent", sent.to_arrow())
        con.execute("""
            CREATE TABLE core_strength AS SELECT * EXCLUDE (weight_kg, index_knee_side) FROM sent;
            CREATE TABLE core_participant AS SELECT DISTINCT participant_id, weight_kg, index_knee_side FROM sent
        """)
        made = (SQL / "core" / "core_strength_torque.sql").read_text(encoding="utf-8")
        knees = "JOIN core_participant USING (participant_id)"
        return con.sql(f"SELECT t.*, index_knee_side FROM ({made}) AS t {knees}").pl().lazy()


def scores(measure: str, rows: list[dict[str, Any]], **options: Any) -> dict[str, float]:
    """Value by scale for the rows of one assessment."""
    module = discovered()[measure]
    reads = module.MEASURE.reads
    trials = torques(rows) if reads == "strength" else frame(reads, rows)
    outcomes = module.score(trials, **options).collect()
    assert outcomes["scale"].is_unique().all()
    return dict(zip(outcomes["scale"], outcomes["value"], strict=True))


def rows_of_case(measure: str, case: dict[str, Any]) -> list[dict[str, Any]]:
    """The input rows of one worked vector."""
    more = {key: case[key] for key in ("knee_side", "index_knee_side") if key in case}
    if "answers" in case:
        return answer_rows(discovered()[measure].MEASURE.form or measure, case["answers"], **more)
    index = {"index_knee_side": "right"} | more
    if "windows" in case:
        return [{"row_no": 1} | window for window in case["windows"]]
    if "stances" in case:
        usual = {"is_index_knee": True, "is_turned": False, "speed_state": "own_speed"}
        return [
            usual | {"trial_no": number, "stance_no": 1, "row_no": number} | stance
            for number, stance in enumerate(case["stances"], 1)
        ]
    return [
        index | {"trial_no": number, "row_no": number + 1} | trial
        for number, trial in enumerate(case["trials"], 1)
    ]
