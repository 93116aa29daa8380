"""ref_query and history_query: the queries of every clinic, drawn from deliveries, findings and letters sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.contracts.rule_list import LINE_TABLE
from pipelines.contracts.sql_text import parquet
from pipelines.warehouse import queries

FACT_SCHEMA = {
    "cutoff_utc": pl.Datetime("us"), "query_id": pl.String, "clinic_id": pl.String, "table_name": pl.String,
    "subject": pl.String, "rule": pl.String, "delivery_id": pl.String, "row_no": pl.Int64, "content": pl.String,
    "is_asked": pl.Boolean, "found_at": pl.String,
}  # fmt: skip
_AFTER_ALL_DELIVERIES = 10**12
_SUBJECT = "substr(sha256({}), 1, 16)"  # a row's key names a participant; its digest only tells it from others


@dataclass(frozen=True)
class Letters:
    """Letters sent before the cut-off: the nights, and what each asked or knew of rules over several tables."""

    nights: tuple[dt.datetime, ...] = ()
    facts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FACT_SCHEMA))


def write_queries(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    rows: Mapping[str, list[list[Path]]],
    findings: list[Path],
    across: pl.DataFrame,
    letters: Letters,
    cutoff: dt.datetime,
) -> None:
    """Makes `ref_query` and `history_query`. `rows` are the Parquet of each table's accepted and of its held rows.

    What a rule over several tables found on an earlier night is known only from that night's letters.
    Assumes the tables `delivery`, `delivery_in`, `winner_<table>`, `returned_row`, `repeated_row`, `ref_rule` and `ref_field`.
    """
    asked = letters.facts.filter("is_asked").select(*queries.LETTER_SCHEMA)
    told = [
        queries.life(*_of_deliveries(con, contract, rows, findings), asked, cutoff),
        _of_nights(con, contract, across, letters, asked, cutoff),
    ]
    found = [life.with_columns(found_at=pl.lit(at)) for (life, _), at in zip(told, ("check", "build"), strict=True)]  # fmt: skip
    con.register("life", pl.concat(found).to_arrow())
    con.execute(f"""
        CREATE TABLE ref_query AS
        SELECT q.* EXCLUDE (content), CASE q.found_at WHEN 'build' THEN q.content END AS content,
            coalesce(r.kind, 'conformance') AS kind, coalesce(r.severity, 'flag') AS severity,
            coalesce(r.reveals_arm, TRUE) OR coalesce(g.reveals_arm, FALSE) AS reveals_arm
        FROM life AS q
        LEFT JOIN ref_rule AS r ON r.rule = q.rule AND r.table_name IN (q.table_name, '{LINE_TABLE}')
        LEFT JOIN ref_field AS g ON g.table_name = q.table_name AND g.field = q.field
        ORDER BY q.query_id
    """)
    con.unregister("life")
    con.register("event", pl.concat(events for _, events in told).to_arrow())
    con.execute(
        "CREATE TABLE history_query AS SELECT * EXCLUDE (rank_no) FROM event ORDER BY query_id, at_utc, rank_no, event"
    )
    con.unregister("event")


def _of_deliveries(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    rows: Mapping[str, list[list[Path]]],
    findings: list[Path],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Versions and findings of what the check of each delivery found."""
    told = (
        f"SELECT * FROM read_parquet({[str(p) for p in findings]}, union_by_name = true)"
        if findings
        else "SELECT NULL::VARCHAR AS delivery_id, NULL::VARCHAR AS clinic_id WHERE FALSE"
    )
    con.execute(f"""
        CREATE TEMP TABLE query_finding AS
        SELECT f.*, d.clinic_id, d.scope_key, i.file_kind FROM (
            SELECT NULL::VARCHAR AS delivery_id, NULL::VARCHAR AS table_name, NULL::BIGINT AS row_no,
                NULL::VARCHAR AS rule, NULL::VARCHAR AS field, NULL::VARCHAR AS content WHERE FALSE
            UNION ALL BY NAME SELECT * EXCLUDE (clinic_id) FROM ({told})
        ) AS f JOIN delivery AS d USING (delivery_id) JOIN delivery_in AS i USING (delivery_id)
    """)
    con.execute("""
        CREATE TEMP TABLE query_subject (delivery_id VARCHAR, table_name VARCHAR, row_no BIGINT, subject VARCHAR);
        CREATE TEMP TABLE query_version (delivery_id VARCHAR, clinic_id VARCHAR, table_name VARCHAR, subject VARCHAR)
    """)
    for (table,) in con.execute(
        "SELECT DISTINCT table_name FROM query_finding ORDER BY 1"
    ).fetchall():
        if table in contract.tables:
            _keyed(con, table, rows.get(table, []))
    line = _SUBJECT.format("'line ' || scope_key || ' ' || row_no")
    column = _SUBJECT.format("'column of ' || file_kind")
    con.execute(f"""
        INSERT INTO query_subject
        SELECT DISTINCT delivery_id, table_name, row_no, CASE WHEN row_no IS NULL THEN {column} ELSE {line} END
        FROM query_finding AS f WHERE NOT EXISTS (SELECT 1 FROM query_subject AS s
            WHERE s.delivery_id = f.delivery_id AND s.table_name = f.table_name AND s.row_no = f.row_no);
        INSERT INTO query_version
        SELECT DISTINCT s.delivery_id, f.clinic_id, s.table_name, s.subject
        FROM query_subject AS s JOIN query_finding AS f USING (delivery_id, table_name)
        WHERE s.row_no IS NOT DISTINCT FROM f.row_no;
        -- A column is looked for in every file of its kind; a row that a later file of the same scope leaves out is gone.
        INSERT INTO query_version
        SELECT d.delivery_id, d.clinic_id, '', f.subject
        FROM (SELECT DISTINCT clinic_id, file_kind, {column} AS subject FROM query_finding WHERE row_no IS NULL) AS f
        JOIN delivery AS d USING (clinic_id) JOIN delivery_in AS i ON i.delivery_id = d.delivery_id
            AND i.file_kind = f.file_kind;
        INSERT INTO query_version
        SELECT d.delivery_id, v.clinic_id, v.table_name, v.subject
        FROM (SELECT v.clinic_id, v.table_name, v.subject, s.scope_key, min(s.rank_no) AS first_rank_no
              FROM query_version AS v JOIN delivery AS s USING (delivery_id) GROUP BY ALL) AS v
        JOIN delivery AS d ON d.scope_key = v.scope_key AND d.rank_no > v.first_rank_no;
        -- A row that was sent back is a version of the row it corrects, and a repetition of that row after it is none.
        CREATE TEMP TABLE query_same AS
        WITH root AS (
            SELECT r.table_name, r.root_id, r.root_no, s.subject, min(r.rank_no) AS returned_no
            FROM returned_row AS r JOIN query_subject AS s
                ON s.table_name = r.table_name AND s.delivery_id = r.root_id AND s.row_no = r.root_no
            GROUP BY ALL
        )
        SELECT DISTINCT a.delivery_id, a.table_name, a.row_no, r.subject, a.is_version
        FROM root AS r JOIN (
            SELECT table_name, root_id, root_no, delivery_id, row_no, rank_no, TRUE AS is_version FROM returned_row
            UNION ALL SELECT *, FALSE FROM repeated_row
        ) AS a USING (table_name, root_id, root_no)
        WHERE a.rank_no >= r.returned_no;
        DELETE FROM query_subject AS s USING query_same AS a
        WHERE a.delivery_id = s.delivery_id AND a.table_name = s.table_name AND a.row_no = s.row_no;
        INSERT INTO query_subject SELECT delivery_id, table_name, row_no, subject FROM query_same;
        DELETE FROM query_version AS v USING query_same AS a
        WHERE a.delivery_id = v.delivery_id AND a.table_name = v.table_name AND a.subject = v.subject;
        INSERT INTO query_version
        SELECT a.delivery_id, d.clinic_id, a.table_name, a.subject
        FROM query_same AS a JOIN delivery AS d USING (delivery_id) WHERE a.is_version;
        DROP TABLE query_same
    """)
    versions = con.execute("""
        SELECT DISTINCT v.*, d.rank_no, d.received_utc, d.keyed FROM query_version AS v JOIN delivery AS d USING (delivery_id)
    """).pl()
    found = con.execute("""
        SELECT f.delivery_id, f.table_name, s.subject, f.rule, f.field, f.row_no, f.content
        FROM query_finding AS f JOIN query_subject AS s ON s.delivery_id = f.delivery_id
            AND s.table_name = f.table_name AND s.row_no IS NOT DISTINCT FROM f.row_no
    """).pl()
    con.execute("DROP TABLE query_finding; DROP TABLE query_subject; DROP TABLE query_version")
    return versions, found


