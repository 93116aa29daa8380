-- mart_knee_curve: one per cent of stance of one participant at one visit walking one way: the external knee adduction moment.
-- Means over the stances of the index knee that mart_knee_load uses.
WITH point AS (
    SELECT
        k.participant_id, k.clinic_id, k.visit_code, k.lab_direction_code, k.trial_no, k.stance_no, k.to_nm_per_kg,
        unnest(string_split(m.moment_curve, ' ')) AS sent, 2 * (generate_subscripts(string_split(m.moment_curve, ' '), 1) - 1) AS stance_pct
    FROM core_knee_load AS k
    INNER JOIN core_knee_moment AS m USING (delivery_id, row_no)
    WHERE k.is_index_knee AND NOT k.is_turned AND k.speed_state <> 'missed'
)

SELECT
    participant_id,
    clinic_id,
    visit_code,
    lab_direction_code,
    stance_pct,
    avg(CAST(sent AS DOUBLE) * to_nm_per_kg ORDER BY trial_no, stance_no) AS moment_nm_per_kg,
    count(*) AS n_stances
FROM point
GROUP BY participant_id, clinic_id, visit_code, lab_direction_code, stance_pct
