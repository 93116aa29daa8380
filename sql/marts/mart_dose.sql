-- mart_dose: one clinic's logged minutes beside what devices saw (Bland-Altman).
-- Limits of agreement are the mean difference and 1.96 standard deviations to either side. Source: Bland, Altman. Lancet 1986;1:307-310.
SELECT
    clinic_id,
    count(*) AS sessions_n,
    count(*) FILTER (wear_state IN ('seen', 'not_seen')) AS with_device_n,
    count(*) FILTER (wear_state = 'seen') AS seen_n,
    count(*) FILTER (wear_state = 'not_seen') AS not_seen_n,
    count(*) FILTER (wear_state = 'cannot_tell') AS cannot_tell_n,
    avg(difference_min ORDER BY participant_id, session_no) FILTER (wear_state = 'seen') AS bias_min,
    stddev_samp(difference_min ORDER BY participant_id, session_no) FILTER (wear_state = 'seen') AS sd_min,
    avg(difference_min ORDER BY participant_id, session_no) FILTER (wear_state = 'seen')
        - 1.96 * stddev_samp(difference_min ORDER BY participant_id, session_no) FILTER (wear_state = 'seen') AS lower_min,
    avg(difference_min ORDER BY participant_id, session_no) FILTER (wear_state = 'seen')
        + 1.96 * stddev_samp(difference_min ORDER BY participant_id, session_no) FILTER (wear_state = 'seen') AS upper_min
FROM core_session_wear
GROUP BY clinic_id