def _keyed(con: duckdb.DuckDBPyConnection, table: str, parts: list[list[Path]]) -> None:
    """The rows with a business key among those that were found at fault, and every version of those keys."""
    union = " UNION ALL ".join(
        f"SELECT delivery_id, row_no, CAST(row_key AS VARCHAR) AS row_key FROM {parquet(paths)}"
        for paths in parts
        if paths
    )
    if not union:  # every row of it was broken, or the file has columns nobody knows
        return
    con.execute(f"""
        CREATE TEMP VIEW query_row AS
        SELECT r.delivery_id, r.row_no, r.row_key, d.clinic_id
        FROM ({union}) AS r JOIN delivery AS d USING (delivery_id) WHERE r.row_key IS NOT NULL;
        CREATE TEMP TABLE query_key AS
        SELECT r.* FROM query_row AS r
        SEMI JOIN query_finding AS f ON f.delivery_id = r.delivery_id AND f.row_no = r.row_no AND f.table_name = '{table}';
        INSERT INTO query_subject
        SELECT DISTINCT delivery_id, '{table}', row_no, {_SUBJECT.format("row_key")} FROM query_key;
        INSERT INTO query_version
        SELECT DISTINCT r.delivery_id, r.clinic_id, '{table}', {_SUBJECT.format("r.row_key")} FROM query_row AS r
        SEMI JOIN query_key AS k ON k.row_key = r.row_key AND k.clinic_id = r.clinic_id;
        DROP VIEW query_row;
        DROP TABLE query_key
    """)


