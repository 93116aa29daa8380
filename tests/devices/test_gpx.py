import datetime as dt
from pathlib import Path

import pytest

from pipelines.devices.gpx import FORMAT, MAX_BYTES, read
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.gpx_text import Point, gpx_bytes, track_xml

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "gpx"
START = dt.datetime(2026, 3, 2, 8, 0)
DEGREE_M = 111_195.08  # 6371008.8 m * pi / 180


def at(second: float) -> dt.datetime:
    return START + dt.timedelta(seconds=second)


def north(*seconds: int, lat: float = 46.0, hr: int | None = None, cadence: int | None = None):
    """A hundred-thousandth of a degree a second northwards: 1.112 m/s."""
    return [Point(lat + s / 100_000, 16.0, at(s), hr, cadence) for s in seconds]


SEGMENTS = [north(0, 10, 20, hr=90, cadence=50), north(60, 70, hr=110, cadence=50)]
WALK = gpx_bytes([track_xml(SEGMENTS)])


def sample(name: str) -> Path:
    if not (SAMPLES / name).exists():
        pytest.skip("../shared/samples/gpx is absent")
    return SAMPLES / name


def found_in(tmp_path: Path, data: bytes):
    path = tmp_path / "a.gpx"
    path.write_bytes(data)
    return read(path)


def reason_of(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(DeliveryRefused) as refused:
        found_in(tmp_path, data)
    assert refused.value.where == "a.gpx" and refused.value.remedy
    return refused.value.reason


def test_segments_of_a_track_are_one_bout_without_its_pause(tmp_path):
    found = found_in(tmp_path, WALK)

    assert FORMAT.recognise(WALK[:4096])
    assert (found.table, found.maker, found.model, found.device_serial, found.findings) == (
        "wear_bout", "garmin", None, None, (),
    )  # fmt: skip
    # 20 s and 10 s in motion are 30 hundred-thousandths of a degree; 90 for 20 s, 110 for 10 s
    assert found.records.row(0, named=True) == {
        "row_no": 1,
        "start_utc": at(0),
        "end_utc": at(70),
        "duration_s": 30.0,
        "distance_m": pytest.approx(30 * DEGREE_M / 100_000, abs=1e-3),
        "speed_mean_mps": pytest.approx(DEGREE_M / 100_000, abs=1e-4),
        "hr_mean_bpm": pytest.approx((2 * 90 + 110) / 3),
        "hr_max_bpm": 110.0,
        "cadence_mean_spm": 100.0,
        "steps_n": None,
        "sport": "walking",
    }


def test_a_degree_of_longitude_is_shorter_in_the_north(tmp_path):
    track = [Point(60.0, 10.0 + i / 1000, at(10 * i)) for i in range(3)]

    found = found_in(tmp_path, gpx_bytes([track_xml([track])]))

    # half as long at 60 degrees; the great circle bows by less than a millimetre
    assert found.records["distance_m"].to_list() == [pytest.approx(DEGREE_M / 1000, abs=1e-3)]


def test_the_devices_own_count_of_distance_and_time_comes_first(tmp_path):
    found = found_in(tmp_path, gpx_bytes([track_xml(SEGMENTS, stats=(36.0, 29.0))]))

    assert found.records.select("distance_m", "duration_s").row(0) == (36.0, 29.0)


def test_every_track_is_a_bout_and_one_without_times_has_no_start(tmp_path):
    bare = [Point(46.0, 16.0), Point(46.1, 16.0)]
    data = gpx_bytes([track_xml(SEGMENTS), track_xml([bare]), track_xml([north(500, 600)])])

    found = found_in(tmp_path, data)

    assert found.records["start_utc"].to_list() == [at(0), None, at(500)]
    assert found.records["distance_m"][1] is None
    assert found.findings == ((2, "no_times"),)


def test_times_without_a_zone_are_utc_and_others_say_theirs(tmp_path):
    plain = found_in(tmp_path, WALK.replace(b".000Z", b""))
    ahead = found_in(tmp_path, WALK.replace(b"T08:", b"T10:").replace(b".000Z", b"+02:00"))

    assert plain.records["start_utc"].to_list() == ahead.records["start_utc"].to_list() == [at(0)]


def test_only_garmin_is_known_to_count_one_leg(tmp_path):
    found = found_in(tmp_path, gpx_bytes([track_xml(SEGMENTS)], creator="StravaGPX Android"))

    assert (found.maker, found.records["cadence_mean_spm"].to_list()) == ("strava", [None])
    assert found.findings == ((1, "cadence_unclear"),)


def test_a_pedal_is_no_leg(tmp_path):
    found = found_in(tmp_path, gpx_bytes([track_xml(SEGMENTS, kind="cycling")]))

    assert (found.records["cadence_mean_spm"].to_list(), found.findings) == ([None], ())


def test_a_point_without_a_usable_time_is_named_and_left_out(tmp_path):
    found = found_in(tmp_path, WALK.replace(b"08:00:10.000Z", b"at 8"))

    assert found.findings == ((1, "unreadable_epoch"),)
    assert found.records["duration_s"].to_list() == [30.0]


def test_a_clock_that_goes_back_is_named(tmp_path):
    found = found_in(tmp_path, gpx_bytes([track_xml([north(10, 0, 20)])]))

    assert found.findings == ((1, "clock_jump"),)
    assert found.records.select("start_utc", "end_utc").row(0) == (at(0), at(20))


def test_what_stands_before_a_cut_is_used(tmp_path):
    outcomes = set()
    for n_bytes in range(1, len(WALK) - 1, 17):
        try:
            found = found_in(tmp_path, WALK[:n_bytes])
        except DeliveryRefused as refused:
            outcomes.add(refused.reason)
            continue
        outcomes.add("read")
        assert found.findings[-1] == (1, "truncated_end")
        assert found.records["start_utc"].to_list() == [at(0)]

    assert outcomes == {"read", "no_activity", "unreadable"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (gpx_bytes([]), "no_activity"),
        (gpx_bytes([track_xml([[Point(46.0, 16.0), Point(46.1, 16.0)]])]), "no_times"),
        (WALK.replace(b"</trkseg>", b"</trksig>"), "unreadable"),
        (WALK.replace(b"<name>", b"<name>&who;"), "unreadable"),
        (WALK.decode().replace("UTF-8", "UTF-16").encode("utf-16"), "unreadable"),
    ],
)
def test_what_is_no_activity_is_refused(tmp_path, data, reason):
    assert reason_of(tmp_path, data) == reason


