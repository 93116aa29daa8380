import datetime as dt

import pytest

from pipelines.devices.withings_csv import FORMAT, MAX_BYTES, read
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.withings_text import activities_csv, minutes_csv, totals_csv

CET = dt.timezone(dt.timedelta(hours=1))
START = dt.datetime(2026, 3, 2, 8, 0, tzinfo=CET)
MINUTES = minutes_csv([(START, [7, 0, 112, 95])])
WALK = (
    START,
    START + dt.timedelta(minutes=25),
    "Walking",
    {
        "manual_distance": 9, "hr_average": 95, "hr_max": 120, "pause_duration": 300,
        "steps": 2000, "distance": 1500,
    },
)  # fmt: skip


def read_text(tmp_path, data: bytes):
    path = tmp_path / "x"
    path.write_bytes(data)
    return read(path)


def reason_of(tmp_path, data: bytes) -> str:
    with pytest.raises(DeliveryRefused) as refused:
        read_text(tmp_path, data)
    assert refused.value.where == "x" and refused.value.remedy
    return refused.value.reason


def days(found) -> list[tuple]:
    return found.records.select("row_no", "wear_date", "epochs_n", "steps_n").rows()


# --- minutes


def test_minutes_are_summed_by_local_day(tmp_path):
    late = dt.datetime(2026, 3, 2, 23, 58, tzinfo=CET)
    found = read_text(tmp_path, minutes_csv([(START, [7, 0, 112, 95]), (late, [10, 20, 30])]))

    assert (found.table, found.maker, found.device_serial, found.findings) == (
        "wear_day", "withings", None, (),
    )  # fmt: skip
    # 23:58 and 23:59 belong to the day on which the list began, midnight to the next
    assert days(found) == [
        (2, dt.date(2026, 3, 2), 6, 7 + 112 + 95 + 30), (3, dt.date(2026, 3, 3), 1, 30),
    ]  # fmt: skip
    assert found.records["epoch_s"].to_list() == [60, 60]


def test_a_minute_counts_once(tmp_path):
    again = START + dt.timedelta(minutes=3)
    found = read_text(
        tmp_path,
        minutes_csv([(START, [7, 0, 112, 95]), (START, [7, 0, 112, 95]), (again, [50, 60])]),
    )

    assert days(found) == [(2, dt.date(2026, 3, 2), 5, 7 + 112 + 95 + 60)]
    assert found.findings == ((3, "repeated_epoch"), (4, "repeated_epoch"))


def test_the_hour_that_came_twice_counts_twice(tmp_path):
    # Berlin, 25 October 2026: 02:30 in summer time, and 02:30 again an hour later
    summer, winter = (dt.timezone(dt.timedelta(hours=h)) for h in (2, 1))
    rows = [(dt.datetime(2026, 10, 25, 2, 30, tzinfo=zone), [7, 30]) for zone in (summer, winter)]

    found = read_text(tmp_path, minutes_csv(rows))

    assert days(found) == [(2, dt.date(2026, 10, 25), 4, 74)]
    assert found.findings == ()


def test_zones_west_of_utc(tmp_path):
    west = dt.timezone(-dt.timedelta(hours=9, minutes=30))
    start = dt.datetime(2026, 3, 2, 23, 59, tzinfo=west)

    found = read_text(tmp_path, minutes_csv([(start, [7, 95])]))

    assert [day[1:] for day in days(found)] == [
        (dt.date(2026, 3, 2), 1, 7), (dt.date(2026, 3, 3), 1, 95),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        '2026-03-02T09:00:00+01:00,"[60,60]","[5]"',
        "2026-03-02T09:00:00,[60],[5]",
        "2026-02-30T09:00:00+01:00,[60],[5]",
        "2026-03-02T09:00:00+01:00,[60],[NaN]",
        "2026-03-02T09:00:00+01:00,[60],[-5]",
        "2026-03-02T09:00:00+01:00,[60],[]",
        "2026-03-02T09:00:00+01:00,[999999999999999999999],[5]",
        "2026-03-02T09:00:00+01:00,[[60]],[[5]]",
        "2026-03-02T09:00:00+01:00,60,5",
        "9999-12-31T23:59:00+01:00,[60],[5]",
        "\u202e,[60],[5]",
        "x",
    ],
)
def test_a_line_that_cannot_be_read_is_a_finding(tmp_path, line):
    found = read_text(tmp_path, MINUTES + f"{line}\n".encode())

    assert found.findings == ((3, "unreadable_epoch"),)
    assert days(found) == [(2, dt.date(2026, 3, 2), 4, 214)]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([(START, [5.68, 4.43, 76.67])], "not_used"),  # distance
        ([(START, [0.23, 3.11, 4])], "not_used"),  # calories
        ([(START.replace(second=17), [64, 71, 68])], "not_used"),  # heart rate
        ([(START.replace(second=26), [3, 18, 30])], "not_used"),  # place
        ([(START, [64, 71, 88])], "unknown_measure"),  # heart rate on whole minutes
        ([(START, [0, 1, 2])], "unknown_measure"),  # sleep
        ([(START, [0, 0])], "unknown_measure"),
        ([(START, [5, 400])], "not_used"),
    ],
)
def test_other_measures_are_refused(tmp_path, rows, reason):
    assert reason_of(tmp_path, minutes_csv(rows)) == reason


# --- daily totals


