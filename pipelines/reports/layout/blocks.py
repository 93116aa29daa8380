"""What a page is made of. Every text here is plain text: the template escapes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import polars as pl
from markupsafe import Markup

from pipelines.reports.layout.results import SCHEMA

Audience = Literal["open", "closed", "clinic"]


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class KeyNumber:
    """One tile: a number already written out, what it is, and its denominator or interval; `numbers` as `results.one`."""

    value: str
    label: str
    note: str = ""
    numbers: pl.DataFrame = field(default_factory=SCHEMA.to_frame, compare=False, repr=False)


@dataclass(frozen=True)
class KeyNumbers:
    items: tuple[KeyNumber, ...]


@dataclass(frozen=True)
class Table:
    """A table as HTML without style; `tables.table` makes it. `legend` explains its signs, `numbers` are its results, `rests_on` the SQL of their rows."""

    html: Markup
    title: str
    note: str = ""
    legend: str = ""
    by_arm: bool = False
    interactive: bool = False  # can be sorted and filtered on screen
    numbers: pl.DataFrame = field(default_factory=SCHEMA.to_frame, compare=False, repr=False)
    rests_on: str = ""


@dataclass(frozen=True)
class Figure:
    """One drawing in two widths, for a desk (or paper) and for a phone; `figures` makes it."""

    wide_svg: str
    narrow_svg: str
    title: str
    caption: str
    alt: str
    by_arm: bool = False


@dataclass(frozen=True)
class Callout:
    text: str
    title: str = ""
    level: Literal["note", "warning"] = "warning"


@dataclass(frozen=True)
class Definition:
    term: str
    text: str


@dataclass(frozen=True)
class Definitions:
    items: tuple[Definition, ...]


@dataclass(frozen=True)
class Link:
    """A link to a file beside this page; the page takes no address with a scheme or a host."""

    href: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Links:
    items: tuple[Link, ...]


Block = Paragraph | KeyNumbers | Table | Figure | Callout | Definitions | Links


@dataclass(frozen=True)
class Section:
    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Canaries:
    """How many faults were planted in the night and how many caught; `missed` says which were not, and by what rule."""

    planted_n: int
    caught_n: int
    missed: tuple[str, ...] = ()

    @property
    def counted(self) -> str:
        return f"Canaries: {self.planted_n} planted, {self.caught_n} caught"


@dataclass(frozen=True)
class Page:
    """One report. `summary` is the answer, first; `sources` say where thresholds are from."""

    title: str
    subtitle: str
    audience: Audience
    cutoff_text: str
    code_version: str
    sections: tuple[Section, ...]
    summary: tuple[Block, ...] = ()
    sources: tuple[str, ...] = ()
    footnotes: tuple[str, ...] = ()
    lang: str = "en"
    report: str = ""  # its name, by which `backstep trace` finds its numbers
    pdf: str | None = None  # its printed form beside it
    canaries: Canaries | None = None  # of the night; a page that speaks of no night has none

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Every block in reading order."""
        return (*self.summary, *(block for section in self.sections for block in section.blocks))

    @property
    def numbers(self) -> pl.DataFrame:
        """Every result of the page in reading order, counted from 1: `number` and SCHEMA."""
        parts = [SCHEMA.to_frame(), *(numbers_of(block) for block in self.blocks)]
        return pl.concat(parts).with_row_index("number", 1)


def numbers_of(block: Block | KeyNumber) -> pl.DataFrame:
    """The results that a block prints; none for text and figures, which repeat those of tables and tiles."""
    if isinstance(block, KeyNumbers):
        return pl.concat([SCHEMA.to_frame(), *(item.numbers for item in block.items)])
    return block.numbers if isinstance(block, Table | KeyNumber) else SCHEMA.to_frame()
