"""Kinds of value that a declaration may hold: encodings, date orders, patterns of file names, spans."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Any

from pydantic import AfterValidator


def _known_encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError(f"`{name}` is not an encoding that Python knows") from None
    return name


def _date_order(order: str) -> str:
    if not re.fullmatch(r"(DD([./-])MM\2|MM([./-])DD\3)YYYY|YYYY([./-])MM\4DD", order):
        raise ValueError("write the date order as DD.MM.YYYY, MM/DD/YYYY or YYYY-MM-DD")
    return order


def _ordered(span: tuple[Any, Any]) -> tuple[Any, Any]:
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in span)
    if not numbers and not all(isinstance(end, str) for end in span):
        raise ValueError("the two ends of a span are two numbers or two dates")
    if span[0] > span[1]:
        raise ValueError("a span has its lower end above its upper end")
    return span


def _name_pattern(name: str) -> str:
    try:
        groups = re.compile(name).groupindex
    except re.error as fault:
        raise ValueError(f"the pattern is not a regular expression: {fault}") from None
    if "sent" not in groups:
        raise ValueError("the pattern needs a group `sent`: the date the clinic sent the file")
    return name


Encoding = Annotated[str, AfterValidator(_known_encoding)]
DateOrder = Annotated[str, AfterValidator(_date_order)]
NamePattern = Annotated[str, AfterValidator(_name_pattern)]
Span = Annotated[tuple[Any, Any], AfterValidator(_ordered)]
