"""Lines -> the bytes of a delivery, text or workbook. The same lines give the same bytes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines import files
from pipelines.contracts.model import Clinic, Contract, FileKind, LayoutDef
from pipelines.errors import BackstepError
from pipelines.synthetic.dialect.lines import TABLES, UIDS, Sheet
from pipelines.synthetic.dialect.names import file_name
from pipelines.synthetic.dialect.workbook import workbook_bytes

_BREAK = r"\r\n|\r|\n"


@dataclass(frozen=True)
class Written:
    """A file on disk. `lines` has `table_name`, `uid` and `row_no`: its line, or sheet row."""

    path: Path
    lines: pl.DataFrame


def write(
    contract: Contract,
    clinic_id: str,
    file_kind: str,
    sheets: tuple[Sheet, ...],
    folder: Path,
    *,
    sent_date: dt.date,
    batch: str | None = None,
    revision: int = 0,
    participant_id: str | None = None,
    preamble: Mapping[str, str] | None = None,
) -> Written:
    """Writes the sheets under a name of the clinic's pattern; `preamble` has texts by its keys."""
    clinic = contract.clinics[clinic_id]
    kind = clinic.files[file_kind]
    path = folder / file_name(clinic, file_kind, sent_date, batch, revision, participant_id)
    said = dict(preamble or {})
    if kind.format == "xlsx":
        data, first_rows = workbook_bytes(contract, clinic, kind, sheets, said)
        rows = [
            pl.Series("row_no", range(first, first + sheet.cells.height), dtype=pl.Int64)
            for sheet, first in zip(sheets, first_rows, strict=True)
        ]
    else:
        (sheet,) = sheets
        data, numbers = _text(clinic, kind, sheet, said)
        rows = [numbers]
    files.write_bytes_atomic(path, data)
    return Written(path, pl.concat(_lines(s, r) for s, r in zip(sheets, rows, strict=True)))


def _lines(sheet: Sheet, row_no: pl.Series) -> pl.DataFrame:
    return (
        sheet.cells.select(pl.col(TABLES).alias("table_name"), pl.col(UIDS).alias("uid"))
        .with_columns(row_no.alias("row_no"))
        .explode("table_name", "uid", empty_as_null=False)
    )


def _text(
    clinic: Clinic, kind: FileKind, sheet: Sheet, said: dict[str, str]
) -> tuple[bytes, pl.Series]:
    """The file's bytes, and the physical line on which each of its rows starts."""
    layout, encoding = kind.layout, kind.encoding or clinic.encoding
    # Exports in a Windows code page come from Windows programs.
    end = "\n" if encoding.lower().startswith("utf") else "\r\n"
    above = [_preamble_line(layout, key, said.get(key, "")) for key in layout.preamble]
    table = sheet.cells.select(pl.col(name).replace({"": None}) for name in sheet.columns)
    body = table.write_csv(
        separator=layout.delimiter, quote_char=layout.quote or '"', line_terminator=end,
        quote_style="necessary" if layout.quote else "never",
    )  # fmt: skip
    below = [f"{layout.footer}{layout.delimiter}{table.height}"] if layout.footer else []
    text = "".join(line + end for line in above) + body + "".join(line + end for line in below)
    try:
        data = text.encode(encoding)
    except UnicodeEncodeError:
        raise BackstepError(
            f"a made-up text cannot be written in {encoding}", where=f"clinic {clinic.clinic_id}",
            remedy="choose texts in the characters of the clinic's encoding",
        ) from None  # fmt: skip
    breaks = pl.sum_horizontal(pl.col(name).str.count_matches(_BREAK) for name in sheet.columns)
    lines = sheet.cells.select(1 + breaks.cast(pl.Int64)).to_series()
    return data, (lines.cum_sum() - lines + len(above) + 2).alias("row_no")


def _preamble_line(layout: LayoutDef, key: str, text: str) -> str:
    return f"{layout.preamble[key]}{layout.delimiter}{text}"
