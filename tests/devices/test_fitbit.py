import datetime as dt
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.devices.fitbit import FORMAT, MAX_BYTES, read, recognise
from pipelines.devices.utc_slots import local_days
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.fitbit_text import (
    exercise_log,
    exercises_csv,
    exercises_json,
    heart_rate_json,
    series_json,
    steps_csv,
)

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "fitbit"
START = dt.datetime(2026, 3, 2, 8, 0)
STEPS = [0, 7, 112, 95, None, 0]
WALK = exercise_log(
    START, active_s=1200, elapsed_s=1500, distance_km=1.5, steps=2000, hr_mean_bpm=95
)


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "x"
    path.write_bytes(data)
    return path


def reason_of(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(DeliveryRefused) as refused:
        read(written(tmp_path, data))
    assert refused.value.where == "x" and refused.value.remedy
    return refused.value.reason


def sample(name: str) -> Path:
    if not (SAMPLES / name).exists():
        pytest.skip("../shared/samples/fitbit is absent")
    return SAMPLES / name


# --- steps, JSON


def test_minutes_of_steps_are_quarter_hours_of_utc(tmp_path):
    found = read(written(tmp_path, series_json(START, STEPS)))

    assert (found.table, found.maker, found.model, found.device_serial) == (
        "wear_day", "fitbit", None, None,
    )  # fmt: skip
    # 7 + 112 + 95 steps; five of the six minutes are in the file
    assert found.records.rows() == [(1, START, 60, 5, 214)]
    assert found.findings == ()


def test_the_clinics_zone_makes_the_days(tmp_path):
    # 22:30 to 23:29 UTC in Berlin in March: half an hour before midnight, half an hour after
    start = dt.datetime(2026, 3, 2, 22, 30)
    found = read(written(tmp_path, series_json(start, [10] * 29 + [11] + [20] * 30)))

    days = local_days(found.records, "Europe/Berlin")

    assert days.select("wear_date", "epochs_n", "steps_n").rows() == [
        (dt.date(2026, 3, 2), 30, 301), (dt.date(2026, 3, 3), 30, 600),
    ]  # fmt: skip


def test_a_year_has_two_digits(tmp_path):
    found = read(written(tmp_path, series_json(dt.datetime(1995, 6, 24, 16), STEPS)))

    assert found.records["slot_utc"][0] == dt.datetime(1995, 6, 24, 16)


def test_bad_entries_are_findings_and_the_rest_is_kept(tmp_path):
    entries = json.loads(series_json(START, [7, 9, 11, 13, 15, 17, 19]))
    entries[1]["value"] = "nine"
    entries[2]["dateTime"] = "13/40/26 08:02:00"
    entries[3]["dateTime"] = "03/02/26 08:03:30"
    entries[5]["dateTime"] = entries[4]["dateTime"]
    found = read(written(tmp_path, json.dumps(entries).encode()))

    assert found.findings == (
        (2, "unreadable_epoch"), (3, "unreadable_epoch"), (4, "off_grid_epoch"),
        (6, "repeated_epoch"),
    )  # fmt: skip
    assert found.records.select("epochs_n", "steps_n").rows() == [(3, 7 + 15 + 19)]


@pytest.mark.parametrize(
    "entry",
    [
        '{"dateTime": "03/02/26 08:01:00", "value": "5", "value": "500"}',
        '{"dateTime": "03/02/26 08:01:00", "value": NaN}',
        '{"dateTime": "03/02/26 08:01:00", "value": -Infinity}',
        '{"dateTime": "03/02/26 08:01:00", "value": 1e999}',
        '{"dateTime": "03/02/26 08:01:00", "value": ' + "9" * 4000 + "}",
        '{"dateTime": "03/02/26 08:01:00", "value": "-5"}',
        '{"dateTime": "03/02/26 08:01:00", "value": true}',
        '{"dateTime": "03/02/26 08:01:00", "value": {"bpm": 5}}',
        '{"dateTime": ["03/02/26 08:01:00"], "value": "5"}',
        '{"dateTime": "\\ud800\\u202e03/02/26", "value": "\\ud800"}',
        '{"dateTime": 5, "value": null}',
        '"a text"',
        "[[[[1]]]]",
        "null",
        "7",
        "{}",
    ],
)
def test_an_entry_of_a_wrong_type_is_one_finding(tmp_path, entry):
    rest = series_json(START, [7, 0, 95]).decode().rstrip()[:-1]

    found = read(written(tmp_path, f"{rest},{entry}]".encode()))

    assert found.findings == ((4, "unreadable_epoch"),)
    assert found.records["steps_n"].sum() == 102


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0, 441, 1544, 6120], "not_used"),  # centimetres
        (["1.29", "4.8", "7", "1.29"], "not_used"),  # calories
        ([0, 0, 0], "no_activity"),
        ([10, 20, 0, 30], "unknown_measure"),  # floors come in tens
        ([44, 100, 0, 80], "unknown_measure"),
        (["a", "b", "c"], "no_epochs"),
    ],
)
def test_series_of_something_else_are_refused(tmp_path, values, reason):
    assert reason_of(tmp_path, series_json(START, values)) == reason


