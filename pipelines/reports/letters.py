"""A query letter per clinic: what is held or doubtful, in the clinic's own columns and line numbers."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import xlsxwriter

from pipelines.contracts.model import Clinic, Contract
from pipelines.reports.layout import blocks
from pipelines.reports.layout.numbers import number
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.source import Source

_LINES_SHOWN = 12


@dataclass(frozen=True)
class Letter:
    """The page, and the held rows as the clinic sent them."""

    page: blocks.Page
    held: pl.DataFrame  # file_name, table_name, row_no, rules, remedies, sent (JSON)
    cutoff: dt.datetime


def compose(source: Source, clinic: Clinic) -> Letter:
    """The letter of one clinic, from the closed database: it speaks only of the clinic's own files."""
    findings = source.rows(
        """
        SELECT f.delivery_id, d.file_name, d.file_kind, f.table_name, f.row_no, f.field, f.rule, f.severity, f.remedy
        FROM ledger_finding AS f JOIN ledger_delivery AS d USING (delivery_id)
        WHERE f.clinic_id = ? AND f.is_open ORDER BY d.file_name, f.table_name, f.row_no, f.rule, f.field
    """,
        [clinic.clinic_id],
    )
    refused = source.rows(
        """
        SELECT file_name, what, remedy FROM ledger_delivery
        WHERE clinic_id = ? AND status IN ('refused', 'not_checked') ORDER BY ALL
    """,
        [clinic.clinic_id],
    )
    missing = source.rows(
        """
        SELECT file_kind, min(missing_since_date) AS since, count(*) AS n FROM ledger_calendar
        WHERE clinic_id = ? AND missing_since_date IS NOT NULL GROUP BY file_kind ORDER BY file_kind
    """,
        [clinic.clinic_id],
    ).with_columns(pl.col("since").cast(pl.String))
    held = source.rows(
        """
        SELECT d.file_name, q.table_name, q.row_no, q.sent,
            string_agg(DISTINCT f.rule, ', ' ORDER BY f.rule) AS rules, string_agg(DISTINCT f.remedy, ' ' ORDER BY f.remedy) AS remedies
        FROM quarantine_row AS q JOIN ledger_delivery AS d USING (delivery_id)
        JOIN ledger_finding AS f ON f.delivery_id = q.delivery_id AND f.table_name = q.table_name AND f.row_no = q.row_no
        WHERE q.clinic_id = ? AND f.is_open AND f.severity = 'quarantine'
        GROUP BY d.file_name, q.table_name, q.row_no, q.sent ORDER BY d.file_name, q.table_name, q.row_no
    """,
        [clinic.clinic_id],
    )
    cutoff = source.con.execute("SELECT cutoff_utc FROM ref_build").fetchall()[0][0]
    grouped = _grouped(findings, source.contract, clinic)
    page = blocks.Page(
        title=f"Questions about your files: {clinic.name}", subtitle=source.contract.study.title, audience="clinic",
        cutoff_text=source.cutoff_text, code_version=source.code_version,
        summary=(blocks.Paragraph(_opening(findings, refused, missing, held)),),
        sections=tuple(section for section in (
            _section("Files we could not use", refused, [Column("file_name", "File"), Column("what", "What happened"),
                                                       Column("remedy", "What to do")], "Refused files"),
            _section("Files that have not come", missing, [Column("file_kind", "File"), Column("since", "Expected since"),
                                                          Column("n", "files", "number")], "Missing files"),
            _by_file("Rows held back: please correct and send again", grouped.filter(severity="quarantine")),
            _by_file("Values to confirm or correct", grouped.filter(severity="flag")),
        ) if section),
        footnotes=("Line numbers are those of the file as you sent it (the row number of the sheet for workbooks). "
                   "The held rows are in held_rows.xlsx as you sent them.",),
    )  # fmt: skip
    return Letter(page, held, cutoff)


_COLUMNS = (
    Column("lines", "Lines"),
    Column("column", "Your column"),
    Column("form", "Form"),
    Column("remedy", "What to do"),
)


