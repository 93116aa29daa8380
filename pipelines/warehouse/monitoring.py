"""core_monitoring: how far each clinic's numbers stand from the others', told without the arm."""

from __future__ import annotations

import datetime as dt

import duckdb
import polars as pl

from pipelines.analysis.monitoring_inputs import inputs_of

_FORM = "clinic_id, participant_id, visit_code, assessed_date, assessor_code"
READS = {
    "participant": "SELECT clinic_id, participant_id, randomised_date, withdrawn_date FROM core_participant",
    "adverse_event": "SELECT participant_id FROM core_adverse_event",
    "fall_diary": "SELECT participant_id, diary_from_date, diary_to_date, diary_falls_n FROM core_fall_diary",
    "answer": "SELECT clinic_id, participant_id, visit_code, assessed_date, measure, item, answer FROM core_answer",
    "walk_test": f"SELECT {_FORM}, walk_test_code, pace_code, trial_no, timed_distance_m, time_s FROM core_walk_test",
    "balance_test": f"SELECT {_FORM}, balance_test_code, test_side_code, eyes_code, trial_no, time_s FROM core_balance_test",
    "strength": f"SELECT {_FORM}, muscle_code, test_side_code, trial_no, force_n, torque_nm FROM core_strength",
    "knee_girth": f"SELECT {_FORM}, girth_site_code, test_side_code, girth_cm FROM core_knee_girth",
    "wear_day": "SELECT clinic_id, participant_id, wear_date, vm_counts_sum, wear_min FROM core_wear_day",
}
_ASSESSOR = pl.col("test").str.ends_with("_assessor")


def watch(con: duckdb.DuckDBPyConnection, cutoff: dt.datetime) -> None:
    """core_monitoring (clinics) and core_monitoring_assessor (closed only: an assessor's code may tell the arm)."""
    from pipelines.analysis.monitoring import monitored  # scipy.stats: half a second for each stage

    tables = {name: con.sql(f"{query} ORDER BY ALL").pl() for name, query in READS.items()}
    windows = con.sql("SELECT visit_code, target_day, from_day, to_day FROM ref_visit").pl()
    rows = _settled(monitored(inputs_of(tables, windows, cutoff.date())))
    clinics = rows.filter(~_ASSESSOR)
    assessors = rows.filter(_ASSESSOR).rename({"part": "assessor_code"})
    for name, made in (("core_monitoring", clinics), ("core_monitoring_assessor", assessors)):
        con.register("monitored", made.to_arrow())
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM monitored ORDER BY ALL")
        con.unregister("monitored")


def _settled(rows: pl.DataFrame) -> pl.DataFrame:
    """Numbers to six digits: sums over threads differ in the last bits from run to run, a night may not."""
    return rows.with_columns(pl.selectors.float().round(12).round_sig_figs(6))
