-- findings: one result of a findings domain, from the table `finding`, in the columns of SDTM without the domain's two letters.
-- LOBXFL marks the last result before the first session; on the day of that session only a baseline visit counts as before.
WITH first_walk AS (
    SELECT participant_id, min(coalesce(start_day, study_day)) AS first_day
    FROM session
    WHERE attended AND coalesce(actual_min, 1) > 0
    GROUP BY participant_id
),

numbered AS (
    SELECT
        f.*,
        v.visitnum,
        v.visit,
        v.visitdy,
        row_number() OVER (
            PARTITION BY f.participant_id
            ORDER BY f.study_day, v.visitnum, f.cat, f.item_order, f.scat, f.lat, f.loc, f.testcd, f.repnum, f.delivery_id, f.row_no
        ) AS seq,
        f.value IS NOT NULL AND (
            f.study_day < w.first_day OR (f.study_day = w.first_day AND f.visit_code = 'BL')
        ) AS is_before
    FROM finding AS f
    LEFT JOIN visit AS v USING (visit_code)
    LEFT JOIN first_walk AS w USING (participant_id)
),

marked AS (
    SELECT
        *,
        coalesce(is_before, FALSE) AND row_number() OVER (
            PARTITION BY participant_id, coalesce(is_before, FALSE), cat, testcd, scat, lat, loc ORDER BY seq DESC
        ) = 1 AS is_last_before
    FROM numbered
)

SELECT
    getvariable('study_id') AS STUDYID,
    subject(participant_id) AS USUBJID,
    seq AS SEQ,
    testcd AS TESTCD,
    test AS TEST,
    cat AS CAT,
    scat AS SCAT,
    as_text(value) AS ORRES,
    CASE WHEN value IS NOT NULL THEN unit END AS ORRESU,
    as_text(value) AS STRESC,
    value AS STRESN,
    CASE WHEN value IS NOT NULL THEN unit END AS STRESU,
    CASE WHEN value IS NULL THEN 'NOT DONE' END AS STAT,
    loc AS LOC,
    lat AS LAT,
    method AS METHOD,
    CASE WHEN is_last_before THEN 'Y' END AS LOBXFL,
    CASE WHEN is_derived THEN 'Y' END AS DRVFL,
    repnum AS REPNUM,
    visitnum AS VISITNUM,
    visit AS VISIT,
    visitdy AS VISITDY,
    CAST(on_date AS VARCHAR) AS DTC,
    study_day AS DY
FROM marked
ORDER BY USUBJID, SEQ
