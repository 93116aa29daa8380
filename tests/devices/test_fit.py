import datetime as dt
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.devices.fit import FORMAT, read
from pipelines.devices.fit_frames import walk
from pipelines.devices.fit_messages import fast_messages, messages, slow_messages
from pipelines.devices.utc_slots import local_days
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.fit_bytes import ENUM, U8, U16, U32, fit_file, write_activity
from pipelines.synthetic.fit_bytes import messages as fit_messages

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "fit"
START = dt.datetime(2026, 3, 2, 8, 30)
START_S = int((START - dt.datetime(1989, 12, 31)).total_seconds())
SESSION, RECORD, SPORT = 18, 20, 12
FILE_ID = fit_messages(0, 0, [(0, ENUM, 1, 4), (1, U16, 1, 1), (2, U16, 1, 2697)])


def sample(name: str) -> Path:
    if not (SAMPLES / name).exists():
        pytest.skip("../shared/samples/fit is absent")
    return SAMPLES / name


def written(tmp_path: Path, *parts: bytes) -> Path:
    path = tmp_path / "a.fit"
    path.write_bytes(fit_file(FILE_ID + b"".join(parts)))
    return path


def test_a_walk_as_the_writer_writes_it(tmp_path):
    path = tmp_path / "walk.fit"
    rows = [
        (0, 0.0, 1.0, 80, 50.0),
        (1, 1.25, 1.25, 82, 50.5),
        (2, 2.5, 1.25, None, 51.0),
        (3, 3.75, 1.5, 90, 52.5),
    ]
    write_activity(path, serial=3945849289, start_utc=START, records=rows)

    found = read(path)

    assert (found.table, found.maker, found.model) == ("wear_bout", "garmin", "fenix5")
    assert found.device_serial == "3945849289"
    assert found.findings == ()
    # heart rate (80+82+90)/3; cadence (50+50.5+51+52.5)/4 = 51 strides = 102 steps a minute;
    # 51 strides a minute over 3 s are 2.55 strides, written as 3, which are 6 steps
    assert found.records.row(0, named=True) == {
        "row_no": 8,  # file_id, device_info, 4 records, lap, session
        "start_utc": START,
        "end_utc": START + dt.timedelta(seconds=3),
        "duration_s": 3.0,
        "distance_m": 3.75,
        "speed_mean_mps": 1.25,
        "hr_mean_bpm": 84.0,
        "hr_max_bpm": 90.0,
        "cadence_mean_spm": 102.0,
        "steps_n": 6,
        "sport": "walking",
    }


def test_types_are_those_of_the_contract(tmp_path):
    path = tmp_path / "walk.fit"
    write_activity(path, serial=1, start_utc=START, records=[(0, 0, 1, 80, 50), (4, 5, 1, 80, 50)])

    schema = read(path).records.schema

    assert schema["start_utc"] == pl.Datetime("us") == schema["end_utc"]
    assert schema["row_no"] == pl.Int64 == schema["steps_n"]


def test_session_heart_rate_of_zero_is_missing_and_records_fill_in(tmp_path):
    records = fit_messages(
        1,
        RECORD,
        [(253, U32, 1, START_S + np.arange(4)), (3, U8, 1, np.array([0, 80, 90, np.nan]))],
    )
    session = fit_messages(
        2, SESSION, [(2, U32, 1, START_S), (7, U32, 1000, 3), (16, U8, 1, 0), (5, ENUM, 1, 11)]
    )

    bout = read(written(tmp_path, records, session)).records.row(0, named=True)

    assert (bout["hr_mean_bpm"], bout["hr_max_bpm"]) == (85.0, 90.0)
    assert bout["distance_m"] is None


def test_only_records_between_start_and_end_fill_in(tmp_path):
    hr = np.array([60, 100, 110, 200])
    records = fit_messages(1, RECORD, [(253, U32, 1, START_S + 10 * np.arange(4)), (3, U8, 1, hr)])
    session = fit_messages(2, SESSION, [(2, U32, 1, START_S + 10), (7, U32, 1000, 10)])

    bout = read(written(tmp_path, records, session)).records.row(0, named=True)

    assert (bout["hr_mean_bpm"], bout["hr_max_bpm"]) == (105.0, 110.0)


