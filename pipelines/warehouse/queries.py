"""The life of each query: from the first time a row broke a rule to the version that mended it."""

from __future__ import annotations

import datetime as dt

import duckdb
import polars as pl

VERSION_SCHEMA = {
    "delivery_id": pl.String, "clinic_id": pl.String, "table_name": pl.String, "subject": pl.String,
    "rank_no": pl.Int64, "received_utc": pl.Datetime("us"), "keyed": pl.String,
}  # fmt: skip
FINDING_SCHEMA = {
    "delivery_id": pl.String, "table_name": pl.String, "subject": pl.String, "rule": pl.String,
    "field": pl.String, "row_no": pl.Int64, "content": pl.String,
}  # fmt: skip
LETTER_SCHEMA = {"query_id": pl.String, "cutoff_utc": pl.Datetime("us")}

_QUERY_ID = """
    substr(sha256(CAST(to_json([clinic_id, table_name, subject, rule, field]) AS VARCHAR)), 1, 12)
"""
_TOLD = f"""
    CREATE TEMP TABLE found AS
    SELECT v.clinic_id, v.rank_no, f.delivery_id, f.table_name, f.subject, f.rule, f.field,
        min(f.row_no) AS row_no, min(f.content) AS content,
        array_to_string(list_sort(list_distinct(list(f.row_no))), ', ') AS lines
    FROM findings AS f JOIN versions AS v USING (delivery_id, table_name, subject)
    WHERE v.received_utc <= $cutoff GROUP BY ALL;
    CREATE TEMP TABLE asked AS
    SELECT query_id, min(cutoff_utc) AS first_asked_utc, max(cutoff_utc) AS last_asked_utc,
        count(DISTINCT cutoff_utc) AS asked_n
    FROM letters WHERE cutoff_utc < $cutoff GROUP BY query_id;
    CREATE TEMP TABLE told AS
    WITH query AS (
        SELECT clinic_id, table_name, subject, rule, field, min(rank_no) AS first_rank_no,
            arg_min(content, rank_no) AS first_content, {_QUERY_ID} AS query_id
        FROM found GROUP BY ALL
    ), seen AS (
        SELECT q.*, v.rank_no, v.received_utc, v.keyed, v.delivery_id, f.row_no, f.lines, f.content,
            f.rule IS NOT NULL AS breaks,
            EXISTS (SELECT 1 FROM found AS o WHERE o.delivery_id = v.delivery_id AND o.table_name = q.table_name
                AND o.subject = q.subject AND o.rule <> q.rule AND o.field = q.field
                AND o.content IS DISTINCT FROM q.first_content) AS breaks_other
        FROM query AS q
        JOIN versions AS v ON v.clinic_id = q.clinic_id AND v.table_name = q.table_name
            AND v.subject = q.subject AND v.rank_no >= q.first_rank_no AND v.received_utc <= $cutoff
        LEFT JOIN found AS f ON f.delivery_id = v.delivery_id AND f.table_name = q.table_name
            AND f.subject = q.subject AND f.rule = q.rule AND f.field IS NOT DISTINCT FROM q.field
    ), marked AS (
        -- Clean: breaks neither this rule nor, changed to another value, another rule of the same field.
        SELECT *, NOT breaks AND NOT breaks_other AS is_clean FROM seen
    )
    SELECT *, row_number() OVER course = 1 AS is_first,
        is_clean IS DISTINCT FROM lag(is_clean) OVER course AS is_turn,
        content IS DISTINCT FROM lag(content) OVER course
            AND NOT is_clean AND NOT coalesce(lag(is_clean) OVER course, FALSE) AS is_change
    FROM marked WINDOW course AS (PARTITION BY query_id ORDER BY rank_no)
"""
_LIFE = """
    WITH ends AS (
        SELECT query_id, max(rank_no) FILTER (NOT is_clean) AS last_break_no, max(rank_no) AS last_no,
            coalesce(bool_or(is_clean), FALSE) AS was_clean
        FROM told GROUP BY query_id
    ), course AS (
        SELECT t.query_id, any_value(t.clinic_id) AS clinic_id, any_value(t.table_name) AS table_name,
            any_value(t.subject) AS subject, any_value(t.rule) AS rule, any_value(t.field) AS field,
            any_value(e.last_no > e.last_break_no) AS is_solved, any_value(e.was_clean) AS was_clean,
            arg_max(t.delivery_id, t.rank_no) FILTER (t.breaks) AS delivery_id,
            arg_max(t.row_no, t.rank_no) FILTER (t.breaks) AS row_no,
            arg_max(t.lines, t.rank_no) FILTER (t.breaks) AS lines,
            arg_max(t.content, t.rank_no) FILTER (t.breaks) AS content,
            arg_min(t.received_utc, t.rank_no) AS first_seen_utc,
            max(t.received_utc) FILTER (t.breaks) AS last_seen_utc,
            arg_max(t.received_utc, t.rank_no) FILTER (NOT t.is_clean AND (t.is_turn OR t.is_change)) AS changed_utc,
            bool_or(t.is_change AND NOT t.is_first) AS is_changed,
            arg_min(t.received_utc, t.rank_no) FILTER (t.rank_no > e.last_break_no) AS mended_utc,
            arg_min(t.delivery_id, t.rank_no) FILTER (t.rank_no > e.last_break_no) AS mended_by,
            -- A snapshot repeats every row every night; that nobody changed one there answers nothing.
            min(t.received_utc) FILTER (t.breaks AND t.keyed <> 'snapshot' AND t.received_utc > a.first_asked_utc)
                AS answered_utc,
            any_value(a.first_asked_utc) AS first_asked_utc, any_value(a.last_asked_utc) AS last_asked_utc,
            coalesce(any_value(a.asked_n), 0) AS asked_n
        FROM told AS t JOIN ends AS e USING (query_id) LEFT JOIN asked AS a USING (query_id)
        GROUP BY t.query_id
    ), judged AS (
        SELECT *, CASE
            WHEN is_solved THEN 'solved'
            WHEN was_clean THEN 'reopened'
            WHEN is_changed THEN 'wrongly_corrected'
            WHEN answered_utc IS NOT NULL THEN 'answered'
            WHEN first_asked_utc IS NOT NULL THEN 'pending'
            ELSE 'new' END AS state
        FROM course
    )
    SELECT query_id, clinic_id, table_name, subject, rule, field, state,
        CASE state WHEN 'solved' THEN mended_utc WHEN 'answered' THEN answered_utc WHEN 'pending' THEN first_asked_utc
            WHEN 'new' THEN first_seen_utc ELSE changed_utc END AS state_since_utc,
        delivery_id, row_no, lines, content, first_seen_utc, last_seen_utc, changed_utc,
        first_asked_utc, last_asked_utc, asked_n,
        CASE WHEN is_solved THEN mended_utc END AS solved_utc,
        CASE WHEN is_solved THEN mended_by END AS solved_by_delivery_id,
        date_diff('day', first_seen_utc, CASE WHEN is_solved THEN mended_utc ELSE $cutoff END) AS age_days
    FROM judged ORDER BY clinic_id, table_name, subject, rule, field NULLS FIRST
"""
_EVENTS = """
    SELECT query_id, clinic_id, received_utc AS at_utc, rank_no, delivery_id,
        CASE WHEN is_first THEN 'found' WHEN is_turn AND is_clean THEN 'solved' WHEN is_turn THEN 'reopened'
            ELSE 'changed_wrongly' END AS event
    FROM told WHERE is_first OR is_turn OR is_change
    UNION ALL BY NAME
    SELECT l.query_id, q.clinic_id, l.cutoff_utc AS at_utc, 'asked' AS event
    FROM letters AS l JOIN (SELECT DISTINCT query_id, clinic_id FROM told) AS q USING (query_id)
    WHERE l.cutoff_utc < $cutoff
    ORDER BY query_id, at_utc, rank_no NULLS LAST, event
"""


