"""The adherence report: sessions due and done, the dose that devices confirm, and how long they were worn."""

from __future__ import annotations

import polars as pl

from pipelines.reports.layout import blocks
from pipelines.reports.layout.figures import week_adherence
from pipelines.reports.layout.figures.attendance import attendance_calendar
from pipelines.reports.layout.figures.wear import agreement, seen_share, week_strips
from pipelines.reports.layout.numbers import fraction, number
from pipelines.reports.layout.results import Basis, arm_of
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.source import Source

TITLE, AUDIENCES = "Adherence and verified dose", ("open", "closed")


def page(source: Source) -> blocks.Page:
    """Open and closed page differ in what devices say of direction, distance and speed, which tell the arm."""
    dose = source.rows("SELECT * FROM mart_adherence ORDER BY participant_id")
    seen = source.rows("SELECT * FROM core_session_wear ORDER BY participant_id, session_no")
    sections = [_sessions(source, dose), _verified(source, seen), _worn(source)]
    if source.audience == "closed":
        sections += [exertion(source), _direction(seen), _clocks(source)]
    return blocks.Page(
        title=TITLE, subtitle=source.contract.study.title, audience=source.audience, cutoff_text=source.cutoff_text,
        code_version=source.code_version, summary=_summary(dose, seen), sections=tuple(sections),
        footnotes=(
            "Sessions due are the programme's planned ones up to the cut-off or the withdrawal, rounded down; early on attendance can pass 100 %.",
            "A session is seen when a device walked at least a fifth of its logged minutes within half an hour of it.",
        ),
    )  # fmt: skip


def _summary(dose: pl.DataFrame, seen: pl.DataFrame) -> tuple:
    due, attended = int(dose["sessions_due_n"].sum()), int(dose["sessions_attended_n"].sum() or 0)
    states = dict(seen.group_by("wear_state").len().iter_rows())
    known = seen.filter(wear_state="seen")
    said = (
        f"{fraction(attended, due)} sessions due were attended by {number(dose.height)} participants. "
        f"{seen_share(states)}; {number(states.get('no_device', 0))} sessions had no device to ask, and at "
        f"{number(states.get('cannot_tell', 0))} what was worn names no walks, or did not record the whole session. "
        + (
            f"Devices measured {number(known['seen_min'].sum(), 0)} of {number(known['logged_min'].sum(), 0)} logged minutes "
            "in the sessions they saw."
            if known.height
            else "No session has been confirmed by a device yet."
        )
    )
    return (blocks.Paragraph(said),)


def _sessions(source: Source, dose: pl.DataFrame) -> blocks.Section:
    weeks = source.rows("""
        SELECT CAST(floor((study_day - 1) / 7) AS INTEGER) + 1 AS week, count(*) AS planned, count(*) FILTER (attended) AS attended
        FROM core_session WHERE study_day > 0 GROUP BY ALL ORDER BY week
    """).filter(pl.col("week") <= source.contract.study.programme.weeks + 1)
    clinics = dose.group_by("clinic_id").agg(
        n=pl.len(),
        due=pl.col("sessions_due_n").sum(),
        attended=pl.col("sessions_attended_n").sum(),
        planned=pl.col("planned_min").sum(),
        actual=pl.col("actual_min").sum(),
        interruptions=pl.col("interruptions_n").sum(),
    )
    calendar = source.rows("""
        SELECT dense_rank() OVER (ORDER BY participant_id) AS row, CAST(floor((study_day - 1) / 7) AS INTEGER) + 1 AS week,
            count(*) AS planned_n, count(*) FILTER (attended) AS attended_n
        FROM core_session WHERE study_day > 0 GROUP BY participant_id, week ORDER BY row, week
    """).filter(pl.col("week") <= source.contract.study.programme.weeks + 1)
    return blocks.Section("Sessions", (
        week_adherence(weeks, title="Sessions planned and attended by week of training"),
        attendance_calendar(calendar, title="Attendance of each participant, week by week"),
        table(clinics.sort("clinic_id"), [
            Column("clinic_id", "Clinic"), Column("n", "Participants", "number", of="count(*)"),
            Column("due", "Sessions due", "number", of="sum(sessions_due_n)"),
            Column("attended", "Attended", "number", of="coalesce(sum(sessions_attended_n), 0)"),
            Column("attended", "Share", "percent", whole="due", of="coalesce(sum(sessions_attended_n), 0) / sum(sessions_due_n)"),
            Column("planned", "Minutes planned", "number", unit="min", of="coalesce(sum(planned_min), 0)"),
            Column("actual", "Minutes walked", "number", unit="min", of="coalesce(sum(actual_min), 0)"),
            Column("actual", "Relative dose", "percent", whole="planned", n="n", of="sum(actual_min) / sum(planned_min)"),
            Column("interruptions", "Interruptions", "number", of="coalesce(sum(interruptions_n), 0)"),
        ], title="Dose by clinic", note="Minutes of logged sessions; those nobody wrote down are in neither sum.",
            basis=Basis("mart_adherence", by={"clinic_id": "clinic_id"})),
    ))  # fmt: skip


