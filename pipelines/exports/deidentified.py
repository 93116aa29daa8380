"""A de-identified set by the rules of HIPAA Safe Harbor: what is not known to be safe stays out.

Source: 45 CFR 164.514(b)(2): dates become study days, ages over 89 one group, no serial numbers, no places smaller
than a state, no free text, no code derived from the person.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.errors import BackstepError
from pipelines.exports.dictionary import dictionary
from pipelines.exports.folder import write_manifest
from pipelines.exports.new_codes import codes_for
from pipelines.exports.tables import columns_of, quoted, write_table

OLDEST_SHOWN = 89
FEW_CLINICS = "OTHER"  # the code of all clinics that are too small to be told apart
# Texts that the program itself writes from short fixed lists. Any other text column is left out unread.
OUR_WORDS = {
    "better", "bout_class", "energy_method", "form", "hr_zone", "item", "logged_direction_code", "measure",
    "owner_state", "progression_state", "rule_applied", "rule_due", "scale", "seen_direction_code", "torque_from", "unit",
    "wear_state",
}  # fmt: skip
_NUMBERS = ("INTEGER", "BIGINT", "HUGEINT", "DOUBLE", "BOOLEAN")

_README = """# {title}

De-identified tables of study {study_id}, {audience} side, by the Safe Harbor rules of HIPAA (45 CFR 164.514(b)(2)).
Version {code_version}, contract {contract_digest}.

- `parquet/` and `csv/` hold the same tables; `dictionary.csv` says what each column means. `left_out.csv` names every column of
  the study's tables that is not here, and why.
- There are no dates and no times of day, only study days: randomisation is day 1, there is no day 0.
- `age_years` is the age in the year of randomisation. 90 stands for everybody who is over 89, or would be before the last visit.
- `participant_code` and `clinic_code` were drawn at random. The list that leads back to the study's own codes is not here.
- Clinics with fewer than {least_clinic} participants are one group, `{few}`. No clinic has a name, place, country or time zone.
- There are no serial numbers, makers or models of devices, no file names, no names of people and no free text.

## Small cells

{cells}
Safe Harbor asks for no least size of a cell. Whoever hands this set out decides whether such participants may stand alone, and has no
actual knowledge that what remains could identify one; people who publish counts from it should hide those below {least_shown}.
"""


def write(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    contract: Contract,
    about: dict[str, str],
    codes: Path,
) -> dict[str, int]:
    """Rows per table written. Extends the study's list of codes at `codes`."""
    tables = {
        table: columns
        for table, columns in columns_of(con).items()
        if table.startswith(("core_", "mart_")) and {"participant_id", "clinic_id"} <= set(columns)
    }
    _code_tables(con, contract, codes)
    rows, shown, left = {}, {}, []
    for table, columns in tables.items():
        kept = {
            c: kind for c, kind in columns.items() if not reason_to_leave_out(contract, c, kind)
        }
        left += [
            (table, column, why)
            for column, kind in columns.items()
            if (why := reason_to_leave_out(contract, column, kind))
        ]
        select, shown[table] = _select(table, kept, "birth_year" in columns)
        rows[table] = write_table(con, select, folder, table)
        _nothing_lost(con, table, rows[table])
    dictionary(contract, shown).write_csv(folder / "dictionary.csv")
    schema = {"table": pl.String, "column": pl.String, "reason": pl.String}
    pl.DataFrame(left, schema=schema, orient="row").write_csv(folder / "left_out.csv")
    text = _README.format(
        title=contract.study.title, few=FEW_CLINICS, cells=small_cells(con),
        least_clinic=contract.study.analysis.smallest_clinic_cell,
        least_shown=contract.study.analysis.smallest_shown_count, **about,
    )  # fmt: skip
    (folder / "README.md").write_text(text, encoding="utf-8")
    write_manifest(folder, about | {"rows": rows})
    return rows


def _nothing_lost(con: duckdb.DuckDBPyConnection, table: str, written: int) -> None:
    """Raises BackstepError where rows belong to nobody who is enrolled, and so have no code."""
    if (
        lost := con.execute(f"SELECT count(*) FROM {quoted(table)}").fetchall()[0][0] - written
    ) != 0:
        raise BackstepError(
            f"{lost} rows belong to no enrolled participant and cannot be given a code",
            where=table,
            remedy="build the warehouse again; rows of nobody do not belong in it",
        )