def test_means_of_records_are_over_time_and_not_over_pauses(tmp_path):
    at_s = START_S + np.array([0, 1, 11, 100])
    records = fit_messages(
        1, RECORD, [(253, U32, 1, at_s), (3, U8, 1, np.array([60, 60, 100, 200]))]
    )

    bout = read(written(tmp_path, records)).records.row(0, named=True)

    # 1 s at 60, 10 s at 80 on average, and nothing of the 89 s pause
    assert bout["hr_mean_bpm"] == pytest.approx((60 + 800) / 11)


def test_without_a_session_the_records_are_one_bout(tmp_path):
    cadence = np.array([50, 0, 52])  # a stop is left out of the mean: (50+52)/2 = 51 strides
    at_s, metres = START_S + np.array([5, 15, 25]), np.array([3, 13, 27])
    records = fit_messages(
        1, RECORD, [(253, U32, 1, at_s), (5, U32, 100, metres), (4, U8, 1, cadence)]
    )
    sport = fit_messages(2, SPORT, [(0, ENUM, 1, 11)])

    bout = read(written(tmp_path, sport, records)).records.row(0, named=True)

    assert bout["start_utc"] == START + dt.timedelta(seconds=5)
    assert (bout["duration_s"], bout["distance_m"], bout["speed_mean_mps"]) == (20.0, 24.0, 1.2)
    assert (bout["cadence_mean_spm"], bout["steps_n"], bout["sport"]) == (102.0, None, "walking")
    assert bout["row_no"] == 3  # file_id, sport, record


def test_cadence_of_a_bicycle_is_not_steps(tmp_path):
    path = tmp_path / "ride.fit"
    rows = [(0, 0, 5, 100, 80), (60, 300, 5, 100, 80)]
    write_activity(path, serial=1, start_utc=START, records=rows, sport=2)

    bout = read(path).records.row(0, named=True)

    assert (bout["sport"], bout["cadence_mean_spm"], bout["steps_n"]) == ("cycling", None, None)


def test_a_clock_that_was_never_set_leaves_the_start_empty(tmp_path):
    session = fit_messages(1, SESSION, [(2, U32, 1, 17217864), (7, U32, 1000, 60)])

    found = read(written(tmp_path, session))

    assert found.records["start_utc"].to_list() == [None]
    assert found.findings == ((2, "clock_not_set"),)


def test_chained_files_are_read_to_the_end_and_stray_bytes_are_found(tmp_path):
    one = fit_messages(1, SESSION, [(2, U32, 1, START_S), (7, U32, 1000, 60)])
    two = fit_messages(1, SESSION, [(2, U32, 1, START_S + 600), (7, U32, 1000, 60)])
    path = tmp_path / "a.fit"
    path.write_bytes(fit_file(FILE_ID + one) + fit_file(two) + b"\0\0\0")

    found = read(path)

    assert found.records["row_no"].to_list() == [2, 3]
    assert found.records["start_utc"][1] == START + dt.timedelta(minutes=10)
    assert found.findings == ((3, "trailing_bytes"),)


def test_a_watch_apps_field_does_not_stand_in_for_the_watchs_own(tmp_path):
    name = b"total_distance\0"
    described = fit_messages(1, 207, [(3, U8, 1, 0)])
    described += bytes([0x42, 0, 0, 206, 0, 4, 0, 1, 2, 1, 1, 2, 2, 1, 2, 3, len(name), 7])
    described += bytes([2, 0, 0, 0x86]) + name
    session = bytes([0x63, 0, 0, SESSION, 0, 2, 2, 4, 0x86, 9, 4, 0x86, 1, 0, 4, 0, 3])
    session += struct.pack("<III", START_S, 12345, 999999)

    bout = read(written(tmp_path, described, session)).records.row(0, named=True)

    assert bout["distance_m"] == 123.45