def exertion(source: Source) -> blocks.Section:
    """How hard the sessions were, and whether the dose was raised, kept or lowered as planned."""
    rows = source.rows("""
        SELECT p.arm, count(*) AS n,
            count(*) FILTER (d.hr_zone IS NOT NULL) AS zoned_n, count(*) FILTER (d.hr_zone IN ('very_light', 'light')) AS light_n,
            count(*) FILTER (d.hr_zone = 'moderate') AS moderate_n, count(*) FILTER (d.hr_zone IN ('vigorous', 'near_maximal')) AS hard_n,
            median(d.vo2_ml_kg_min) AS vo2, count(d.vo2_ml_kg_min) AS costed_n,
            count(*) FILTER (d.progression_state <> 'cannot_tell') AS judged_n,
            count(*) FILTER (d.progression_state = 'followed') AS followed_n,
            count(*) FILTER (d.progression_state = 'more_careful') AS careful_n,
            count(*) FILTER (d.progression_state = 'less_careful') AS less_n
        FROM core_session_dose AS d JOIN core_participant AS p USING (participant_id) GROUP BY ALL ORDER BY ALL""")
    first, judged = Column("arm", "Arm"), "progression_state <> 'cannot_tell'"
    sessions = Basis("core_session_dose", by={"arm": arm_of("core_session_dose")})
    return blocks.Section("How hard, and how fast it was raised", (
        table(rows, [
            first, Column("n", "Sessions", "number", of="count(*)"), Column("zoned_n", "With a zone", "number", of="count(hr_zone)"),
            *(Column(name, label, "percent", whole="zoned_n", of=f"count(*) FILTER (hr_zone IN ({zones})) / count(hr_zone)")
              for name, label, zones in (
                  ("light_n", "Light or less", "'very_light', 'light'"), ("moderate_n", "Moderate", "'moderate'"),
                  ("hard_n", "Vigorous or more", "'vigorous', 'near_maximal'"))),
            Column("costed_n", "With an oxygen cost", "number", of="count(vo2_ml_kg_min)"),
            Column("vo2", "Median, ml/kg/min", "number", 1, unit="ml/kg/min", n="costed_n", of="median(vo2_ml_kg_min)"),
        ], title="Heart-rate zones and oxygen cost of sessions", by_arm=True, basis=sessions,
            note="Share of heart-rate reserve by mean heart rate, highest rate 208 - 0.7 age (Tanaka 2001), bands of ACSM; "
                 "no zone under a beta-blocker. Oxygen cost by the ACSM walking equation from 50 to 100 m/min; for walking backward that is a lower bound, "
                 "for it costs more at the same speed and has no equation of its own."),
        table(rows, [
            first, Column("judged_n", "Sessions judged", "number", of=f"count(*) FILTER ({judged})"),
            *(Column(name, label, "percent", whole="judged_n", of=f"count(*) FILTER (progression_state = '{state}') / count(*) FILTER ({judged})")
              for name, label, state in (
                  ("followed_n", "As planned", "followed"), ("careful_n", "More careful", "more_careful"), ("less_n", "Less careful", "less_careful"))),
        ], title="Progression rule asked for by the session, and applied", by_arm=True, basis=sessions,
            note="Limits of study.yaml. Sessions rated on the CR10 scale, and those with a value missing, are judged only where another limit decides."),
    ))  # fmt: skip


