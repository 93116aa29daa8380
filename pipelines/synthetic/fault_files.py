"""Hostile files: whole files that must be refused, each for its own reason."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable, Iterator

from pipelines.contracts.model import Clinic, FileKind
from pipelines.synthetic.fault_lines import zipped
from pipelines.synthetic.faults import Fault, Place

_BOMB_BYTES = 24 * 2**20  # of blanks; deflate makes about a thousandth of it
_COLUMNS = 2_500  # more than any form has
_SECTOR = 512
_HEAD_BYTES = 1 << 16

_TEXT, _BOOK, _ANY = ("csv", "redcap"), ("xlsx",), ("csv", "redcap", "xlsx")
# rule -> formats of the file kinds it may pose as
_RULES: dict[str, tuple[str, ...]] = {
    "empty": _TEXT, "encrypted": _ANY, "archive_bomb": _BOOK, "truncated": _BOOK, "unknown_format": _TEXT,
    "unknown_file_name": _TEXT, "wrong_clinic": _TEXT, "wrong_encoding": _TEXT, "columns_missing": _TEXT,
    "duplicate_columns": _TEXT, "too_many_columns": _TEXT, "binary_in_text": _TEXT,
    "date_order_contradicted": ("csv",), "decimal_mark_contradicted": ("csv",), "sheet_missing": _BOOK,
    "crc_fault": ("device",), "no_records": _TEXT, "unit_contradicted": ("csv",),
}  # fmt: skip
# These are written in a way of the clinic's own that it did not declare, or with other people's codes.
REWRITTEN = (
    "date_order_contradicted",
    "decimal_mark_contradicted",
    "unit_contradicted",
    "wrong_clinic",
)
# What a clinic writes when it does not write the unit it declared, or the field's own.
_OTHER_UNIT = {
    "force_n": {None: "kgf", "kgf": None, "lbf": None},
    "rating_pain_vas_mm": {None: "cm", "cm": None},
}


def faults() -> Iterator[Fault]:
    """One hostile file per reason to refuse one."""
    for rule, formats in _RULES.items():
        yield Fault(kind=f"file.{rule}", rule=rule, table="", level="file", formats=formats,
                    applies=_applies(rule))  # fmt: skip


def _applies(rule: str) -> Callable[[Place], bool]:
    def applies(place: Place) -> bool:
        if rule == "wrong_encoding":
            return "16" not in (place.file.encoding or place.clinic.encoding)
        if rule == "date_order_contradicted":
            return swapped_dates(place.clinic.dates) is not None
        if rule == "decimal_mark_contradicted":
            return place.table == "walk_test"  # has seconds with two decimals on every line
        if rule == "unit_contradicted":
            return place.table in ("strength", "patient_rating")
        if rule in ("columns_missing", "duplicate_columns", "too_many_columns", "no_records"):
            return bool(place.file.layout.header)
        if rule == "sheet_missing":
            return bool(place.file.sheets or place.file.layout.sheet)
        if rule == "crc_fault":
            return "fit" in place.file.devices
        return True

    return applies


def swapped_dates(order: str) -> str | None:
    """The date order with day and month changed over; None where the year comes first."""
    if order.startswith("YYYY"):
        return None
    return order.replace("MM", "??").replace("DD", "MM").replace("??", "DD")


def other_habits(clinic: Clinic, rule: str) -> Clinic:
    """The clinic as if it wrote against its own declaration."""
    if rule == "date_order_contradicted":
        return clinic.model_copy(update={"dates": swapped_dates(clinic.dates)})
    if rule == "decimal_mark_contradicted":
        mark = "," if clinic.decimal == "." else "."
        return clinic.model_copy(update={"decimal": mark, "thousands": ""})
    if rule == "unit_contradicted":
        return clinic.model_copy(
            update={"files": {name: _in_other_units(kind) for name, kind in clinic.files.items()}}
        )
    return clinic


def _in_other_units(kind: FileKind) -> FileKind:
    tables = {
        name: table.model_copy(update={"columns": {
            column: meaning.model_copy(update={"unit": _OTHER_UNIT[meaning.field][meaning.unit]})
            if meaning.field in _OTHER_UNIT else meaning
            for column, meaning in table.columns.items()
        }})
        for name, table in kind.tables.items()
    }  # fmt: skip
    return kind.model_copy(update={"tables": tables})


def hostile(rule: str, good: bytes, place: Place) -> bytes:
    """The bytes of a hostile file, made from those of a small good one."""
    encoding = place.file.encoding or place.clinic.encoding
    if rule == "empty":
        return b""
    if rule == "encrypted":
        return _encrypted_container(len(good))
    if rule == "archive_bomb":
        return _bomb(good)
    if rule == "truncated":
        return good[: len(good) * 3 // 5]
    if rule == "unknown_format":
        return (
            b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"
            + good[:200]
            + b"\n%%EOF\n"
        )
    if rule == "wrong_encoding":
        return good.decode(encoding).lstrip("\ufeff").encode("utf-16")
    if rule == "binary_in_text":
        # Far in: at the beginning it would not even look like text.
        long = good + good[good.index(b"\n") + 1 :] * (_HEAD_BYTES * 2 // max(len(good), 1))
        return long[:-40] + bytes(range(9)) * 8 + long[-40:]
    if rule == "crc_fault":
        return good[:-2] + bytes(byte ^ 0x5A for byte in good[-2:])
    if rule == "sheet_missing":
        return _renamed_sheets(good)
    if rule in ("columns_missing", "duplicate_columns", "too_many_columns", "no_records"):
        return _other_header(rule, good, place, encoding)
    return good


def _other_header(rule: str, good: bytes, place: Place, encoding: str) -> bytes:
    delimiter, wanted = place.file.layout.delimiter, place.file.layout.header
    lines = good.decode(encoding).split("\n")
    at = next(k for k, line in enumerate(lines) if all(name in line for name in wanted))
    names = lines[at].rstrip("\r").split(delimiter)
    ending = "\r" if lines[at].endswith("\r") else ""
    if rule == "no_records":
        return ("\n".join(lines[: at + 1]) + "\n").encode(encoding)
    first = next(k for k, name in enumerate(names) if name.strip('"') == wanted[0])
    if rule == "columns_missing":
        names[first] = "Column1"
    elif rule == "duplicate_columns":
        names[-1] = names[first]
    else:
        names += [f"Column{k}" for k in range(_COLUMNS)]
    lines[at] = delimiter.join(names) + ending
    return "\n".join(lines).encode(encoding)


def _renamed_sheets(good: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(good)) as book:
        parts = [(name, book.read(name)) for name in book.namelist()]
    return zipped(
        (name, re.sub(rb'<sheet name="[^"]*" sheetId="(\d+)"', rb'<sheet name="Sheet\1" sheetId="\1"', body)
         if name == "xl/workbook.xml" else body)
        for name, body in parts
    )  # fmt: skip


def _bomb(good: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(good)) as book:
        parts = [(name, book.read(name)) for name in book.namelist()]
    return zipped([*parts, ("xl/media/image1.emf", b" " * _BOMB_BYTES)])


def _encrypted_container(size: int) -> bytes:
    """An OLE compound file as Office writes a workbook with a password: a directory and sealed streams.

    Source: [MS-CFB] 2.2 (header) and 2.6 (directory); [MS-OFFCRYPTO] 2.3.4 (stream names).
    """
    header = struct.pack(
        "<8s16sHHHHH6sIIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\0" * 16, 0x3E, 3, 0xFFFE, 9, 6, b"\0" * 6,
        0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0,
    )  # fmt: skip
    header += struct.pack("<I", 0xFFFFFFFF) * ((_SECTOR - len(header)) // 4)
    sectors = max(8, -(-size // _SECTOR))
    used = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, 2 + sectors), 0xFFFFFFFE]
    table = struct.pack("<128I", *(used + [0xFFFFFFFF] * 128)[:128])
    entries = [
        ("Root Entry", 5, 1),
        ("EncryptionInfo", 2, 0xFFFFFFFF),
        ("EncryptedPackage", 2, 0xFFFFFFFF),
    ]
    directory = b"".join(
        struct.pack("<64sHBBIII16sIQQIQ", name.encode("utf-16-le"), 2 * len(name) + 2, kind, 1,
                    2 if name == "EncryptionInfo" else 0xFFFFFFFF, 0xFFFFFFFF, child, b"\0" * 16, 0, 0, 0,
                    2 if kind == 2 else 0xFFFFFFFE, 4096 if kind == 2 else 0)
        for name, kind, child in entries
    )  # fmt: skip
    sealed = bytes((37 * k + 11) % 251 for k in range(_SECTOR)) * sectors
    return header + table + directory.ljust(_SECTOR, b"\0") + sealed
