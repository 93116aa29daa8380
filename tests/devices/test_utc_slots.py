import datetime as dt

import numpy as np
import pytest

from pipelines.devices.utc_slots import SLOT_SCHEMA, local_days, slots

NOON = dt.datetime(2026, 7, 1, 12, 0)
NOON_S = 1782907200  # 2026-07-01T12:00:00Z


def test_quarter_hours_sum_their_minutes():
    at_s = NOON_S + np.array([0, 60, 899, 900])

    found = slots(np.array([5, 6, 7, 8]), at_s, np.array([1, 2, 3, 4]), 60)

    assert dict(found.schema) == SLOT_SCHEMA
    assert found.rows() == [
        (5, NOON, 60, 3, 6),
        (8, NOON + dt.timedelta(minutes=15), 60, 1, 4),
    ]


def test_a_minute_with_two_entries_is_one_epoch():
    found = slots(np.array([1, 2]), NOON_S + np.array([7, 37]), np.array([10, 20]), 60)

    assert found.select("epochs_n", "steps_n").rows() == [(1, 30)]


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        # midnight is 16:00 UTC in Shanghai, 18:30 UTC in Kolkata
        ("Asia/Shanghai", [(1, 1, 1), (2, 2, 110)]),
        ("Asia/Kolkata", [(1, 2, 11), (2, 1, 100)]),
        ("America/New_York", [(1, 3, 111)]),
    ],
)
def test_the_zone_decides_the_day(zone, days):
    at_s = NOON_S + 60 * np.array([225, 240, 390])  # 15:45, 16:00 and 18:30 UTC
    records = slots(np.array([1, 2, 3]), at_s, np.array([1, 10, 100]), 60)

    found = local_days(records, zone)

    assert found.columns == ["row_no", "wear_date", "epoch_s", "epochs_n", "steps_n"]
    assert [
        (day["wear_date"].day, day["epochs_n"], day["steps_n"])
        for day in found.iter_rows(named=True)
    ] == days


def test_a_day_of_25_hours_has_all_its_minutes():
    # clocks in Berlin went back on 2026-10-25: that day lasts from 22:00 to 23:00 UTC a day later
    start_s = int(dt.datetime(2026, 10, 24, 22, tzinfo=dt.UTC).timestamp())
    n = 25 * 60
    records = slots(np.arange(n), start_s + 60 * np.arange(n), np.ones(n, int), 60)

    assert local_days(records, "Europe/Berlin").select("wear_date", "epochs_n").rows() == [
        (dt.date(2026, 10, 25), 1500)
    ]