def test_daily_totals_are_not_minutes(tmp_path):
    entries = [{"dateTime": f"03/{d:02d}/26 00:00:00", "value": str(20 + d)} for d in range(1, 9)]

    assert reason_of(tmp_path, json.dumps(entries).encode()) == "not_used"


@pytest.mark.parametrize(
    "data",
    [
        heart_rate_json(START, [70, 68, 69]),
        b'[{"logId": 12345, "dateOfSleep": "2026-03-02", "startTime": "2026-03-02T02:28:30.000"}]',
    ],
)
def test_heart_rate_and_sleep_are_recognised_and_not_used(tmp_path, data):
    assert recognise(data)
    assert reason_of(tmp_path, data) == "not_used"


def test_real_steps_of_a_public_export():
    found = read(sample("steps-1995-06-23_Fitbit.json"))

    # 34 entries from 16:00 to 16:35 with 607 steps, all between 16:16 and 16:26; the sum is also
    # asserted by GGIRread's test_readFitbit.R
    assert found.records.select("slot_utc", "epochs_n", "steps_n").rows() == [
        (dt.datetime(1995, 6, 24, 16, 0), 13, 0),
        (dt.datetime(1995, 6, 24, 16, 15), 15, 607),
        (dt.datetime(1995, 6, 24, 16, 30), 6, 0),
    ]
    assert found.findings == ()


@pytest.mark.parametrize("name", ["heart_rate-1995-06-24.json", "sleep-1995-06-23_Fitbit.json"])
def test_other_real_files_are_refused_by_what_they_are(name):
    with pytest.raises(DeliveryRefused) as refused:
        read(sample(name))
    assert refused.value.reason == "not_used"


# --- steps, CSV


def test_csv_of_one_tracker(tmp_path):
    found = read(written(tmp_path, steps_csv(START, [0, 34, 66])))

    assert (found.model, found.device_serial) == ("Charge 6", None)
    assert found.records.rows() == [(2, START, 60, 3, 100)]


def test_what_other_apps_handed_in_is_never_added(tmp_path):
    data = steps_csv(START, [34, 66]).decode()
    data += "2026-03-02T08:00:18.008Z,30,Phone Health Connect\r\n"
    data += (
        "2026-03-02T08:00:00Z,34,Garmin Connect Health Kit\n2026-03-02T08:01:00Z,12,MobileTrack\n"
    )
    data += "2026-03-02T08:00:00Z,34,Charge 6\n"

    found = read(written(tmp_path, data.encode()))

    assert found.records["steps_n"].to_list() == [100]
    assert found.findings == (
        (4, "other_source"), (5, "other_source"), (6, "other_source"), (7, "repeated_epoch"),
    )  # fmt: skip


def test_the_phones_own_steps_count_where_there_is_no_tracker(tmp_path):
    found = read(written(tmp_path, steps_csv(START, [34, 66], "MobileTrack")))

    assert (found.model, found.records["steps_n"].to_list()) == ("MobileTrack", [100])


