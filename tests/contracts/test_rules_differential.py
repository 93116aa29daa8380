"""Every row rule, evaluated by DuckDB as the night does and by Polars' own SQL, on rows full of holes.

The two engines share neither parser nor evaluator; what they agree on is the rule's meaning. NULL is satisfied.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.contracts import predicates
from pipelines.contracts.load import load_contract
from pipelines.contracts.model import FieldDef
from pipelines.contracts.rule_list import rules_of
from pipelines.contracts.tables import POLARS

CONTRACT = load_contract(Path(__file__).parents[2] / "schemas")
ROW_RULES = [(table, rule) for table, body in CONTRACT.tables.items() for rule in body.rules]
MIDNIGHT = dt.datetime(2025, 3, 10)


def candidates(field: FieldDef) -> list:
    """Few enough values that equal ones, neighbours and edges meet often."""
    if field.type == "integer":
        low, high = field.valid or (0, 9)
        return sorted({low - 1, low, low + 1, 2, 3, 4, high, high + 1})
    if field.type == "decimal":
        low, high = field.valid or (0, 9)
        return sorted(
            {0.0, 0.5, 1.0, 2.5, 3.0, 5.0, 19.9, 60.0, float(low), float(high), high + 1.0, 180.0}
        )
    if field.type == "date":
        return [MIDNIGHT.date() + dt.timedelta(days=n) for n in range(3)]
    if field.type == "instant":
        return [MIDNIGHT + dt.timedelta(minutes=n) for n in (0, 1, 119, 120, 121)]
    if field.type == "boolean":
        return [True, False]
    if field.type == "code":
        return list(CONTRACT.codes[field.codes])
    return ["T1", "T2"]


def frames(table: str, rule: str) -> st.SearchStrategy[pl.DataFrame]:
    """Rows of the columns the rule reads, about one value in five missing."""
    names = sorted(predicates.columns_of(CONTRACT.tables[table].rules[rule].holds))
    fields = {name: CONTRACT.fields[name] for name in names}
    cell = {name: _cell(candidates(field)) for name, field in fields.items()}
    schema = {name: POLARS[field.type] for name, field in fields.items()}
    rows = st.lists(st.fixed_dictionaries(cell), min_size=1, max_size=40)
    return rows.map(lambda found: pl.DataFrame(found, schema=schema))


def _cell(values: list) -> st.SearchStrategy:
    return st.integers(0, 4).flatmap(
        lambda hole: st.none() if hole == 0 else st.sampled_from(values)
    )


def by_duckdb(frame: pl.DataFrame, breaks: str) -> list[bool]:
    with duckdb.connect() as con:
        con.register("staged", frame.with_row_index("n").to_arrow())
        rows = con.execute(f"SELECT coalesce({breaks}, FALSE) FROM staged ORDER BY n").fetchall()
    return [row[0] for row in rows]


def by_polars(frame: pl.DataFrame, holds: str) -> list[bool]:
    broken = ~pl.sql_expr(holds)
    return frame.select(broken.fill_null(False).alias("broken"))["broken"].to_list()


@pytest.mark.parametrize(("table", "rule"), ROW_RULES)
def test_two_engines_agree_on_which_rows_break_the_rule(table: str, rule: str) -> None:
    holds = CONTRACT.tables[table].rules[rule].holds
    breaks = next(r.breaks for r in rules_of(CONTRACT, table) if r.name == rule)
    seen = set()

    @settings(max_examples=25, deadline=None, derandomize=True, database=None,
              suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
    @given(frames(table, rule))
    def agree(frame: pl.DataFrame) -> None:
        expected = by_polars(frame, holds)
        assert by_duckdb(frame, breaks) == expected
        seen.update(expected)

    agree()
    assert seen == {True, False}, "the generated rows never broke, or never kept, the rule"


@pytest.mark.parametrize(("table", "rule"), ROW_RULES)
def test_a_row_of_nothing_but_holes_breaks_no_row_rule(table: str, rule: str) -> None:
    holds = CONTRACT.tables[table].rules[rule].holds
    names = sorted(predicates.columns_of(holds))
    schema = {name: POLARS[CONTRACT.fields[name].type] for name in names}
    frame = pl.DataFrame({name: [None] for name in names}, schema=schema)
    breaks = next(r.breaks for r in rules_of(CONTRACT, table) if r.name == rule)

    assert by_duckdb(frame, breaks) == [False]


# Worked by hand from the sentence of each rule, not from its SQL.
BY_HAND = [
    ("session", "session_at_most_two_hours", {"start_utc": MIDNIGHT, "end_utc": MIDNIGHT + dt.timedelta(hours=2)}, True),
    ("session", "session_at_most_two_hours",
     {"start_utc": MIDNIGHT, "end_utc": MIDNIGHT + dt.timedelta(hours=2, seconds=1)}, False),
    ("session", "session_ends_after_start", {"start_utc": MIDNIGHT, "end_utc": MIDNIGHT}, False),
    ("session", "backward_speed_plausible", {"direction_code": "BW", "actual_min": 10.0, "actual_dist_m": 900.0}, True),
    ("session", "backward_speed_plausible", {"direction_code": "BW", "actual_min": 10.0, "actual_dist_m": 901.0}, False),
    ("session", "backward_speed_plausible", {"direction_code": "FW", "actual_min": 10.0, "actual_dist_m": 901.0}, True),
    ("session", "backward_speed_plausible", {"direction_code": "BW", "actual_min": 0.0, "actual_dist_m": 5.0}, True),
    ("session", "forward_speed_plausible", {"direction_code": "FW", "actual_min": 10.0, "actual_dist_m": 1501.0}, False),
    ("session", "exertion_fits_scale", {"rpe_scale": "borg_6_20", "rpe": 5.0}, False),
    ("session", "exertion_fits_scale", {"rpe_scale": "cr10", "rpe": 11.0}, False),
    ("session", "exertion_fits_scale", {"rpe_scale": "borg_6_20", "rpe": 6.0}, True),
    ("session", "exertion_has_scale", {"rpe_scale": None, "rpe": 6.0}, False),
    ("session", "stop_reason_iff_stopped", {"stopped_early": True, "stop_reason": None}, False),
    ("session", "stop_reason_iff_stopped", {"stopped_early": False, "stop_reason": "pain"}, False),
    ("session", "stop_reason_iff_stopped", {"stopped_early": None, "stop_reason": "pain"}, True),
    ("session", "reason_given_when_missed", {"attended": False, "not_done_reason": None}, False),
    ("session", "pain_rise_leads_to_hold",
     {"progression_code": "progress", "nprs_pre": 2, "nprs_post": 5, "nprs_24h": 2}, False),
    ("session", "pain_rise_leads_to_hold",
     {"progression_code": "progress", "nprs_pre": 2, "nprs_post": 4, "nprs_24h": 3}, True),
    ("session", "pain_rise_leads_to_hold",
     {"progression_code": "hold", "nprs_pre": 2, "nprs_post": 9, "nprs_24h": 9}, True),
    ("session", "heart_rates_in_order", {"hr_peak_bpm": 120.0, "hr_mean_bpm": 125.0, "hr_rest_bpm": None}, False),
    ("session", "heart_rates_in_order", {"hr_peak_bpm": 120.0, "hr_mean_bpm": None, "hr_rest_bpm": 130.0}, True),
    ("session", "precautions_kept",
     {"attended": True, "footwear_ok": None, "area_clear_ok": True, "rail_available": True, "gradual_progression_ok": True}, True),
    ("session", "precautions_kept",
     {"attended": True, "footwear_ok": False, "area_clear_ok": None, "rail_available": None, "gradual_progression_ok": None}, False),
    ("berg", "sitting_implied_by_standing", {"berg_2": 4, "berg_3": 3}, False),
    ("berg", "sitting_implied_by_standing", {"berg_2": 3, "berg_3": 0}, True),
    ("berg", "sitting_implied_by_standing", {"berg_2": 4, "berg_3": None}, True),
    ("participant", "body_mass_index_plausible", {"height_cm": 175.0, "weight_kg": 80.0}, True),  # 26.1
    ("participant", "body_mass_index_plausible", {"height_cm": 175.0, "weight_kg": 176.0 * 1.1}, False),  # 63.2
    ("participant", "consent_before_randomisation",
     {"consented_date": dt.date(2025, 3, 11), "randomised_date": dt.date(2025, 3, 10)}, False),
    ("participant", "withdrawal_reason_given", {"withdrawn_date": None, "withdrawn_reason": "moved"}, False),
    ("participant", "index_knee_is_one_side", {"index_knee_side": "both"}, False),
    ("participant", "kl_grade_fits_condition", {"condition_code": "knee_oa_kl12", "kl_grade": 3}, False),
    ("participant", "kl_grade_fits_condition", {"condition_code": "stroke_gt6mo", "kl_grade": 4}, True),
    ("walk_test", "speed_possible", {"time_s": 0.0, "timed_distance_m": 10.0}, False),
    ("walk_test", "speed_possible", {"time_s": 2.4, "timed_distance_m": 10.0}, False),  # 4.17 m/s
    ("walk_test", "speed_possible", {"time_s": 6.0, "timed_distance_m": 6.0}, True),
    ("walk_test", "timed_distance_given", {"time_s": 6.0, "timed_distance_m": None}, False),
    ("walk_test", "backward_walk_is_three_metres", {"walk_test_code": "3mbwt", "timed_distance_m": 10.0}, False),
    ("walk_test", "backward_walk_is_three_metres", {"walk_test_code": "3mbwt", "timed_distance_m": 3.048}, True),  # 10 ft
    ("balance_test", "tug_time_plausible", {"balance_test_code": "tug", "time_s": 2.9}, False),
    ("balance_test", "stance_within_cap", {"balance_test_code": "sls", "time_s": 30.1, "cap_s": 30.0}, False),
    ("pain", "worst_at_least_now", {"nprs_worst_24h": 3.0, "nprs_now": 4.0}, False),
    ("adverse_event", "serious_has_criterion", {"serious": True, "seriousness_code": None}, False),
    ("adverse_event", "criterion_only_when_serious", {"serious": False, "seriousness_code": "death"}, False),
    ("adverse_event", "fatal_means_death", {"seriousness_code": "death", "ae_outcome_code": None}, False),
    ("adverse_event", "fatal_means_death", {"seriousness_code": None, "ae_outcome_code": None}, True),
    ("wear_day", "worn_within_the_day", {"wear_min": 1501.0}, False),
]  # fmt: skip


@pytest.mark.parametrize(("table", "rule", "row", "holds"), BY_HAND)
def test_a_rule_says_what_its_sentence_says(table: str, rule: str, row: dict, holds: bool) -> None:
    schema = {name: POLARS[CONTRACT.fields[name].type] for name in row}
    breaks = next(r.breaks for r in rules_of(CONTRACT, table) if r.name == rule)

    assert by_duckdb(pl.DataFrame([row], schema=schema), breaks) == [not holds]
