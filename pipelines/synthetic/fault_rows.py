"""Faults within one record and between tables, one for each named rule; and the classic unit slips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from pipelines.contracts.model import Contract
from pipelines.synthetic.fault_fields import DEVICE_TABLES, ghostly, whole_record
from pipelines.synthetic.faults import Fault, Place, Row, changed, computed, days, minutes

Edit = Callable[[Row, Place], list[Row]]
_CAME, _AWAY = pl.col("attended"), ~pl.col("attended")
_CALM = pl.col("fall_n") == 0  # no fall record depends on the session


def _is(name: str, value: Any) -> pl.Expr:
    return pl.col(name) == value


# (table, rule) -> (records it may be planted in, edit)
_ROWS: dict[tuple[str, str], tuple[pl.Expr | None, Edit]] = {
    ("participant", "consent_before_randomisation"): (
        None, computed(lambda r: {"consented_date": r["randomised_date"] + days(3)})),
    ("participant", "withdrawal_after_randomisation"): (
        None, computed(lambda r: {"withdrawn_date": r["randomised_date"] - days(5), "withdrawn_reason": "moved"})),
    ("participant", "withdrawal_reason_given"): (
        pl.col("withdrawn_date").is_null(), changed(withdrawn_reason="moved")),
    ("participant", "body_mass_index_plausible"): (None, changed(height_cm=157.48, weight_kg=172.0)),
    ("participant", "index_knee_is_one_side"): (None, changed(index_knee_side="both")),
    ("participant", "kl_grade_fits_condition"): (_is("condition_code", "knee_oa_kl12"), changed(kl_grade=4)),
    ("session", "session_ends_after_start"): (
        _CAME & _CALM, computed(lambda r: {"end_utc": r["start_utc"] - minutes(30)})),
    ("session", "session_at_most_two_hours"): (
        _CAME, computed(lambda r: {"end_utc": r["start_utc"] + minutes(165)})),
    ("session", "reason_given_when_missed"): (_AWAY, changed(not_done_reason=None)),
    ("session", "no_reason_when_attended"): (_CAME, changed(not_done_reason="illness")),
    ("session", "minutes_given_when_attended"): (_CAME, changed(actual_min=None)),
    ("session", "direction_given_when_attended"): (_CAME, changed(direction_code=None)),
    ("session", "backward_speed_plausible"): (
        _is("direction_code", "BW"), computed(lambda r: {"actual_dist_m": round(r["actual_min"] * 60 * 1.8)})),
    ("session", "forward_speed_plausible"): (
        _is("direction_code", "FW"), computed(lambda r: {"actual_dist_m": round(r["actual_min"] * 60 * 3.1)})),
    ("session", "heart_rates_in_order"): (
        _CAME, computed(lambda r: {"hr_mean_bpm": r["hr_peak_bpm"], "hr_peak_bpm": r["hr_mean_bpm"]})),
    ("session", "pressure_before_in_order"): (_CAME & _CALM, changed(sys_pre_mmhg=88, dia_pre_mmhg=104)),
    ("session", "pressure_after_in_order"): (_CAME & _CALM, changed(sys_post_mmhg=88, dia_post_mmhg=104)),
    ("session", "exertion_fits_scale"): (
        _CAME & _CALM & pl.col("rpe_scale").is_not_null(),
        computed(lambda r: {"rpe": 3.0 if r["rpe_scale"] == "borg_6_20" else 13.0})),
    ("session", "exertion_has_scale"): (_CAME & _CALM, changed(rpe_scale=None)),
    ("session", "stop_reason_iff_stopped"): (~pl.col("stopped_early"), changed(stop_reason="fatigue")),
    ("session", "pain_rise_leads_to_hold"): (
        _is("progression_code", "progress"),
        changed(nprs_pre=1, nprs_during_max=6, nprs_post=5, nprs_24h=2)),
    ("session", "precautions_kept"): (_CAME, changed(footwear_ok=False)),
    ("session", "assessor_is_not_therapist"): (
        pl.col("therapist_code").is_not_null(), computed(lambda r: {"assessor_code": r["therapist_code"]})),
    ("session", "treadmill_speed_only_on_treadmill"): (
        _is("mode_code", "overground"), changed(treadmill_speed_mps=0.9)),
    ("walk_test", "timed_distance_given"): (
        pl.col("time_s").is_not_null(), changed(timed_distance_m=None)),
    ("walk_test", "pace_given"): (_is("walk_test_code", "10mwt"), changed(pace_code=None)),
    ("walk_test", "speed_possible"): (_is("walk_test_code", "10mwt"), changed(timed_distance_m=6.0, time_s=150.0)),
    ("walk_test", "speed_plausible"): (
        _is("walk_test_code", "10mwt"), computed(lambda r: {"time_s": round(r["timed_distance_m"] / 2.9, 2)})),
    ("walk_test", "backward_walk_is_three_metres"): (
        _is("walk_test_code", "3mbwt"), changed(timed_distance_m=5.0)),
    ("walk_test", "timed_distance_short_enough"): (
        _is("walk_test_code", "10mwt"), changed(timed_distance_m=24.0, time_s=20.0)),
    ("walk_test", "six_minutes_walked"): (_is("walk_test_code", "6mwt"), changed(time_s=240.0)),
    ("walk_test", "six_minute_distance_possible"): (
        _is("walk_test_code", "6mwt"), computed(lambda r: {"timed_distance_m": round(r["timed_distance_m"] / 0.3048)})),
    ("balance_test", "chair_stands_counted"): (_is("balance_test_code", "cst30"), changed(repetitions_n=None)),
    ("abc", "confidence_is_a_percentage"): (
        None, lambda r, place: [{f"abc_{n}": float(n % 5 + 3) for n in range(1, 17)}]),
    ("patient_rating", "no_change_at_the_start"): (_is("visit_code", "BL"), changed(rating_change=4)),
    ("lab_trial", "comfortable_speed_given"): (pl.col("speed_controlled"), changed(comfortable_speed_mps=None)),
    ("lab_trial", "speed_matched"): (
        pl.col("speed_controlled"), computed(lambda r: {"lab_speed_mps": round(r["comfortable_speed_mps"] * 1.12, 2)})),
    ("strength", "torque_possible"): (None, changed(force_n=1900.0, lever_m=0.35)),
    ("strength", "lever_given"): (None, changed(lever_m=None, torque_nm=None)),
    ("strength", "torque_agrees_with_force"): (  # foot-pounds under the heading of newton metres
        None, computed(lambda r: {"torque_nm": round(r["torque_nm"] / 1.35582, 1)})),
    ("knee_girth", "girth_has_one_side"): (None, changed(test_side_code="both")),
    ("balance_test", "tug_time_plausible"): (_is("balance_test_code", "tug"), changed(time_s=2.1)),
    ("balance_test", "stance_within_cap"): (
        _is("balance_test_code", "sls") & pl.col("time_s").is_not_null(),
        lambda r, place: [{"time_s": _cap(r, place) + 5.0}]),
    ("balance_test", "stance_has_cap"): (_is("balance_test_code", "sls"), changed(cap_s=None)),
    ("balance_test", "stance_has_side"): (_is("balance_test_code", "sls"), changed(test_side_code=None)),
    ("berg", "sitting_implied_by_standing"): (None, changed(berg_2=4, berg_3=2)),
    ("pain", "ratings_are_whole_numbers"): (pl.col("nprs_average_7d").is_not_null(), changed(nprs_average_7d=4.5)),
    ("pain", "worst_at_least_now"): (None, changed(nprs_worst_24h=2.0, nprs_now=7.0)),
    ("fall", "reported_after_fall"): (None, computed(lambda r: {"reported_date": r["fall_date"] - days(4)})),
    ("fall_diary", "diary_ends_after_start"): (
        None, computed(lambda r: {"diary_to_date": r["diary_from_date"] - days(3)})),
    ("adverse_event", "serious_has_criterion"): (~pl.col("serious"), changed(serious=True)),
    ("adverse_event", "criterion_only_when_serious"): (
        ~pl.col("serious"), changed(seriousness_code="hospitalisation")),
    ("adverse_event", "event_ends_after_onset"): (
        None, computed(lambda r: {"end_date": r["onset_date"] - days(2)})),
    ("adverse_event", "reported_after_onset"): (
        None, computed(lambda r: {"reported_date": r["onset_date"] - days(2)})),
    ("adverse_event", "fatal_means_death"): (~pl.col("serious"), changed(ae_outcome_code="fatal")),
    ("device_assignment", "assignment_ends_after_start"): (
        None, computed(lambda r: {"to_date": r["from_date"] - days(2)})),
    ("treadmill", "belt_speed_agrees"): (
        pl.col("distance_m") > 200, computed(lambda r: {"distance_m": round(r["distance_m"] * 0.55)})),
}  # fmt: skip
# Between tables. `_randomised` comes from the participant.
_ACROSS: dict[tuple[str, str], tuple[pl.Expr | None, Edit]] = {
    ("session", "not_before_randomisation"): (
        _AWAY, computed(lambda r: {"scheduled_date": r["_randomised"] - days(10)})),
    ("session", "walked_as_allocated"): (
        _CAME, computed(lambda r: {"direction_code": "FW" if r["direction_code"] == "BW" else "BW"})),
    ("session", "fall_has_record"): (_CAME & _CALM, changed(fall_n=1)),
    ("session", "device_assigned"): (_CAME, changed(device_serial="3390000099")),
    ("lab_trial", "walked_both_ways"): (  # a trial on a day of its own, in the window and before any night
        _is("visit_code", "W6") & ((pl.col("assessed_date") - pl.col("_randomised")).dt.total_days() > 36),
        computed(lambda r: {"assessed_date": r["assessed_date"] - days(1)})),
    ("strength", "torque_fits_body_mass"): (  # divided by pounds
        None, computed(lambda r: {"torque_nm_per_kg": round(r["torque_nm_per_kg"] / 2.20462, 2)})),
    ("fall", "session_exists"): (~pl.col("in_session"), changed(in_session=True, session_no=150)),
    ("koos", "knee_is_index_knee"): (
        None, computed(lambda r: {"knee_side": "left" if r["knee_side"] == "right" else "right"})),
    ("pain", "knee_is_index_knee"): (
        None, computed(lambda r: {"knee_side": "left" if r["knee_side"] == "right" else "right"})),
}  # fmt: skip
# Slips of unit and scale: kind -> (table, rule that says so, records, edit).
_UNITS: dict[str, tuple[str, str, pl.Expr | None, Edit]] = {
    "height_in_inches": ("participant", "height_cm_valid", None,
                         computed(lambda r: {"height_cm": round(r["height_cm"] / 2.54)})),
    "weight_in_stone": ("participant", "weight_kg_valid", None,
                        computed(lambda r: {"weight_kg": round(r["weight_kg"] / 6.35, 1)})),
    "time_in_milliseconds": ("balance_test", "time_s_valid", _is("balance_test_code", "tug"),
                             computed(lambda r: {"time_s": round(r["time_s"] * 1000)})),
    "distance_in_feet": ("walk_test", "timed_distance_short_enough", pl.col("timed_distance_m").is_between(8, 20),
                         computed(lambda r: {"timed_distance_m": round(r["timed_distance_m"] / 0.3048, 1)})),
    "belt_speed_in_kmh": ("treadmill", "belt_speed_agrees", pl.col("speed_mean_mps") > 0.8,
                          computed(lambda r: {"speed_mean_mps": round(r["speed_mean_mps"] * 3.6, 2)})),
    "missing_code_99": ("pain", "nprs_now_valid", None, changed(nprs_now=99.0)),
    "visual_analogue_mm": ("pain", "nprs_average_7d_valid", pl.col("nprs_average_7d") > 1,
                           computed(lambda r: {"nprs_average_7d": r["nprs_average_7d"] * 10 + 3})),
    "oxygen_as_fraction": ("session", "spo2_pct_valid", _CAME & _CALM,
                           computed(lambda r: {"spo2_pct": r["spo2_pct"] / 100})),
}  # fmt: skip


def faults(contract: Contract) -> Iterator[Fault]:
    """The faults of this contract's named rules; a rule with no fault here fails the tests."""
    for (table, rule), (where, edits) in (_ROWS | _ACROSS).items():
        declared = contract.tables.get(table)
        if declared is None:
            continue
        body = declared.rules.get(rule) or declared.across.get(rule)
        if body is None:
            continue
        held = body.severity == "quarantine"
        yield Fault(
            kind=f"{table}.{rule}", rule=rule, table=table, level="value",
            where=_both(where, whole_record(table) if held else None),
            edits=edits, ghost=held and ghostly(table),
        )  # fmt: skip
    for kind, (table, rule, where, edits) in _UNITS.items():
        if table in contract.tables:
            yield Fault(
                kind=f"{table}.{kind}", rule=rule, table=table, level="value",
                where=_both(where, whole_record(table)), edits=edits, ghost=ghostly(table),
            )  # fmt: skip
    for table, declared in contract.tables.items():
        if "visit_code" in declared.fields and table not in DEVICE_TABLES:
            yield Fault(
                kind=f"{table}.visit_in_window", rule="visit_in_window", table=table, level="value",
                needs=("visit_code", declared.date), where=_is("visit_code", contract.study.primary_visit),
                edits=_after_window,
            )  # fmt: skip


def _after_window(row: Row, place: Place) -> list[Row]:
    """A date five days after the window of the visit named, and before the next one.

    In the lab the visit's name instead: a trial on another day would leave two days that do not belong together.
    """
    if place.table == "lab_trial":
        return [{"visit_code": list(place.contract.study.visits)[-1]}]
    window = place.contract.study.visits[row["visit_code"]]
    date = place.contract.tables[place.table].date
    return [{date: row["_randomised"] + days(window.to + 5)}]


def _cap(row: Row, place: Place) -> float:
    return float(place.map.constants.get("cap_s", row["cap_s"]))


def _both(one: pl.Expr | None, two: pl.Expr | None) -> pl.Expr | None:
    if one is None or two is None:
        return two if one is None else one
    return one & two
