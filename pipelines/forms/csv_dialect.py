"""The three bytes that give a delimited text its shape, and how one record of it is matched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from pipelines.contracts.shapes import Layout
from pipelines.errors import ContractError

LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True)
class Dialect:
    """Delimiter and quote, one byte each; an empty quote means that nothing is ever quoted.

    A quote opens a cell only as its first character, and is written twice inside that cell.
    Elsewhere it is text, as in 5'10".
    Source: RFC 4180, and what Python's csv module accepts.
    """

    delimiter: bytes
    quote: bytes

    @cached_property
    def field(self) -> re.Pattern[bytes]:
        """One field, quoted or not."""
        plain = rb"[^%b\r\n]*+" % re.escape(self.delimiter)
        if not self.quote:
            return re.compile(plain)
        quote = re.escape(self.quote)
        after = rb"(?=[%b\r\n]|\Z)" % re.escape(self.delimiter)
        return re.compile(rb"%b%b|(?!%b)%b" % (self._opened, after, quote, plain))

    @cached_property
    def record(self) -> re.Pattern[bytes]:
        """One record, without its line end."""
        fields = rb"(?:%b)(?:%b(?:%b))*+" % (
            self.field.pattern,
            re.escape(self.delimiter),
            self.field.pattern,
        )
        return re.compile(fields + rb"(?=[\r\n]|\Z)")

    @cached_property
    def opened(self) -> re.Pattern[bytes]:
        """A quoted cell up to its closing quote or, where there is none, the end."""
        quote = re.escape(self.quote)
        return re.compile(rb"%b[^%b]*+(?:%b%b[^%b]*+)*+" % (quote, quote, quote, quote, quote))

    @property
    def _opened(self) -> bytes:
        return self.opened.pattern + re.escape(self.quote)

    def fields(self, record: bytes) -> list[bytes] | None:
        """The fields of one record as they stand, quotes included; None if it is not one record."""
        found, at = [], 0
        while match := self.field.match(record, at):
            found.append(match[0])
            if match.end() == len(record):
                return found
            if not record.startswith(self.delimiter, match.end()):
                return None
            at = match.end() + 1
        return None

    def cells(self, record: bytes) -> list[str] | None:
        """The texts of one record's cells; None if it is not one record."""
        fields = self.fields(record)
        return None if fields is None else [self.text(field) for field in fields]

    def text(self, field: bytes) -> str:
        """What a field says, without the quotes around it."""
        if self.quote and field.startswith(self.quote):
            field = field[1:-1].replace(self.quote * 2, self.quote)
        return field.decode("utf-8", "backslashreplace")


def dialect_of(layout: Layout) -> Dialect:
    """The dialect that a clinic declares."""
    for name, char in (("delimiter", layout.delimiter), ("quote", layout.quote)):
        may_be_empty = name == "quote"
        if not (
            char.isascii() and len(char) == 1 and char not in "\r\n\0" or may_be_empty and not char
        ):
            raise ContractError(
                f"the {name} of a layout is not one ASCII character",
                where=f"layout.{name}",
                remedy="declare one character, e.g. ',' ';' '|' or a tab",
            )
    if layout.delimiter == layout.quote:
        raise ContractError(
            "a layout has the same character as delimiter and as quote",
            where="layout.quote",
            remedy="declare the quote as '\"', or as '' where nothing is quoted",
        )
    return Dialect(layout.delimiter.encode(), layout.quote.encode())
