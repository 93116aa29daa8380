-- mk: one force or torque of one muscle group, or one circumference (SDTM MK), in the columns that findings.sql takes.
-- A trial that has neither force nor torque is a force that was not done.
WITH told AS (
    SELECT
        s.*, m.testcd, m.test, m.loc, m.unit,
        CASE m.found WHEN 'torque_nm' THEN s.torque_nm WHEN 'torque_nm_per_kg' THEN s.torque_nm_per_kg ELSE s.force_n END AS value,
        coalesce(m.found, 'force_n') = 'force_n' AND s.torque_nm IS NULL AND s.torque_nm_per_kg IS NULL AS is_only_force
    FROM strength AS s
    LEFT JOIN muscle_test AS m USING (muscle_code)
),

place AS (
    SELECT DISTINCT muscle_code, loc FROM muscle_test
),

result AS (
    SELECT
        participant_id, visit_code, assessed_date, study_day, testcd, test, 'ISOMETRIC STRENGTH' AS cat, test_side_code,
        loc, 'DYNAMOMETRY' AS method, value, unit, trial_no, 1 AS item_order, delivery_id, row_no
    FROM told
    WHERE value IS NOT NULL OR is_only_force
    UNION ALL
    SELECT
        participant_id, visit_code, assessed_date, study_day, 'LEVERARM', 'Lever Arm of the Force', 'ISOMETRIC STRENGTH',
        test_side_code, loc, NULL, lever_m, 'm', trial_no, 2, delivery_id, row_no
    FROM strength
    LEFT JOIN place USING (muscle_code)
    WHERE lever_m IS NOT NULL
    UNION ALL
    SELECT
        participant_id, visit_code, assessed_date, study_day, 'JOINTANG', 'Joint Angle Held', 'ISOMETRIC STRENGTH',
        test_side_code, loc, NULL, CAST(joint_angle_deg AS DOUBLE), 'deg', trial_no, 3, delivery_id, row_no
    FROM strength
    LEFT JOIN place USING (muscle_code)
    WHERE joint_angle_deg IS NOT NULL
    UNION ALL
    SELECT
        participant_id, visit_code, assessed_date, study_day, 'GIRTH', 'Circumference', 'CIRCUMFERENCE', test_side_code,
        term('girth_site', girth_site_code), NULL, girth_cm, 'cm', CAST(NULL AS INTEGER), 4, delivery_id, row_no
    FROM knee_girth
)

SELECT
    participant_id, visit_code, assessed_date AS on_date, study_day, testcd, test, cat, CAST(NULL AS VARCHAR) AS scat,
    term('side', test_side_code) AS lat, loc, method, value, unit, trial_no AS repnum, item_order, delivery_id, row_no
FROM result