def test_more_points_than_any_track_has_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.devices.gpx.MAX_POINTS", 4)

    assert reason_of(tmp_path, WALK) == "too_large"  # it has five


def test_a_file_over_the_limit_is_not_read(tmp_path):
    path = tmp_path / "a.gpx"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # takes no room on the disk

    with pytest.raises(DeliveryRefused) as refused:
        read(path)

    assert refused.value.reason == "too_large"


def test_real_tracks_agree_with_gpxpy():
    found = read(sample("cerknicko-jezero.gpx"))

    # gpxpy 1.6.2: length_2d, get_duration and get_time_bounds; it takes the equator's radius, which
    # is 0.112 % longer, and a plane for short distances
    metres = [1914.49990, 874.17614, 30.24365, 1353.62490, 31.95101, 28.64222, 346.99920]
    assert found.findings == ((1, "no_times"),)  # a track without points
    assert found.records["distance_m"][1:].to_list() == pytest.approx(
        [one * 6_371_008.8 / 6_378_137 for one in metres], rel=5e-5
    )
    assert found.records["duration_s"][1:].to_list() == [2469, 155, 21, 288, 201, 13, 1092]
    assert found.records.select("start_utc", "end_utc").row(1) == (
        dt.datetime(2010, 8, 5, 14, 23, 59), dt.datetime(2010, 8, 5, 15, 5, 8),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cerknicko-without-times.gpx", "no_times"),
        ("gpx_with_garmin_extension.gpx", "no_activity"),
        ("unicode_with_bom.gpx", "no_activity"),
    ],
)
def test_real_files_that_are_no_activity_are_refused(name, reason):
    with pytest.raises(DeliveryRefused) as refused:
        read(sample(name))

    assert refused.value.reason == reason
