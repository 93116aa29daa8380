-- core_session_dose: one attended session: how hard it was, what it cost at least, and whether the progression rule was followed.
-- Heart-rate zone: share of the heart-rate reserve, HRmax = 208 - 0.7 age (Tanaka 2001), bands of ACSM as half-open intervals
-- ([30,40) light, [40,60) moderate, [60,90) vigorous, [90,) near maximal); never under a beta-blocker, where exertion ratings stand in.
-- Oxygen cost: ACSM walking equation 3.5 + 0.1 S + 1.8 S G (ml/kg/min, S in m/min, G as fraction), valid for 50 to 100 m/min. Backward
-- walking costs more at equal speed and has no equation of its own: the forward one is its lower bound and named so.
-- Progression: the rule that the session's own record asks for, from the limits in ref_study, beside the one that was applied.
WITH limits AS (
    SELECT
        max(value) FILTER (name = 'progression_least_dose_share') AS least_share,
        max(value) FILTER (name = 'progression_most_rpe_borg') AS most_rpe,
        max(value) FILTER (name = 'progression_most_pain_rise') AS most_rise,
        max(value) FILTER (name = 'progression_step_back_pain') AS back_pain,
        max(value) FILTER (name = 'progression_stop_hrr_share') AS stop_hrr,
        max(value) FILTER (name = 'progression_stop_systolic_mmhg') AS stop_systolic
    FROM ref_study
),

session AS (
    SELECT
        s.*, p.beta_blocker, year(s.scheduled_date) - p.birth_year AS age_years,
        208 - 0.7 * (year(s.scheduled_date) - p.birth_year) AS hr_limit_bpm,
        CASE WHEN s.actual_min > 0 THEN coalesce(s.treadmill_speed_mps, s.actual_dist_m / (s.actual_min * 60)) END AS speed_mps
    FROM core_session AS s
    INNER JOIN core_participant AS p USING (participant_id)
    WHERE s.attended
),

worked AS (
    SELECT
        *, 60 * speed_mps AS m_per_min,
        CASE WHEN hr_limit_bpm > hr_rest_bpm THEN 100 * (hr_mean_bpm - hr_rest_bpm) / (hr_limit_bpm - hr_rest_bpm) END AS reserve_mean_pct,
        CASE WHEN hr_limit_bpm > hr_rest_bpm THEN (hr_peak_bpm - hr_rest_bpm) / (hr_limit_bpm - hr_rest_bpm) END AS reserve_peak
    FROM session
),

judged AS (
    SELECT
        w.*,
        CASE
            WHEN w.stop_reason IN ('chest_pain', 'heart_rate', 'blood_pressure', 'fall') OR w.sys_post_mmhg > l.stop_systolic
                OR (w.reserve_peak > l.stop_hrr AND NOT coalesce(w.beta_blocker, FALSE)) THEN 'stop'
            WHEN greatest(w.nprs_post, w.nprs_during_max) > l.back_pain OR w.knee_swelling THEN 'step_back'
            WHEN w.actual_min < l.least_share * w.planned_min OR w.nprs_post > w.nprs_pre + l.most_rise OR w.nprs_24h > w.nprs_pre
                OR w.fall_n > 0 OR (w.rpe_scale = 'borg_6_20' AND w.rpe > l.most_rpe) THEN 'hold'
            WHEN w.actual_min IS NULL OR w.planned_min IS NULL OR w.nprs_pre IS NULL OR w.nprs_post IS NULL OR w.nprs_24h IS NULL
                OR w.rpe IS NULL OR w.rpe_scale IS DISTINCT FROM 'borg_6_20' THEN NULL
            ELSE 'progress'
        END AS rule_due
    FROM worked AS w
    CROSS JOIN limits AS l
)

SELECT
    participant_id, clinic_id, session_no, age_years, speed_mps, reserve_mean_pct,
    CASE
        WHEN beta_blocker THEN NULL
        WHEN reserve_mean_pct >= 90 THEN 'near_maximal' WHEN reserve_mean_pct >= 60 THEN 'vigorous'
        WHEN reserve_mean_pct >= 40 THEN 'moderate' WHEN reserve_mean_pct >= 30 THEN 'light' WHEN reserve_mean_pct IS NOT NULL THEN 'very_light'
    END AS hr_zone,
    CASE WHEN beta_blocker THEN 'beta_blocker' WHEN reserve_mean_pct IS NULL THEN 'no_heart_rate_or_age' END AS hr_zone_abstained,
    CASE
        WHEN direction_code IN ('FW', 'BW') AND m_per_min BETWEEN 50 AND 100
            THEN 3.5 + 0.1 * m_per_min + 1.8 * m_per_min * coalesce(grade_pct, 0) / 100
    END AS vo2_ml_kg_min,
    CASE
        WHEN m_per_min BETWEEN 50 AND 100 AND direction_code = 'FW' THEN 'ACSM_walking'
        WHEN m_per_min BETWEEN 50 AND 100 AND direction_code = 'BW' THEN 'ACSM_FW_lower_bound'
    END AS energy_method,
    CASE
        WHEN m_per_min IS NULL THEN 'no_speed' WHEN m_per_min < 50 THEN 'slower_than_50_m_per_min' WHEN m_per_min > 100 THEN 'faster_than_100_m_per_min'
        WHEN direction_code IS NULL THEN 'no_direction'
    END AS energy_abstained,
    rule_due, progression_code AS rule_applied,
    CASE
        WHEN rule_due IS NULL OR progression_code IS NULL THEN 'cannot_tell'
        WHEN rule_due = progression_code THEN 'followed'
        WHEN list_position(['stop', 'step_back', 'hold', 'progress'], progression_code) < list_position(['stop', 'step_back', 'hold', 'progress'], rule_due)
            THEN 'more_careful'
        ELSE 'less_careful'
    END AS progression_state,
    delivery_id, row_no
FROM judged
ORDER BY participant_id, session_no