@pytest.mark.parametrize(
    ("definition", "content"),
    [
        # a base type that nobody defined; the fast decoder panics on it
        ([(2, 4, 0x86), (9, 4, 0x55)], b"abcd"),
        # three bytes where the type has four; the fast decoder makes a number of them
        ([(2, 4, 0x86), (9, 3, 0x86)], b"abc"),
    ],
)
def test_odd_fields_are_missing_and_the_rest_is_read(tmp_path, definition, content):
    session = bytes([0x41, 0, 0, SESSION, 0, len(definition)])
    session += b"".join(map(bytes, definition)) + b"\1" + struct.pack("<I", START_S) + content

    bout = read(written(tmp_path, session)).records.row(0, named=True)

    assert (bout["start_utc"], bout["distance_m"]) == (START, None)


def test_both_decoders_say_the_same(tmp_path):
    path = tmp_path / "walk.fit"
    rows = [(t, 1.2 * t, 1.2, 80 + t % 7 if t % 5 else None, 50 + t % 3 / 2) for t in range(300)]
    write_activity(path, serial=7, start_utc=START, records=rows)

    fast, slow = fast_messages(path.read_bytes()), slow_messages(path.read_bytes())

    for kind, columns in fast.items():
        for field, column in columns.items():
            np.testing.assert_array_equal(column, slow[kind][field], err_msg=f"{kind}.{field}")
    assert np.isnan(fast["record"]["heart_rate"]).sum() == 60


@pytest.mark.parametrize("name", ["garmin-fenix-5-walk", "garmin-fenix-5-run"])
def test_records_of_a_real_watch_equal_their_published_table(name):
    data = sample(f"{name}.fit").read_bytes()
    truth = pl.read_csv(sample(f"{name}-records.csv"))

    record = messages(data, walk(data, name), name)["record"]

    for field in ("heart_rate", "cadence", "distance"):
        np.testing.assert_allclose(record[field], truth[field].to_numpy(), atol=1e-9)
    clock = truth["timestamp"].str.replace(" PDT ", " ")  # seven hours behind UTC
    told = clock.str.to_datetime("%a %b %d %H:%M:%S %Y").dt.epoch("s").to_numpy() + 7 * 3600
    np.testing.assert_array_equal(record["timestamp"], told)