def reason_to_leave_out(contract: Contract, column: str, kind: str) -> str | None:
    """Why a column stays out, or None. Whatever is not known to be safe stays out."""
    field = contract.fields.get(column)
    if column in ("participant_id", "clinic_id"):
        return "replaced by a code drawn at random"
    if field is not None and field.identifies:
        return "identifies a person or a device"
    if kind in ("DATE", "TIMESTAMP"):
        return "a date or time; the study day stands for it"
    if column == "row_no":
        return "leads to a line of a clinic's file"
    if kind in _NUMBERS:
        return None
    if kind == "VARCHAR" and (column in OUR_WORDS or (field is not None and field.codes)):
        return None
    return "text that is not one of the study's code lists"


def _select(table: str, kept: dict[str, str], with_age: bool) -> tuple[str, dict[str, str]]:
    """The SELECT of one table, and its columns with their types."""
    columns = ["p.participant_code", "p.clinic_code"]
    types = {"participant_code": "VARCHAR", "clinic_code": "VARCHAR"}
    if with_age:
        columns.append("p.age_years")
        types["age_years"] = "INTEGER"
    for name, kind in kept.items():
        columns.append(
            f"CAST(t.{quoted(name)} AS BIGINT) AS {quoted(name)}"
            if kind == "HUGEINT"
            else f"t.{quoted(name)}"
        )
        types[name] = "BIGINT" if kind == "HUGEINT" else kind
    return (
        f"SELECT {', '.join(columns)} FROM {quoted(table)} AS t "
        "INNER JOIN new_code AS p USING (participant_id)",
        types,
    )


def _code_tables(con: duckdb.DuckDBPyConnection, contract: Contract, codes: Path) -> None:
    """Makes the table `new_code`: each participant's code, clinic's code and, if it is known, age."""
    people = con.execute("SELECT participant_id, clinic_id FROM core_participant ORDER BY ALL").pl()
    clinics = codes_for(codes, "clinic", people["clinic_id"].unique().sort().to_list())
    persons = codes_for(codes, "participant", people["participant_id"].to_list())
    small = set(
        people.group_by("clinic_id").len()
        .filter(pl.col("len") < contract.study.analysis.smallest_clinic_cell)["clinic_id"]
    )  # fmt: skip
    coded = people.select(
        "participant_id",
        participant_code=pl.col("participant_id").replace_strict(persons, return_dtype=pl.String),
        clinic_code=pl.col("clinic_id").replace_strict(
            {name: FEW_CLINICS if name in small else code for name, code in clinics.items()},
            return_dtype=pl.String,
        ),
    )
    con.register("coded", coded.to_arrow())
    known = columns_of(con)["core_participant"]
    last_day = max(visit.to for visit in contract.study.visits.values())
    age = (
        age_sql(last_day)
        if {"birth_year", "randomised_date"} <= set(known)
        else "CAST(NULL AS INTEGER)"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE new_code AS SELECT c.*, {age} AS age_years "
        "FROM core_participant INNER JOIN coded AS c USING (participant_id)"
    )
    con.unregister("coded")


def age_sql(last_day: int) -> str:
    """SQL of the age in the year of randomisation; 90 for who is over 89 by the study's last day.

    Only the year of birth is known: who turns 90 in the calendar year of the last day counts as over 89.
    """
    return (
        f"CAST(CASE WHEN year(randomised_date + INTERVAL {int(last_day)} DAY) - birth_year > {OLDEST_SHOWN} "
        f"THEN {OLDEST_SHOWN + 1} ELSE year(randomised_date) - birth_year END AS INTEGER)"
    )


def small_cells(con: duckdb.DuckDBPyConnection) -> str:
    """A sentence on how many participants are alone in what others might know of them."""
    known = [
        name
        for name in ("sex_code", "condition_code")
        if name in columns_of(con)["core_participant"]
    ]
    by = ", ".join(["c.clinic_code", "c.age_years", *(f"p.{name}" for name in known)])
    total, alone, few = con.execute(
        "SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (n = 1), 0), coalesce(sum(n) FILTER (n < 5), 0) FROM ("
        f"SELECT count(*) AS n FROM core_participant AS p INNER JOIN new_code AS c USING (participant_id) GROUP BY {by})"
    ).fetchall()[0]
    aged = con.execute("SELECT count(age_years) FROM new_code").fetchall()[0][0]
    what = ["clinic code", *(["age"] if aged else []), "sex", "condition"]
    return (
        f"Taking {', '.join(what[:-1])} and {what[-1]} together, {alone} of {total} participants are alone in their "
        f"combination and {few} share it with fewer than four others.\n"
    )
