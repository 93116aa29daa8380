"""Faults in the bytes of one line (or the XML of one sheet row): it can no longer be split into its columns."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

from pipelines.contracts.model import Contract
from pipelines.errors import BackstepError
from pipelines.synthetic.fault_fields import whole_record
from pipelines.synthetic.faults import Fault, Place

_TABLES = ("walk_test", "balance_test", "koos", "pain", "session", "fall_diary", "treadmill")
FORMULA, STRANGE = "formula_without_value", "unknown_line_kind"
_FORMATS = {FORMULA: ("xlsx",), STRANGE: ("redcap",)}
_CSV_RULES = ("too_many_fields", "too_few_fields", "broken_quote", "undecodable_text")
# A byte that no text in the encoding holds. Single-byte code pages with a meaning for every byte have none.
_NO_CHARACTER = {
    "utf-8": b"\xff",
    "utf8": b"\xff",
    "utf-8-sig": b"\xff",
    "cp1252": b"\x81",
    "windows-1252": b"\x81",
}
_EPOCH = (1980, 1, 1, 0, 0, 0)


def faults(contract: Contract) -> Iterator[Fault]:
    """One group per rule: in a study each is planted in a few of the tables it fits."""
    for table in _TABLES:
        if table not in contract.tables:
            continue
        for rule in (*_CSV_RULES, FORMULA, STRANGE):
            yield Fault(
                kind=f"{table}.{rule}", rule=rule, table=table, level="line", where=whole_record(table),
                formats=_FORMATS.get(rule, ("csv",)), group=rule,
                applies=_applies(rule),
            )  # fmt: skip


def _applies(rule: str):
    def applies(place: Place) -> bool:
        if rule == FORMULA:
            return any(m.field for m in place.map.columns.values())
        if rule == STRANGE:
            return _instrument(place) is not None
        if len(place.file.tables) > 1:  # the line would take records of other tables with it
            return False
        return rule != "undecodable_text" or _encoding(place) in _NO_CHARACTER

    return applies


def _instrument(place: Place) -> str | None:
    """The word on each of the table's lines that says of which repeating form they are."""
    words = [
        allowed[0]
        for name, allowed in place.map.rows_where.items()
        if name not in place.map.columns
    ]
    return next((word for word in reversed(words) if word), None)


def _encoding(place: Place) -> str:
    return (place.file.encoding or place.clinic.encoding).lower()


def break_line(data: bytes, line_no: int, rule: str, place: Place) -> bytes:
    """The file with one physical line (sheet row) broken; every other line keeps its number."""
    if rule == FORMULA:
        return _formula(data, line_no, place)
    lines = data.split(b"\n")
    if not 0 < line_no <= len(lines):
        raise BackstepError(
            "a fault is planned at a line that the file does not have", where=f"line {line_no}"
        )
    lines[line_no - 1] = _broken(lines[line_no - 1], rule, place)
    return b"\n".join(lines)


def _broken(line: bytes, rule: str, place: Place) -> bytes:
    delimiter, quote = place.file.layout.delimiter.encode(), place.file.layout.quote.encode()
    ending = b"\r" if line.endswith(b"\r") else b""
    text = line.removesuffix(b"\r")
    if rule == STRANGE:
        word = delimiter + _instrument(place).encode() + delimiter
        return text.replace(word, delimiter + b"retired_form" + delimiter, 1) + ending
    if rule == "too_many_fields":
        return text + delimiter + b"x" + ending
    if rule == "too_few_fields":
        cut = text.rsplit(delimiter, 2)[0]
        while (
            quote and cut.count(quote) % 2
        ):  # not inside a quoted cell: that would be another fault
            cut = cut.rsplit(delimiter, 1)[0]
        return cut + ending
    if rule == "undecodable_text":
        head, tail = text.rsplit(delimiter, 1)
        return head + delimiter + _NO_CHARACTER[_encoding(place)] + tail + ending
    head, tail = text.rsplit(delimiter, 1)
    return head + delimiter + quote + tail.replace(quote, b"") + ending


def _formula(data: bytes, row_no: int, place: Place) -> bytes:
    """The workbook with the last filled cell of a row turned into a formula that was never calculated."""
    layout = place.file.sheets.get(place.table) or place.file.layout
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        part = _sheet_part(book, layout.sheet)
        parts = [(name, book.read(name)) for name in book.namelist()]
    changed = re.sub(
        rb'(<row r="%d"[^>]*>.*?)<c r="([A-Z]+%d)"([^>]*?)(?:/>|>(?:(?!</c>).)*</c>)(</row>)' % (row_no, row_no),
        rb'\1<c r="\2"><f>1+1</f></c>\4', dict(parts)[part], count=1, flags=re.S,
    )  # fmt: skip
    return zipped((name, changed if name == part else body) for name, body in parts)


def _sheet_part(book: zipfile.ZipFile, sheet: str | None) -> str:
    """The part of a workbook that holds a sheet; the first one where none is named."""
    names = re.findall(rb'<sheet name="([^"]*)"[^>]*r:id="([^"]+)"', book.read("xl/workbook.xml"))
    wanted = next(
        (rid for name, rid in names if sheet is None or name.decode() == _escaped(sheet)), None
    )
    if wanted is None:
        raise BackstepError("the workbook has no such sheet", where=str(sheet))
    relations = book.read("xl/_rels/workbook.xml.rels")
    for relation in re.findall(rb"<Relationship [^>]*>", relations):
        if b'Id="%s"' % wanted in relation:
            return "xl/" + re.search(rb'Target="([^"]+)"', relation)[1].decode().removeprefix(
                "/xl/"
            )
    raise BackstepError("the workbook's sheet has no part", where=str(sheet))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def zipped(parts) -> bytes:
    """A zip of (name, bytes) whose bytes depend on nothing else."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts:
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), body, zipfile.ZIP_DEFLATED)
    return out.getvalue()