def _opening(
    findings: pl.DataFrame, refused: pl.DataFrame, missing: pl.DataFrame, held: pl.DataFrame
) -> str:
    flags = findings.filter(severity="flag").height
    if not (findings.height or refused.height or missing.height):
        return "Everything you sent could be used and nothing is missing. Thank you; there is nothing to do."
    return (
        f"{number(held.height)} rows are held back until they are corrected, {number(flags)} values need a look, "
        f"{number(refused.height)} files could not be used, and {number(missing.height)} kinds of file have not come. "
        "Nothing was changed in what you sent."
    )


def _grouped(findings: pl.DataFrame, contract: Contract, clinic: Clinic) -> pl.DataFrame:
    """One row per file, form, column and rule, with the lines it stands on."""
    columns = pl.DataFrame(
        [{"file_kind": kind, "table_name": table, "field": m.field or m.time_of or m.local_of, "column": column}
         for kind, file in clinic.files.items() for table, tm in file.tables.items() for column, m in tm.columns.items()],
        schema=dict.fromkeys(("file_kind", "table_name", "field", "column"), pl.String),
    ).unique(["file_kind", "table_name", "field"], keep="first", maintain_order=True)  # fmt: skip
    grains = pl.DataFrame(
        [{"table_name": t, "form": t.replace("_", " ")} for t in contract.tables],
        schema={"table_name": pl.String, "form": pl.String},
    )
    shown = pl.col("row_no").sort().unique(maintain_order=True)
    return (
        findings.join(columns, on=["file_kind", "table_name", "field"], how="left")
        .join(grains, on="table_name", how="left")
        .with_columns(
            column=pl.coalesce(
                "column", pl.when(pl.col("rule") == "unknown_column").then("field"), pl.lit("")
            )
        )
        .group_by("file_name", "form", "column", "rule", "severity", "remedy")
        .agg(
            n=pl.col("row_no").n_unique(),
            lines=shown.head(_LINES_SHOWN).cast(pl.String).str.join(", "),
            all=shown.len(),
        )
        .with_columns(
            lines=pl.when(pl.col("all") > _LINES_SHOWN)
            .then(pl.col("lines") + " and others")
            .otherwise("lines")
        )
        .sort("file_name", "form", "column", "rule", "remedy", nulls_last=True)
    )


def _section(
    heading: str, rows: pl.DataFrame, columns: list[Column], title: str
) -> blocks.Section | None:
    return blocks.Section(heading, (table(rows, columns, title=title),)) if rows.height else None


def _by_file(heading: str, rows: pl.DataFrame) -> blocks.Section | None:
    """One table per file, so that the lines to look at stand beside what to do."""
    tables = tuple(
        table(of_file, _COLUMNS, title=str(name), note=f"{number(of_file['n'].sum())} rows.")
        for (name,), of_file in rows.group_by("file_name", maintain_order=True)
    )
    return blocks.Section(heading, tables) if tables else None


def write_workbook(letter: Letter, path: Path) -> None:
    """The held rows in the clinic's own columns, one sheet per form; every cell is text, so no formula can run."""
    with xlsxwriter.Workbook(
        str(path), {"strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        book.set_properties({"title": "Held rows", "created": letter.cutoff})
        head = book.add_format({"bold": True, "bottom": 1})
        if not letter.held.height:
            book.add_worksheet("nothing held").write_string(0, 0, "No row is held back.")
        for (name,), rows in letter.held.group_by("table_name", maintain_order=True):
            sheet = book.add_worksheet(str(name)[:31])
            sheet.freeze_panes(1, 3)
            records = [json.loads(sent) if sent else {} for sent in rows["sent"]]
            keys = list(
                dict.fromkeys(key for record in records for key in record if key != "row_no")
            )
            for place, title in enumerate(["file", "line", "why", "what to do", *keys]):
                sheet.write_string(0, place, title, head)
            lines = zip(
                rows["file_name"],
                rows["row_no"],
                rows["rules"],
                rows["remedies"],
                records,
                strict=True,
            )
            for at, (file, line, why, remedy, record) in enumerate(lines, start=1):
                cells = [file, str(line), why, remedy, *(record.get(key) for key in keys)]
                for place, cell in enumerate(cells):
                    if cell is not None:
                        sheet.write_string(
                            at, place, cell if isinstance(cell, str) else json.dumps(cell)
                        )
