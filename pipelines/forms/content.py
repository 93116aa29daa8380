"""What a received form is, by its content and never by its name."""

from __future__ import annotations

import re
from pathlib import Path

from pipelines.errors import DeliveryRefused
from pipelines.forms.archive import member_names

_HEAD_BYTES = 1 << 16
_STEP_BYTES = 1 << 20
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TEXT_BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_ARMOURED = (
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN AGE ENCRYPTED FILE-----",
    b"age-encryption.org/",
)
# First packet of an OpenPGP message: session key by public key (version 3) or password (version 4).
# Source: RFC 4880, 4.2 (packet headers), 5.1 and 5.3.
_OPENPGP = re.compile(
    rb"(?s:\x84.\x03.{8}[\x01\x02\x10\x12]|\x85..\x03.{8}[\x01\x02\x10\x12]|\xc1.\x03.{8}[\x01\x02\x10\x12\x19]"
    rb"|\xc1[\xc0-\xdf].\x03.{8}[\x01\x02\x10\x12\x19]|[\x8c\xc3].\x04[\x01-\x0b][\x00\x01\x03])"
)
_NOT_TEXT = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1a")
_MOST_CONTROLS = 0.001  # of the head; old terminals leave one or two behind


def recognise(path: Path) -> str:
    """`text`, `xlsx` or `unknown`; refuses what is empty, encrypted, cut, unsafe or an old .xls."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if _is_blank(path):
        raise DeliveryRefused(
            "empty",
            "the file has no content",
            where=path.name,
            remedy="export the file and send it again",
        )
    if head.startswith(_ARMOURED) or _OPENPGP.match(head):
        raise _encrypted(path)
    if head.startswith(_OLE):
        return _office_97(path)
    if head.startswith(b"PK\x03\x04"):
        names = member_names(path)
        return "xlsx" if {"[Content_Types].xml", "xl/workbook.xml"} <= names else "unknown"
    return "text" if _is_text(head) else "unknown"


def _is_blank(path: Path) -> bool:
    """Whether the file holds nothing but blanks, line ends and a byte order mark."""
    with path.open("rb") as file:
        first = file.read(4)
        for bom, codec in _TEXT_BOMS.items():
            if first.startswith(bom):
                file.seek(len(bom))
                blanks = b" \t\r\n\v\f" + (b"\0" if codec != "utf-8" else b"")
                break
        else:
            file.seek(0)
            blanks = b" \t\r\n\v\f"
        while block := file.read(_STEP_BYTES):
            if block.strip(blanks):
                return False
    return True


def _office_97(path: Path) -> str:
    """`unknown` for a compound file that is no workbook; refuses both kinds that are."""
    found = set()
    names = {name: name.encode("utf-16-le") for name in ("EncryptedPackage", "Workbook", "Book")}
    with path.open("rb") as file:
        before = b""
        while block := file.read(_STEP_BYTES):
            found |= {name for name, text in names.items() if text in before + block}
            before = block[-64:]
    if "EncryptedPackage" in found:
        raise _encrypted(path)
    if found:
        raise DeliveryRefused(
            "old_xls",
            "the workbook has the format of Excel 97-2003",
            where=path.name,
            remedy="save it in Excel as .xlsx and send it again",
        )
    return "unknown"


def _is_text(head: bytes) -> bool:
    for bom, codec in _TEXT_BOMS.items():
        if head.startswith(bom) and codec != "utf-8":
            text = head[2 : len(head) // 2 * 2].decode(codec, "replace")
            head = text.encode("utf-8", "replace")
    if b"\0" in head or head.startswith(b"%PDF-"):
        return False
    n_controls = len(head) - len(head.translate(None, _NOT_TEXT))
    return n_controls <= max(1, len(head) * _MOST_CONTROLS)


def _encrypted(path: Path) -> DeliveryRefused:
    return DeliveryRefused(
        "encrypted",
        "the file is encrypted",
        where=path.name,
        remedy="send it without a password, over the agreed secure transfer",
    )
