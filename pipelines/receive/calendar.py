"""Which files were expected, which came, and which did not come and since when."""

from __future__ import annotations

import datetime as dt

import polars as pl

from pipelines.contracts.model import Clinic

CALENDAR_SCHEMA = {
    "clinic_id": pl.String, "file_kind": pl.String, "expected_date": pl.Date, "state": pl.String,
    "sent_date": pl.Date, "missing_since_date": pl.Date,
}  # fmt: skip


def arrivals(
    clinic: Clinic, sent: list[tuple[str, dt.date, bool]], today: dt.date, grace_days: int
) -> pl.DataFrame:
    """One row per file expected up to `today`: came, late, refused, missing, or due (still within grace).

    `sent` lists (file kind, date the clinic sent it, usable). `missing_since_date` is the first expected day of
    the unbroken run of files that did not come, while that run is still open.
    """
    rows = []
    for kind, declared in clinic.files.items():
        if declared.every_days is None:
            continue
        of_kind = []
        expected = clinic.sends_from
        while expected <= today:
            following = expected + dt.timedelta(days=declared.every_days)
            here = sorted(
                (day, good) for k, day, good in sent if k == kind and expected <= day < following
            )
            usable = [day for day, good in here if good]
            last_day = expected + dt.timedelta(days=grace_days)
            if usable:
                state = "came" if usable[0] <= last_day else "late"
            elif here:
                state = "refused"
            else:
                state = "missing" if today > last_day else "due"
            of_kind.append(
                [clinic.clinic_id, kind, expected, state, usable[0] if usable else None, None]
            )
            expected = following
        since = None
        for row in reversed([row for row in of_kind if row[3] != "due"]):
            if row[3] in ("came", "late"):
                break
            since = row[2]
        for row in of_kind:
            if since and row[2] >= since and row[3] in ("missing", "refused"):
                row[5] = since
        rows += of_kind
    return pl.DataFrame(rows, schema=CALENDAR_SCHEMA, orient="row")
