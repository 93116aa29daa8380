-- mk: one force or torque of one muscle group, one circumference, or one number of knee load (SDTM MK), in the columns that findings.sql takes.
-- Knee load is the mean over the stances of the index knee, so it is marked as derived; the speed walked at stands beside it, per trial.
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
        loc, 'DYNAMOMETRY' AS method, value, unit, trial_no, 1 AS item_order, delivery_id, row_no,
        CAST(NULL AS VARCHAR) AS scat, FALSE AS is_derived
    FROM told
    WHERE value IS NOT NULL OR is_only_force
    UNION ALL
    SELECT
        participant_id, visit_code, assessed_date, study_day, 'LEVERARM', 'Lever Arm of the Force', 'ISOMETRIC STRENGTH',
        test_side_code, loc, NULL, lever_m, 'm', trial_no, 2, delivery_id, row_no, NULL, FALSE
    FROM strength
    LEFT JOIN place USING (muscle_code)
    WHERE lever_m IS NOT NULL
    UNION ALL
    SELECT
        participant_id, visit_code, assessed_date, study_day, 'JOINTANG', 'Joint Angle Held', 'ISOMETRIC STRENGTH',
        test_side_code, loc, NULL, CAST(joint_angle_deg AS DOUBLE), 'deg', trial_no, 3, delivery_id, row_no, NULL, FALSE
    FROM strength
    LEFT JOIN place USING (muscle_code)
    WHERE joint_angle_deg IS NOT NULL
    UNION ALL
    SELECT
        participant_id, visit_code, assessed_date, study_day, 'GIRTH', 'Circumference', 'CIRCUMFERENCE', test_side_code,
        term('girth_site', girth_site_code), NULL, girth_cm, 'cm', CAST(NULL AS INTEGER), 4, delivery_id, row_no, NULL, FALSE
    FROM knee_girth
    UNION ALL
    SELECT
        o.participant_id, o.visit_code, o.assessed_date, o.study_day, k.testcd, k.test, 'KNEE LOAD', p.index_knee_side,
        'KNEE JOINT', 'INVERSE DYNAMICS', o.value, k.unit, NULL, 5 + k.test_order, o.delivery_id, o.row_no, term('lab_way', k.way), TRUE
    FROM outcome AS o
    INNER JOIN participant AS p USING (participant_id)
    LEFT JOIN lab_test AS k USING (scale)
    WHERE o.measure = 'knee_load'
    UNION ALL
    SELECT
        participant_id, visit_code, assessed_date, study_day, 'LABSPEED', 'Walking Speed in the Gait Laboratory', 'KNEE LOAD', NULL,
        NULL, NULL, lab_speed_mps, 'm/s', trial_no, 5, delivery_id, row_no, term('lab_way', lab_direction_code), FALSE
    FROM lab_trial
)

SELECT
    participant_id, visit_code, assessed_date AS on_date, study_day, testcd, test, cat, scat, term('side', test_side_code) AS lat, loc,
    method, value, unit, trial_no AS repnum, item_order, delivery_id, row_no, is_derived
FROM result
