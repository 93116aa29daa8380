-- mart_visit: one participant at one scheduled visit, and where they stand at it.
-- Seen: at least one questionnaire, walk, balance, strength or girth test of the visit came. Missed: forms were due and none came.
-- Left: gone before anything was due. Not due: the window has not closed yet.
WITH due AS (
    SELECT DISTINCT participant_id, visit_code
    FROM core_expected_form
),

came AS (
    SELECT participant_id, visit_code FROM core_answer
    UNION
    SELECT participant_id, visit_code FROM core_walk_test
    UNION
    SELECT participant_id, visit_code FROM core_balance_test
    UNION
    SELECT participant_id, visit_code FROM core_strength
    UNION
    SELECT participant_id, visit_code FROM core_knee_girth
)

SELECT
    p.participant_id,
    p.clinic_id,
    v.visit_code,
    v.visit_order,
    CASE
        WHEN c.participant_id IS NOT NULL THEN 'seen'
        WHEN d.participant_id IS NOT NULL THEN 'missed'
        WHEN p.is_withdrawn THEN 'left'
        ELSE 'not_due'
    END AS state
FROM core_participant AS p
CROSS JOIN ref_visit AS v
LEFT JOIN due AS d ON d.participant_id = p.participant_id AND d.visit_code = v.visit_code
LEFT JOIN came AS c ON c.participant_id = p.participant_id AND c.visit_code = v.visit_code
