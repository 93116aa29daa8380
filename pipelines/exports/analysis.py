"""Tables ready for analysis: every core table and mart as Parquet and CSV, with a dictionary."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines.contracts.model import Contract
from pipelines.exports.dictionary import dictionary
from pipelines.exports.folder import write_manifest
from pipelines.exports.tables import as_written, columns_of, quoted, write_table

REFERENCE = ("ref_build", "ref_clinic", "ref_threshold", "ref_visit")
NOT_FOR_ANALYSIS = ("sent",)  # cells before conversion: for queries, not for analysis

_README = """# {title}

Tables of study {study_id} as of {cutoff_utc}, {audience} side. Version {code_version}, contract {contract_digest}.

- `parquet/` and `csv/` hold the same tables. `dictionary.csv` says what each column means, its unit, codes and valid range.
- Rows are in a fixed order; the same night exported again gives the same bytes (`manifest.json` has the hashes).
- CSV is UTF-8 with a header, commas and double quotes; a missing value is empty, an empty text is `""`. Free texts stand as the
  clinics wrote them: read the file with a program for data, for a spreadsheet may take a text that begins with `=` for a formula.
- {side}
"""
_SIDES = {
    "open": "This is the open side: no arm, nothing that tells it, no dates of participants. It is pseudonymised, not de-identified:\n"
    "  participant codes are the study's own. For a set to hand out see `--kind deidentified`.",
    "closed": "This is the closed side: it has the arm, dates and free texts. It is for the unblinded statistician and the DSMB only.",
}


def write(
    con: duckdb.DuckDBPyConnection, folder: Path, contract: Contract, about: dict[str, str]
) -> dict[str, int]:
    """Rows per table written."""
    tables = {
        table: {name: kind for name, kind in columns.items() if name not in NOT_FOR_ANALYSIS}
        for table, columns in columns_of(con).items()
        if table.startswith(("core_", "mart_")) or table in REFERENCE
    }
    rows = {}
    for table, columns in tables.items():
        shown = ", ".join(as_written(name, kind) for name, kind in columns.items())
        rows[table] = write_table(con, f"SELECT {shown} FROM {quoted(table)}", folder, table)
    dictionary(contract, tables).write_csv(folder / "dictionary.csv")
    text = _README.format(title=contract.study.title, side=_SIDES[about["audience"]], **about)
    (folder / "README.md").write_text(text, encoding="utf-8")
    write_manifest(folder, about | {"rows": rows})
    return rows
