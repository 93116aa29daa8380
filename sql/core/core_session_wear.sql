-- core_session_wear: one attended session of one participant beside what a worn device saw at that time.
-- `seen`: a device walked at least a fifth of the logged minutes within the session, half an hour of clock error allowed.
-- `not_seen`: a device that tells walks was worn that day and walked less; if it keeps samples, it recorded the whole of the session.
-- `cannot_tell`: what was worn that day counts steps or movement and never names a walk, or did not record all the session.
-- `no_device`: nothing was worn, or nothing says so.
WITH session AS (
    SELECT
        participant_id, clinic_id, session_no, start_utc, end_utc, start_day, actual_min, actual_dist_m, hr_mean_bpm, direction_code,
        delivery_id, row_no, coalesce(end_utc, start_utc + to_seconds(actual_min * 60)) AS until_utc
    FROM core_session
    WHERE attended AND start_utc IS NOT NULL AND actual_min > 0
),

walked AS (
    SELECT
        s.participant_id, s.session_no, b.device_serial,
        min(b.start_utc) AS first_utc,
        sum(coalesce(b.duration_s, date_diff('millisecond', b.start_utc, b.end_utc) / 1000.0) ORDER BY b.start_utc) / 60 AS seen_min,
        sum(b.distance_m ORDER BY b.start_utc) AS seen_distance_m,
        avg(b.speed_mean_mps ORDER BY b.start_utc) AS seen_speed_mps,
        sum(b.steps_n) AS seen_steps_n,
        avg(b.hr_mean_bpm ORDER BY b.start_utc) AS seen_hr_mean_bpm,
        count(*) FILTER (b.detected_direction_code = 'backward') AS backward_n,
        count(*) FILTER (b.detected_direction_code = 'forward') AS forward_n
    FROM session AS s
    INNER JOIN core_wear_bout AS b
        ON b.participant_id = s.participant_id
        AND b.start_utc < s.until_utc + INTERVAL 30 MINUTE AND coalesce(b.end_utc, b.start_utc) > s.start_utc - INTERVAL 30 MINUTE
        -- a bout belongs to the session whose middle is nearest to its own start
        AND NOT EXISTS (
            FROM session AS o
            WHERE o.participant_id = s.participant_id AND o.session_no <> s.session_no
                AND abs(epoch(o.start_utc) - epoch(b.start_utc)) < abs(epoch(s.start_utc) - epoch(b.start_utc))
        )
    GROUP BY s.participant_id, s.session_no, b.device_serial
),

best AS (
    FROM walked QUALIFY row_number() OVER (PARTITION BY participant_id, session_no ORDER BY seen_min DESC, device_serial) = 1
),

worn AS (
    -- raw samples tell the walks of the time they cover; other devices do if they ever named one
    SELECT
        s.participant_id, s.session_no,
        bool_or(CASE WHEN d.enmo_mean_mg IS NOT NULL THEN r.device_serial IS NOT NULL ELSE t.device_serial IS NOT NULL END) AS tells_walks
    FROM session AS s
    INNER JOIN core_wear_day AS d ON d.participant_id = s.participant_id AND d.study_day = s.start_day AND d.wear_min > 0
    LEFT JOIN core_recording AS r
        ON r.participant_id = d.participant_id AND r.device_serial = d.device_serial
        AND r.start_utc <= s.start_utc AND r.end_utc >= s.until_utc
    LEFT JOIN (SELECT DISTINCT participant_id, device_serial FROM core_wear_bout) AS t
        ON t.participant_id = d.participant_id AND t.device_serial = d.device_serial
    GROUP BY s.participant_id, s.session_no
)

SELECT
    s.participant_id, s.clinic_id, s.session_no, date_of_day(s.start_day, p.randomised_date) AS session_date, b.device_serial,
    CASE
        WHEN b.seen_min >= 0.2 * s.actual_min THEN 'seen'
        WHEN b.seen_min IS NOT NULL OR w.tells_walks THEN 'not_seen'
        WHEN w.session_no IS NOT NULL THEN 'cannot_tell'
        ELSE 'no_device'
    END AS wear_state,
    s.actual_min AS logged_min, b.seen_min, b.seen_min - s.actual_min AS difference_min,
    s.actual_dist_m AS logged_distance_m, b.seen_distance_m, b.seen_speed_mps, b.seen_steps_n,
    s.hr_mean_bpm AS logged_hr_mean_bpm, b.seen_hr_mean_bpm,
    s.direction_code AS logged_direction_code,
    CASE
        WHEN b.backward_n > b.forward_n THEN 'backward' WHEN b.forward_n > b.backward_n THEN 'forward'
        WHEN b.device_serial IS NOT NULL THEN 'abstain'
    END AS seen_direction_code,
    epoch(b.first_utc) - epoch(s.start_utc) AS start_offset_s,
    s.delivery_id, s.row_no
FROM session AS s
INNER JOIN core_participant AS p USING (participant_id)
LEFT JOIN best AS b USING (participant_id, session_no)
LEFT JOIN worn AS w USING (participant_id, session_no)
ORDER BY s.participant_id, s.session_no
