-- core_knee_load: one stance of one leg in the gait lab: peaks and impulse of the external knee adduction moment, speed beside them.
-- Nm over body mass; %BW*Ht by g = 9.80665 m/s2. The impulse is over seconds of stance, never over per cent: without them it is absent.
-- The moment is a surrogate of the load on the inner side of the knee, not a contact force.
-- `is_turned` is set once stances of one person have been compared with each other.
WITH stance AS (
    SELECT
        m.*, l.visit_code, l.study_day AS lab_day, l.lab_direction_code, l.lab_speed_mps, l.speed_controlled, l.comfortable_speed_mps,
        m.stance_side_code = p.index_knee_side AS is_index_knee,
        coalesce(m.stance_s, CASE m.stance_side_code WHEN 'left' THEN l.stance_left_s WHEN 'right' THEN l.stance_right_s END) AS seconds,
        CASE m.moment_unit_code
            WHEN 'nm' THEN 1 / p.weight_kg
            WHEN 'nm_per_kg' THEN 1
            WHEN 'nm_per_kg_m' THEN p.height_cm / 100
            WHEN 'pct_bw_ht' THEN 9.80665 * p.height_cm / 100 / 100
        END AS to_nm_per_kg
    FROM core_knee_moment AS m
    INNER JOIN core_lab_trial AS l USING (participant_id, assessed_date, trial_no)
    INNER JOIN core_participant AS p USING (participant_id)
)

SELECT
    participant_id, clinic_id, visit_code, lab_day AS study_day, trial_no, stance_side_code, stance_no, is_index_knee,
    lab_direction_code, lab_speed_mps, comfortable_speed_mps,
    CASE
        WHEN speed_controlled IS NULL THEN 'cannot_tell' WHEN NOT speed_controlled THEN 'own_speed'
        WHEN comfortable_speed_mps IS NULL THEN 'cannot_tell'
        WHEN lab_speed_mps BETWEEN 0.95 * comfortable_speed_mps - 1e-6 AND 1.05 * comfortable_speed_mps + 1e-6 THEN 'matched'
        ELSE 'missed'
    END AS speed_state,
    seconds AS stance_time_s, to_nm_per_kg,
    first_peak_sent * to_nm_per_kg AS ekam_first_peak_nm_per_kg, first_peak_pct, first_peak_absent,
    second_peak_sent * to_nm_per_kg AS ekam_second_peak_nm_per_kg, second_peak_pct, second_peak_absent,
    moment_mean_sent * to_nm_per_kg * seconds AS kaai_nms_per_kg,
    moment_positive_sent * to_nm_per_kg * seconds AS kaai_positive_nms_per_kg,
    CASE
        WHEN moment_mean_sent IS NULL THEN 'curve_incomplete'
        WHEN to_nm_per_kg IS NULL THEN 'no_body_mass_or_height'
        WHEN seconds IS NULL THEN 'no_stance_time'
    END AS kaai_abstained,
    FALSE AS is_turned,
    delivery_id, row_no
FROM stance
ORDER BY participant_id, lab_day, trial_no, stance_side_code, stance_no
