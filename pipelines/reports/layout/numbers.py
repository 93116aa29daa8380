"""Numbers as people read them: U+2212 for minus, an en dash for missing, no minus zero."""

from __future__ import annotations

import math

MISSING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
GAP = "\N{NARROW NO-BREAK SPACE}"  # between thousands and before %, understood in every language
INFINITE = "\N{INFINITY}"


def number(value: float | None, digits: int = 0) -> str:
    """The value with fixed decimals; an en dash for none. Thousands apart from 10 000 on."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return INFINITE if value > 0 else MINUS + INFINITE
    text = f"{abs(value):,.{digits}f}" if abs(value) >= 10_000 else f"{abs(value):.{digits}f}"
    below_zero = value < 0 and float(text.replace(",", "")) != 0
    return (MINUS if below_zero else "") + text.replace(",", GAP)


def signed(value: float | None, digits: int = 0) -> str:
    """As `number`, with a plus sign where the value is above zero; for changes."""
    text = number(value, digits)
    return text if text == MISSING or text.startswith(MINUS) or _is_zero(text) else "+" + text


def interval(low: float | None, high: float | None, digits: int = 0) -> str:
    """`low to high`, as a dash beside a minus misleads. An en dash where a bound is missing."""
    bounds = number(low, digits), number(high, digits)
    return MISSING if MISSING in bounds else " to ".join(bounds)


def estimate(value: float | None, low: float | None, high: float | None, digits: int = 0) -> str:
    """`value (low to high)`, or what of it is known."""
    spread = interval(low, high, digits)
    if value is None or math.isnan(value) or spread == MISSING:
        return number(value, digits)
    return f"{number(value, digits)} ({spread})"


def percent(part: float | None, whole: float | None, digits: int = 0) -> str:
    """`part` of `whole` in percent; an en dash where the whole is nothing or unknown."""
    if part is None or whole is None or whole == 0:
        return MISSING
    return number(100 * part / whole, digits) + GAP + "%"


def fraction(part: int | None, whole: int | None) -> str:
    """`part/whole (percent)`, so that the denominator is never out of sight."""
    if part is None or whole is None:
        return MISSING
    text = f"{number(part)}/{number(whole)}"
    return text if whole == 0 else f"{text} ({percent(part, whole)})"


def p_value(p: float | None) -> str:
    """Three decimals below 0.1, else two; `<0.001` and `>0.99` at the ends."""
    if p is None or math.isnan(p):
        return MISSING
    if not 0 <= p <= 1:
        raise ValueError("a p-value lies between 0 and 1; check the column given")
    if p < 0.001:
        return "<0.001"
    if p > 0.99:
        return ">0.99"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _is_zero(text: str) -> bool:
    return not text.strip("0.")
