"""Excel's values as the text a careful person would type."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

_EXACT_DIGITS = 15  # Excel shows and keeps no more; the rest is noise of binary fractions
_PLAIN_FROM, _PLAIN_TO = 1e-12, 1e21  # outside, a number keeps its exponent


def text_of(value: object, decimal: str = ".") -> str | None:
    """The text of one cell; None where the sheet has no value.

    Dates are ISO 8601 (midnight cannot be told from a date), durations h:mm:ss, numbers without
    exponent and with the decimal mark given.
    """
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value).replace(".", decimal)
    if isinstance(value, dt.datetime):
        return _seconds(value).isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.time):
        return _seconds(dt.datetime.combine(dt.date.min, value)).time().isoformat()
    if isinstance(value, dt.timedelta):
        return _duration(value)
    raise TypeError(f"no text for a cell of {type(value).__name__}")


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 10**_EXACT_DIGITS:
        return str(int(value))
    text = f"{value:.{_EXACT_DIGITS}g}"
    if "e" in text and _PLAIN_FROM <= abs(value) < _PLAIN_TO:
        return f"{Decimal(text):f}"
    return text


def _seconds(value: dt.datetime) -> dt.datetime:
    """The time to the second where it is within 1 ms of one: day fractions are not exact."""
    nearest = (value + dt.timedelta(milliseconds=500)).replace(microsecond=0)
    return nearest if abs(nearest - value) <= dt.timedelta(milliseconds=1) else value


def _duration(value: dt.timedelta) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = "-" if seconds < 0 else "", abs(seconds)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
