-- mart_safety: one participant's falls and adverse events with the person-time they were watched.
-- Person-time is the days that returned diaries cover; a diary that never came is not a time without falls.
-- A fall is Hopkins grade 2 and above; grade 1 is a near-fall. Sources: domain notes 3.4 (Lamb 2005; Hopkins scale PMC3867809).
WITH falls AS (
    SELECT
        participant_id,
        count(*) FILTER (hopkins_grade <> '1') AS falls_n,
        count(*) FILTER (hopkins_grade = '1') AS near_falls_n,
        count(*) FILTER (hopkins_grade <> '1' AND in_session) AS falls_in_session_n
    FROM core_fall
    GROUP BY participant_id
),

events AS (
    SELECT
        participant_id,
        count(*) AS adverse_events_n,
        count(*) FILTER (serious) AS serious_n
    FROM core_adverse_event
    GROUP BY participant_id
),

diaries AS (
    SELECT
        participant_id,
        count(*) AS diaries_n,
        -- There is no study day 0: a diary that began before randomisation counts one day less than the difference says.
        sum(study_day - diary_from_day + CASE WHEN diary_from_day < 0 AND study_day > 0 THEN 0 ELSE 1 END) AS diary_days,
        sum(diary_falls_n) AS diary_falls_n
    FROM core_fall_diary
    GROUP BY participant_id
),

-- The time in which an adverse event could be reported ends with the last record of any kind.
record AS (
    SELECT participant_id, CASE WHEN max(study_day) < 0 THEN 0 ELSE max(study_day) END / 365.25 AS record_years
    FROM (
        SELECT participant_id, study_day FROM core_answer
        UNION ALL SELECT participant_id, study_day FROM core_walk_test
        UNION ALL SELECT participant_id, study_day FROM core_session
        UNION ALL SELECT participant_id, study_day FROM core_fall_diary
        UNION ALL SELECT participant_id, study_day FROM core_fall
        UNION ALL SELECT participant_id, study_day FROM core_adverse_event
    ) AS kept
    GROUP BY participant_id
)

SELECT
    p.participant_id,
    p.clinic_id,
    d.diaries_n,
    d.diary_days,
    d.diary_days / 365.25 AS person_years,
    r.record_years,
    d.diary_falls_n,
    CASE WHEN d.diaries_n > 0 OR f.falls_n > 0 THEN coalesce(f.falls_n, 0) END AS falls_n,
    CASE WHEN d.diaries_n > 0 OR f.near_falls_n > 0 THEN coalesce(f.near_falls_n, 0) END AS near_falls_n,
    f.falls_in_session_n,
    CASE WHEN p.sessions_due_n > 0 OR e.adverse_events_n > 0 THEN coalesce(e.adverse_events_n, 0) END AS adverse_events_n,
    CASE WHEN p.sessions_due_n > 0 OR e.adverse_events_n > 0 THEN coalesce(e.serious_n, 0) END AS serious_n
FROM core_participant AS p
LEFT JOIN falls AS f USING (participant_id)
LEFT JOIN events AS e USING (participant_id)
LEFT JOIN diaries AS d USING (participant_id)
LEFT JOIN record AS r USING (participant_id)
