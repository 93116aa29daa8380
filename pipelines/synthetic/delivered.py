"""One form file of one clinic on one night, with its faults, and the lines at which they stand."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipelines import files, identity
from pipelines.contracts.model import Contract
from pipelines.synthetic import dialect, fault_files, fault_lines
from pipelines.synthetic.faults import Place
from pipelines.synthetic.plant import BrokenLine, CellText, Plan

FAULT_SCHEMA = {
    "clinic_id": pl.String, "file_name": pl.String, "table_name": pl.String, "row_no": pl.Int64, "rule": pl.String,
    "kind": pl.String,
}  # fmt: skip
COPY_SCHEMA = {
    "clinic_id": pl.String, "file_name": pl.String, "table_name": pl.String, "row_no": pl.Int64,
}  # fmt: skip
_SAID_ABOVE = {"sent_by": "Study office", "console": "TM-2", "firmware": "4.1.7"}
_REASON = "Werte nach Quellenvergleich berichtigt"


@dataclasses.dataclass(frozen=True)
class Written:
    """A file, what must be found in it, and what must be counted as sent twice."""

    path: Path
    faults: pl.DataFrame  # FAULT_SCHEMA
    copies: pl.DataFrame  # COPY_SCHEMA
    lines: pl.DataFrame  # table_name, uid, row_no


def write_form(
    contract: Contract,
    clinic: str,
    kind: str,
    records: Mapping[str, pl.DataFrame],
    planned: Plan,
    folder: Path,
    *,
    sent_date: dt.date,
    batch: str | None = None,
    revision: int = 0,
) -> Written | None:
    """Writes the records of one kind of file; None where there is not one record to write.

    Faults of the plan that sit in these records are put in and listed with their lines.
    """
    tables = contract.clinics[clinic].files[kind].tables
    mine = {
        table: records[table].filter(pl.col("clinic_id") == clinic)
        for table in tables
        if table in records
    }
    if not any(frame.height for frame in mine.values()):
        return None
    sheets = dialect.render(contract, clinic, kind, mine)
    there = {(table, uid) for table, frame in mine.items() for uid in frame["_uid"]}
    texts = [
        text
        for text in planned.texts
        if text.clinic_id == clinic and (text.table, text.uid) in there
    ]
    sheets = _with_texts(contract, clinic, kind, sheets, texts)
    copies = planned.copies.filter(
        pl.col("clinic_id") == clinic, pl.col("table_name").is_in(list(mine))
    )
    sheets = tuple(_with_copies(sheet, copies) for sheet in sheets)
    said = preamble(contract, clinic, kind, revision)
    options = {"sent_date": sent_date, "batch": batch, "revision": revision, "preamble": said}
    done = dialect.write(contract, clinic, kind, sheets, folder, **options)
    lines = done.lines.select(
        pl.col("table_name").cast(pl.String),
        pl.col("uid").cast(pl.Int64),
        pl.col("row_no").cast(pl.Int64),
    )
    broken = [
        line
        for line in planned.lines
        if line.clinic_id == clinic and (line.table, line.uid) in there
    ]
    _break_lines(contract, clinic, kind, done.path, lines, broken)
    here = lines.with_columns(clinic_id=pl.lit(clinic), file_name=pl.lit(done.path.name))
    found = here.join(
        planned.expected,
        left_on=["clinic_id", "table_name", "uid"],
        right_on=["clinic_id", "table_name", "_uid"],
    )
    # A line of no known kind is counted with the first table of its file.
    first = pl.when(pl.col("rule") == fault_lines.STRANGE).then(pl.lit(next(iter(tables))))
    found = found.with_columns(table_name=first.otherwise("table_name"))
    copies = here.join(
        copies, left_on=["table_name", "uid"], right_on=["table_name", "copy_uid"], how="semi"
    )
    return Written(
        done.path, found.select(list(FAULT_SCHEMA)), copies.select(list(COPY_SCHEMA)), lines
    )


def write_hostile(
    contract: Contract,
    place: Place,
    rule: str,
    records: Mapping[str, pl.DataFrame],
    folder: Path,
    sent_date: dt.date,
) -> Path:
    """A file that must be refused for `rule`, made from a few good records of the clinic."""
    clinic = fault_files.other_habits(place.clinic, rule)
    changed = contract.model_copy(
        update={"clinics": {**contract.clinics, clinic.clinic_id: clinic}}
    )
    name, kind = clinic.clinic_id, place.file_kind
    few = {
        table: records[table].filter(pl.col("clinic_id") == name).head(25)
        for table in place.file.tables
    }
    if rule == "wrong_clinic":
        few = {table: _of_another_clinic(contract, name, frame) for table, frame in few.items()}
    sheets = dialect.render(changed, name, kind, few)
    done = dialect.write(
        changed, name, kind, sheets, folder, sent_date=sent_date, batch=batch_of(sent_date), revision=0,
        preamble=preamble(contract, name, kind, 0),
    )  # fmt: skip
    data = fault_files.hostile(rule, done.path.read_bytes(), place)
    path = done.path
    if rule == "unknown_file_name":
        path.unlink()
        path = path.with_name(f"Copy of {path.name}")
    files.write_bytes_atomic(path, data)
    return path


def batch_of(day: dt.date) -> str:
    """The calendar week that a batch of files is named after."""
    year, week, _ = day.isocalendar()
    return f"{year}W{week:02d}"


def preamble(contract: Contract, clinic: str, kind: str, revision: int) -> dict[str, str]:
    """What stands above the header, by the layout's own keys; a reason only where something is corrected."""
    file = contract.clinics[clinic].files[kind]
    keys = {key for layout in (file.layout, *file.sheets.values()) for key in layout.preamble}
    said = {key: text for key, text in _SAID_ABOVE.items() if key in keys}
    return said | ({"reason": _REASON} if "reason" in keys and revision else {})