def _verified(source: Source, seen: pl.DataFrame) -> blocks.Section:
    clinics = source.rows("SELECT * FROM mart_dose ORDER BY clinic_id")
    known = seen.filter(wear_state="seen").select(logged="logged_min", measured="seen_min")
    return blocks.Section("Dose that devices confirm", (
        agreement(known, title="Minutes logged and minutes measured", unit="min",
                  note="Limits assume differences alike for short and long sessions."),
        table(clinics, [
            Column("clinic_id", "Clinic"), *(Column(name, label, "number", of=f"max({name})") for name, label in (
                ("sessions_n", "Sessions"), ("with_device_n", "With a device"), ("seen_n", "Seen"), ("not_seen_n", "Not seen"),
                ("cannot_tell_n", "Cannot tell"))),
            Column("bias_min", "Bias, min (95 % limits of agreement)", "estimate", 1, low="lower_min", high="upper_min", unit="min",
                   n="seen_n", of="max(bias_min)"),
        ], title="Agreement by clinic", note="Bias is measured minus logged. Not seen: the device was worn that day and did not walk then. "
                   "Cannot tell: what was worn counts steps or movement and never names a walk.",
            basis=Basis("mart_dose", by={"clinic_id": "clinic_id"})),
    ))  # fmt: skip


def _worn(source: Source) -> blocks.Section:
    days = source.rows("""
        SELECT dense_rank() OVER (ORDER BY clinic_id, participant_id) AS row, study_day, max(wear_min) / 60 AS worn_h
        FROM mart_wear WHERE study_day IS NOT NULL GROUP BY clinic_id, participant_id, study_day ORDER BY row, study_day
    """)
    clinics = source.rows("""
        SELECT clinic_id, count(DISTINCT participant_id) AS n, count(*) AS days_n, count(*) FILTER (is_valid_day) AS valid_n,
            median(wear_min) / 60 AS worn_h
        FROM mart_wear WHERE wear_min IS NOT NULL GROUP BY clinic_id ORDER BY clinic_id
    """)
    owners = source.rows("""
        SELECT clinic_id, count(*) AS days_n, count(*) FILTER (owner_state = 'like_owner') AS like_n,
            count(*) FILTER (owner_state = 'unlike_owner') AS unlike_n, count(*) FILTER (owner_state = 'abstain') AS abstained_n
        FROM core_wear_owner GROUP BY clinic_id ORDER BY clinic_id
    """)
    share = source.contract.study.wear.owner.p
    least_h = source.contract.study.wear.valid_day.min_worn_h
    return blocks.Section("Devices worn", (
        week_strips(days, title="Worn day by day"),
        table(clinics, [
            Column("clinic_id", "Clinic"), Column("n", "Participants", "number", of="count(DISTINCT participant_id)"),
            Column("days_n", "Device days", "number", of="count(*)"), Column("valid_n", "Valid", "number", of="count(*) FILTER (is_valid_day)"),
            Column("valid_n", "Share", "percent", whole="days_n", of="count(*) FILTER (is_valid_day) / count(*)"),
            Column("worn_h", "Median hours worn", "number", 1, unit="h", of="median(wear_min) / 60"),
        ], title="Days worn by clinic", basis=Basis("mart_wear", "wear_min IS NOT NULL", {"clinic_id": "clinic_id"}), note=f"A day is valid from {number(least_h)} hours on: a convention, not a published rule of this population."),
        table(owners, [
            Column("clinic_id", "Clinic"), Column("days_n", "Days of walks", "number", of="count(*)"),
            *(Column(name, label, "number", n="days_n", of=f"count(*) FILTER (owner_state = '{state}')") for name, label, state in (
                ("like_n", "As other days", "like_owner"), ("unlike_n", "Unlike other days", "unlike_owner"),
                ("abstained_n", "Cannot be told", "abstain"))),
        ], basis=Basis("core_wear_owner", by={"clinic_id": "clinic_id"}),
             title="Does the device walk like the person it was given to?",
            note=f"Cadence and walk ratio beside the participant's other days; by chance {100 * share:g} % of a person's own days look unlike. "
                 "A day that looks unlike is a question to the clinic, not a proof."),
    ))  # fmt: skip


