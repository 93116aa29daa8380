"""A query letter per clinic: what is new or overdue, in the clinic's own columns and line numbers."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.contracts.model import Clinic, Contract
from pipelines.contracts.returned import returned_kind
from pipelines.reports import held_books, letter_rows
from pipelines.reports.layout import blocks
from pipelines.reports.layout.numbers import number
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.source import Source
from pipelines.warehouse.queries import to_ask
from pipelines.warehouse.query_tables import FACT_SCHEMA

_LINES_SHOWN = 12
_WORDS = {
    "new": "new",
    "wrongly_corrected": "changed, and still does not fit",
    "reopened": "was right, and is wrong again",
    "answered": "sent again as it was",
    "pending": "no answer yet",
}
_COLUMNS = (
    Column("participant", "Participant"), Column("place", "File and line"), Column("column", "Your column"),
    Column("told", "What was expected or does not fit, and what to do"), Column("since", "Since then"),
)  # fmt: skip


@dataclass(frozen=True)
class Letter:
    """The page, the workbooks of held rows, and what the ledger keeps of what was asked."""

    page: blocks.Page
    books: tuple[held_books.Book, ...]
    held_n: int
    facts: pl.DataFrame  # query_tables.FACT_SCHEMA
    cutoff: dt.datetime


def compose(source: Source, clinic: Clinic, raw: Path) -> Letter:
    """The letter of one clinic, from the closed database: it speaks only of the clinic's own files.

    `raw` is the folder of every file as it came, by clinic and SHA-256.
    """
    mine = [clinic.clinic_id]
    cutoff = source.con.execute("SELECT cutoff_utc FROM ref_build").fetchall()[0][0]
    queries = source.rows(
        """
        SELECT q.*, d.file_name, d.file_kind, r.description AS expected, r.remedy FROM ref_query AS q
        LEFT JOIN ledger_delivery AS d USING (delivery_id)
        LEFT JOIN ref_rule AS r ON r.rule = q.rule AND r.table_name IN (q.table_name, 'line')
        WHERE q.clinic_id = ? ORDER BY q.query_id
    """,
        mine,
    )
    asked = to_ask(queries, cutoff, source.contract.study.queries.overdue_days)
    refused = source.rows(
        """
        SELECT file_name, what, remedy FROM ledger_delivery
        WHERE clinic_id = ? AND status IN ('refused', 'not_checked') ORDER BY ALL
    """,
        mine,
    )
    missing = source.rows(
        """
        SELECT file_kind, min(missing_since_date) AS since, count(*) AS n FROM ledger_calendar
        WHERE clinic_id = ? AND missing_since_date IS NOT NULL GROUP BY file_kind ORDER BY file_kind
    """,
        mine,
    ).with_columns(pl.col("since").cast(pl.String))
    held = held_books.held(source, clinic, raw)
    books = held_books.books(held, clinic, cutoff)
    page = blocks.Page(
        title=f"Questions about your files: {clinic.name}", subtitle=source.contract.study.title, audience="clinic",
        cutoff_text=source.cutoff_text, code_version=source.code_version,
        summary=tuple(blocks.Paragraph(text) for text in (
            _opening(asked, refused, missing, held), _course(queries, asked), _sent_back(books)) if text),
        sections=tuple(section for section in (
            _section("Files we could not use", refused, [Column("file_name", "File"), Column("what", "What happened"),
                                                       Column("remedy", "What to do")], "Refused files"),
            _section("Files that have not come", missing, [Column("file_kind", "File"), Column("since", "Expected since"),
                                                          Column("n", "files", "number")], "Missing files"),
            *_by_form(_grouped(letter_rows.named(source, clinic, asked), source.contract, clinic)),
        ) if section),
        footnotes=("Line numbers are those of the file as you sent it (the row number of the sheet for workbooks). "
                   "Each question is asked once; it is asked again where the row came back and still does not fit, or where "
                   f"nothing came for {source.contract.study.queries.overdue_days} days. A question closes when a file with the "
                   "corrected row arrives, in one of your files or in the workbook of held rows.",),
    )  # fmt: skip
    return Letter(page, tuple(books), held.height, _facts(queries, asked, cutoff), cutoff)


def _facts(queries: pl.DataFrame, asked: pl.DataFrame, cutoff: dt.datetime) -> pl.DataFrame:
    """What was asked; and what rules over several tables found, which no file of a delivery remembers."""
    return (
        queries.with_columns(
            cutoff_utc=pl.lit(cutoff, pl.Datetime("us")),
            is_asked=pl.col("query_id").is_in(asked["query_id"].implode()),
        )
        .filter(pl.col("is_asked") | ((pl.col("found_at") == "build") & (pl.col("state") != "solved")))
        .select(pl.col(name).cast(kind) for name, kind in FACT_SCHEMA.items())
    )  # fmt: skip


def _opening(
    asked: pl.DataFrame, refused: pl.DataFrame, missing: pl.DataFrame, held: pl.DataFrame
) -> str:
    if not (asked.height or refused.height or missing.height or held.height):
        return "Everything you sent could be used and nothing is missing. Thank you; there is nothing to do."
    flags = asked.filter(severity="flag").height
    return (
        f"{number(held.height)} rows are held back until they are corrected, {number(flags)} values need a look, "
        f"{number(refused.height)} files could not be used, and {number(missing.height)} kinds of file have not come. "
        "Nothing was changed in what you sent."
    )


def _course(queries: pl.DataFrame, asked: pl.DataFrame) -> str:
    """What became of earlier questions: how many are listed and why, how many wait, how many are solved."""
    if queries.is_empty():
        return ""
    states = asked["state"].to_list()
    new, wrong = states.count("new"), states.count("wrongly_corrected") + states.count("reopened")
    same = states.count("answered")
    waiting = queries.filter(pl.col("state") != "solved").height - asked.height
    last = queries["last_asked_utc"].max()
    parts = [
        f"{number(n)} {what}"
        for n, what in (
            (new, "not asked before"),
            (wrong, "where a row came back changed and still does not fit"),
            (same, "where a row came back as it was"),
            (len(states) - new - wrong - same, "asked before and not answered"),
        )
        if n
    ]
    said = f"Questions in this letter: {number(len(states))}"
    said += f", of them {'; '.join(parts)}." if parts else "."
    if waiting:
        said += f" Open questions of earlier letters that are not listed again: {number(waiting)}."
    if last is not None:
        solved = queries.filter(state="solved").filter(pl.col("solved_utc") > last).height
        said += f" Solved since our last questions, on {last:%Y-%m-%d}: {number(solved)}."
    return said


def _sent_back(books: list[held_books.Book]) -> str:
    """Where the held rows stand, and how they come back corrected."""
    if not books:
        return ""
    names = ", ".join(book.name for book in books)
    return (
        f"The rows held back are beside this letter as you sent them: {names}. {held_books.HOW} The file name may go on behind "
        "the date. Correct your own records too, or your next export brings the old row again."
    )


def _grouped(asked: pl.DataFrame, contract: Contract, clinic: Clinic) -> pl.DataFrame:
    """One row per form, participant, file, column and rule, with the lines it stands on."""
    columns = pl.DataFrame(
        [{"file_kind": kind, "table_name": table, "field": m.field or m.time_of or m.local_of, "column": column}
         for form, file in clinic.files.items() for kind in (form, returned_kind(form))
         for table, tm in file.tables.items() for column, m in tm.columns.items()],
        schema=dict.fromkeys(("file_kind", "table_name", "field", "column"), pl.String),
    ).unique(["file_kind", "table_name", "field"], keep="first", maintain_order=True)  # fmt: skip
    told = pl.col("state").replace_strict(_WORDS)
    once = pl.format("{}; asked on {}", told, pl.col("last_asked_utc").dt.strftime("%Y-%m-%d"))
    is_column = pl.col("rule") == "unknown_column"
    of_lines = pl.col("lines").replace("", None).str.split(", ").explode().drop_nulls()
    return (
        asked.join(columns, on=["file_kind", "table_name", "field"], how="left")
        .with_columns(
            form=pl.when(is_column).then(pl.lit("Columns we do not know")).otherwise(
                pl.col("table_name").str.replace_all("_", " ")),
            column=pl.coalesce("column", pl.when(is_column).then("field"), pl.lit("")),
            expected=pl.when(is_column).then(pl.lit("Nobody told us what this column means.")).otherwise("expected"),
            remedy=pl.when(is_column).then(
                pl.lit("Tell us what it means, or leave it out; it was not used.")).otherwise("remedy"),
            since=pl.when(pl.col("last_asked_utc").is_null()).then(told).otherwise(once),
        )
        .group_by("form", "participant", "file_name", "column", "rule", "severity", "expected", "remedy", "since")
        .agg(all=of_lines.n_unique(), line_list=of_lines.cast(pl.Int64).unique().sort())
        .with_columns(
            lines=pl.col("line_list").list.head(_LINES_SHOWN).cast(pl.List(pl.String)).list.join(", ")
            + pl.when(pl.col("all") > _LINES_SHOWN).then(pl.lit(" and others")).otherwise(pl.lit("")),
            first=pl.col("line_list").list.first(),
        )
        .with_columns(
            place=pl.concat_str("file_name", pl.when(pl.col("all") > 0).then(
                pl.when(pl.col("all") == 1).then(pl.lit(", line ")).otherwise(pl.lit(", lines ")) + pl.col("lines")
            ), ignore_nulls=True),
            told=pl.concat_str("expected", "remedy", separator=" ", ignore_nulls=True),
        )
        .sort("form", "participant", "file_name", "first", "column", "rule", "since", nulls_last=True)
    )  # fmt: skip


def _section(
    heading: str, rows: pl.DataFrame, columns: list[Column], title: str
) -> blocks.Section | None:
    return blocks.Section(heading, (table(rows, columns, title=title),)) if rows.height else None


def _by_form(rows: pl.DataFrame) -> list[blocks.Section | None]:
    """Held rows first, then doubtful values; one table per form, so that one person can mend it at one desk."""
    return [
        blocks.Section(heading, tables)
        for severity, heading in (
            ("quarantine", "Rows held back: please correct and send again"),
            ("flag", "Values to confirm or correct"),
        )
        if (tables := tuple(
            table(of_form, _COLUMNS, title=str(name).capitalize())
            for (name,), of_form in rows.filter(severity=severity).group_by("form", maintain_order=True)
        ))
    ]  # fmt: skip