def test_records_whose_distance_is_packed_with_the_speed_equal_their_published_table():
    name = "compressed-speed-distance"
    data = sample(f"{name}.fit").read_bytes()
    truth = pl.read_csv(sample(f"{name}-records.csv"), null_values="null")

    record = messages(data, walk(data, name), name)["record"]

    # the table leaves the first record out, which has no value; its clock was never set
    np.testing.assert_array_equal(record["timestamp"][1:] - 631065600, truth["Timestamp"])
    for field, column in (
        ("heart_rate", " Heart Rate [bpm]"),
        ("distance", "Distance [m]"),
        ("cadence", "Cadence [rpm]"),
    ):
        published = truth[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        np.testing.assert_array_equal(record[field][1:], published)


def test_packed_distance_counts_sixteenths_of_a_metre_and_wraps(tmp_path):
    # 12 bits of speed (1/100 m/s), then 12 of distance (1/16 m): 250 m are 4000, 260 m are 4160,
    # which is 64 more than the 12 bits hold
    at_s = (START_S, START_S + 8)
    packed = [(125 | (n % 4096) << 12).to_bytes(3, "little") for n in (4000, 4160)]
    records = bytes([0x41, 0, 0, RECORD, 0, 2, 253, 4, 0x86, 8, 3, 0x0D])
    records += b"".join(
        b"\x01" + struct.pack("<I", s) + raw for s, raw in zip(at_s, packed, strict=True)
    )

    bout = read(written(tmp_path, records)).records.row(0, named=True)

    assert (bout["distance_m"], bout["speed_mean_mps"]) == (10.0, 1.25)


def test_compressed_time_stamps_count_on_from_the_last_full_one(tmp_path):
    full = fit_messages(1, RECORD, [(253, U32, 1, START_S), (3, U8, 1, 80)])
    short = bytes([0x42, 0, 0, RECORD, 0, 1, 3, 1, 2])
    # five bits of the time, in a header with its top bit set and the local number in bits 5 and 6;
    # START_S is 8 more than a multiple of 32: 18, 28, and 38 - 32
    for seconds in (10, 20, 30):
        short += bytes([0x80 | 2 << 5 | (START_S + seconds) & 0x1F, 80 + seconds])

    bout = read(written(tmp_path, full, short)).records.row(0, named=True)

    assert (bout["start_utc"], bout["end_utc"]) == (START, START + dt.timedelta(seconds=30))
    assert (bout["duration_s"], bout["hr_max_bpm"]) == (30.0, 110.0)


@pytest.mark.parametrize(
    ("name", "sport", "lasts_s"),
    # first to last time in the table: 07:32:51-07:33:37 and 07:34:09-07:35:06
    [("garmin-fenix-5-walk", "walking", 46), ("garmin-fenix-5-run", "running", 57)],
)
def test_bouts_of_a_real_watch_agree_with_their_published_table(name, sport, lasts_s):
    found = read(sample(f"{name}.fit"))
    truth = pl.read_csv(sample(f"{name}-records.csv"))

    bout = found.records.row(0, named=True)

    assert (found.device_serial, found.model) == ("3945849289", "fenix5")
    assert bout["sport"] == sport
    assert bout["duration_s"] == pytest.approx(lasts_s, abs=1)
    assert bout["distance_m"] == truth["distance"].max()
    # the watch averages every second, the table has a row when something changed
    second = truth["timestamp"].str.slice(11, 8).str.to_time().cast(pl.Int64).to_numpy() / 1e9
    hr = truth["heart_rate"].to_numpy()
    lasted_s = second[-1] - second[0]
    assert bout["hr_mean_bpm"] == pytest.approx(np.trapezoid(hr, second) / lasted_s, abs=1)
    assert hr.max() <= bout["hr_max_bpm"] <= hr.max() + 5
    # strides of one leg in the table, steps in the bout; the watch leaves standing still out
    strides = truth["cadence"].to_numpy()
    moving = strides > 0
    moved_s = second[moving][-1] - second[moving][0]
    mean_strides = np.trapezoid(strides[moving], second[moving]) / moved_s
    assert bout["cadence_mean_spm"] == pytest.approx(2 * mean_strides, rel=0.05)


def test_a_real_run_without_a_set_clock():
    found = read(sample("compressed-speed-distance.fit"))
    truth = pl.read_csv(sample("compressed-speed-distance-records.csv"), null_values="null")

    bout = found.records.row(0, named=True)

    assert bout["distance_m"] == pytest.approx(truth["Distance [m]"].max(), abs=0.05)
    # a record every 5 s misses the watch's highest second
    assert 0 <= bout["hr_max_bpm"] - truth[" Heart Rate [bpm]"].max() <= 2
    assert found.findings == ((3, "clock_not_set"),)


def test_real_daily_counters_are_the_steps_of_one_local_day():
    found = read(sample("MonitoringFile.fit"))

    # the last counts of the file: 3,142 walking and 31 running, from midnight to midnight at UTC-6
    assert (found.table, found.model, found.device_serial) == ("wear_day", "vivo_fit", "3882708276")
    assert found.findings == ()
    days = local_days(found.records, "America/Chicago")
    assert days.select("wear_date", "steps_n").rows() == [(dt.date(2014, 12, 27), 3173)]
    # at 00:01 UTC it had counted 2,266 steps of the walking, and all of the running
    assert local_days(found.records, "UTC")["steps_n"].to_list() == [2240 + 31, 3142 - 2240]


def test_a_real_chained_file_has_all_five_sessions():
    assert read(sample("sample_mulitple_header.fit")).records["sport"].to_list() == [
        "swimming", "transition", "cycling", "transition", "running",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("activity-filecrc.fit", "crc_fault"),
        ("activity-unexpected-eof.fit", "truncated"),
    ],
)
def test_bad_real_files_are_refused(name, reason):
    with pytest.raises(DeliveryRefused) as refused:
        FORMAT.read(sample(name))
    assert refused.value.reason == reason