def _of_nights(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    across: pl.DataFrame,
    letters: Letters,
    asked: pl.DataFrame,
    cutoff: dt.datetime,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The life of what rules over several tables found: its versions are the nights of letters, and this one."""
    con.register("across_now", across.to_arrow())
    now = [pl.DataFrame(schema=FACT_SCHEMA)]
    for (table,) in con.execute("SELECT DISTINCT table_name FROM across_now ORDER BY 1").fetchall():
        now.append(
            con.execute(f"""
                SELECT a.clinic_id, a.table_name, {_SUBJECT.format("CAST(w.row_key AS VARCHAR)")} AS subject, a.rule,
                    a.delivery_id, a.row_no, md5(CAST(w.content AS VARCHAR)) AS content
                FROM across_now AS a JOIN winner_{table} AS w USING (delivery_id, row_no) WHERE a.table_name = '{table}'
            """).pl()
        )
    con.unregister("across_now")
    nights = pl.DataFrame(
        {"cutoff_utc": [*letters.nights, cutoff]}, schema={"cutoff_utc": pl.Datetime("us")}
    ).with_columns(
        rank_no=pl.int_range(pl.len()) + _AFTER_ALL_DELIVERIES,
        night=pl.col("cutoff_utc").dt.to_string(),
    )
    facts = pl.concat(
        [letters.facts.filter(found_at="build"),
         pl.concat(now, how="diagonal").with_columns(cutoff_utc=pl.lit(cutoff, pl.Datetime("us")))]
    ).join(nights, on="cutoff_utc").sort("rank_no", "delivery_id", "row_no")  # fmt: skip
    key = ["clinic_id", "table_name", "subject"]
    versions = (
        facts.select(key)
        .unique()
        .join(nights, how="cross")
        .with_columns(delivery_id="night", received_utc="cutoff_utc", keyed=pl.lit("snapshot"))
    )
    findings = facts.with_columns(delivery_id="night", field=pl.lit(None, pl.String))
    life, events = queries.life(versions, findings, asked, cutoff)
    arrived = con.execute("SELECT delivery_id, received_utc FROM delivery").pl()
    last = facts.group_by(*key, "rule", maintain_order=True).agg(
        pl.col("delivery_id", "row_no").last(), first_id=pl.col("delivery_id").first()
    )
    since = last.join(arrived, left_on="first_id", right_on="delivery_id", how="left")
    seen = pl.coalesce("received_utc", "first_seen_utc")
    end = pl.col("solved_utc").fill_null(pl.lit(cutoff, pl.Datetime("us")))
    life = (
        life.drop("delivery_id", "row_no")
        .join(since, on=[*key, "rule"], how="left")
        .with_columns(
            first_seen_utc=seen,
            state_since_utc=pl.when(state="new").then(seen).otherwise("state_since_utc"),
            age_days=(end.dt.date() - seen.dt.date()).dt.total_days(),
            solved_by_delivery_id=pl.lit(None, pl.String),
        )
        .select(life.columns)
    )
    return life, events.with_columns(delivery_id=pl.lit(None, pl.String))
