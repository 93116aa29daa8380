-- qs: one answered item of one questionnaire, in the columns that findings.sql takes.
SELECT
    a.participant_id,
    a.visit_code,
    a.assessed_date AS on_date,
    a.study_day,
    i.testcd,
    i.test,
    i.cat,
    CAST(NULL AS VARCHAR) AS scat,
    term('side', a.knee_side) AS lat,
    CASE WHEN a.knee_side IS NOT NULL THEN 'KNEE JOINT' END AS loc,
    CAST(NULL AS VARCHAR) AS method,
    a.answer AS value,
    i.unit,
    CAST(NULL AS INTEGER) AS repnum,
    i.item_order,
    a.delivery_id,
    a.row_no,
    FALSE AS is_derived
FROM answer AS a
LEFT JOIN item AS i USING (measure, item)
WHERE coalesce(i.domain, 'QS') = 'QS'