def test_daily_totals(tmp_path):
    found = read_text(tmp_path, totals_csv([(dt.date(2026, 3, 3), 6400), (dt.date(2026, 3, 2), 0)]))

    assert days(found) == [(2, dt.date(2026, 3, 3), None, 6400), (3, dt.date(2026, 3, 2), None, 0)]


def test_bad_lines_of_daily_totals_are_findings(tmp_path):
    data = totals_csv([(dt.date(2026, 3, d), 5000 + d) for d in range(1, 7)])
    data += b"2026-03-01,9999\n0000-03-01,5\n-026-03-09,5\n2026-03-08,x\n2026-03-09,77"

    found = read_text(tmp_path, data)

    assert found.findings == (
        (8, "repeated_epoch"), (9, "unreadable_epoch"), (10, "unreadable_epoch"),
        (11, "unreadable_epoch"), (12, "unreadable_epoch"),
    )  # fmt: skip
    assert found.records["steps_n"].to_list() == [5001, 5002, 5003, 5004, 5005, 5006]


@pytest.mark.parametrize(
    ("values", "reason"),
    [([4481.003, 1388], "not_used"), ([0, 3, 12], "unknown_measure"), ([0], "unknown_measure")],
)
def test_totals_of_something_else_are_refused(tmp_path, values, reason):
    data = totals_csv([(dt.date(2026, 3, 1 + i), value) for i, value in enumerate(values)])

    assert reason_of(tmp_path, data) == reason


# --- activities


@pytest.mark.parametrize(
    "header",
    [
        'from,to,"from (manual)","to (manual)",Timezone,"Activity type",Data,GPS,Modified',
        'von,bis,"from (manual)","to (manual)",Timezone,"Activity type",Data,GPS,Modified',
    ],
)
def test_an_activity_is_a_bout_whatever_the_language(tmp_path, header):
    found = read_text(tmp_path, activities_csv([WALK], header))

    assert found.table == "wear_bout"
    # 25 min less 5 of pause; 1500 m and 2000 steps in 20 min
    assert found.records.row(0, named=True) == {
        "row_no": 2,
        "start_utc": dt.datetime(2026, 3, 2, 7, 0),
        "end_utc": dt.datetime(2026, 3, 2, 7, 25),
        "duration_s": 1200.0,
        "distance_m": 1500.0,
        "speed_mean_mps": 1.25,
        "hr_mean_bpm": 95.0,
        "hr_max_bpm": 120.0,
        "cadence_mean_spm": 100.0,
        "steps_n": 2000,
        "sport": "walking",
    }


def test_a_line_with_a_position_only_is_no_activity(tmp_path):
    found = read_text(tmp_path, activities_csv([WALK, (*WALK[:3], {})]))

    assert found.records["row_no"].to_list() == [2]


@pytest.mark.parametrize(
    "data",
    ["[" * 2000, "{", "null", '[""steps""]', '{""steps"": NaN, ""distance"": 1e999}', "x" * 5000,
     '{""steps"": ' + "9" * 3000 + "}", '{""steps"": true, ""distance"": ""far""}'],
)  # fmt: skip
def test_hostile_data_of_an_activity_are_empty(tmp_path, data):
    text = activities_csv([WALK]).decode()
    line = text.splitlines()[1]
    measured = line[line.index('"{') : line.index('}"') + 2]

    row = read_text(tmp_path, text.replace(measured, f'"{data}"').encode()).records.row(
        0, named=True
    )

    assert (row["steps_n"], row["distance_m"], row["sport"]) == (None, None, "walking")
    assert row["start_utc"] == dt.datetime(2026, 3, 2, 7, 0)


def test_a_short_line_keeps_an_empty_row(tmp_path):
    found = read_text(tmp_path, activities_csv([WALK]) + b"2026-03-02T08:00:00+01:00,x\n")

    assert found.records.row(1) == (3, *(None,) * 10)


# --- hostile and cut files


@pytest.mark.parametrize(
    "data",
    [MINUTES, totals_csv([(dt.date(2026, 3, 3), 6400)]), activities_csv([WALK])],
)
def test_cut_at_every_byte_is_read_or_refused(tmp_path, data):
    for n in range(1, len(data)):
        try:
            found = read_text(tmp_path, data[:n])
        except DeliveryRefused:
            continue
        # only the end of the last line of activities may be missing, where nothing is used
        assert found.table == "wear_bout"
        assert found.records["steps_n"][0] in (2000, None)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"start,duration,value\n", "no_epochs"),
        (b"date,value\n", "no_epochs"),
        (MINUTES + b"x" * MAX_BYTES, "too_large"),
        (MINUTES + b"," * 3_000_000, "too_large"),
        (MINUTES + b"\xff", "unreadable"),
        (activities_csv([]), "no_activity"),
        (activities_csv([WALK]) + b'"open', "unreadable"),
        (b"PK\x03\x04", "unknown_format"),
    ],
)
def test_hostile_files_are_refused(tmp_path, data, reason):
    assert reason_of(tmp_path, data) == reason


@pytest.mark.parametrize(
    "head",
    [b"date,value\nparticipant,12\n", b"start,duration,value\n1,2,3\n", b"Data,GPS\n", b"",
     b"date,steps\n2026-03-02,12\n"],
)  # fmt: skip
def test_other_content_is_not_recognised(head):
    assert not FORMAT.recognise(head)
