-- mart_outcome: one scale of one participant at one scheduled visit, with its baseline, change and thresholds.
-- Where a participant has several assessments under one visit, the one closest to the target day counts, then the later.
-- `improvement` is the change signed so that positive is better; nowhere else is a change signed.
-- Thresholds come from ref_threshold (is_reported); none are written here.
WITH at_visit AS (
    SELECT
        o.participant_id,
        o.clinic_id,
        o.visit_code,
        v.visit_order,
        o.measure,
        o.scale,
        o.value,
        o.unit,
        o.better,
        o.study_day,
        CASE WHEN o.study_day > 0 THEN o.study_day - 1 ELSE o.study_day END AS days_since_randomisation,
        v.from_day,
        v.to_day,
        v.is_baseline,
        v.is_primary,
        o.delivery_id,
        o.row_no
    FROM core_outcome AS o
    INNER JOIN ref_visit AS v USING (visit_code)
    QUALIFY row_number() OVER (
        PARTITION BY o.participant_id, o.visit_code, o.measure, o.scale
        ORDER BY
            abs(CASE WHEN o.study_day > 0 THEN o.study_day - 1 ELSE o.study_day END - v.target_day),
            o.study_day DESC, o.delivery_id, o.row_no
    ) = 1
),

with_baseline AS (
    SELECT
        a.*,
        b.value AS baseline_value,
        CASE WHEN NOT a.is_baseline THEN a.value - b.value END AS change,
        CASE WHEN NOT a.is_baseline THEN CASE a.better WHEN 'higher' THEN a.value - b.value ELSE b.value - a.value END END
            AS improvement
    FROM at_visit AS a
    LEFT JOIN at_visit AS b
        ON b.is_baseline AND b.participant_id = a.participant_id AND b.measure = a.measure AND b.scale = a.scale
),

threshold AS (
    SELECT
        w.participant_id,
        w.visit_code,
        w.measure,
        w.scale,
        max(CASE WHEN t.purpose = 'mdc95' THEN CASE WHEN t.relative THEN t.value / 100 * w.baseline_value ELSE t.value END END)
            AS mdc95,
        max(CASE WHEN t.purpose = 'mcid' THEN CASE WHEN t.relative THEN t.value / 100 * w.baseline_value ELSE t.value END END)
            AS mcid
    FROM with_baseline AS w
    INNER JOIN ref_threshold AS t
        ON t.is_reported AND t.measure = w.measure AND t.scale = w.scale
        AND (t.baseline_low IS NULL OR round(w.baseline_value, 9) > t.baseline_low OR (round(w.baseline_value, 9) = t.baseline_low AND NOT t.baseline_low_open))
        AND (t.baseline_high IS NULL OR round(w.baseline_value, 9) < t.baseline_high OR (round(w.baseline_value, 9) = t.baseline_high AND NOT t.baseline_high_open))
    GROUP BY w.participant_id, w.visit_code, w.measure, w.scale
)

SELECT
    w.participant_id,
    w.clinic_id,
    w.visit_code,
    w.visit_order,
    w.measure,
    w.scale,
    w.value,
    w.unit,
    w.better,
    w.study_day,
    w.days_since_randomisation BETWEEN w.from_day AND w.to_day AS is_in_window,
    w.is_baseline,
    w.is_primary,
    w.baseline_value,
    w.change,
    w.improvement,
    t.mdc95,
    t.mcid,
    -- Rounded, since 12.4 - 11.3 is a little less than 1.1 in binary, and the threshold is 1.1.
    round(abs(w.change), 9) >= round(t.mdc95, 9) AS is_real_change,
    round(w.improvement, 9) >= round(t.mcid, 9) AS is_important_improvement,
    w.delivery_id,
    w.row_no
FROM with_baseline AS w
LEFT JOIN threshold AS t USING (participant_id, visit_code, measure, scale)
