-- mart_knee_load: one participant at one visit walking one way in the gait lab: means over the stances of the index knee, speed beside them.
-- A stance that runs backward in time, or whose trial missed its set speed, is left out and counted.
SELECT
    participant_id,
    clinic_id,
    visit_code,
    lab_direction_code,
    count(*) AS n_stances,
    count(*) FILTER (NOT is_turned AND speed_state <> 'missed') AS n_used,
    avg(lab_speed_mps ORDER BY trial_no, stance_no) FILTER (NOT is_turned AND speed_state <> 'missed') AS lab_speed_mps,
    avg(stance_time_s ORDER BY trial_no, stance_no) FILTER (NOT is_turned AND speed_state <> 'missed') AS stance_time_s,
    avg(ekam_first_peak_nm_per_kg ORDER BY trial_no, stance_no) FILTER (NOT is_turned AND speed_state <> 'missed') AS ekam_first_peak_nm_per_kg,
    avg(ekam_second_peak_nm_per_kg ORDER BY trial_no, stance_no) FILTER (NOT is_turned AND speed_state <> 'missed') AS ekam_second_peak_nm_per_kg,
    count(*) FILTER (second_peak_absent IS NOT NULL AND NOT is_turned AND speed_state <> 'missed') AS n_without_second_peak,
    avg(kaai_nms_per_kg ORDER BY trial_no, stance_no) FILTER (NOT is_turned AND speed_state <> 'missed') AS kaai_nms_per_kg,
    count(*) FILTER (kaai_abstained IS NOT NULL AND NOT is_turned AND speed_state <> 'missed') AS n_without_impulse,
    min(delivery_id) AS delivery_id,
    arg_min(row_no, (delivery_id, row_no)) AS row_no
FROM core_knee_load
WHERE is_index_knee
GROUP BY participant_id, clinic_id, visit_code, lab_direction_code
