-- ex: one session that took place (SDTM EX): what was walked, and for how many minutes.
-- The day is the clinic's own calendar day of the start; without a start it is the scheduled one.
WITH walked AS (
    SELECT
        s.*,
        p.randomised_date,
        coalesce(s.start_day, s.study_day) AS from_day,
        coalesce(s.end_day, s.start_day, s.study_day) AS to_day
    FROM session AS s
    LEFT JOIN participant AS p USING (participant_id)
    WHERE s.attended AND coalesce(s.actual_min, 1) > 0
)

SELECT
    getvariable('study_id') AS STUDYID,
    'EX' AS DOMAIN,
    subject(participant_id) AS USUBJID,
    row_number() OVER (PARTITION BY participant_id ORDER BY from_day, session_no, delivery_id, row_no) AS EXSEQ,
    CAST(session_no AS VARCHAR) AS EXSPID,
    coalesce(unless_blinded(term('arm', direction_code)), 'DIRECTION NOT REPORTED') AS EXTRT,
    actual_min AS EXDOSE,
    CASE WHEN actual_min IS NOT NULL THEN 'min' END AS EXDOSU,
    'NOT APPLICABLE' AS EXDOSFRM,
    'ONCE' AS EXDOSFRQ,
    'NOT APPLICABLE' AS EXROUTE,
    'TREATMENT' AS EPOCH,
    on_day(randomised_date, from_day) AS EXSTDTC,
    on_day(randomised_date, to_day) AS EXENDTC,
    from_day AS EXSTDY,
    to_day AS EXENDY
FROM walked
ORDER BY USUBJID, EXSEQ
