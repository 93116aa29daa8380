"""What a workbook's XML says that the fast reader does not: errors, lost values, extent."""

from __future__ import annotations

import posixpath
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers import expat

from pipelines.errors import DeliveryRefused
from pipelines.forms.header import too_many_columns
from pipelines.forms.limits import MAX_COLUMNS, MAX_SHEET_CELLS

_CELL = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STRICT_RELATION = "http://purl.oclc.org/ooxml/officeDocument/relationships"
_STEP_BYTES = 1 << 20


@dataclass(frozen=True)
class SheetFacts:
    """What is remarkable in a worksheet; rows and columns count from 1."""

    errors: dict[tuple[int, int], str]  # cells that say e.g. #N/A
    unvalued: frozenset[tuple[int, int]]  # formulas that were saved without their value
    last_row: int
    last_column: int


def sheet_facts(path: Path, sheet: str) -> SheetFacts:
    """The facts of one worksheet; refuses one that is absent, too large, or no proper XML."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _facts(archive, _part_of(archive, sheet), path.name)
    except (
        zipfile.BadZipFile,
        KeyError,
        expat.ExpatError,
        NotImplementedError,
        EOFError,
        OSError,
    ) as error:
        raise damaged(path.name) from error


def damaged(where: str) -> DeliveryRefused:
    """What is said of a workbook whose parts cannot be read."""
    return DeliveryRefused(
        "damaged",
        "the workbook cannot be read",
        where=where,
        remedy="open it in Excel, save it as .xlsx and send it again",
    )


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The archive member that holds a worksheet."""
    relation: list[str] = []
    target: list[str] = []

    def in_workbook(name: str, attributes: dict[str, str]) -> None:
        if name.endswith("|sheet") and attributes.get("name") == sheet:
            keys = (f"{_RELATION}|id", f"{_STRICT_RELATION}|id")
            relation.extend(attributes[key] for key in keys if key in attributes)

    def in_relations(name: str, attributes: dict[str, str]) -> None:
        if name.endswith("|Relationship") and [attributes.get("Id")] == relation[:1]:
            target.append(attributes["Target"])

    _parse(archive, "xl/workbook.xml", in_workbook)
    _parse(archive, "xl/_rels/workbook.xml.rels", in_relations)
    if not target:
        raise KeyError(sheet)
    return posixpath.normpath(posixpath.join("/xl", target[0])).lstrip("/")


def _facts(archive: zipfile.ZipFile, part: str, where: str) -> SheetFacts:
    errors: dict[tuple[int, int], str] = {}
    unvalued: set[tuple[int, int]] = set()
    row = column = last_row = last_column = 0
    kind, formula, filled, reading, text = "n", False, False, False, ""

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, kind, formula, filled, reading, text
        name = tag.rpartition("|")[2]
        if name == "row":
            row, column = int(attributes.get("r") or row + 1), 0
        elif name == "c":
            row, column = _place(attributes.get("r"), row, column)
            kind, formula, filled, text = attributes.get("t", "n"), False, False, ""
        elif name == "f":
            formula = True
        elif name in ("v", "is"):
            filled = reading = True

    def end(tag: str) -> None:
        nonlocal last_row, last_column, reading
        name = tag.rpartition("|")[2]
        if name in ("v", "is"):
            reading = False
        elif name == "c":
            if formula and (not filled or (not text and kind != "str")):
                unvalued.add((row, column))
            if filled or formula:
                last_row, last_column = max(last_row, row), max(last_column, column)
                _check_extent(last_row, last_column, where)
            if kind == "e" and text:
                errors[row, column] = text

    def characters(piece: str) -> None:
        nonlocal text
        if reading and len(text) < 64:  # enough to know an error and to see that there is a value
            text += piece

    _parse(archive, part, start, end, characters)
    return SheetFacts(errors, frozenset(unvalued), last_row, last_column)


def _check_extent(last_row: int, last_column: int, where: str) -> None:
    """Refuses what would not fit in memory, before the reader lays all cells out."""
    if last_column > MAX_COLUMNS:
        raise too_many_columns(last_column, where)
    if last_row * last_column > MAX_SHEET_CELLS:
        raise DeliveryRefused(
            "too_large",
            f"the worksheet has {last_row} rows by {last_column} columns",
            where=where,
            remedy="delete cells far outside the table, or send the table as CSV",
        )


def _place(reference: str | None, row: int, column: int) -> tuple[int, int]:
    """Row and column of a cell; one without a reference follows the cell before it."""
    if reference is None:
        return row, column + 1
    match = _CELL.fullmatch(reference)
    if match is None:
        raise KeyError(reference)
    number = 0
    for letter in match[1]:
        number = number * 26 + ord(letter) - ord("A") + 1
    return int(match[2]), number


def _parse(
    archive: zipfile.ZipFile, part: str, start: Any, end: Any = None, characters: Any = None
) -> None:
    """Calls the handlers on each element of a member, in pieces; names are `namespace|name`."""
    parser = expat.ParserCreate(namespace_separator="|")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = _no_doctype
    with archive.open(part) as file:
        while piece := file.read(_STEP_BYTES):
            parser.Parse(piece, False)
    parser.Parse(b"", True)


def _no_doctype(*_: object) -> None:
    raise KeyError("DOCTYPE")  # no workbook has one; entities are declared there
