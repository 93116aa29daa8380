-- mart_adherence: one participant's dose: sessions due, attended, minutes, interruptions, precautions.
-- Due are the sessions the programme had planned up to the cut-off or the withdrawal. Source: Nilsen 2018 (PMC5953772).
-- An interruption is a run of at least `interruption_sessions` missed sessions (ref_study).
WITH numbered AS (
    SELECT
        participant_id,
        session_no,
        attended,
        session_no - row_number() OVER (PARTITION BY participant_id, attended ORDER BY session_no) AS run
    FROM core_session
),

missed_run AS (
    SELECT participant_id, run, count(*) AS sessions_n
    FROM numbered
    WHERE NOT attended
    GROUP BY participant_id, run
),

interruption AS (
    SELECT m.participant_id, count(*) AS interruptions_n
    FROM missed_run AS m
    INNER JOIN ref_study AS s ON s.name = 'interruption_sessions' AND m.sessions_n >= s.value
    GROUP BY m.participant_id
),

dose AS (
    SELECT
        participant_id,
        count(*) AS logged_n,
        count(*) FILTER (attended) AS attended_n,
        sum(planned_min ORDER BY session_no) AS planned_min,
        sum(CASE WHEN attended THEN actual_min ELSE 0 END ORDER BY session_no) FILTER (NOT attended OR actual_min IS NOT NULL) AS actual_min,
        count(*) FILTER (attended AND actual_min IS NULL) AS minutes_missing_n,
        count(*) FILTER (attended AND footwear_ok AND area_clear_ok AND rail_available AND gradual_progression_ok) AS precautions_kept_n,
        count(*) FILTER (
            attended AND footwear_ok IS NOT NULL AND area_clear_ok IS NOT NULL AND rail_available IS NOT NULL
            AND gradual_progression_ok IS NOT NULL
        ) AS precautions_known_n
    FROM core_session
    GROUP BY participant_id
)

SELECT
    p.participant_id,
    p.clinic_id,
    p.is_withdrawn,
    p.sessions_due_n,
    coalesce(d.logged_n, 0) AS sessions_logged_n,
    d.attended_n AS sessions_attended_n, -- without a single log nobody knows; a missed session is logged as missed
    CASE WHEN p.sessions_due_n > 0 THEN 100.0 * d.attended_n / p.sessions_due_n END AS attendance_pct,
    d.planned_min,
    d.actual_min,
    d.minutes_missing_n,
    CASE WHEN d.planned_min > 0 THEN 100.0 * d.actual_min / d.planned_min END AS relative_dose_pct,
    CASE WHEN d.logged_n > 0 THEN coalesce(i.interruptions_n, 0) END AS interruptions_n,
    d.precautions_kept_n,
    d.precautions_known_n
FROM core_participant AS p
LEFT JOIN dose AS d USING (participant_id)
LEFT JOIN interruption AS i USING (participant_id)
