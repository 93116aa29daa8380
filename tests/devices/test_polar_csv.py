import datetime as dt

import pytest

from pipelines.devices.polar_csv import FORMAT, MAX_BYTES, read
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.polar_text import session_csv

START = dt.datetime(2026, 3, 12, 8, 0, 5)
WALK = session_csv(
    START, duration_s=1200, distance_km=1.5, hr_mean_bpm=95, speed_kmh=4.5, strides_per_min=50,
    hr_bpm=[90, None, 0, 101, 255],
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


def test_a_session_is_a_bout_on_the_wall_clock(tmp_path):
    found = read_text(tmp_path, WALK)

    assert (found.table, found.maker, found.model, found.device_serial, found.findings) == (
        "wear_bout", "polar", None, None, (),
    )  # fmt: skip
    # 4.5 km/h; 50 strides are 100 steps; a heart rate of 0 is no contact and 255 none at all
    assert found.records.row(0, named=True) == {
        "row_no": 2,
        "start_local": "2026-03-12 08:00:05",
        "duration_s": 1200.0,
        "distance_m": 1500.0,
        "speed_mean_mps": pytest.approx(1.25),
        "hr_mean_bpm": 95.0,
        "hr_max_bpm": 101.0,
        "cadence_mean_spm": 100.0,
        "sport": "walking",
    }


def test_a_session_as_it_was_published(tmp_path):
    # the totals and first second that is_Polar_CSV_file quotes, person and note aside
    text = session_csv(
        dt.datetime(2018, 6, 20, 11, 17, 3), duration_s=1808, sport="RUNNING", distance_km=4.48,
        hr_mean_bpm=156, speed_kmh=8.9, strides_per_min=73, hr_bpm=[95],
        note="very warm and sunny, walked in part",
    )  # fmt: skip
    line = b",RUNNING,20-06-2018,11:17:03,00:30:08,4.48,156,8.9,,,,,,73,"
    assert line in text

    bout = read_text(tmp_path, text).records.row(0, named=True)

    assert (bout["start_local"], bout["duration_s"]) == ("2018-06-20 11:17:03", 1808.0)
    # 4480 m in 1808 s are 8.92 km/h
    assert bout["speed_mean_mps"] == pytest.approx(bout["distance_m"] / 1808, rel=0.005)
    assert (bout["cadence_mean_spm"], bout["hr_max_bpm"]) == (146.0, 95.0)


def test_nothing_of_the_person_is_kept_or_said(tmp_path):
    data = session_csv(START, duration_s=60, person="Ada Nobody", note="Ada\nfell", hr_bpm=[90])

    found = read_text(tmp_path, data)
    with pytest.raises(DeliveryRefused) as refused:
        read_text(tmp_path, data.replace(b"Ada Nobody,", b"Ada Nobody"))

    for said in (repr(found), str(found.records.rows()), str(refused.value)):
        assert not any(word in said for word in ("Ada", "Nobody", "fell", "180", "77", "195"))


def test_notes_may_run_over_lines_and_hold_commas(tmp_path):
    data = session_csv(START, duration_s=60, note='one, "two"\n\nthree', hr_bpm=[90, 92])

    bout = read_text(tmp_path, data).records.row(0, named=True)

    assert (bout["hr_mean_bpm"], bout["hr_max_bpm"]) == (91.0, 92.0)


def test_miles_and_year_first_are_read_too(tmp_path):
    data = WALK.replace(b"distance (km)", b"distance (mi)").replace(b"(km/h)", b"(mph)")
    data = data.replace(b"12-03-2026", b"2026-03-12")

    bout = read_text(tmp_path, data).records.row(0, named=True)

    # 1.5 mi; 4.5 mph
    assert (bout["distance_m"], bout["speed_mean_mps"]) == pytest.approx((2414.016, 2.01168))
    assert bout["start_local"] == "2026-03-12 08:00:05"


def test_cadence_off_foot_is_not_steps(tmp_path):
    data = session_csv(START, duration_s=60, sport="CYCLING", strides_per_min=80, hr_bpm=[90])

    bout = read_text(tmp_path, data).records.row(0, named=True)

    assert (bout["sport"], bout["cadence_mean_spm"]) == ("cycling", None)


def test_a_session_without_a_sensor(tmp_path):
    data = session_csv(START, duration_s=600, distance_km=0.6).split(b"Sample rate")[0]

    bout = read_text(tmp_path, data).records.row(0, named=True)

    assert (bout["speed_mean_mps"], bout["hr_mean_bpm"], bout["hr_max_bpm"]) == (1.0, None, None)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b"12-03-2026", b"31-02-2026", "start_local"),
        (b"12-03-2026", b"03/12/26", "start_local"),
        (b"12-03-2026", b"12-03-20266", "start_local"),
        (b"12-03-2026", b"12-03--026", "start_local"),
        (b"12-03-2026", b"12-03-0000", "start_local"),
        (b"08:00:05", b"08:77:05", "start_local"),
        (b"00:20:00", b"20 min", "duration_s"),
        (b"00:20:00", b"00:99:00", "duration_s"),
        (b",1.5,", b",-1.5,", "distance_m"),
        (b",1.5,", b",NaN,", "distance_m"),
        (b",95,", b",1e999,", "hr_mean_bpm"),
        (b"WALKING", b"\xe2\x80\xae\x1b", "sport"),
    ],
)
def test_a_cell_that_cannot_be_read_is_empty(tmp_path, old, new, field):
    data = WALK.replace(old, new)
    if field == "hr_mean_bpm":
        data = data.split(b"Sample rate")[0]

    assert read_text(tmp_path, data).records[field].to_list() == [None]


def test_cut_at_every_byte(tmp_path):
    n_totals = WALK.index(b"Sample rate")
    header_ends = WALK.index(b"\n") + 1

    for n in range(1, header_ends):
        assert reason_of(tmp_path, WALK[:n]) in ("unknown_format", "truncated")
    for n in range(header_ends, n_totals):
        assert reason_of(tmp_path, WALK[:n]) in ("truncated", "unreadable")
    for n in range(n_totals + 30, len(WALK)):  # a line of seconds that is cut is not used
        found = read_text(tmp_path, WALK[:n])
        assert found.records["distance_m"].to_list() == [1500.0]
        assert found.records["hr_max_bpm"][0] in (None, 90.0, 101.0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (WALK + b"x" * MAX_BYTES, "too_large"),
        (WALK + b"1,\n" * 300_000, "too_large"),
        (WALK.replace(b"WALKING", b"WAL\xff"), "unreadable"),
        (WALK.replace(b"WALKING", b'"WAL'), "unreadable"),
        (WALK.replace(b"Calories", b"Sport"), "truncated"),
        (WALK.replace(b"\nMade", b"\nMade Up,X\nMade"), "truncated"),
    ],
)
def test_hostile_files_are_refused(tmp_path, data, reason):
    assert reason_of(tmp_path, data) == reason


@pytest.mark.parametrize("head", [b"", b"Name,Sport\n", b"name,sport,date,start time,duration,"])
def test_other_content_is_not_recognised(head):
    assert not FORMAT.recognise(head)
