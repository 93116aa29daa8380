"""core_outcome and what is due: scored from the core tables."""

from __future__ import annotations

import duckdb
import polars as pl

from pipelines import measures
from pipelines.contracts.model import Contract

_READS = {
    "answer": "SELECT a.*, p.index_knee_side FROM core_answer AS a JOIN core_participant AS p USING (participant_id)",
    "walk_test": "SELECT * EXCLUDE (sent) FROM core_walk_test",
    "balance_test": "SELECT t.* EXCLUDE (sent), p.index_knee_side FROM core_balance_test AS t "
    "JOIN core_participant AS p USING (participant_id)",
    "strength": "SELECT t.*, p.index_knee_side FROM core_strength_torque AS t "
    "JOIN core_participant AS p USING (participant_id)",
    "knee_girth": "SELECT t.* EXCLUDE (sent), p.index_knee_side FROM core_knee_girth AS t "
    "JOIN core_participant AS p USING (participant_id)",
    "knee_load": "SELECT k.*, l.assessed_date FROM core_knee_load AS k "
    "JOIN core_lab_trial AS l USING (participant_id, study_day, trial_no)",
    "wear_window": "SELECT *, visit_date AS assessed_date FROM core_wear_window",
}


def score(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """core_outcome: every scale of every measure, long."""
    frames = {name: con.sql(query).pl().lazy() for name, query in _READS.items()}
    outcomes = measures.score_all(frames, {"sls": {"cap_s": contract.study.analysis.stance_cap_s}})
    con.register("outcome", outcomes.to_arrow())
    con.execute("""
        CREATE TABLE core_outcome AS
        SELECT o.*, study_day(o.assessed_date, p.randomised_date) AS study_day
        FROM outcome AS o JOIN core_participant AS p USING (participant_id)
        ORDER BY participant_id, visit_code, measure, scale, assessed_date, o.delivery_id, o.row_no
    """)
    con.unregister("outcome")
    con.execute(
        "COMMENT ON TABLE core_outcome IS 'one value of one scale for one participant at one assessment'"
    )


def expect(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """core_expected_form (forms due by the cut-off) and the sessions due, on core_participant.

    A form is due once its window has closed, unless the participant had left before the window opened. Sessions are
    due evenly over the programme from randomisation to the cut-off or the withdrawal.
    """
    forms = pl.DataFrame(
        [
            {"form": form, "visit_code": visit}
            for form, visits in contract.study.expected_forms.items()
            for visit in visits
        ]
    )
    con.register("form", forms.to_arrow())
    con.execute(
        """
        CREATE TABLE core_expected_form AS
        SELECT p.participant_id, p.clinic_id, f.form, f.visit_code
        FROM core_participant AS p
        JOIN clinic_day AS z USING (clinic_id)
        CROSS JOIN form AS f
        JOIN ref_visit AS v USING (visit_code)
        WHERE z.today_date > p.randomised_date + CAST(v.to_day AS INTEGER)
          AND (p.withdrawn_date IS NULL OR p.withdrawn_date >= p.randomised_date + CAST(v.from_day AS INTEGER))
        ORDER BY ALL
    """,
    )
    con.unregister("form")
    programme = contract.study.programme
    con.execute("ALTER TABLE core_participant ADD COLUMN sessions_due_n INTEGER")
    con.execute("ALTER TABLE core_participant ADD COLUMN is_withdrawn BOOLEAN")
    con.execute(
        """
        UPDATE core_participant AS p SET
            is_withdrawn = p.withdrawn_date IS NOT NULL,
            sessions_due_n = greatest(0, least(?, CAST(floor(
                date_diff('day', p.randomised_date,
                    coalesce(least(p.withdrawn_date, z.today_date),
                             z.today_date)) * ? / 7.0) AS INTEGER)))
        FROM clinic_day AS z WHERE z.clinic_id = p.clinic_id
    """,
        [
            programme.weeks * programme.sessions_per_week,
            programme.sessions_per_week,
        ],
    )
    con.execute(
        "COMMENT ON COLUMN core_participant.sessions_due_n IS 'Sessions the programme had planned up to the cut-off or the withdrawal.'"
    )
    con.execute(
        "COMMENT ON COLUMN core_participant.is_withdrawn IS 'The participant has left the study.'"
    )