def _with_texts(
    contract: Contract, clinic: str, kind: str, sheets: tuple, texts: list[CellText]
) -> tuple:
    """The sheets with the text of some cells replaced."""
    if not texts:
        return sheets
    return tuple(_sheet_with_texts(contract, clinic, kind, sheet, texts) for sheet in sheets)


def _sheet_with_texts(contract: Contract, clinic: str, kind: str, sheet, texts: list[CellText]):
    cells = sheet.cells
    at = {
        (table, uid): row
        for row, (tables, uids) in enumerate(zip(cells["_tables"], cells["_uids"], strict=True))
        for table, uid in zip(tables, uids, strict=True)
    }
    for one in texts:
        row = at.get((one.table, one.uid))
        if row is None:
            continue
        column, _ = Place(contract, contract.clinics[clinic], kind, one.table).column_of(one.field)
        values = cells[column].to_list()
        values[row] = one.text
        cells = cells.with_columns(pl.Series(column, values, dtype=pl.String))
    return dataclasses.replace(sheet, cells=cells)


def _with_copies(sheet, copies: pl.DataFrame):
    """The sheet with some of its lines written once more at its end."""
    cells = sheet.cells
    for table, uid, copy in copies.select("table_name", "_uid", "copy_uid").iter_rows():
        wanted = (pl.col("_tables").list.first() == table) & (pl.col("_uids").list.first() == uid)
        again = sheet.cells.filter(wanted)
        cells = pl.concat([cells, again.with_columns(_uids=pl.lit([copy], pl.List(pl.Int64)))])
    return dataclasses.replace(sheet, cells=cells)


def _break_lines(
    contract: Contract,
    clinic: str,
    kind: str,
    path: Path,
    lines: pl.DataFrame,
    broken: list[BrokenLine],
) -> None:
    if not broken:
        return
    data = path.read_bytes()
    for one in broken:
        row_no = lines.filter(pl.col("table_name") == one.table, pl.col("uid") == one.uid)["row_no"]
        place = Place(contract, contract.clinics[clinic], kind, one.table)
        data = fault_lines.break_line(data, int(row_no[0]), one.rule, place)
    files.write_bytes_atomic(path, data)


def _of_another_clinic(contract: Contract, clinic: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The same records under codes of another clinic's participants."""
    others = [body.prefix for name, body in contract.clinics.items() if name != clinic] or ["99"]
    codes = {
        code: identity.make_id(others[0], int(code[3:6]))
        for code in frame["participant_id"].unique().to_list()
    }
    return frame.with_columns(
        pl.col("participant_id").replace_strict(codes, return_dtype=pl.String)
    )
