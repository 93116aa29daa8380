"""What a measure is: its scales, their direction, and published thresholds with their sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower"]
Reads = Literal[
    "answer", "walk_test", "balance_test", "strength", "knee_girth", "wear_window", "knee_load"
]
Purpose = Literal["mdc95", "mdc", "mcid", "cutoff"]
Op = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True)
class Scale:
    """One number a measure yields; scored from items of 0 to `item_top`, if it has items."""

    unit: str
    better: Better
    range: tuple[float, float | None]
    items: tuple[str, ...] = ()
    item_top: float | None = None
    least_answered: int | None = None


@dataclass(frozen=True)
class Threshold:
    """One published number to read a value (`cutoff`) or a change (`mdc95`, `mdc`, `mcid`) by.

    `mdc` is a detectable change at another confidence than 95 %; the population says which.
    `value` is a change in the better direction, always positive, or a cut-off on the scale itself;
    `relative` makes it a percentage of the baseline value. The baseline band is where it holds:
    ends belong to the band unless marked open, None has no end. `verified` is False where the
    number is in common use but its source was not at hand; a report must say so.
    """

    scale: str
    purpose: Purpose
    value: float
    unit: str
    population: str
    source: str
    op: Op = ">="
    relative: bool = False
    baseline_low: float | None = None
    baseline_high: float | None = None
    baseline_low_open: bool = False
    baseline_high_open: bool = False
    verified: bool = True


@dataclass(frozen=True)
class Measure:
    """One outcome instrument."""

    name: str
    title: str
    unit: str
    better: Better
    licence: str
    source: str
    reads: Reads
    scales: dict[str, Scale]
    thresholds: tuple[Threshold, ...] = ()
    form: str | None = None  # the form whose answers it reads, where that is another measure's


def numbered(prefix: str, count: int) -> tuple[str, ...]:
    """Item codes prefix1 to prefix<count>."""
    return tuple(f"{prefix}{number}" for number in range(1, count + 1))
