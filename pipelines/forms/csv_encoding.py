"""A text file's bytes as UTF-8, once its declared encoding was found to hold."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import ContractError, DeliveryRefused

BLOCK_BYTES = 4 << 20
_BOMS = (  # longest first: a UTF-32 mark begins with a UTF-16 one
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_AGREES = {
    "utf-8": ("utf-8",),
    "utf-16": ("utf-16-le", "utf-16-be"),
    "utf-16-le": ("utf-16-le",),
    "utf-16-be": ("utf-16-be",),
}
_FEW_LINES = (
    10  # so many undecodable lines, or 1 in 100, are faults of the lines and not of the file
)
_FEW_PART = 0.01
_LINE_END = re.compile(rb"\r\n|\r|\n")
_C1_CONTROLS = re.compile(rb"[\x80-\x9f]")  # no text in ISO 8859-1, but quotes and dashes in CP1252


@dataclass(frozen=True)
class Source:
    """A text file and how to decode it."""

    path: Path
    codec: str
    bom_bytes: int


def check_text(path: Path, declared: str) -> Source:
    """How to decode the file; refuses blank files, NUL bytes, and what contradicts `declared`."""
    source = _source(path, declared)
    n_bad = 0
    blank = True
    for block in _whole_lines(utf8_blocks(source)):
        if b"\0" in block:
            raise DeliveryRefused(
                "binary_in_text",
                "the text holds NUL bytes",
                where=path.name,
                remedy="export the file again as plain text in the declared encoding",
            )
        blank = blank and block.isspace()
        if not is_utf8(block):
            n_bad += sum(not is_utf8(line) for line in _LINE_END.split(block))
    if blank:
        raise DeliveryRefused(
            "empty",
            "the file has no content",
            where=path.name,
            remedy="export the file and send it again",
        )
    if n_bad > _FEW_LINES:
        n_lines = sum(max(b.count(b"\n"), b.count(b"\r")) for b in utf8_blocks(source))
        if n_bad > n_lines * _FEW_PART:
            raise _wrong(source, f"{n_bad} of {n_lines} lines are not {declared}")
    if not source.codec.startswith("utf"):
        _check_single_byte(source, declared)
    return source


def utf8_blocks(source: Source) -> Iterator[bytes]:
    """The text in UTF-8, without byte order mark; what cannot be decoded stays as other bytes."""
    on_error = "surrogatepass" if source.codec.startswith("utf-16") else "surrogateescape"
    plain = source.codec == "utf-8"
    decoder = codecs.getincrementaldecoder(source.codec)(on_error)
    with source.path.open("rb") as file:
        file.seek(source.bom_bytes)
        while block := file.read(BLOCK_BYTES):
            if plain:
                yield block
            else:
                yield decoder.decode(block).encode("utf-8", on_error)
        if not plain:
            yield decoder.decode(b"", final=True).encode("utf-8", on_error)


def is_utf8(data: bytes) -> bool:
    """Whether the bytes are UTF-8 from first to last."""
    if data.isascii():
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _source(path: Path, declared: str) -> Source:
    try:
        codec = codecs.lookup(declared).name
        "".encode(declared)
    except LookupError as error:
        raise ContractError(
            "the declared encoding is not known",
            where=declared,
            remedy="declare utf-8, utf-16, cp1252 or another name that Python knows",
        ) from error
    codec = "utf-8" if codec == "utf-8-sig" else codec
    with path.open("rb") as file:
        head = file.read(4)
    bom, found = next(((bom, name) for bom, name in _BOMS if head.startswith(bom)), (b"", None))
    source = Source(path, found or codec, len(bom))
    if found is not None and found not in _AGREES.get(codec, ()):
        raise _wrong(source, f"its first bytes say {found}, not {declared}")
    if found is None and codec.startswith(("utf-16", "utf-32")) and head:
        raise _wrong(source, f"it does not begin with the mark of {declared}")
    if source.codec.startswith("utf-16") and path.stat().st_size % 2:
        raise DeliveryRefused(
            "truncated",
            "the file ends in half a character",
            where=path.name,
            remedy="send the file again; it was cut on its way",
        )
    return source


def _check_single_byte(source: Source, declared: str) -> None:
    """Refuses UTF-8 under another name, and CP1252 under that of ISO 8859-1: both decode."""
    maybe_utf8, any_high = True, False
    with source.path.open("rb") as file:
        for block in _whole_lines(iter(lambda: file.read(BLOCK_BYTES), b"")):
            if block.isascii():
                continue
            any_high = True
            maybe_utf8 = maybe_utf8 and is_utf8(block)
            if source.codec == "iso8859-1" and not maybe_utf8 and _C1_CONTROLS.search(block):
                raise _wrong(
                    source, f"it holds bytes that are no characters in {declared}; probably cp1252"
                )
    if any_high and maybe_utf8:
        raise _wrong(source, f"it reads as utf-8 throughout, not as {declared}")


def _whole_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, cut where a line ends so that no character is cut."""
    rest = b""
    for block in blocks:
        cut = max(block.rfind(b"\n"), block.rfind(b"\r")) + 1
        if cut == 0 and len(rest) < BLOCK_BYTES:
            rest += block
            continue
        yield rest + block[:cut]
        rest = block[cut:]
    if rest:
        yield rest


def _wrong(source: Source, why: str) -> DeliveryRefused:
    return DeliveryRefused(
        "wrong_encoding",
        f"the file is not in the encoding that is declared: {why}",
        where=source.path.name,
        remedy="export the file in the declared encoding, or correct the clinic's `encoding`",
    )
