import datetime as dt
import struct

import numpy as np
import pytest

from pipelines.devices.fit import read
from pipelines.devices.utc_slots import local_days
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.fit_bytes import ENUM, U8, U16, U32, activity_bytes, fit_file, messages

DAY = dt.datetime(2026, 3, 2, 23)  # midnight of March 3 in Berlin
DAY_S = int((DAY - dt.datetime(1989, 12, 31)).total_seconds())
WALKING, RUNNING, SEDENTARY = 6, 1, 8
FILE_ID = messages(0, 0, [(0, ENUM, 1, 32), (1, U16, 1, 1), (2, U16, 1, 1837), (3, U32, 1, 77)])


def info(at_s: int, ahead_s: int = 3600) -> bytes:
    return messages(1, 103, [(253, U32, 1, at_s), (11, U32, 1, at_s + ahead_s)])


def counted(*rows: tuple[int, int, int]) -> bytes:
    """Full time, kind of movement, and steps so far."""
    at_s, kind, steps = np.array(rows).T
    return messages(2, 55, [(253, U32, 1, at_s), (5, ENUM, 1, kind), (3, U32, 1, steps)])


def counted_briefly(*rows: tuple[int, int, int]) -> bytes:
    """The low 16 bits of the time, kind of movement packed with an intensity, and steps so far."""
    at_s, kind, steps = np.array(rows).T
    packed = 2 << 5 | kind
    return messages(3, 55, [(26, U16, 1, at_s % 65536), (24, U8, 1, packed), (3, U32, 1, steps)])


def written(tmp_path, *parts: bytes):
    path = tmp_path / "day.fit"
    path.write_bytes(fit_file(FILE_ID + b"".join(parts)))
    return path


def days_of(path, zone="Europe/Berlin") -> list[tuple]:
    found = read(path)
    return local_days(found.records, zone).select("wear_date", "epochs_n", "steps_n").rows()


def test_counts_go_up_by_kind_and_belong_to_the_quarter_hour_that_ends(tmp_path):
    rows = [
        (DAY_S + 600, WALKING, 100),
        (DAY_S + 900, WALKING, 250),  # on the quarter hour: of the one before
        (DAY_S + 960, RUNNING, 40),
        (DAY_S + 1200, WALKING, 300),
    ]

    found = read(written(tmp_path, info(DAY_S), counted(*rows)))

    assert (found.table, found.maker, found.device_serial) == ("wear_day", "garmin", "77")
    # from the first message at 10 minutes to the last at 20: 5 minutes of each quarter hour
    assert found.records.rows() == [
        (3, DAY, 60, 5, 250),
        (5, DAY + dt.timedelta(minutes=15), 60, 5, 90),
    ]


def test_times_of_16_bits_count_on_and_wrap(tmp_path):
    # 65,536 s are 18 h 12 min, so the second one is past a wrap of the 16 bits
    later = [(DAY_S + 60_000, WALKING, 100), (DAY_S + 80_000, WALKING, 150)]

    found = read(written(tmp_path, info(DAY_S), counted_briefly(*later)))

    slots = found.records.filter(found.records["steps_n"] > 0)
    assert slots.select("slot_utc", "steps_n").rows() == [
        (DAY + dt.timedelta(seconds=59_400), 100),
        (DAY + dt.timedelta(seconds=79_200), 50),
    ]


def test_each_of_the_watchs_days_begins_from_nothing(tmp_path):
    # the second day's first count is higher than the day before: no count went back to 0
    rows = [
        (DAY_S + 43_200, WALKING, 200),
        (DAY_S + 86_400, WALKING, 300),  # its midnight: the last of the first day
        (DAY_S + 86_400 + 36_000, WALKING, 5000),
    ]

    assert [(day.day, steps) for day, _, steps in days_of(written(tmp_path, info(DAY_S), counted(*rows)))] == [
        (3, 300),
        (4, 5000),
    ]  # fmt: skip


def test_a_count_that_falls_begins_again(tmp_path):
    rows = [(DAY_S + 3600, WALKING, 500), (DAY_S + 7200, WALKING, 30)]

    assert days_of(written(tmp_path, info(DAY_S), counted(*rows)))[0][2] == 530


