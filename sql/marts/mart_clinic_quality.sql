-- mart_clinic_quality: one clinic's files, rows, findings and forms.
WITH files AS (
    SELECT
        clinic_id,
        count(*) AS files_n,
        count(*) FILTER (status = 'accepted') AS files_accepted_n,
        count(*) FILTER (status = 'refused') AS files_refused_n,
        count(*) FILTER (status = 'duplicate') AS files_duplicate_n,
        count(*) FILTER (status = 'not_checked') AS files_not_checked_n,
        sum(n_received) AS n_received,
        sum(n_accepted) AS n_accepted,
        sum(n_quarantined) AS n_quarantined,
        sum(n_duplicate) AS n_duplicate,
        sum(n_flagged) AS n_flagged
    FROM ledger_delivery
    GROUP BY clinic_id
),

finding AS (
    SELECT
        clinic_id,
        count(*) FILTER (is_open) AS findings_open_n,
        count(*) FILTER (is_open AND severity = 'quarantine') AS findings_held_n,
        count(*) FILTER (is_open AND severity = 'flag') AS findings_flag_n
    FROM ledger_finding
    GROUP BY clinic_id
),

forms AS (
    SELECT clinic_id, sum(n_expected) AS forms_expected_n, sum(n_received) AS forms_received_n
    FROM mart_completeness
    GROUP BY clinic_id
),

people AS (
    SELECT clinic_id, count(*) AS participants_n, count(*) FILTER (is_withdrawn) AS withdrawn_n
    FROM core_participant
    GROUP BY clinic_id
),

late AS (
    SELECT clinic_id, count(*) FILTER (state IN ('missing', 'refused')) AS files_missing_n
    FROM ledger_calendar
    GROUP BY clinic_id
)

SELECT
    c.clinic_id,
    c.clinic_name,
    c.is_stale,
    c.stale_reason,
    coalesce(p.participants_n, 0) AS participants_n,
    coalesce(p.withdrawn_n, 0) AS withdrawn_n,
    coalesce(f.files_n, 0) AS files_n,
    coalesce(f.files_accepted_n, 0) AS files_accepted_n,
    coalesce(f.files_refused_n, 0) AS files_refused_n,
    coalesce(f.files_duplicate_n, 0) AS files_duplicate_n,
    coalesce(f.files_not_checked_n, 0) AS files_not_checked_n,
    coalesce(l.files_missing_n, 0) AS files_missing_n,
    coalesce(f.n_received, 0) AS n_received,
    coalesce(f.n_accepted, 0) AS n_accepted,
    coalesce(f.n_quarantined, 0) AS n_quarantined,
    coalesce(f.n_duplicate, 0) AS n_duplicate,
    coalesce(f.n_flagged, 0) AS n_flagged,
    coalesce(g.findings_open_n, 0) AS findings_open_n,
    coalesce(g.findings_held_n, 0) AS findings_held_n,
    coalesce(g.findings_flag_n, 0) AS findings_flag_n,
    coalesce(m.forms_expected_n, 0) AS forms_expected_n,
    coalesce(m.forms_received_n, 0) AS forms_received_n
FROM ref_clinic AS c
LEFT JOIN files AS f USING (clinic_id)
LEFT JOIN finding AS g USING (clinic_id)
LEFT JOIN forms AS m USING (clinic_id)
LEFT JOIN people AS p USING (clinic_id)
LEFT JOIN late AS l USING (clinic_id)
