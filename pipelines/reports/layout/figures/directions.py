"""Words and marks that say which direction is better, the same in every figure."""

from __future__ import annotations

import textwrap
from typing import Literal

import altair as alt
import polars as pl

from pipelines.reports.layout.svg import Size

Better = Literal["higher", "lower"]
ARROWS: dict[Better, str] = {"higher": "\N{UPWARDS ARROW}", "lower": "\N{DOWNWARDS ARROW}"}


def better_text(better: Better) -> str:
    """For example `↑ higher is better`."""
    return f"{ARROWS[better]} {better} is better"


def rows(frame: pl.DataFrame) -> alt.InlineData:
    """The frame as data of a chart. Only pass columns that may be seen."""
    return alt.InlineData(values=frame.to_dicts())


def tight(values: list[float], share: float = 0.06) -> tuple[float, float]:
    """The range of the values with a little room on both sides, never empty."""
    low, high = min(values), max(values)
    room = (high - low) * share or abs(high) * share or 1.0
    return low - room, high + room


def width_of(text: str, size: Size) -> float:
    """Px that a text may need; ample, because readers' fonts are wider than the one measured."""
    return len(text) * size.font * 0.58


def wrapped(text: str, size: Size, room: float) -> list[str]:
    """The text in lines that fit the room."""
    return textwrap.wrap(text, width=max(12, int(room / (size.font * 0.58))))


def label_room(texts: pl.Series, size: Size, least: float, most: float) -> float:
    """Px to keep free for the longest of some labels."""
    longest = max((width_of(text, size) for text in texts.drop_nulls()), default=0.0)
    return min(max(longest + 10, least), most)


def only(frame: pl.DataFrame, column: str, known: dict) -> None:
    """Stops on a word the figure has no mark for; leaving it out would lose rows in silence."""
    strange = frame.filter(~pl.col(column).is_in(list(known)) | pl.col(column).is_null())[
        column
    ].unique()
    if len(strange):
        words = sorted(str(word) for word in strange)
        raise ValueError(f"column `{column}` has {words}; the figure knows {list(known)}")
