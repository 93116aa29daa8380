"""Rows of a workbook that a clinic sent back: which held row each answers, and which nobody touched."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pipelines.contracts.model import Clinic, FileKind
from pipelines.contracts.returned import REFERENCE, columns_of, digest, reference_pattern
from pipelines.contracts.shapes import BROKEN_SCHEMA, RawTable
from pipelines.errors import DeliveryRefused
from pipelines.forms import sheet_names

ANSWER_SCHEMA = {
    "table_name": pl.String, "row_no": pl.Int64, "source_delivery_id": pl.String, "source_row_no": pl.Int64,
}  # fmt: skip
_ANY_REFERENCE = r"^.+-[0-9a-f]{12}:[0-9]+:[0-9a-f]{8}$"


def tables_present(path: Path, kind: FileKind) -> set[str]:
    """The tables whose sheets are in the workbook. Raises DeliveryRefused where none is."""
    found = set(kind.sheets) & set(sheet_names(path))
    if not found:
        raise DeliveryRefused(
            "sheet_missing",
            f"the workbook has none of the worksheets {', '.join(kind.sheets)}",
            where=path.name,
            remedy="send back the workbook that came with our letter, with its worksheets as they are named",
        )
    return found


def split(batch: RawTable, clinic: Clinic, kind: FileKind, table: str) -> tuple[RawTable, pl.DataFrame]:  # fmt: skip
    """The rows that were changed, with what they answer (ANSWER_SCHEMA); untouched ones are counted as skipped.

    A row without a reference of ours, or with one that another row of the sheet bears too, is a broken line; so is
    one that was made a row of another table. Raises DeliveryRefused where references are of another clinic's letter.
    """
    ours = pl.col(REFERENCE).str.strip_chars()
    parts = ours.str.extract_groups(reference_pattern(clinic.clinic_id)).struct
    columns = [name for name in columns_of(kind.tables[table]) if name in batch.rows.columns]
    rows = batch.rows.with_columns(
        source_delivery_id=parts.field("1"),
        source_row_no=parts.field("2").cast(pl.Int64),
        written=parts.field("3"),
        found=pl.Series([digest(cells) for cells in batch.rows.select(columns).iter_rows()], dtype=pl.String),
        is_blank=pl.all_horizontal(pl.col(columns).is_null() | (pl.col(columns).str.strip_chars() == "")),
    )  # fmt: skip
    if rows.filter(pl.col("written").is_null() & ours.str.contains(_ANY_REFERENCE)).height:
        raise DeliveryRefused(
            "wrong_clinic",
            "the workbook was made for another clinic",
            remedy="put it into that clinic's folder",
        )
    touched = rows.filter(
        ~pl.col("is_blank") & (pl.col("found") != pl.col("written")).fill_null(True)
    )
    is_clear = pl.col("written").is_not_null() & (
        pl.struct("source_delivery_id", "source_row_no").is_unique()
    )
    of_table = [
        pl.col(column).fill_null("").is_in(list(allowed))
        for column, allowed in kind.tables[table].rows_where.items()
        if column in columns
    ]
    touched = touched.with_columns(
        rule=pl.when(~is_clear).then(pl.lit("unknown_reference"))
        .when(~pl.all_horizontal(True, *of_table)).then(pl.lit("unknown_line_kind"))
    )  # fmt: skip
    kept, strange = touched.filter(pl.col("rule").is_null()), touched.drop_nulls("rule")
    sent = pl.concat_str([pl.col(c).fill_null("") for c in (REFERENCE, *columns)], separator=",")
    broken = strange.select("row_no", "rule", sent=sent)
    answers = kept.select(
        pl.lit(table).alias("table_name"), "row_no", "source_delivery_id", "source_row_no"
    )
    return RawTable(
        rows=kept.select(batch.rows.columns),
        broken=pl.concat([batch.broken, broken.cast(BROKEN_SCHEMA)]),
        skipped=batch.skipped | {"untouched": rows.height - touched.height},
        preamble=batch.preamble,
    ), answers.cast(ANSWER_SCHEMA)


def nothing_corrected(file_name: str) -> DeliveryRefused:
    """What is said of a workbook in which nobody changed a row."""
    return DeliveryRefused(
        "nothing_corrected",
        "no row of the workbook differs from what we wrote",
        where=file_name,
        remedy="correct the rows, save the workbook, and send it again",
    )
