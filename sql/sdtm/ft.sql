-- ft: one item or one timed trial of a functional test, in the columns that findings.sql takes.
-- What a trial needs to be understood (the distance timed, the time at which the clock stops) is a result of its own.
WITH trial AS (
    SELECT
        participant_id, visit_code, assessed_date, study_day, walk_test_code AS test_code, trial_no, delivery_id, row_no,
        CAST(NULL AS VARCHAR) AS side_code,
        CASE WHEN walk_test_code <> '6mwt' THEN term('pace', pace_code) END AS scat,
        {'time_s': time_s, 'distance_m': timed_distance_m, 'stands_n': NULL::DOUBLE, 'cap_s': NULL::DOUBLE} AS found
    FROM walk_test
    UNION ALL
    SELECT
        participant_id, visit_code, assessed_date, study_day, balance_test_code, trial_no, delivery_id, row_no,
        test_side_code,
        CASE WHEN balance_test_code = 'cst30' AND arms_used THEN 'HANDS USED' ELSE term('eyes', eyes_code) END,
        {'time_s': time_s, 'distance_m': NULL::DOUBLE, 'stands_n': CAST(repetitions_n AS DOUBLE), 'cap_s': cap_s}
    FROM balance_test
),

result AS (
    SELECT
        t.participant_id, t.visit_code, t.assessed_date AS on_date, t.study_day, f.testcd, f.test, f.cat, t.scat,
        term('side', t.side_code) AS lat,
        CASE f.found
            WHEN 'time_s' THEN t.found.time_s
            WHEN 'distance_m' THEN t.found.distance_m
            WHEN 'stands_n' THEN t.found.stands_n
            WHEN 'cap_s' THEN t.found.cap_s
        END AS value,
        coalesce(f.only_if_given, FALSE) AS only_if_given,
        f.unit, t.trial_no AS repnum, f.test_order AS item_order, t.delivery_id, t.row_no
    FROM trial AS t
    LEFT JOIN functional_test AS f USING (test_code)
)

SELECT
    participant_id, visit_code, on_date, study_day, testcd, test, cat, scat, lat, CASE WHEN lat IS NOT NULL THEN 'LEG' END AS loc,
    CAST(NULL AS VARCHAR) AS method, value, unit, repnum, item_order, delivery_id, row_no, FALSE AS is_derived
FROM result
WHERE value IS NOT NULL OR NOT only_if_given
UNION ALL
SELECT
    a.participant_id, a.visit_code, a.assessed_date, a.study_day, i.testcd, i.test, i.cat, NULL, NULL, NULL, NULL, a.answer,
    i.unit, NULL, i.item_order, a.delivery_id, a.row_no, FALSE
FROM answer AS a
INNER JOIN item AS i USING (measure, item)
WHERE i.domain = 'FT'
