-- mart_balance: one scale of balance (Berg, Mini-BESTest, balance confidence, timed up and go, single-leg stance, chair stand) of one participant at one visit.
-- Grain and columns as mart_outcome.
SELECT
    participant_id,
    clinic_id,
    visit_code,
    visit_order,
    measure,
    scale,
    value,
    unit,
    better,
    study_day,
    is_in_window,
    is_baseline,
    is_primary,
    baseline_value,
    change,
    improvement,
    mdc95,
    mcid,
    is_real_change,
    is_important_improvement,
    delivery_id,
    row_no
FROM mart_outcome
WHERE measure IN ('berg', 'mini_bestest', 'abc', 'tug', 'sls', 'cst30')
