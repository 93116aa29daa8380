"""CDISC SDTM: DM, EX, AE, QS, FT and MK from one side of the warehouse, as Dataset-JSON with a Define-XML."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl

from pipelines import __version__
from pipelines.contracts.model import Contract
from pipelines.contracts.sql_text import literal
from pipelines.contracts.tables import day_columns, duckdb_type
from pipelines.errors import ContractError
from pipelines.exports.dataset_json import dataset_json
from pipelines.exports.define_xml import define_xml
from pipelines.exports.folder import write_manifest
from pipelines.exports.sdtm_model import (
    Dataset,
    codelists,
    datasets,
    functional_tests,
    items,
    lab_tests,
    muscle_tests,
    terms,
)
from pipelines.exports.tables import columns_of

BLINDED = "BLINDED"
_TABLES = (
    "participant", "session", "adverse_event", "walk_test", "balance_test", "strength", "knee_girth",
    "lab_trial",
)  # fmt: skip
_README = """# {title}

CDISC SDTM datasets of study {study_id} as of {cutoff_utc}, {audience} side: Dataset-JSON 1.1 and `define.xml` (Define-XML 2.1).
Implementation guide {guide}, controlled terminology {terminology}. Version {code_version}, contract {contract_digest}.

- `define.xml` says of every variable where it comes from, and of every term whether it is CDISC's or defined by this study.
- Questionnaires and rated tests carry item numbers only; their wordings belong to their owners.
- Adverse events are not coded with a dictionary: AEDECOD and AEBODSYS are empty.
- {side}
"""
_SIDES = {
    "open": "This is the open side: ARM, ARMCD, ACTARM, ACTARMCD, EXTRT and AETERM say BLINDED, AEREL and AGE are empty, and so is every date;\n"
    "  study days stand in their place. The variables without data are marked in `define.xml`.",
    "closed": "This is the closed side: it has the arm, dates and free texts. It is for the unblinded statistician and the DSMB only.",
}


def write(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    contract: Contract,
    sql: Path,
    about: dict[str, str],
) -> dict[str, int]:
    """Records per dataset written: `<dataset>.json` and `define.xml`."""
    frames = sdtm_frames(con, contract, sql, blinded=about["audience"] == "open")
    for dataset in datasets():
        text = dataset_json(dataset, frames[dataset.name], about, __version__)
        (folder / f"{dataset.name.lower()}.json").write_text(text, encoding="utf-8")
    xml = define_xml(
        [(dataset, frames[dataset.name]) for dataset in datasets()],
        codelists(contract, about["audience"] == "open"),
        contract, about, terms()["implementation_guide"], terms()["terminology"],
    )  # fmt: skip
    (folder / "define.xml").write_bytes(xml)
    text = _README.format(
        title=contract.study.title, side=_SIDES[about["audience"]], guide=terms()["implementation_guide"],
        terminology=terms()["terminology"], **about,
    )  # fmt: skip
    (folder / "README.md").write_text(text, encoding="utf-8")
    rows = {name: frame.height for name, frame in frames.items()}
    write_manifest(folder, about | {"rows": rows})
    return rows


def sdtm_frames(
    con: duckdb.DuckDBPyConnection, contract: Contract, sql: Path, *, blinded: bool
) -> dict[str, pl.DataFrame]:
    """Dataset -> its records in the variables declared. `con` uses the side of the warehouse to export."""
    _sources(con, contract)
    _words(con, contract, blinded)
    return {dataset.name: _frame(con, dataset, sql) for dataset in datasets()}


def _frame(con: duckdb.DuckDBPyConnection, dataset: Dataset, sql: Path) -> pl.DataFrame:
    select = (sql / f"{dataset.name.lower()}.sql").read_text(encoding="utf-8")
    if not dataset.is_finding:
        return con.execute(select).pl().select(v.name for v in dataset.variables)
    con.execute(f"CREATE OR REPLACE TEMP TABLE finding AS {select}")
    unnamed = con.execute("SELECT count(*) FROM finding WHERE testcd IS NULL").fetchall()[0][0]
    if unnamed:
        raise ContractError(
            f"{unnamed} results have no SDTM test",
            where=f"dataset {dataset.name}",
            remedy="declare the new test or item in pipelines/exports/sdtm_terms.yaml",
        )
    found = con.execute((sql / "findings.sql").read_text(encoding="utf-8")).pl()
    found = found.with_columns(DOMAIN=pl.lit(dataset.name))
    return found.select(pl.col(v.source).alias(v.name) for v in dataset.variables)


def _sources(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Views `participant`, `session`, ... with every column of the contract; what this side lacks is NULL."""
    present = columns_of(con)
    for table in _TABLES:
        wanted = {
            **{name: duckdb_type(contract.fields[name]) for name in contract.tables[table].fields},
            **dict.fromkeys([*day_columns(contract, table), "study_day"], "INTEGER"),
            "clinic_id": "VARCHAR", "delivery_id": "VARCHAR", "row_no": "BIGINT",
        }  # fmt: skip
        _view(con, table, wanted, present[f"core_{table}"])
    answer = {
        "participant_id": "VARCHAR", "visit_code": "VARCHAR", "assessed_date": "DATE", "study_day": "INTEGER",
        "knee_side": "VARCHAR", "measure": "VARCHAR", "item": "VARCHAR", "answer": "DOUBLE",
        "delivery_id": "VARCHAR", "row_no": "BIGINT",
    }  # fmt: skip
    _view(con, "answer", answer, present["core_answer"])
    outcome = {
        "participant_id": "VARCHAR", "visit_code": "VARCHAR", "assessed_date": "DATE", "study_day": "INTEGER",
        "measure": "VARCHAR", "scale": "VARCHAR", "value": "DOUBLE", "delivery_id": "VARCHAR", "row_no": "BIGINT",
    }  # fmt: skip
    _view(con, "outcome", outcome, present["core_outcome"])


