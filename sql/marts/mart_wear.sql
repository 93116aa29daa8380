-- mart_wear: one study day of one device of one participant: minutes worn, and whether the day counts.
SELECT
    d.participant_id,
    d.clinic_id,
    d.study_day,
    d.placement_code,
    d.device_maker,
    d.recorded_min,
    d.wear_min,
    d.nonwear_min,
    d.unknown_min,
    d.wear_min >= r.least_min AS is_valid_day,
    d.delivery_id,
    d.row_no
FROM core_wear_day AS d
CROSS JOIN ref_wear AS r
