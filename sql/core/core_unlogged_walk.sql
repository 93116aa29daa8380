-- core_unlogged_walk: a walk of at least ten minutes that a device named and no session log tells of.
SELECT b.participant_id, b.clinic_id, b.device_serial, date_of_day(b.study_day, p.randomised_date) AS walk_date, b.duration_s / 60 AS seen_min, b.delivery_id, b.row_no
FROM core_wear_bout AS b
INNER JOIN core_participant AS p USING (participant_id)
WHERE b.bout_source_code = 'device' AND b.duration_s >= 600
    AND NOT EXISTS (
        FROM core_session AS s
        WHERE s.participant_id = b.participant_id AND s.attended
            AND b.start_utc < coalesce(s.end_utc, s.start_utc + INTERVAL 1 HOUR) + INTERVAL 30 MINUTE
            AND coalesce(b.end_utc, b.start_utc) > s.start_utc - INTERVAL 30 MINUTE
    )
ORDER BY b.participant_id, b.start_utc