def _view(
    con: duckdb.DuckDBPyConnection, name: str, wanted: dict[str, str], present: dict[str, str]
) -> None:
    columns = ", ".join(
        column if column in present else f"CAST(NULL AS {kind}) AS {column}"
        for column, kind in wanted.items()
    )
    con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {columns} FROM core_{name}")


def _words(con: duckdb.DuckDBPyConnection, contract: Contract, blinded: bool) -> None:
    """The tables of words and the macros that the SELECTs use."""
    con.execute(f"SET VARIABLE study_id = {literal(contract.study.study_id)}")
    con.execute(f"SET VARIABLE blinded = {blinded}")
    words = [
        (a, code, term) for a, known in terms()["words"].items() for code, term in known.items()
    ]
    _table(con, "term_word", ["list", "code", "term"], words)
    _table(
        con, "item",
        ["measure", "item", "item_order", "domain", "testcd", "test", "cat", "unit"], items(contract),
    )  # fmt: skip
    _table(
        con, "functional_test",
        ["test_code", "test_order", "testcd", "test", "cat", "found", "unit", "only_if_given"],
        functional_tests(),
    )  # fmt: skip
    _table(
        con, "muscle_test", ["muscle_code", "found", "testcd", "test", "loc", "unit"], muscle_tests()
    )  # fmt: skip
    _table(con, "lab_test", ["scale", "testcd", "test", "way", "unit", "test_order"], lab_tests())
    _table(con, "visit", ["visit_code", "visitnum", "visit", "visitdy"], visits(contract))
    countries = [(name, clinic.country) for name, clinic in contract.clinics.items()]
    _table(con, "clinic", ["clinic_id", "country"], countries)
    for macro in (
        "term(a, b) AS (SELECT w.term FROM term_word AS w WHERE w.list = a AND w.code = b)",
        "subject(a) AS getvariable('study_id') || '-' || a",
        "on_day(a, b) AS CAST(a + CAST(CASE WHEN b > 0 THEN b - 1 ELSE b END AS INTEGER) AS VARCHAR)",
        f"unless_blinded(a) AS CASE WHEN getvariable('blinded') THEN {literal(BLINDED)} ELSE a END",
        "as_text(a) AS CASE WHEN a = trunc(a) THEN CAST(CAST(a AS BIGINT) AS VARCHAR) ELSE CAST(a AS VARCHAR) END",
    ):
        con.execute(f"CREATE OR REPLACE TEMP MACRO {macro}")


def visits(contract: Contract) -> list[tuple[str, float, str, int | None]]:
    """(code, VISITNUM, VISIT, VISITDY): numbered as the code list lists them; planned days have no day 0."""
    found = []
    for number, (code, words) in enumerate(contract.codes["visit"].items(), start=1):
        planned = contract.study.visits.get(code)
        day = None if planned is None else planned.target + (planned.target >= 0)
        found.append((code, float(number), words.upper(), day))
    return found


def _table(
    con: duckdb.DuckDBPyConnection, name: str, columns: list[str], rows: list[tuple]
) -> None:
    frame = pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)
    frame = frame.with_columns(pl.col(pl.Null).cast(pl.String))
    con.register("given_rows", frame.to_arrow())
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM given_rows")
    con.unregister("given_rows")
