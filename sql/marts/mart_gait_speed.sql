-- mart_gait_speed: one scale of gait speed (10-metre walk, 3-metre backward walk, 6-minute walk, real-world gait) of one participant at one visit.
-- Grain and columns as mart_outcome.
SELECT
    participant_id,
    clinic_id,
    visit_code,
    visit_order,
    measure,
    scale,
    value,
    unit,
    better,
    study_day,
    is_in_window,
    is_baseline,
    is_primary,
    baseline_value,
    change,
    improvement,
    mdc95,
    mcid,
    is_real_change,
    is_important_improvement,
    delivery_id,
    row_no
FROM mart_outcome
WHERE measure IN ('10mwt', '3mbwt', '6mwt', 'rwg')
