import datetime as dt

import numpy as np
import polars as pl
import pytest

from pipelines.devices.stamps import stamps_us


@pytest.mark.parametrize(
    ("text", "written", "expected"),
    [
        ("1970-01-01 00:00:00", "YYYY-MM-DD hh:mm:ss", 0),
        ("1970-01-02T00:00:01.5", "YYYY-MM-DDThh:mm:ss.f", 86_401_500_000),
        ("29.02.2024 23:59:59.999999", "DD.MM.YYYY hh:mm:ss.ffffff", 1_709_251_199_999_999),
        ("20260302093000Z", "YYYYMMDDhhmmssZ", 1_772_443_800_000_000),
    ],
)
def test_a_stamp_is_microseconds_since_1970(text, written, expected):
    assert stamps_us(pl.Series([text]), written).tolist() == [expected]


@pytest.mark.parametrize(
    "text",
    [None, "", "2026-03-02 09:30:0", "2026-03-02 09:30:000", "2026/03/02 09:30:00", "2023-02-29 00:00:00",
     "2026-00-10 00:00:00", "2026-13-10 00:00:00", "2026-04-31 00:00:00", "2026-03-00 00:00:00",
     "2026-03-02 24:00:00", "2026-03-02 09:60:00", "2026-03-02 09:30:60", "1969-12-31 23:59:59",
     "2026-03-02 09:3０:0", "+026-03-02 09:30:00"],
)  # fmt: skip
def test_what_is_written_otherwise_or_never_was_is_no_time(text):
    stamps = pl.Series([text, "1970-01-01 00:00:01"], dtype=pl.String)

    assert stamps_us(stamps, "YYYY-MM-DD hh:mm:ss").tolist() == [-1, 1_000_000]


def test_every_day_of_a_leap_cycle_has_its_number():
    first = dt.date(1999, 1, 1)
    days = [first + dt.timedelta(days=n) for n in range(5 * 366)]

    us = stamps_us(pl.Series([f"{day} 12:00:00" for day in days]), "YYYY-MM-DD hh:mm:ss")

    epoch = dt.date(1970, 1, 1)
    expected = [(day - epoch).days * 86_400_000_000 + 43_200_000_000 for day in days]
    np.testing.assert_array_equal(us, expected)
