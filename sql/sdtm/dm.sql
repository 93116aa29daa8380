-- dm: one participant (SDTM DM).
-- Sources: `participant`, `session`, `adverse_event` and `clinic`, on either side of the warehouse; what a side lacks is NULL.
WITH walked AS (
    SELECT
        s.participant_id,
        min(coalesce(s.start_day, s.study_day)) AS first_day,
        max(coalesce(s.start_day, s.study_day)) AS last_day,
        count(*) FILTER (s.direction_code = p.arm) AS as_allocated_n,
        count(*) FILTER (s.direction_code <> p.arm) AS otherwise_n,
        max(s.direction_code) FILTER (s.direction_code <> p.arm) AS other_code
    FROM session AS s
    INNER JOIN participant AS p USING (participant_id)
    WHERE s.attended AND coalesce(s.actual_min, 1) > 0
    GROUP BY s.participant_id
),

died AS (
    SELECT participant_id, max(end_date) AS death_date
    FROM adverse_event
    WHERE ae_outcome_code = 'fatal'
    GROUP BY participant_id
),

person AS (
    SELECT
        p.*,
        w.first_day,
        w.last_day,
        d.participant_id IS NOT NULL AS has_died,
        d.death_date,
        c.country,
        CASE
            WHEN w.participant_id IS NULL THEN NULL
            WHEN w.otherwise_n > w.as_allocated_n THEN w.other_code
            ELSE p.arm
        END AS actual_code
    FROM participant AS p
    LEFT JOIN walked AS w USING (participant_id)
    LEFT JOIN died AS d USING (participant_id)
    LEFT JOIN clinic AS c USING (clinic_id)
)

SELECT
    getvariable('study_id') AS STUDYID,
    'DM' AS DOMAIN,
    subject(participant_id) AS USUBJID,
    participant_id AS SUBJID,
    CAST(randomised_date AS VARCHAR) AS RFSTDTC,
    CAST(withdrawn_date AS VARCHAR) AS RFENDTC,
    on_day(randomised_date, first_day) AS RFXSTDTC,
    on_day(randomised_date, last_day) AS RFXENDTC,
    CAST(consented_date AS VARCHAR) AS RFICDTC,
    CAST(withdrawn_date AS VARCHAR) AS RFPENDTC,
    CAST(death_date AS VARCHAR) AS DTHDTC,
    CASE WHEN has_died THEN 'Y' END AS DTHFL,
    clinic_id AS SITEID,
    CAST(birth_year AS VARCHAR) AS BRTHDTC,
    CAST(year(randomised_date) - birth_year AS BIGINT) AS AGE,
    CASE WHEN birth_year IS NOT NULL AND randomised_date IS NOT NULL THEN 'YEARS' END AS AGEU,
    term('sex', sex_code) AS SEX,
    CAST(NULL AS VARCHAR) AS RACE,
    unless_blinded(arm) AS ARMCD,
    unless_blinded(term('arm', arm)) AS ARM,
    unless_blinded(actual_code) AS ACTARMCD,
    unless_blinded(term('arm', actual_code)) AS ACTARM,
    CASE WHEN NOT getvariable('blinded') AND actual_code IS NULL THEN 'ASSIGNED, NOT TREATED' END AS ARMNRS,
    CAST(NULL AS VARCHAR) AS ACTARMUD,
    country AS COUNTRY
FROM person
ORDER BY USUBJID
