-- core_device_clock: how far the clock of one device stood from its participant's session log, and how that drifted.
-- Offset is the median over seen sessions of device start minus logged start; drift its slope over days, from five sessions on.
SELECT
    participant_id, clinic_id, device_serial,
    count(*) AS sessions_n,
    median(start_offset_s) AS offset_s,
    CASE WHEN count(*) >= 5 THEN regr_slope(start_offset_s, epoch(session_date) / 86400 ORDER BY session_date) END AS drift_s_per_day,
    min(session_date) AS first_date, max(session_date) AS last_date
FROM core_session_wear
WHERE wear_state = 'seen'
GROUP BY participant_id, clinic_id, device_serial
ORDER BY participant_id, device_serial