def test_a_tracker_that_was_changed_is_two_devices(tmp_path):
    later = steps_csv(START + dt.timedelta(days=3), [5, 6], "Inspire 3").split(b"\n", 1)[1]

    first, second = read(written(tmp_path, steps_csv(START, [34, 66]) + later))

    assert (first.model, first.records["steps_n"].sum()) == ("Charge 6", 100)
    assert (second.model, second.records["steps_n"].sum()) == ("Inspire 3", 11)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            steps_csv(START, [34]) + steps_csv(START, [30], "Inspire 3").split(b"\n", 1)[1],
            "overlapping_sources",
        ),
        (steps_csv(START, [34], "Phone Health Connect"), "no_device_data"),
        (b"timestamp,steps,data source\n", "no_epochs"),
        (steps_csv(START, [-5]), "no_epochs"),
        (steps_csv(START, [9_000_000_000_000_000_000]), "no_epochs"),
        (steps_csv(START, [34])[:-1], "no_epochs"),  # cut: it may have been 340 or another source
    ],
)
def test_csv_that_is_refused(tmp_path, data, reason):
    assert reason_of(tmp_path, data) == reason


def test_a_line_that_is_cut_is_a_finding(tmp_path):
    found = read(written(tmp_path, steps_csv(START, [34, 66, 12])[:-10]))

    assert found.findings == ((4, "unreadable_epoch"),)
    assert found.records["steps_n"].to_list() == [100]


# --- exercises


def test_an_exercise_is_a_bout_in_utc(tmp_path):
    found = read(written(tmp_path, exercises_json([WALK])))

    assert (found.table, found.model, found.device_serial) == ("wear_bout", "Charge HR", "31739289")
    # 1500 m in 1200 s of walking; 2000 steps in 20 min; 25 min from start to end
    assert found.records.row(0, named=True) == {
        "row_no": 1,
        "start_utc": START,
        "end_utc": START + dt.timedelta(minutes=25),
        "duration_s": 1200.0,
        "distance_m": 1500.0,
        "speed_mean_mps": 1.25,
        "hr_mean_bpm": 95.0,
        "hr_max_bpm": None,
        "cadence_mean_spm": 100.0,
        "steps_n": 2000,
        "sport": "walking",
    }


def test_a_log_of_the_public_export_has_the_speed_it_states(tmp_path):
    # danlsn/fitport: 2.88054 km in 2998 s, speed 3.4589539693128755 km/h
    log = exercise_log(START, active_s=2998, distance_km=2.88054)

    bout = read(written(tmp_path, exercises_json([log]))).records.row(0, named=True)

    assert bout["speed_mean_mps"] * 3.6 == pytest.approx(3.4589539693128755, rel=1e-5)


def test_miles_are_metres(tmp_path):
    bout = read(
        written(tmp_path, exercises_json([{**WALK, "distance": 1, "distanceUnit": "Mile"}]))
    ).records.row(0, named=True)

    assert bout["distance_m"] == 1609.344


def test_every_device_has_its_own_logs(tmp_path):
    auto = exercise_log(START, active_s=600, tracker=None, log_type="auto_detected", steps=900)

    nobody, tracker = read(written(tmp_path, exercises_json([WALK, auto])))

    assert (nobody.device_serial, nobody.records["row_no"].to_list()) == (None, [2])
    assert (tracker.device_serial, tracker.records["row_no"].to_list()) == ("31739289", [1])


def test_what_was_typed_in_is_not_what_a_device_measured(tmp_path):
    log = exercise_log(
        START, active_s=600, distance_km=9, steps=9000, log_type="manual", tracker=None,
        by_hand=("distance", "steps"),
    )  # fmt: skip

    found = read(written(tmp_path, exercises_json([log])))

    assert found.findings == ((1, "entered_by_hand"),)
    assert found.records.select("distance_m", "steps_n", "speed_mean_mps").row(0) == (None,) * 3


@pytest.mark.parametrize(
    "log",
    [
        {}, {"startTime": 5, "duration": "x", "source": "y", "manualValuesSpecified": 7},
        {"startTime": "2026-03-02", "activeDuration": -1, "duration": 10**30, "steps": [1]},
        {"activityName": {"a": 1}, "distance": 1e999, "distanceUnit": None, "steps": 1.5},
    ],
)  # fmt: skip
def test_a_log_that_cannot_be_read_keeps_an_empty_row(tmp_path, log):
    data = exercises_json([WALK])[:-1] + b"," + json.dumps(log).encode() + b"]"

    found = read(written(tmp_path, data))

    files = found if isinstance(found, tuple) else (found,)
    rows = pl.concat([file.records for file in files]).sort("row_no").rows()
    assert rows[1] == (2, *(None,) * 10)
    assert rows[0][1] == START