def _direction(seen: pl.DataFrame) -> blocks.Section:
    told = (
        seen.filter(pl.col("seen_direction_code").is_not_null())
        .group_by("logged_direction_code")
        .agg(
            n=pl.len(),
            backward=(pl.col("seen_direction_code") == "backward").sum(),
            forward=(pl.col("seen_direction_code") == "forward").sum(),
            abstain=(pl.col("seen_direction_code") == "abstain").sum(),
        )
        .sort("logged_direction_code")
    )
    return blocks.Section("Direction that devices saw", (
        table(told, [
            Column("logged_direction_code", "Logged"), Column("n", "Seen sessions", "number", of="count(*)"),
            *(Column(way, label, "number", of=f"count(*) FILTER (seen_direction_code = '{way}')")
              for way, label in (("backward", "Backward"), ("forward", "Forward"), ("abstain", "Could not be told"))),
        ], title="Logged and detected direction", by_arm=True,
            basis=Basis("core_session_wear", "seen_direction_code IS NOT NULL", {"logged_direction_code": "logged_direction_code"}),
            note="From the samples alone, with a wide band in which nothing is said; not validated for the lower back of patients."),
    ))  # fmt: skip


def _clocks(source: Source) -> blocks.Section:
    clocks = source.rows("""
        SELECT clinic_id, count(*) AS devices_n, sum(sessions_n) AS sessions_n, median(offset_s) / 60 AS offset_min,
            max(abs(offset_s)) / 60 AS worst_min, max(abs(drift_s_per_day)) AS worst_drift_s
        FROM core_device_clock GROUP BY clinic_id ORDER BY clinic_id
    """)
    walks = source.rows("""
        SELECT clinic_id, count(*) AS walks_n, sum(seen_min) AS seen_min FROM core_unlogged_walk GROUP BY clinic_id ORDER BY clinic_id
    """)
    return blocks.Section("Clocks, and walks nobody logged", (
        table(clocks, [
            Column("clinic_id", "Clinic"), Column("devices_n", "Devices", "number", n="devices_n", of="count(*)"),
            Column("sessions_n", "Sessions", "number", n="devices_n", of="sum(sessions_n)"),
            Column("offset_min", "Median offset, min", "number", 1, unit="min", n="devices_n", of="median(offset_s) / 60"),
            Column("worst_min", "Largest, min", "number", 1, unit="min", n="devices_n", of="max(abs(offset_s)) / 60"),
            Column("worst_drift_s", "Largest drift, s per day", "number", 1, unit="s/day", n="devices_n", of="max(abs(drift_s_per_day))"),
        ], title="Device clocks against the session log", basis=Basis("core_device_clock", by={"clinic_id": "clinic_id"})),
        table(walks, [
            Column("clinic_id", "Clinic"), Column("walks_n", "Walks", "number", n="walks_n", of="count(*)"),
            Column("seen_min", "Minutes", "number", unit="min", n="walks_n", of="sum(seen_min)"),
        ], title="Walks of at least ten minutes without a log", basis=Basis("core_unlogged_walk", by={"clinic_id": "clinic_id"})),
    ))  # fmt: skip
