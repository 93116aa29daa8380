"""Core tables of the closed database: current, not held, corrected, with study days."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb

from pipelines.contracts.model import Contract, Correction
from pipelines.contracts.tables import day_columns, local_date_name
from pipelines.errors import StudyFileError
from pipelines.warehouse.refs import local_day

_MACROS = """
CREATE MACRO study_day(a_date, reference) AS
    CASE WHEN date_diff('day', reference, a_date) >= 0 THEN date_diff('day', reference, a_date) + 1
         ELSE date_diff('day', reference, a_date) END;
CREATE MACRO date_of_day(a_day, reference) AS
    reference + CAST(CASE WHEN a_day > 0 THEN a_day - 1 ELSE a_day END AS INTEGER);
"""


def create_macros(con: duckdb.DuckDBPyConnection) -> None:
    """`study_day(date, reference)`: the reference is day 1, there is no day 0; `date_of_day(day, reference)` undoes it."""
    con.execute(_MACROS)


def correct(con: duckdb.DuckDBPyConnection, contract: Contract, cutoff: dt.datetime) -> None:
    """Applies schemas/corrections.yaml to the current rows; the old values stay in history.

    An entry counts from the day (UTC) after it was decided, so that an earlier night is rebuilt without it.
    Raises StudyFileError where an entry does not fit exactly one row that still says what it expects.
    """
    for number, entry in enumerate(contract.corrections, start=1):
        if entry.decided_date < cutoff.date():
            _apply(con, contract, entry, f"corrections.yaml, entry {number}")


def _apply(
    con: duckdb.DuckDBPyConnection, contract: Contract, entry: Correction, where: str
) -> None:
    matches = " AND ".join(f"CAST({name} AS VARCHAR) = ?" for name in entry.match)
    values = [entry.clinic_id, *entry.match.values()]
    which = f"clinic_id = ? AND {matches}"
    kind = {
        "integer": "INTEGER",
        "decimal": "DOUBLE",
        "boolean": "BOOLEAN",
        "date": "DATE",
        "instant": "TIMESTAMP",
    }.get(contract.fields[entry.field].type, "VARCHAR")
    found = con.execute(
        f"SELECT {entry.field} IS NOT DISTINCT FROM CAST(? AS {kind}) FROM current_{entry.table} WHERE {which}",
        [entry.expect, *values],
    ).fetchall()
    if len(found) != 1 or not found[0][0]:
        raise StudyFileError(
            f"the correction fits {len(found)} rows"
            if len(found) != 1
            else "the row no longer says what the correction expects",
            where=where,
            remedy="remove the entry if the clinic has sent the right value, or make `match` exact",
        )
    fields = ", ".join(contract.tables[entry.table].fields)
    con.execute(
        f"INSERT INTO history_{entry.table} SELECT delivery_id, clinic_id, row_no, {fields}, sent, 'corrected', "
        f"NULL, NULL, CAST(? AS TIMESTAMP), ?, ? FROM current_{entry.table} WHERE {which}",
        [dt.datetime.combine(entry.decided_date, dt.time()), entry.by, entry.reason, *values],
    )
    changes, new = [f"{entry.field} = CAST(? AS {kind})"], [entry.value]
    if kind == "TIMESTAMP":  # the date on the clinic's wall follows its instant
        zone = contract.clinics[entry.clinic_id].time_zone
        changes.append(f"{local_date_name(entry.field)} = ?")
        new.append(entry.value and local_day(dt.datetime.fromisoformat(str(entry.value)), zone))
    con.execute(
        f"UPDATE current_{entry.table} SET {', '.join(changes)} WHERE {which}", [*new, *values]
    )


def fill_core(con: duckdb.DuckDBPyConnection, contract: Contract, ddl: Path) -> None:
    """Creates each core table from its generated DDL and fills it with the current rows that are not held."""
    for table, declared in contract.tables.items():
        if declared.answers is not None:
            continue
        con.execute((ddl / f"core_{table}.sql").read_text(encoding="utf-8"))
        columns = [f"c.{name}" for name in declared.fields] + [
            f"{_study_day(contract, date)} AS {day}"
            for day, date in day_columns(contract, table).items()
        ]
        key = ", ".join(f"c.{name}" for name in declared.key)
        if not con.execute(f"SELECT count(*) FROM winner_{table}").fetchall()[0][0]:
            continue
        con.execute(f"""
            INSERT INTO core_{table} BY NAME
            SELECT {", ".join(columns)}, c.clinic_id, {_study_day(contract, declared.date)} AS study_day,
                c.delivery_id, c.row_no, c.sent
            FROM {_kept(table)} ORDER BY {key}, c.delivery_id, c.row_no
        """)


def fill_answers(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """core_answer: one line per item of each form, long."""
    con.execute("""
        CREATE TABLE core_answer (
            participant_id VARCHAR NOT NULL, clinic_id VARCHAR NOT NULL, visit_code VARCHAR NOT NULL,
            assessed_date DATE NOT NULL, study_day INTEGER, knee_side VARCHAR, measure VARCHAR NOT NULL,
            item VARCHAR NOT NULL, answer DOUBLE, delivery_id VARCHAR NOT NULL, row_no BIGINT NOT NULL
        )
    """)
    for table, declared in contract.tables.items():
        if declared.answers is None:
            continue
        prefix = declared.answers.items
        items = [name for name in declared.fields if name.startswith(prefix)]
        side = "c.knee_side" if "knee_side" in declared.fields else "NULL"
        con.execute(f"""
            INSERT INTO core_answer
            SELECT participant_id, clinic_id, visit_code, assessed_date, study_day, knee_side,
                '{declared.answers.measure}', substr(item, {len(prefix) + 1}), answer, delivery_id, row_no
            FROM (
                UNPIVOT (
                    SELECT c.participant_id, c.clinic_id, c.visit_code, c.assessed_date,
                        {_study_day(contract, declared.date)} AS study_day, {side} AS knee_side, c.delivery_id, c.row_no,
                        {", ".join(f"CAST(c.{n} AS DOUBLE) AS {n}" for n in items)}
                    FROM {_kept(table)} ORDER BY c.row_key
                ) ON {", ".join(items)} INTO NAME item VALUE answer
            )
        """)
    con.execute(
        "COMMENT ON TABLE core_answer IS 'one answered item of one form of one participant at one visit'"
    )


def _study_day(contract: Contract, name: str) -> str:
    date = local_date_name(name) if contract.fields[name].type == "instant" else name
    return f"study_day(c.{date}, p.randomised_date)"


def _kept(table: str) -> str:
    return (
        f"current_{table} AS c "
        f"LEFT JOIN current_participant AS p ON p.participant_id = c.participant_id "
        f"ANTI JOIN held_row AS h ON h.delivery_id = c.delivery_id AND h.row_no = c.row_no AND h.table_name = '{table}'"
    )
