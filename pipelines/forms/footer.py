"""The line that ends a table, and what it proves: that nothing of the file is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.contracts.shapes import Layout
from pipelines.errors import DeliveryRefused

_INTEGER = re.compile(r"\d+")


@dataclass(frozen=True)
class Footer:
    """The footer that a layout declares; `text` is empty where it declares none."""

    text: bytes
    pattern: re.Pattern[bytes] | None  # matches at the start of a footer line
    counts: bool


def footer_of(layout: Layout) -> Footer:
    """The declared footer, as bytes of UTF-8."""
    text = (layout.footer or "").encode()
    quote = re.escape(layout.quote.encode())
    pattern = re.compile(rb"[ \t]*(?:%b)?%b" % (quote, re.escape(text))) if text else None
    return Footer(text, pattern, layout.trailer_count)


def check_footer(footer: Footer, line: str | None, n_records: int, where: str) -> None:
    """Refuses a file whose declared footer is absent, or counts other than `n_records` records."""
    if not footer.text:
        return
    if line is None:
        raise _truncated(
            f"the line that ends the table is missing after {n_records} records", where
        )
    if footer.counts:
        behind = line[line.find(footer.text.decode()) + len(footer.text.decode()) :]
        stated = (
            _INTEGER.search(line) if _INTEGER.search(behind) is None else _INTEGER.search(behind)
        )
        if stated is None:
            raise _truncated("the last line states no number of rows", where)
        if int(stated[0]) != n_records:
            raise _truncated(
                f"the last line states {stated[0]} rows, the file has {n_records}", where
            )


def cut_in_a_line(row_no: int, where: str) -> DeliveryRefused:
    """What is said of a file that ends in the middle of a record."""
    return _truncated(f"the file ends in the middle of line {row_no}", where)


def data_after_footer(where: str) -> DeliveryRefused:
    """What is said of a file that goes on after its end."""
    return DeliveryRefused(
        "data_after_footer",
        "rows stand behind the line that ends the table",
        where=where,
        remedy="send one table per file, or correct `footer` in the clinic's declaration",
    )


def _truncated(why: str, where: str) -> DeliveryRefused:
    return DeliveryRefused(
        "truncated",
        f"the file is not complete: {why}",
        where=where,
        remedy="send the file again; it was cut on its way, or its export was stopped",
    )
