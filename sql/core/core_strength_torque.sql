-- core_strength_torque: one isometric trial as torque over body mass at enrolment, whatever the clinic's device told.
-- The study's body mass comes before the clinic's own division, so that clinics compare. A force without its lever arm is no torque.
WITH told AS (
    SELECT
        s.*, p.weight_kg,
        CASE
            WHEN s.torque_nm > 0 AND p.weight_kg > 0 THEN 'torque'
            WHEN s.force_n > 0 AND s.lever_m > 0 AND p.weight_kg > 0 THEN 'force_and_lever'
            WHEN s.torque_nm_per_kg > 0 THEN 'torque_per_mass'
        END AS torque_from
    FROM core_strength AS s
    INNER JOIN core_participant AS p USING (participant_id)
)

SELECT
    participant_id, clinic_id, visit_code, assessed_date, study_day, muscle_code, test_side_code, trial_no,
    CASE torque_from
        WHEN 'torque' THEN torque_nm / weight_kg
        WHEN 'force_and_lever' THEN force_n * lever_m / weight_kg
        WHEN 'torque_per_mass' THEN torque_nm_per_kg
    END AS torque_nm_per_kg,
    torque_from,
    CASE
        WHEN torque_from IS NOT NULL THEN NULL
        WHEN torque_nm > 0 OR (force_n > 0 AND lever_m > 0) THEN 'no_body_mass'
        WHEN force_n > 0 THEN 'no_lever_arm'
        ELSE 'no_number_above_zero'
    END AS torque_abstained,
    delivery_id, row_no
FROM told
ORDER BY participant_id, study_day, muscle_code, test_side_code, trial_no, delivery_id, row_no