def life(
    versions: pl.DataFrame, findings: pl.DataFrame, letters: pl.DataFrame, cutoff: dt.datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row per query (clinic, table, subject, rule, field) with its stable id, state and age; and what befell it.

    States: new, pending (a letter asked), answered (sent again unchanged after a letter), wrongly_corrected (changed,
    still breaking this rule or another of the same field), reopened (was mended, breaks again), solved.
    Assumes: a subject is a business key, or file and line where a row has none; `rank_no` orders deliveries as their
    senders do; a row that a later snapshot leaves out is a version in which nothing was found. Nothing received after
    the cut-off is looked at, nor the letter of this very cut-off: it is made from what this returns.
    """
    with duckdb.connect() as con:
        con.execute("SET enable_progress_bar = false")
        for name, frame, schema in (
            ("versions", versions, VERSION_SCHEMA),
            ("findings", findings, FINDING_SCHEMA),
            ("letters", letters, LETTER_SCHEMA),
        ):
            typed = frame.select(pl.col(c).cast(t) for c, t in schema.items())
            con.register(name, typed.to_arrow())
        for statement in _TOLD.split(";"):
            con.execute(statement, {"cutoff": cutoff} if "$cutoff" in statement else None)
        return con.execute(_LIFE, {"cutoff": cutoff}).pl(), con.execute(
            _EVENTS, {"cutoff": cutoff}
        ).pl()


def to_ask(queries: pl.DataFrame, cutoff: dt.datetime, overdue_days: int) -> pl.DataFrame:
    """The queries a letter of this cut-off lists: not asked since the value last changed, or asked long ago.

    A doubtful value that was sent again as it stood is confirmed, and not asked about any more; a held row that
    was sent again as it stood is still held, and asked about once more.
    """
    asked = pl.col("last_asked_utc")
    is_due = asked <= cutoff - dt.timedelta(days=overdue_days)
    return queries.filter(
        pl.col("state") != "solved",
        (pl.col("state") != "answered") | (pl.col("severity") != "flag"),
        asked.is_null()
        | (asked < pl.col("changed_utc"))
        | ((pl.col("state") == "answered") & (asked < pl.col("state_since_utc")))
        | is_due,
    )


def yield_by_rule(queries: pl.DataFrame) -> pl.DataFrame:
    """Per table and rule: queries, those a letter asked, those solved after it, and the share; null if none asked.

    Data checked under one contract stop breaking a rule only where they changed, so solved is changed.
    """
    asked = pl.col("asked_n") > 0
    changed = asked & (pl.col("solved_utc") > pl.col("first_asked_utc")).fill_null(False)
    confirmed = pl.col("state") == "answered"
    return (
        queries.group_by("table_name", "rule")
        .agg(queries_n=pl.len(), asked_n=asked.sum(), changed_n=changed.sum(), confirmed_n=confirmed.sum())
        .with_columns(
            changed_share=pl.when(pl.col("asked_n") > 0).then(
                pl.col("changed_n") / pl.col("asked_n")
            )
        )
        .sort("table_name", "rule")
    )  # fmt: skip
