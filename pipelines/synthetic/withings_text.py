"""Writes made-up steps and activities the way a Withings account exports them (CSV)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence

_ACTIVITIES = 'from,to,"from (manual)","to (manual)",Timezone,"Activity type",Data,GPS,Modified'


def minutes_csv(rows: Sequence[tuple[dt.datetime, Sequence[float]]]) -> bytes:
    """Values a minute: each row begins at a time with its offset. Any measure has this form."""
    lines = ["start,duration,value"]
    lines += [
        f"{start.isoformat()},{_list([60] * len(values))},{_list(values)}" for start, values in rows
    ]
    return ("\n".join(lines) + "\n").encode()


def totals_csv(days: Sequence[tuple[dt.date, float]]) -> bytes:
    """Totals by day. Any measure has this form."""
    lines = ["date,value"] + [f"{day},{value}" for day, value in days]
    return ("\n".join(lines) + "\n").encode()


def activities_csv(
    activities: Sequence[tuple[dt.datetime, dt.datetime, str, dict]], header: str = _ACTIVITIES
) -> bytes:
    """Activities: start and end with their offsets, type, and what was measured."""
    lines = [header]
    for start, end, kind, data in activities:
        measured = json.dumps(data, separators=(",", ":")).replace('"', '""')
        lines.append(
            f'{start.isoformat()},{end.isoformat()},,,Europe/Berlin,"{kind}","{measured}",,'
            f"{end.isoformat()}"
        )
    return ("\n".join(lines) + "\n").encode()


def _list(values: Sequence[float]) -> str:
    text = "[" + ",".join(str(value) for value in values) + "]"
    return f'"{text}"' if len(values) > 1 else text
