-- mart_completeness: one form due at one visit at one clinic, and how many of those due came.
-- The denominator is what the schedule expects of participants in the study, not what arrived.
WITH came AS (
    SELECT DISTINCT participant_id, measure AS form, visit_code FROM core_answer
    UNION
    SELECT DISTINCT participant_id, 'walk_test', visit_code FROM core_walk_test
    UNION
    SELECT DISTINCT participant_id, 'balance_test', visit_code FROM core_balance_test
    UNION
    SELECT DISTINCT participant_id, 'strength', visit_code FROM core_strength
    UNION
    SELECT DISTINCT participant_id, 'knee_girth', visit_code FROM core_knee_girth
)

SELECT
    e.clinic_id,
    e.form,
    e.visit_code,
    v.visit_order,
    count(*) AS n_expected,
    count(c.participant_id) AS n_received,
    count(*) - count(c.participant_id) AS n_missing
FROM core_expected_form AS e
INNER JOIN ref_visit AS v USING (visit_code)
LEFT JOIN came AS c USING (participant_id, form, visit_code)
GROUP BY e.clinic_id, e.form, e.visit_code, v.visit_order
