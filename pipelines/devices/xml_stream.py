"""Elements of an XML file as it streams by: no document type, no entity of its own, little memory.

Activity exports need neither a document type nor entities; both are ways to make a small file
swell or to read other files. Two things hold memory down whatever is sent: what the reader does not
ask for is thrown away with what it does, and a stretch of megabytes without anything it asks for
ends the reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from lxml import etree

from pipelines.errors import DeliveryRefused

PIECE_BYTES = 1 << 18
_MAX_PROLOGUE = 1 << 16
_MAX_SILENT = 1 << 20  # bytes between two elements of those asked for
_MAX_KEPT = 64  # elements before one that are kept until their parent ends
_MAX_PASSED = 1000  # elements between two of those asked for, in one parent
_MAX_PER_KB = 42  # of those asked for: the shortest point that says anything has 24 bytes
_ROOT = re.compile(rb"<([A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)(?=[\s/>])")
_ASIDE = re.compile(rb"<!--.*?-->|<\?.*?\?>", re.DOTALL)  # comments and instructions
_ENCODING = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([^"']{1,40})["']""")
# one byte per ASCII character, so that a document type cannot hide in another alphabet
_PLAIN = frozenset(("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "latin1",
                    "windows-1252", "windows-1250"))  # fmt: skip
_BOM = b"\xef\xbb\xbf"


def root_name(head: bytes) -> str | None:
    """The local name of the root element, if it begins within `head`."""
    root = _ROOT.search(_ASIDE.sub(b"", head.removeprefix(_BOM)))
    if not root or not head.removeprefix(_BOM).lstrip().startswith(b"<"):
        return None
    return root[2].decode("ascii")


def require_size(path: Path, max_bytes: int) -> None:
    """Refuses an empty file, and one with more bytes than its kind can have."""
    n_bytes = path.stat().st_size
    if n_bytes == 0:
        raise DeliveryRefused(
            "empty", "the file has no content", where=path.name, remedy="export and send it again"
        )
    if n_bytes > max_bytes:
        raise DeliveryRefused(
            "too_large",
            f"the file has {n_bytes} bytes, more than the {max_bytes} that an export can have",
            where=path.name,
            remedy="export a shorter time",
        )


def pieces_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, a quarter of a megabyte at a time."""
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def ends_with(path: Path, name: str) -> bool:
    """Whether the last thing in a file is the end of its root element."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 1024))
        tail = _ASIDE.sub(b"", file.read()).rstrip(b"\0 \t\r\n")
    return re.search(rf"</([\w.-]+:)?{name}\s*>$".encode(), tail) is not None


def elements(
    pieces: Iterable[bytes],
    tags: tuple[str, ...],
    where: str,
    *,
    keep: frozenset[str] = frozenset(),
    may_be_cut: bool = False,
) -> Iterator[etree._Element]:
    """Each element of the given local names when it has ended; look at it before the next.

    It is emptied soon, and what stands before it in its parent goes, but for the names in `keep`.
    `may_be_cut` takes a fault of the text for the end of what can be read, and is for files whose
    end is missing. Refused as `unreadable` or `too_large`.
    """
    parser = etree.XMLPullParser(
        events=("end",), tag=[f"{{*}}{tag}" for tag in tags], resolve_entities=False,
        no_network=True, load_dtd=False, huge_tree=False, recover=False, remove_comments=True,
        remove_pis=True,
    )  # fmt: skip
    silent, root, held, fault = 0, None, None, None
    for number, piece in enumerate(pieces):
        if number == 0:
            _check_prologue(piece, where)
        fault = _fed(parser, piece)
        silent += len(piece)
        left = max(len(piece), PIECE_BYTES) * _MAX_PER_KB >> 10
        for _, element in parser.read_events():
            silent, left = 0, left - 1
            if left < 0:
                raise _too_large(where)
            root = element.getroottree().getroot() if root is None else root
            yield element
            if element.getparent() is not root:
                _drop_before(element, keep, where)
        if fault:
            break
        if root is not None:
            del root[:-1]  # the last one may still be open
        if silent > _MAX_SILENT:
            # one element that goes on and on is not waited for
            if root is None or not len(root) or root[-1] is held:
                raise _too_large(where)
            held, silent = root[-1], 0
    fault = fault or _fed(parser, None)
    if fault and not may_be_cut:
        raise _unreadable(fault, where) from None


def _fed(parser: etree.XMLPullParser, piece: bytes | None) -> Exception | None:
    """The fault that a piece of the text has, or the text as a whole when there is no more."""
    try:
        parser.close() if piece is None else parser.feed(piece)
    except (etree.XMLSyntaxError, etree.ParserError) as fault:
        return fault
    return None


def _drop_before(element: etree._Element, keep: frozenset[str], where: str) -> None:
    element.clear(keep_tail=True)
    parent, sibling, n_kept, n_gone = element.getparent(), element.getprevious(), 0, 0
    while sibling is not None:
        before = sibling.getprevious()
        if keep and sibling.tag.rpartition("}")[2] in keep:
            n_kept += 1
        else:
            parent.remove(sibling)
            n_gone += 1
        sibling = before
        if n_kept > _MAX_KEPT or n_gone > _MAX_PASSED:
            raise _too_large(where)


def _check_prologue(piece: bytes, where: str) -> None:
    """Refuses a file with a document type, or in an alphabet in which one could hide."""
    prologue = piece[:_MAX_PROLOGUE].removeprefix(_BOM)
    encoding = _ENCODING.match(prologue.lstrip())
    root = _ROOT.search(_ASIDE.sub(b"", prologue))
    if root is None or (encoding and encoding[1].decode("ascii", "replace").lower() not in _PLAIN):
        raise DeliveryRefused(
            "unreadable",
            "the file does not begin as XML in a usual encoding",
            where=where,
            remedy="export it again, and send it without opening it in another program",
        )
    if b"<!DOCTYPE" in _ASIDE.sub(b"", prologue)[: root.start()]:
        raise DeliveryRefused(
            "unreadable",
            "the file brings a document type of its own, which no device writes",
            where=where,
            remedy="export it again from the device's own software",
        )


def _unreadable(fault: Exception, where: str) -> DeliveryRefused:
    line = getattr(fault, "lineno", None)
    return DeliveryRefused(
        "unreadable",
        "the file is not well-formed XML" + (f" at line {line}" if line else ""),
        where=where,
        remedy="export it again, and send it without opening it in another program",
    )


def _too_large(where: str) -> DeliveryRefused:
    return DeliveryRefused(
        "too_large",
        "the file is swollen with elements that say nothing",
        where=where,
        remedy="export the activities again from the device's own software",
    )
