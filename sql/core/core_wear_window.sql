-- core_wear_window: the days around one visit of one participant, for one class of walking-bout length.
-- Of several devices the one with most valid days speaks. Speed is of forward walking found in samples at the lower back.
-- Minutes and steps are means per valid day; all are null where there are fewer valid days than the study asks for.
WITH visit AS (
    SELECT participant_id, visit_code, min(assessed_date) AS visit_date
    FROM (
        SELECT participant_id, visit_code, assessed_date FROM core_answer
        UNION ALL SELECT participant_id, visit_code, assessed_date FROM core_walk_test
        UNION ALL SELECT participant_id, visit_code, assessed_date FROM core_balance_test
    )
    GROUP BY participant_id, visit_code
),

near_day AS (
    SELECT v.participant_id, v.visit_code, d.device_serial, d.wear_date, d.study_day, d.delivery_id, d.row_no,
        d.wear_min >= s.least_min AS is_valid, isodow(d.wear_date) >= 6 AS is_weekend
    FROM visit AS v
    CROSS JOIN ref_wear AS s
    INNER JOIN core_wear_day AS d
        ON d.participant_id = v.participant_id AND d.wear_min IS NOT NULL
        AND d.wear_date BETWEEN v.visit_date + s.from_day AND v.visit_date + s.to_day
),

device AS (
    SELECT n.participant_id, n.visit_code, n.device_serial, count(*) AS days_n,
        count(*) FILTER (n.is_valid) AS valid_days_n,
        count(*) FILTER (n.is_valid) >= any_value(s.least_days) AND count(*) FILTER (n.is_valid AND n.is_weekend) >= any_value(s.least_weekend_days) AS is_valid,
        min(n.delivery_id) AS delivery_id, arg_min(n.row_no, n.delivery_id || lpad(CAST(n.row_no AS VARCHAR), 12, '0')) AS row_no
    FROM near_day AS n CROSS JOIN ref_wear AS s
    GROUP BY n.participant_id, n.visit_code, n.device_serial
    QUALIFY row_number() OVER (PARTITION BY n.participant_id, n.visit_code ORDER BY count(*) FILTER (n.is_valid) DESC, n.device_serial) = 1
),

bout AS (
    SELECT d.participant_id, d.visit_code, date_diff('millisecond', b.start_utc, b.end_utc) / 1000.0 AS length_s, b.steps_n,
        CASE WHEN b.detected_direction_code IS DISTINCT FROM 'backward' THEN b.speed_mean_mps END AS speed_mps
    FROM device AS d
    INNER JOIN near_day AS n USING (participant_id, visit_code, device_serial)
    INNER JOIN core_wear_bout AS b
        ON b.participant_id = n.participant_id AND b.device_serial = n.device_serial AND b.study_day = n.study_day
        AND b.bout_source_code = 'signal'
    WHERE d.is_valid AND n.is_valid
)

SELECT
    d.participant_id, p.clinic_id, d.visit_code, v.visit_date, c.bout_class, d.device_serial, d.days_n, d.valid_days_n, d.is_valid,
    CASE WHEN d.is_valid THEN count(b.length_s) END AS bouts_n,
    CASE WHEN d.is_valid THEN coalesce(sum(b.length_s ORDER BY b.length_s), 0) / 60 / d.valid_days_n END AS walking_min_per_day,
    CASE WHEN d.is_valid THEN coalesce(sum(b.steps_n), 0) / d.valid_days_n END AS steps_per_day,
    count(b.speed_mps) AS speeds_n,
    avg(b.speed_mps ORDER BY b.speed_mps) AS speed_mean_mps,
    quantile_cont(b.speed_mps, 0.1) AS speed_p10_mps,
    quantile_cont(b.speed_mps, 0.5) AS speed_p50_mps,
    quantile_cont(b.speed_mps, 0.9) AS speed_p90_mps,
    d.delivery_id, d.row_no
FROM device AS d
INNER JOIN visit AS v USING (participant_id, visit_code)
INNER JOIN core_participant AS p USING (participant_id)
CROSS JOIN ref_bout_class AS c
LEFT JOIN bout AS b
    ON b.participant_id = d.participant_id AND b.visit_code = d.visit_code
    AND b.length_s >= c.from_s AND (c.to_s IS NULL OR b.length_s < c.to_s)
GROUP BY d.participant_id, p.clinic_id, d.visit_code, v.visit_date, c.bout_class, d.device_serial, d.days_n, d.valid_days_n, d.is_valid, d.delivery_id, d.row_no
ORDER BY d.participant_id, d.visit_code, c.bout_class
