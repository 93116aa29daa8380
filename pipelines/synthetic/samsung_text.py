"""Writes made-up daily steps the way Samsung Health exports them (CSV)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

_COLUMNS = "create_sh_ver,step_count,source_info,active_time,deviceuuid,distance,day_time"


def day_summary_csv(
    days: Sequence[tuple[dt.date, int, str]], *, milliseconds: bool = False, header: str = _COLUMNS
) -> bytes:
    """Lines of (local day, steps, device); days written as midnights, or as their milliseconds."""
    lines = ["com.samsung.shealth.tracker.pedometer_day_summary,7006003,7", header]
    for day, steps, device in days:
        midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
        at = f"{midnight.timestamp() * 1000:.0f}" if milliseconds else f"{day} 00:00:00.000"
        lines.append(f",{steps},,0,{device},722.32,{at},")
    return ("\r\n".join(lines) + "\r\n").encode()