def test_a_file_that_begins_at_noon_has_the_whole_days_count(tmp_path):
    noon_s = DAY_S + 43_200
    rows = [(noon_s + 60, WALKING, 4000), (noon_s + 600, WALKING, 4100)]

    assert days_of(written(tmp_path, info(noon_s), counted(*rows))) == [
        (dt.date(2026, 3, 3), 9, 4100)
    ]


def test_what_is_not_on_foot_is_not_steps(tmp_path):
    rows = [(DAY_S + 600, SEDENTARY, 70), (DAY_S + 660, 2, 900), (DAY_S + 720, WALKING, 5)]

    assert days_of(written(tmp_path, info(DAY_S), counted(*rows)))[0][2] == 5


def test_ten_silent_hours_are_not_recorded_time(tmp_path):
    rows = [(DAY_S + 900, WALKING, 1), (DAY_S + 1800, WALKING, 2), (DAY_S + 37_800, WALKING, 3)]

    # 15 minutes between the first two; the last stands alone, in a minute of its own, as the first
    assert days_of(written(tmp_path, info(DAY_S), counted(*rows)))[0][1] == 15 + 1 + 1


def test_seconds_since_power_up_are_named_and_not_used(tmp_path):
    rows = [(5000, WALKING, 10), (DAY_S + 900, WALKING, 40)]

    found = read(written(tmp_path, counted(*rows)))

    assert found.findings == ((2, "clock_not_set"),)
    assert found.records["steps_n"].to_list() == [40]


def test_a_clock_that_goes_back_is_named(tmp_path):
    rows = [(DAY_S + 7200, WALKING, 10), (DAY_S + 900, WALKING, 40)]

    assert read(written(tmp_path, info(DAY_S), counted(*rows))).findings == ((4, "clock_jump"),)


def test_without_any_time_the_file_is_refused(tmp_path):
    with pytest.raises(DeliveryRefused) as refused:
        read(written(tmp_path, counted((5000, WALKING, 10))))
    assert refused.value.reason == "no_activity"


def test_other_files_of_the_watch_are_refused_by_their_kind(tmp_path):
    path = tmp_path / "settings.fit"
    path.write_bytes(fit_file(messages(0, 0, [(0, ENUM, 1, 2)])))

    with pytest.raises(DeliveryRefused, match="settings") as refused:
        read(path)
    assert refused.value.reason == "not_an_activity"


def test_a_chain_of_an_activity_and_a_day_gives_both(tmp_path):
    walk = activity_bytes(11, DAY, [(0, 0, 1, 80, 50), (10, 12, 1, 90, 50)])
    day = fit_file(FILE_ID + info(DAY_S) + counted((DAY_S + 900, WALKING, 20)))
    path = tmp_path / "both.fit"
    path.write_bytes(walk + day + b"stray")

    bouts, days = read(path)

    assert (bouts.table, bouts.device_serial, bouts.model) == ("wear_bout", "11", "fenix5")
    assert (days.table, days.device_serial, days.model) == ("wear_day", "77", "vivo_fit")
    assert days.records["steps_n"].to_list() == [20]
    assert [rule for _, rule in bouts.findings + days.findings] == ["trailing_bytes"]


def test_a_watch_apps_field_of_the_same_name_is_not_the_count(tmp_path):
    described = messages(1, 207, [(3, U8, 1, 0)])
    name = b"cycles\0"
    described += bytes([0x42, 0, 0, 206, 0, 4, 0, 1, 2, 1, 1, 2, 2, 1, 2, 3, len(name), 7])
    described += bytes([2, 0, 0, 0x86]) + name
    own = bytes([0x63, 0, 0, 55, 0, 3, 253, 4, 0x86, 5, 1, 0, 3, 4, 0x86, 1, 0, 4, 0, 3])
    own += struct.pack("<IBII", DAY_S + 900, WALKING, 123, 999)

    assert read(written(tmp_path, described, own)).records["steps_n"].to_list() == [123]