def test_names_are_harmless(tmp_path):
    log = {
        **WALK,
        "activityName": "Wal\u202ek\x1b[2J",
        "source": {"type": "tracker", "id": "\ud800"},
    }

    found = read(written(tmp_path, json.dumps([log]).encode()))

    assert found.records["sport"].to_list() == ["walk[2j"]
    assert found.device_serial is None


def test_exercises_as_csv(tmp_path):
    bout = {
        "start_utc": START,
        "end_utc": START + dt.timedelta(minutes=20),
        "tracker_total_steps": 2000,
        "tracker_total_distance_mm": 1500000.0,
        "tracker_avg_heart_rate": 95,
        "tracker_peak_heart_rate": 120,
        "manually_logged_total_steps": 9999,
    }
    by_hand = {**bout, "log_type": "MANUAL", "tracker_total_steps": 0}
    found = read(written(tmp_path, exercises_csv([bout, by_hand])))

    assert found.records.row(0, named=True) == {
        "row_no": 2,
        "start_utc": START,
        "end_utc": START + dt.timedelta(minutes=20),
        "duration_s": 1200.0,
        "distance_m": 1500.0,
        "speed_mean_mps": 1.25,
        "hr_mean_bpm": 95.0,
        "hr_max_bpm": 120.0,
        "cadence_mean_spm": 100.0,
        "steps_n": 2000,
        "sport": "walking",
    }
    assert found.records["steps_n"].to_list() == [2000, None]
    assert found.findings == ((3, "entered_by_hand"),)


def test_a_short_row_of_exercises_keeps_an_empty_row(tmp_path):
    data = exercises_csv([{"start_utc": START, "end_utc": START}]) + b"7,2026-03-02T08:00:00Z\n"

    assert read(written(tmp_path, data)).records.row(1) == (3, *(None,) * 10)


# --- hostile and cut files


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        (series_json(START, [7, 0, 95]), {"unknown_format", "truncated"}),
        # a log has a list of its own, on whose end a cut file may end
        (exercises_json([WALK]), {"unknown_format", "truncated", "unreadable"}),
    ],
)
def test_json_cut_anywhere_is_refused(tmp_path, data, reasons):
    assert {reason_of(tmp_path, data[:n]) for n in range(1, len(data))} == reasons


HEAD = series_json(START, [7, 0, 95]).rstrip()[:-1]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (HEAD + b"," + b"[" * 90_000 + b"]" * 90_000 + b"]", "unreadable"),
        (HEAD + b"," + b"[" * 300_000 + b"]" * 300_000 + b"]", "too_large"),
        (HEAD + b',{"a":' * 90_000 + b"1" + b"}" * 90_000 + b"]", "unreadable"),
        (HEAD + b",[]" * 1_500_000 + b"]", "too_large"),
        (HEAD + b",1" * 1_500_000 + b"]", "too_large"),
        (HEAD + b" " * MAX_BYTES + b"]", "too_large"),
        (HEAD + b"\xff\xfe]", "unreadable"),
        (HEAD + b"\0]", "unreadable"),
        (HEAD + b"]]", "unreadable"),
    ],
)
def test_hostile_json_is_refused(tmp_path, data, reason):
    assert reason_of(tmp_path, data) == reason


@pytest.mark.parametrize(
    "data",
    [
        b"[]", b"[{}]", b"{}", b'{"dateTime": "03/02/26 08:00:00", "value": "1"}',
        b'[{"dateTime": "2026-03-02", "value": "1"}]', b"timestamp,steps,distance millimeters\n",
        b"timestamp,steps\n2026-03-02 08:00,12\n", b'[{"logId": 1, "weight": 80}]',
    ],
)  # fmt: skip
def test_other_content_is_not_recognised(data):
    assert not FORMAT.recognise(data)


def test_a_month_of_minutes_is_fast_and_whole(tmp_path):
    rng = np.random.default_rng(1)
    steps = rng.integers(0, 130, 31 * 1440)
    data = series_json(START, steps.tolist())

    found = read(written(tmp_path, data))

    assert found.records["steps_n"].sum() == steps.sum()
    assert found.records["epochs_n"].sum() == 44_640
