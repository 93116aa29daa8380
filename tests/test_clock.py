"""Clock changes, study days and elapsed time, worked by hand from the zones' offsets."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from pipelines.clock import (
    days_between,
    local_date,
    local_to_utc,
    minutes_between,
    study_day,
)
from pipelines.errors import ContractError

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def resolved(local: str | None, zone: str, offset_minutes: int | None = None) -> dict:
    frame = pl.DataFrame(
        {
            "local": [local and dt.datetime.fromisoformat(local)],
            "offset": [offset_minutes],
        },
        schema={"local": pl.Datetime("us"), "offset": pl.Int64},
    )
    return frame.select(local_to_utc(pl.col("local"), zone, pl.col("offset"))).item()


@pytest.mark.parametrize(
    ("local", "zone", "utc", "fault"),
    [
        ("2025-03-30T01:59:59", BERLIN, "2025-03-30T00:59:59", None),
        ("2025-03-30T02:30:00", BERLIN, None, "nonexistent_local_time"),
        ("2025-03-30T03:00:00", BERLIN, "2025-03-30T01:00:00", None),
        ("2025-10-26T01:59:59", BERLIN, "2025-10-25T23:59:59", None),
        ("2025-10-26T02:30:00", BERLIN, None, "ambiguous_local_time"),
        ("2025-10-26T03:00:00", BERLIN, "2025-10-26T02:00:00", None),
        ("2025-03-09T02:30:00", NEW_YORK, None, "nonexistent_local_time"),
        ("2025-11-02T01:30:00", NEW_YORK, None, "ambiguous_local_time"),
        ("2025-07-01T23:30:00", NEW_YORK, "2025-07-02T03:30:00", None),
        ("2025-03-30T02:30:00", "UTC", "2025-03-30T02:30:00", None),
        (None, BERLIN, None, None),
    ],
)
def test_local_to_utc(local, zone, utc, fault):
    expected = utc and dt.datetime.fromisoformat(utc)

    assert resolved(local, zone) == {"utc": expected, "fault": fault}


@pytest.mark.parametrize(
    ("local", "zone", "offset_minutes", "utc"),
    [
        ("2025-10-26T02:30:00", BERLIN, 120, "2025-10-26T00:30:00"),
        ("2025-10-26T02:30:00", BERLIN, 60, "2025-10-26T01:30:00"),
        ("2025-11-02T01:30:00", NEW_YORK, -240, "2025-11-02T05:30:00"),
        ("2025-11-02T01:30:00", NEW_YORK, -300, "2025-11-02T06:30:00"),
    ],
)
def test_the_senders_offset_settles_a_time_shown_twice(local, zone, offset_minutes, utc):
    expected = {"utc": dt.datetime.fromisoformat(utc), "fault": None}

    assert resolved(local, zone, offset_minutes) == expected


def test_an_offset_that_was_not_in_force_settles_nothing():
    found = resolved("2025-10-26T02:30:00", BERLIN, 0)

    assert found == {"utc": None, "fault": "ambiguous_local_time"}


def test_no_offset_is_needed_and_the_type_is_fixed():
    frame = pl.DataFrame(
        {"local": [dt.datetime(2025, 6, 1, 12)]}, schema={"local": pl.Datetime("ms")}
    )

    instants = frame.select(local_to_utc(pl.col("local"), BERLIN).alias("t")).unnest("t")

    assert instants.schema == {"utc": pl.Datetime("us"), "fault": pl.String}
    assert instants["utc"].item() == dt.datetime(2025, 6, 1, 10)


def test_an_unknown_zone_is_named():
    with pytest.raises(ContractError, match="Europe/Atlantis"):
        local_to_utc(pl.col("local"), "Europe/Atlantis")


def test_the_day_is_the_clinics_and_not_utcs():
    frame = pl.DataFrame({"utc": [dt.datetime(2025, 7, 2, 3, 30)]})

    assert frame.select(local_date(pl.col("utc"), NEW_YORK)).item() == dt.date(2025, 7, 1)
    assert frame.select(local_date(pl.col("utc"), BERLIN)).item() == dt.date(2025, 7, 2)


@pytest.mark.parametrize(
    ("date", "day", "days"),
    [
        (dt.date(2025, 3, 10), 1, 0),
        (dt.date(2025, 3, 9), -1, -1),
        (dt.date(2025, 3, 11), 2, 1),
        (dt.date(2025, 4, 10), 32, 31),
        (None, None, None),
    ],
)
def test_study_days_have_no_day_zero(date, day, days):
    frame = pl.DataFrame(
        {"date": [date], "reference": [dt.date(2025, 3, 10)]},
        schema={"date": pl.Date, "reference": pl.Date},
    )
    date_of, reference = pl.col("date"), pl.col("reference")

    found = frame.select(day=study_day(date_of, reference), days=days_between(date_of, reference))

    assert found.row(0) == (day, days)


def test_elapsed_minutes_ignore_the_clock_change():
    # 01:30 to 03:30 in Berlin on the night the clock springs forward is one hour.
    frame = pl.DataFrame(
        {
            "start": [dt.datetime(2025, 3, 30, 1, 30)],
            "end": [dt.datetime(2025, 3, 30, 3, 30, 30)],
        }
    )
    utc = frame.select(
        pl.col(name).pipe(local_to_utc, BERLIN).struct.field("utc").alias(name)
        for name in frame.columns
    )

    assert utc.select(minutes_between(pl.col("start"), pl.col("end"))).item() == 60.5
