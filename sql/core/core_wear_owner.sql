-- core_wear_owner: one day of walks found in a sensor's samples beside the other days of the participant it is assigned to.
-- Two numbers of a person change little from day to day: cadence, and the walk ratio (step length over cadence). Both are compared with the
-- median of the participant's other days worn in that place, in units of the study's own day-to-day spread (from the median absolute
-- residual): medians, so that a few swapped days neither move the one nor widen the other. p_owner is the tail of Hotelling's T-squared of
-- both together. A spread from medians is as sure as one from 0.37 times as many days, so few days make it slow to call a day unlike.
-- Source: Sekiya, Nagasaki. Gait Posture 1998;7:225-227 (walk ratio within persons); Rousseeuw, Croux. JASA 1993;88:1273-1283 (0.37).
WITH day AS (
    SELECT
        participant_id, clinic_id, device_serial, placement_code, study_day, count(*) AS bouts_n,
        median(cadence_mean_spm) AS cadence_spm,
        median(120 * speed_mean_mps / cadence_mean_spm / cadence_mean_spm) AS walk_ratio,
        min(delivery_id) AS delivery_id, arg_min(row_no, delivery_id || lpad(CAST(row_no AS VARCHAR), 12, '0')) AS row_no
    FROM core_wear_bout
    WHERE bout_source_code = 'signal' AND coalesce(duration_s, date_diff('millisecond', start_utc, end_utc) / 1000) >= 10 AND detected_direction_code IS DISTINCT FROM 'backward' AND cadence_mean_spm > 0
    GROUP BY participant_id, clinic_id, device_serial, placement_code, study_day
),

usable AS (
    SELECT d.* FROM day AS d, ref_wear AS w WHERE d.bouts_n >= w.owner_least_bouts AND d.walk_ratio IS NOT NULL
),

beside AS (
    SELECT
        d.participant_id, d.device_serial, d.placement_code, d.study_day, count(*) AS other_days_n,
        -- the variance of a median of n is near pi / 2n of that of one day
        (d.cadence_spm - median(o.cadence_spm)) / sqrt(1 + pi() / 2 / count(*)) AS cadence_off,
        (d.walk_ratio - median(o.walk_ratio)) / sqrt(1 + pi() / 2 / count(*)) AS ratio_off
    FROM usable AS d
    INNER JOIN usable AS o
        ON o.participant_id = d.participant_id AND o.placement_code IS NOT DISTINCT FROM d.placement_code AND o.study_day <> d.study_day
    GROUP BY d.participant_id, d.device_serial, d.placement_code, d.study_day, d.cadence_spm, d.walk_ratio
    HAVING count(*) >= (SELECT owner_least_days FROM ref_wear)
),

spread AS (
    SELECT
        placement_code, count(*) AS days_n, 1.4826 * median(abs(cadence_off)) AS cadence_sd, 1.4826 * median(abs(ratio_off)) AS ratio_sd
    FROM beside
    GROUP BY placement_code
),

scored AS (
    SELECT b.*, s.days_n, b.cadence_off / nullif(s.cadence_sd, 0) AS cadence_z, b.ratio_off / nullif(s.ratio_sd, 0) AS ratio_z
    FROM beside AS b
    INNER JOIN spread AS s ON s.placement_code IS NOT DISTINCT FROM b.placement_code
),

judged AS (
    SELECT *, power(1 + (cadence_z * cadence_z + ratio_z * ratio_z) / (0.37 * days_n), (1 - 0.37 * days_n) / 2) AS p_owner FROM scored
)

SELECT
    d.participant_id, d.clinic_id, d.device_serial, d.placement_code, d.study_day, d.bouts_n, j.other_days_n, d.cadence_spm, d.walk_ratio,
    j.cadence_z, j.ratio_z, CASE WHEN j.days_n >= w.owner_least_pooled THEN j.p_owner END AS p_owner,
    CASE
        WHEN j.days_n >= w.owner_least_pooled AND j.p_owner < w.owner_p THEN 'unlike_owner'
        WHEN j.days_n >= w.owner_least_pooled AND j.p_owner IS NOT NULL THEN 'like_owner'
        ELSE 'abstain'
    END AS owner_state,
    CASE
        WHEN d.bouts_n < w.owner_least_bouts THEN 'too_few_walks'
        WHEN d.walk_ratio IS NULL THEN 'speed_not_told'
        WHEN j.study_day IS NULL THEN 'too_few_other_days'
        WHEN j.days_n < w.owner_least_pooled OR j.p_owner IS NULL THEN 'spread_not_known'
    END AS abstained,
    d.delivery_id, d.row_no
FROM day AS d
CROSS JOIN ref_wear AS w
LEFT JOIN judged AS j
    ON j.participant_id = d.participant_id AND j.device_serial = d.device_serial AND j.study_day = d.study_day
    AND j.placement_code IS NOT DISTINCT FROM d.placement_code
ORDER BY d.participant_id, d.device_serial, d.study_day, d.placement_code
