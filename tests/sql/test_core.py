"""The tables that stand between core and marts, on small tables worked by hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from pipelines.contracts.load import load_contract
from pipelines.warehouse import core, wear

ROOT = Path(__file__).parents[2]
WHEN = dt.datetime(2025, 4, 1, 9, 0)


@pytest.fixture
def con():
    """The core tables that these SELECTs read, empty but for one participant of 170 cm."""
    contract = load_contract(ROOT / "schemas")
    with duckdb.connect() as con:
        core.create_macros(con)
        wear.create_refs(con, contract)
        con.execute("CREATE TABLE ref_study (name VARCHAR, value DOUBLE)")
        for table in (
            "participant",
            "session",
            "wear_day",
            "wear_bout",
            "recording",
            "walk_test",
            "balance_test",
            "lab_trial",
            "knee_moment",
            "strength",
        ):
            ddl = (ROOT / "sql" / "ddl" / f"core_{table}.sql").read_text(encoding="utf-8")
            con.execute(ddl.replace(" NOT NULL", ""))
        con.execute(
            "CREATE TABLE core_answer (participant_id VARCHAR, visit_code VARCHAR, assessed_date DATE)"
        )
        put(
            con, "participant",
            participant_id="A", clinic_id="alder", randomised_date=dt.date(2025, 3, 1), height_cm=170.0,
        )  # fmt: skip
        yield con


def put(con: duckdb.DuckDBPyConnection, table: str, **row) -> None:
    con.execute(
        f"INSERT INTO core_{table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
        list(row.values()),
    )


def session(con, number: int, start: dt.datetime, minutes: float = 30.0) -> None:
    day = (start.date() - dt.date(2025, 3, 1)).days + 1
    put(con, "session", participant_id="A", clinic_id="alder", session_no=number, attended=True, start_utc=start,
        end_utc=start + dt.timedelta(minutes=minutes), start_day=day, actual_min=minutes, direction_code="BW",
        delivery_id="s", row_no=number)  # fmt: skip


def bout(con, start: dt.datetime, minutes: float, source: str = "device", **more) -> None:
    day = (start.date() - dt.date(2025, 3, 1)).days + 1
    put(con, "wear_bout", participant_id="A", clinic_id="alder", device_serial="W1", start_utc=start,
        end_utc=start + dt.timedelta(minutes=minutes), duration_s=minutes * 60, bout_source_code=source,
        study_day=day, delivery_id="w", row_no=1, **more)  # fmt: skip


def worn(con, days: int = 0, **more) -> None:
    """Watch W1 on the wrist on the day of WHEN or some days later."""
    put(con, "wear_day", participant_id="A", clinic_id="alder", device_serial="W1", wear_min=700.0, study_day=32 + days,
        wear_date=WHEN.date() + dt.timedelta(days=days), delivery_id="w", row_no=1, **more)  # fmt: skip


def recording(con, start: dt.datetime, hours: float) -> None:
    """Raw samples of W1."""
    put(con, "recording", participant_id="A", clinic_id="alder", device_serial="W1", start_utc=start,
        end_utc=start + dt.timedelta(hours=hours), delivery_id="w", row_no=1)  # fmt: skip


def made(con: duckdb.DuckDBPyConnection, name: str, columns: str) -> list[tuple]:
    wear.build_views(con, ROOT / "sql" / "core")
    return con.execute(f"SELECT {columns} FROM {name}").fetchall()


def test_a_session_that_a_watch_saw_a_quarter_hour_late_is_seen_with_its_offset(con):
    session(con, 1, WHEN)
    bout(con, WHEN + dt.timedelta(minutes=15), 28.0)
    assert made(
        con, "core_session_wear", "wear_state, seen_min, difference_min, start_offset_s"
    ) == [("seen", 28.0, -2.0, 900.0)]


def test_a_watch_worn_that_day_that_saw_nothing_says_not_seen_and_none_at_all_says_no_device(con):
    session(con, 1, WHEN)
    session(con, 2, WHEN + dt.timedelta(days=1))
    worn(con)
    bout(con, WHEN + dt.timedelta(days=3), 10.0)  # so this watch names walks
    assert made(con, "core_session_wear", "session_no, wear_state, seen_min") == [
        (1, "not_seen", None),
        (2, "no_device", None),
    ]


def test_raw_samples_without_a_walk_say_not_seen_and_a_counter_of_steps_cannot_tell(con):
    session(con, 1, WHEN)
    session(con, 2, WHEN + dt.timedelta(days=1))
    worn(con, steps_n=9000)
    worn(con, days=1, enmo_mean_mg=31.0)
    recording(con, WHEN + dt.timedelta(days=1, hours=-2), hours=12.0)
    assert made(con, "core_session_wear", "session_no, wear_state") == [
        (1, "cannot_tell"),
        (2, "not_seen"),
    ]


def test_samples_of_another_time_of_the_day_cannot_tell(con):
    """A session of 9:00 to 9:30; one recording ends within it, the other begins in the afternoon."""
    session(con, 1, WHEN)
    worn(con, enmo_mean_mg=31.0)
    bout(con, WHEN + dt.timedelta(hours=5), 2.0, source="signal")
    recording(con, WHEN - dt.timedelta(hours=2), hours=2.25)
    recording(con, WHEN + dt.timedelta(hours=4), hours=6.0)
    assert made(con, "core_session_wear", "wear_state") == [("cannot_tell",)]


def test_a_walk_of_less_than_a_fifth_of_the_logged_minutes_is_not_the_session(con):
    session(con, 1, WHEN)
    bout(con, WHEN, 5.9)
    assert made(con, "core_session_wear", "wear_state") == [("not_seen",)]


def test_short_bouts_of_a_sensor_add_up_and_tell_the_direction_they_mostly_had(con):
    session(con, 1, WHEN)
    for minute, direction in ((0, "backward"), (10, "backward"), (20, "abstain"), (25, "forward")):
        bout(
            con,
            WHEN + dt.timedelta(minutes=minute),
            4.0,
            "signal",
            detected_direction_code=direction,
        )
    assert made(con, "core_session_wear", "wear_state, seen_min, seen_direction_code") == [
        ("seen", 16.0, "backward")
    ]


def test_a_bout_between_two_sessions_belongs_to_the_nearer(con):
    session(con, 1, WHEN, 20.0)
    session(con, 2, WHEN + dt.timedelta(minutes=40), 20.0)
    bout(con, WHEN + dt.timedelta(minutes=41), 18.0)
    assert made(con, "core_session_wear", "session_no, wear_state") == [
        (1, "no_device"),
        (2, "seen"),
    ]


def test_a_clock_that_loses_two_minutes_a_day_drifts(con):
    for day in range(6):
        session(con, day + 1, WHEN + dt.timedelta(days=day))
        bout(con, WHEN + dt.timedelta(days=day, minutes=2 * day), 30.0)
    ((n, offset_s, drift),) = made(
        con, "core_device_clock", "sessions_n, offset_s, drift_s_per_day"
    )
    assert (n, offset_s) == (6, 300.0)
    assert drift == pytest.approx(120.0)


def test_a_long_walk_that_nobody_logged_is_told_and_a_short_one_is_not(con):
    session(con, 1, WHEN)
    bout(con, WHEN, 28.0)
    bout(con, WHEN + dt.timedelta(hours=5), 12.0)
    bout(con, WHEN + dt.timedelta(hours=7), 9.0)
    assert made(con, "core_unlogged_walk", "walk_date, seen_min") == [(WHEN.date(), 12.0)]


def test_speed_follows_from_the_height_and_says_when_there_is_none(con):
    """One step of 0.03 m rise in 0.5 s at 170 cm: 2.293 / 0.5 * sqrt(2 * 1.02 * 0.03 - 0.03^2) = 1.1264 m/s."""
    put(
        con,
        "participant",
        participant_id="B",
        clinic_id="alder",
        randomised_date=dt.date(2025, 3, 1),
    )
    moments = {"rise_half": 0.03**0.5 / 0.5, "rise_three_half": 0.03**1.5 / 0.5}
    bout(con, WHEN, 1.0, "signal", **moments)
    put(
        con,
        "wear_bout",
        participant_id="B",
        device_serial="W2",
        start_utc=WHEN,
        not_told="x:y",
        **moments,
    )
    wear.finish_speed(con)
    rows = con.execute(
        "SELECT speed_mean_mps, not_told FROM core_wear_bout ORDER BY participant_id"
    ).fetchall()
    by_hand = 2 * (4.587 / 4) / 0.5 * (2 * 1.02 * 0.03 - 0.03**2) ** 0.5
    assert rows == [(pytest.approx(by_hand, abs=1e-3), None), (None, "x:y; speed:height_missing")]


def test_the_days_around_a_visit_need_four_valid_ones_and_leave_backward_walking_out(con):
    visit = dt.date(2025, 4, 12)
    put(
        con,
        "walk_test",
        participant_id="A",
        clinic_id="alder",
        visit_code="W6",
        assessed_date=visit,
    )
    for day in range(4):
        date = visit + dt.timedelta(days=day - 2)
        put(con, "wear_day", participant_id="A", clinic_id="alder", device_serial="W1", wear_date=date, wear_min=600.0,
            study_day=(date - dt.date(2025, 3, 1)).days + 1, delivery_id="w", row_no=day)  # fmt: skip
        at = dt.datetime.combine(date, dt.time(10))
        bout(
            con,
            at,
            0.25,
            "signal",
            steps_n=20,
            speed_mean_mps=1.0,
            detected_direction_code="forward",
        )
        bout(con, at + dt.timedelta(hours=1), 0.25, "signal", steps_n=20, speed_mean_mps=0.4, detected_direction_code="backward")  # fmt: skip
    rows = made(
        con, "core_wear_window",
        "bout_class, valid_days_n, is_valid, bouts_n, walking_min_per_day, steps_per_day, speeds_n, speed_p50_mps",
    )  # fmt: skip
    found = {row[0]: row[1:] for row in rows}
    assert found["10_to_30"] == (4, True, 8, 0.5, 40.0, 4, 1.0)
    assert found["over_30"] == (4, True, 0, 0.0, 0.0, 0, None)


def test_three_valid_days_are_too_few(con):
    visit = dt.date(2025, 4, 12)
    put(
        con,
        "walk_test",
        participant_id="A",
        clinic_id="alder",
        visit_code="W6",
        assessed_date=visit,
    )
    for day in range(4):
        put(con, "wear_day", participant_id="A", clinic_id="alder", device_serial="W1",
            wear_date=visit + dt.timedelta(days=day), wear_min=600.0 if day else 599.0, study_day=43 + day,
            delivery_id="w", row_no=day)  # fmt: skip
    rows = made(con, "core_wear_window", "DISTINCT days_n, valid_days_n, is_valid, bouts_n")
    assert rows == [(4, 3, False, None)]


def day_of_walks(
    con, who: str, day: int, cadence_spm: float, walk_ratio: float, bouts: int = 6
) -> None:
    """Bouts of one day at one cadence; speed is what that cadence and walk ratio (m per step/min) make."""
    for number in range(bouts):
        start = WHEN + dt.timedelta(days=day, minutes=10 * number)
        put(con, "wear_bout", participant_id=who, clinic_id="alder", device_serial=f"W{who}", start_utc=start,
            end_utc=start + dt.timedelta(seconds=40), bout_source_code="signal", study_day=32 + day,
            placement_code="lower_back", cadence_mean_spm=cadence_spm,
            speed_mean_mps=walk_ratio * cadence_spm * cadence_spm / 120, delivery_id="w", row_no=number)  # fmt: skip


def test_a_day_that_walks_like_somebody_else_is_named_and_the_persons_own_days_are_not(con):
    # Day-to-day offsets of -1, 0 and 1 steps/min and of 1 % of the walk ratio; B wears A's sensor on day 3 of A.
    for who, cadence, ratio in (("A", 100.0, 0.0060), ("B", 118.0, 0.0052), ("C", 109.0, 0.0066)):
        for day in range(8):
            swapped = who == "A" and day == 3
            one, other = (118.0, 0.0052) if swapped else (cadence, ratio)
            day_of_walks(
                con, who, day, one + (-1, 0, 1)[day % 3], other * (1 + 0.01 * (0, 1, -1)[day % 3])
            )
    found = made(con, "core_wear_owner", "participant_id, study_day, owner_state")
    assert len(found) == 24
    assert [row[:2] for row in found if row[2] != "like_owner"] == [("A", 35)]
    asked = wear.unlike_owner(con).select(
        "clinic_id", "table_name", "delivery_id", "row_no", "rule", "severity"
    )
    assert asked.rows() == [("alder", "wear_bout", "w", 0, "walks_unlike_owner", "flag")]


def test_two_swapped_days_of_six_do_not_make_the_own_days_look_unlike(con):
    """The other days' median is the person's own; their mean would lie a third of the way to the other person."""
    for who, cadence, ratio in (
        ("A", 100.0, 0.0060),
        ("B", 118.0, 0.0052),
        ("C", 109.0, 0.0066),
        ("D", 95.0, 0.0058),
    ):
        for day in range(6):
            swapped = who in "AB" and day in (2, 3)
            one, other = (
                {"A": (118.0, 0.0052), "B": (100.0, 0.0060)}[who] if swapped else (cadence, ratio)
            )
            day_of_walks(
                con, who, day, one + (-1, 0, 1)[day % 3], other * (1 + 0.01 * (0, 1, -1)[day % 3])
            )
    found = made(con, "core_wear_owner", "participant_id, study_day, owner_state")
    assert len(found) == 24
    unlike = [row[:2] for row in found if row[2] != "like_owner"]
    assert unlike == [("A", 34), ("A", 35), ("B", 34), ("B", 35)]


def test_few_days_make_it_slow_to_call_a_day_unlike(con):
    """24 days of three people that lie 1 below, at or 1 above the person's median, but for one that lies 6 above.

    Most offsets are 1 in size, so the spread is 1.4826 and the odd day has z = 6 / 1.4826 = 4.047 (both are divided by the
    same root); its walk ratio is the others' median, z = 0. With 0.37 x 24 = 8.88 degrees of freedom,
    p = (1 + 16.38 / 8.88) ** -3.94 = 0.0163. A chi-square would say 0.0003.
    """
    for who, cadence in (("A", 100.0), ("B", 118.0), ("C", 109.0)):
        for day in range(8):
            odd = (
                6.0 if (who, day) == ("A", 7) else (-1.0, 0.0, 1.0, -1.0, 0.0, 1.0, -1.0, 1.0)[day]
            )
            off = 0 if (who, day) == ("A", 7) else (1, -1, 0, 1, -1, 0, 1, -1)[day]
            day_of_walks(con, who, day, cadence + odd, 0.006 * (1 + 0.01 * off))
    told = made(con, "core_wear_owner", "participant_id, study_day, owner_state, p_owner")
    odd_one = next(row for row in told if row[:2] == ("A", 39))
    assert odd_one[2] == "like_owner"
    assert odd_one[3] == pytest.approx(0.0163, abs=0.0001)


def test_it_abstains_with_the_reason(con):
    day_of_walks(con, "A", 0, 100.0, 0.006)
    day_of_walks(con, "A", 1, 100.0, 0.006, bouts=2)
    assert made(con, "core_wear_owner", "study_day, owner_state, abstained, p_owner") == [
        (32, "abstain", "too_few_other_days", None),
        (33, "abstain", "too_few_walks", None),
    ]


def test_of_a_persons_own_days_about_the_stated_share_is_called_unlike(con):
    """4,000 days that differ by chance alone: at p = 0.001 about 4 are named; 20 would be one in 10^9."""
    draws = np.random.default_rng(5)
    people, days = 400, 10
    cadence = draws.normal(105, 9, (people, 1)) + draws.normal(0, 2.5, (people, days))
    ratio = draws.normal(0.006, 0.0006, (people, 1)) + draws.normal(0, 0.00015, (people, days))
    who, day = (index.ravel() for index in np.indices((people, days)))
    bouts = pl.DataFrame({
        "participant_id": [f"P{n:03}" for n in who], "study_day": day, "cadence_mean_spm": cadence.ravel(),
        "speed_mean_mps": ratio.ravel() * cadence.ravel() ** 2 / 120,
    }).join(pl.DataFrame({"row_no": range(5)}), how="cross")  # fmt: skip
    con.register("bouts", bouts.to_arrow())
    con.execute("""
        INSERT INTO core_wear_bout BY NAME
        SELECT *, 'alder' AS clinic_id, participant_id AS device_serial, 'signal' AS bout_source_code, 30.0 AS duration_s,
            'lower_back' AS placement_code, 'w' AS delivery_id FROM bouts""")
    states = made(con, "core_wear_owner", "owner_state")
    assert len(states) == 4000
    assert 0 <= states.count(("unlike_owner",)) < 20
    assert states.count(("abstain",)) == 0


def trained(con, number: int, **more) -> None:
    """An attended session of an attended half hour that asks for a rise, but for what is given."""
    put(con, "session", **{
        "participant_id": "A", "clinic_id": "alder", "session_no": number, "attended": True, "scheduled_date": WHEN.date(),
        "planned_min": 30.0, "actual_min": 30.0, "actual_dist_m": 1800.0, "direction_code": "FW", "hr_rest_bpm": 70.0,
        "hr_mean_bpm": 107.0, "hr_peak_bpm": 115.0, "rpe": 12.0, "rpe_scale": "borg_6_20", "nprs_pre": 2, "nprs_during_max": 3,
        "nprs_post": 3, "nprs_24h": 2, "fall_n": 0, "knee_swelling": False, "sys_post_mmhg": 140.0,
        "progression_code": "progress", "delivery_id": "s", "row_no": number, **more,
    })  # fmt: skip


@pytest.fixture
def dosed(con):
    """The limits of the study, and the participant 65 years old in the year of WHEN."""
    limits = load_contract(ROOT / "schemas").study.programme.progression
    con.executemany(
        "INSERT INTO ref_study VALUES (?, ?)",
        [(f"progression_{name}", value) for name, value in limits],
    )
    con.execute("UPDATE core_participant SET birth_year = 1960")
    return con


def test_heart_rate_reserve_zones_are_half_open(dosed):
    """Age 65: HRmax 208 - 45.5 = 162.5; rest 70, reserve 92.5: 40 % is 107.0 and 59.5 % is 125.0375."""
    for number, mean in ((1, 106.9), (2, 107.0), (3, 125.0375), (4, 125.5), (5, 153.25)):
        trained(dosed, number, hr_mean_bpm=mean, hr_peak_bpm=mean)
    assert made(dosed, "core_session_dose", "session_no, hr_zone") == [
        (1, "light"), (2, "moderate"), (3, "moderate"), (4, "vigorous"), (5, "near_maximal"),
    ]  # fmt: skip


def test_a_beta_blocker_makes_heart_rate_zones_void(dosed):
    dosed.execute("UPDATE core_participant SET beta_blocker = TRUE")
    trained(dosed, 1)
    assert made(dosed, "core_session_dose", "hr_zone, hr_zone_abstained") == [
        (None, "beta_blocker")
    ]


def test_oxygen_cost_where_the_equation_holds_and_only_as_a_lower_bound_backward(dosed):
    """2.5 mph is 67.056 m/min; at 3 %: 3.5 + 6.7056 + 1.8 x 67.056 x 0.03 = 13.826."""
    mph = 2.5 * 0.44704
    trained(dosed, 1, treadmill_speed_mps=mph, grade_pct=3.0)
    trained(dosed, 2, treadmill_speed_mps=mph, direction_code="BW")
    trained(dosed, 3, treadmill_speed_mps=0.8)
    trained(dosed, 4, actual_dist_m=None)
    found = made(dosed, "core_session_dose", "vo2_ml_kg_min, energy_method, energy_abstained")
    assert found[0] == (pytest.approx(13.8266, abs=5e-4), "ACSM_walking", None)
    assert found[1] == (pytest.approx(10.2056, abs=5e-4), "ACSM_FW_lower_bound", None)
    assert found[2:] == [(None, None, "slower_than_50_m_per_min"), (None, None, "no_speed")]


@pytest.mark.parametrize(
    ("changed", "due", "state"),
    [
        ({}, "progress", "followed"),
        ({"progression_code": "hold"}, "progress", "more_careful"),
        ({"actual_min": 23.9}, "hold", "less_careful"),  # under 80 % of 30
        ({"actual_min": 24.0}, "progress", "followed"),
        ({"rpe": 14.0}, "hold", "less_careful"),
        (
            {"nprs_post": 5, "nprs_during_max": 5},
            "hold",
            "less_careful",
        ),  # more than 2 above before
        ({"nprs_24h": 3}, "hold", "less_careful"),  # not settled after a day
        ({"fall_n": 1, "progression_code": "hold"}, "hold", "followed"),
        ({"nprs_during_max": 6, "progression_code": "hold"}, "step_back", "less_careful"),
        ({"knee_swelling": True, "progression_code": "step_back"}, "step_back", "followed"),
        ({"stop_reason": "chest_pain", "progression_code": "stop"}, "stop", "followed"),
        ({"sys_post_mmhg": 221.0}, "stop", "less_careful"),
        ({"hr_peak_bpm": 150.0}, "stop", "less_careful"),  # 86 % of the reserve
        ({"rpe_scale": "cr10", "rpe": 4.0}, None, "cannot_tell"),
        ({"nprs_24h": None}, None, "cannot_tell"),
    ],
)
def test_the_progression_rule_that_a_session_asks_for(dosed, changed, due, state):
    trained(dosed, 1, **changed)
    assert made(dosed, "core_session_dose", "rule_due, progression_state") == [(due, state)]


# --- knee load


def stance(con, **more) -> None:
    """A trial walked forward at own speed, and one stance of the right leg in it."""
    moment = {"moment_unit_code": "nm_per_kg", "stance_s": 0.8, "first_peak_sent": 0.5, "moment_mean_sent": 0.25} | {
        name: value for name, value in more.items() if name in ("moment_unit_code", "stance_s", "first_peak_sent", "moment_mean_sent")
    }  # fmt: skip
    trial = {"speed_controlled": False, "lab_speed_mps": 1.0} | {
        name: value for name, value in more.items() if name not in moment
    }
    key = {"participant_id": "A", "clinic_id": "alder", "assessed_date": WHEN.date(), "trial_no": 1}
    put(con, "lab_trial", **key, visit_code="W6", lab_direction_code="FW", **trial)
    put(
        con,
        "knee_moment",
        **key,
        stance_side_code="right",
        stance_no=1,
        delivery_id="k",
        row_no=1,
        **moment,
    )


@pytest.fixture
def weighed(con):
    """The participant, of 1.70 m, weighs 80 kg; the right knee is the index knee."""
    con.execute(
        "UPDATE core_participant SET weight_kg = 80, height_cm = 170, index_knee_side = 'right'"
    )
    return con


@pytest.mark.parametrize(
    ("unit", "sent"),
    [("nm", 30.0), ("nm_per_kg", 0.375), ("nm_per_kg_m", 0.375 / 1.70), ("pct_bw_ht", 2.2493740)],
)  # 30 Nm, 80 kg, 1.70 m: 0.375 Nm/kg and 2.25 %BW*Ht
def test_every_unit_of_the_moment_becomes_newton_metre_per_kilogram(weighed, unit, sent):
    stance(weighed, moment_unit_code=unit, first_peak_sent=sent)
    found = made(weighed, "core_knee_load", "ekam_first_peak_nm_per_kg")
    assert found[0][0] == pytest.approx(0.375, rel=1e-6)


def test_the_impulse_is_the_mean_moment_times_the_seconds_of_stance(weighed):
    stance(weighed)
    ((impulse, why, index),) = made(
        weighed, "core_knee_load", "kaai_nms_per_kg, kaai_abstained, is_index_knee"
    )
    assert (impulse, why, index) == (pytest.approx(0.25 * 0.8), None, True)


def test_the_sheet_gives_the_seconds_that_the_file_does_not(weighed):
    stance(weighed, stance_s=None, stance_right_s=0.6, stance_left_s=0.9)
    assert made(weighed, "core_knee_load", "kaai_nms_per_kg") == [(pytest.approx(0.15),)]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"stance_s": None}, "no_stance_time"),
        ({"moment_mean_sent": None}, "curve_incomplete"),
    ],
)
def test_without_seconds_or_a_whole_curve_there_is_no_impulse(weighed, change, why):
    stance(weighed, **change)
    assert made(weighed, "core_knee_load", "kaai_nms_per_kg, kaai_abstained") == [(None, why)]


def test_without_body_mass_newton_metres_say_nothing(con):
    stance(con, moment_unit_code="nm")
    assert made(con, "core_knee_load", "kaai_nms_per_kg, kaai_abstained") == [
        (None, "no_body_mass_or_height")
    ]


@pytest.mark.parametrize(
    ("speed", "comfortable", "controlled", "state"),
    [
        (0.95, 1.0, True, "matched"), (0.949, 1.0, True, "missed"), (1.05, 1.0, True, "matched"),
        (1.051, 1.0, True, "missed"), (1.3, 1.0, False, "own_speed"), (1.0, None, True, "cannot_tell"),
    ],
)  # fmt: skip
def test_a_set_speed_is_matched_within_five_per_cent(
    weighed, speed, comfortable, controlled, state
):
    stance(
        weighed, lab_speed_mps=speed, comfortable_speed_mps=comfortable, speed_controlled=controlled
    )
    assert made(weighed, "core_knee_load", "speed_state") == [(state,)]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"force_n": 300.0, "lever_m": 0.32}, (1.2, "force_and_lever", None)),  # 96 Nm over 80 kg
        ({"torque_nm": 96.0, "torque_nm_per_kg": 1.0}, (1.2, "torque", None)),  # the study's mass
        ({"torque_nm_per_kg": 1.1}, (1.1, "torque_per_mass", None)),
        ({"force_n": 300.0}, (None, None, "no_lever_arm")),
        ({"force_n": 0.0, "lever_m": 0.32}, (None, None, "no_number_above_zero")),
        ({}, (None, None, "no_number_above_zero")),
    ],
)
def test_a_strength_trial_becomes_a_torque_or_says_why_not(weighed, sent, told):
    put(weighed, "strength", participant_id="A", muscle_code="calf", **sent)
    found = made(weighed, "core_strength_torque", "torque_nm_per_kg, torque_from, torque_abstained")
    assert found == [told]


def test_a_torque_without_body_mass_says_so_and_what_the_device_divided_stands(con):
    for number, sent in enumerate(
        ({"torque_nm": 96.0}, {"torque_nm": 96.0, "torque_nm_per_kg": 1.1}), start=1
    ):
        put(con, "strength", participant_id="A", muscle_code="calf", trial_no=number, **sent)
    found = made(con, "core_strength_torque", "torque_nm_per_kg, torque_from, torque_abstained")
    assert found == [(None, None, "no_body_mass"), (1.1, "torque_per_mass", None)]
