import datetime as dt
from pathlib import Path

import pytest

from pipelines.devices.tcx import FORMAT, MAX_BYTES, read
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.tcx_text import Lap, Point, activity_xml, tcx_bytes

SAMPLE = Path(__file__).parents[3] / "shared" / "samples" / "tcx" / "sup_activity_1.tcx"
START = dt.datetime(2026, 3, 2, 8, 0)


def at(second: float) -> dt.datetime:
    return START + dt.timedelta(seconds=second)


# paused from 20 s to 60 s; the distance runs on, as watches write it
TRACKS = [
    [Point(at(0), 46.0, 16.0, 0.0, 80, 50), Point(at(10), 46.0, 16.0, 12.0, 90, 50),
     Point(at(20), 46.0, 16.0, 24.0, 100, 50)],
    [Point(at(60), 46.0, 16.0, 24.0, 110, 50), Point(at(70), 46.0, 16.0, 36.0, 120, 50)],
]  # fmt: skip
WALK = tcx_bytes([activity_xml([Lap(at(0), TRACKS)], device="fenix 5", unit_id=3945849289)])


def found_in(tmp_path: Path, data: bytes):
    path = tmp_path / "a.tcx"
    path.write_bytes(data)
    return read(path)


def one_of(tmp_path: Path, *laps: Lap, sport: str = "Other") -> tuple[dict, tuple]:
    found = found_in(tmp_path, tcx_bytes([activity_xml(laps, sport=sport)]))
    return found.records.row(0, named=True), found.findings


def reason_of(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(DeliveryRefused) as refused:
        found_in(tmp_path, data)
    assert refused.value.where == "a.tcx" and refused.value.remedy
    return refused.value.reason


def test_points_of_a_walk_with_a_pause_are_a_bout(tmp_path):
    found = found_in(tmp_path, WALK)

    assert FORMAT.recognise(WALK[:4096])
    assert (found.table, found.maker, found.model, found.device_serial, found.findings) == (
        "wear_bout", "garmin", "fenix 5", "3945849289", (),
    )  # fmt: skip
    # 20 s + 10 s in motion, 36 m in them; means of 85, 95 and 115 over 10 s each; two legs
    assert found.records.row(0, named=True) == {
        "row_no": 1,
        "start_utc": at(0),
        "end_utc": at(70),
        "duration_s": 30.0,
        "distance_m": 36.0,
        "speed_mean_mps": pytest.approx(1.2),
        "hr_mean_bpm": pytest.approx(295 / 3),
        "hr_max_bpm": 120.0,
        "cadence_mean_spm": 100.0,
        "steps_n": None,
        "sport": "other",
    }


def test_a_lap_knows_its_totals_better_than_its_points(tmp_path):
    lap = Lap(at(0), TRACKS, timer_s=31.5, distance_m=40.0, hr_max_bpm=130, steps=62)

    bout, _ = one_of(tmp_path, lap, Lap(at(90), [], timer_s=8.5, distance_m=10.0, steps=18))

    # the second lap ends 8.5 s after 08:01:30
    assert (bout["duration_s"], bout["distance_m"], bout["steps_n"]) == (40.0, 50.0, 80)
    assert (bout["hr_max_bpm"], bout["end_utc"]) == (130.0, at(98.5))
    assert bout["speed_mean_mps"] == pytest.approx(50 / 40)


def test_laps_without_points_have_their_own_means_by_time(tmp_path):
    laps = [
        Lap(at(0), [], timer_s=300.0, distance_m=360.0, hr_mean_bpm=90, strides_per_min=50),
        Lap(at(300), [], timer_s=100.0, distance_m=90.0, hr_mean_bpm=110, strides_per_min=40),
    ]

    bout, findings = one_of(tmp_path, *laps)

    # (3 * 90 + 110) / 4 and twice (3 * 50 + 40) / 4
    assert (bout["hr_mean_bpm"], bout["cadence_mean_spm"]) == (95.0, 95.0)
    assert (bout["start_utc"], bout["end_utc"], findings) == (at(0), at(400), ())


def test_points_speak_for_the_heart_where_one_lap_does_not(tmp_path):
    beat = [Point(at(s), hr_bpm=100) for s in (0, 10, 20)]
    later = [Point(at(s), hr_bpm=120) for s in (100, 110, 120)]

    both, _ = one_of(
        tmp_path,
        Lap(at(0), [beat], timer_s=20.0, hr_mean_bpm=90),
        Lap(at(100), [later], timer_s=20.0, hr_mean_bpm=110),
    )
    one, _ = one_of(
        tmp_path,
        Lap(at(0), [beat], timer_s=20.0, hr_mean_bpm=90),
        Lap(at(100), [later], timer_s=20.0),
    )

    assert (both["hr_mean_bpm"], one["hr_mean_bpm"]) == (100.0, 110.0)


def test_more_points_than_any_activity_has_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.devices.tcx.MAX_POINTS", 4)

    assert reason_of(tmp_path, WALK) == "too_large"  # it has five


def test_without_a_distance_it_is_measured_along_the_points_of_each_track(tmp_path):
    north = [Point(at(s), 46 + s / 100_000, 16.0) for s in (0, 50, 100)]
    later = [Point(at(s), 47 + s / 100_000, 16.0) for s in (200, 300)]

    bout, _ = one_of(tmp_path, Lap(at(0), [north, later]))

    # twice a thousandth of a degree: 6371008.8 m * pi / 180 / 1000 = 111.1951 m
    assert bout["distance_m"] == pytest.approx(2 * 111.1951, abs=1e-3)
    assert bout["duration_s"] == 200.0


def test_several_activities_are_several_bouts_each_of_its_device(tmp_path):
    later = [Lap(at(4000), [[Point(at(4000)), Point(at(4010))]])]
    data = tcx_bytes([
        activity_xml([Lap(at(0), TRACKS)], device="fenix 5", unit_id=7),
        activity_xml(later, device="fenix 5", unit_id=7),
        activity_xml(later, device="Polar Vantage V"),
        activity_xml(later),
    ])  # fmt: skip

    found = found_in(tmp_path, data)

    assert [(one.maker, one.device_serial, one.records["row_no"].to_list()) for one in found] == [
        ("garmin", "7", [1, 2]), ("polar", None, [3]), ("unknown", None, [4]),
    ]  # fmt: skip
    assert found[0].records["start_utc"].to_list() == [at(0), at(4000)]


def test_turns_of_a_bicycle_are_no_steps(tmp_path):
    bout, findings = one_of(
        tmp_path, Lap(at(0), TRACKS, strides_per_min=85, steps=900), sport="Biking"
    )

    assert (bout["sport"], bout["cadence_mean_spm"], bout["steps_n"]) == ("cycling", None, None)
    assert findings == ()


def test_a_cadence_that_may_be_of_both_legs_is_not_doubled(tmp_path):
    track = [Point(at(s), strides_per_min=118) for s in (0, 10)]

    bout, findings = one_of(tmp_path, Lap(at(0), [track]))

    assert bout["cadence_mean_spm"] is None
    assert findings == ((1, "cadence_unclear"),)


@pytest.mark.parametrize(
    "stamp", ["", "08:00:10", "2026-03-02", "2026-03-02T25:00:10.000Z", "2026-03-02T08:00:10"]
)
def test_a_point_without_a_usable_time_is_named_and_left_out(tmp_path, stamp):
    found = found_in(tmp_path, WALK.replace(b"2026-03-02T08:00:10.000Z", stamp.encode()))

    assert found.findings == ((1, "unreadable_epoch"),)
    assert found.records["duration_s"].to_list() == [30.0]


def test_offsets_of_times_are_taken_off(tmp_path):
    data = WALK.replace(b"T08:00:00.000Z", b"T10:00:00+02:00")

    assert found_in(tmp_path, data).records["start_utc"].to_list() == [at(0)]


def test_an_activity_without_any_time_keeps_its_row_without_a_start(tmp_path):
    data = tcx_bytes([activity_xml([Lap(at(0), [], timer_s=60.0)])]).replace(b"2026-", b"noon-")

    found = found_in(tmp_path, data)

    assert found.findings == ((1, "no_times"),)
    assert found.records.select("start_utc", "end_utc").row(0) == (None, None)


def test_a_clock_that_goes_back_is_named(tmp_path):
    track = [Point(at(10)), Point(at(0)), Point(at(20))]

    bout, findings = one_of(tmp_path, Lap(at(0), [track]))

    assert findings == ((1, "clock_jump"),)
    assert (bout["start_utc"], bout["end_utc"]) == (at(0), at(20))


def test_what_stands_before_a_cut_is_used(tmp_path):
    outcomes = set()
    for n_bytes in range(1, len(WALK) - 1, 37):
        try:
            found = found_in(tmp_path, WALK[:n_bytes])
        except DeliveryRefused as refused:
            outcomes.add(refused.reason)
            continue
        outcomes.add("read")
        assert found.findings[-1] == (1, "truncated_end")
        bout = found.records.row(0, named=True)
        assert bout["start_utc"] == at(0) and bout["duration_s"] <= 30

    assert outcomes == {"read", "no_activity", "unreadable"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (tcx_bytes([]), "no_activity"),
        (WALK.replace(b"</Lap>", b"</Lop>"), "unreadable"),
        (WALK.replace(b"<Id>", b"<Id>\x0b"), "unreadable"),
        (WALK.replace(b"<Id>", b"<Id>&who;"), "unreadable"),
        (WALK.decode().replace("UTF-8", "UTF-16").encode("utf-16"), "unreadable"),
    ],
)
def test_what_is_no_activity_is_refused(tmp_path, data, reason):
    assert reason_of(tmp_path, data) == reason


def test_a_file_over_the_limit_is_not_read(tmp_path):
    path = tmp_path / "a.tcx"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # takes no room on the disk

    with pytest.raises(DeliveryRefused) as refused:
        read(path)

    assert refused.value.reason == "too_large"


def test_a_real_activity_has_the_totals_of_its_two_laps():
    if not SAMPLE.exists():
        pytest.skip("../shared/samples/tcx is absent")

    found = read(SAMPLE)

    bout = found.records.row(0, named=True)
    assert (found.maker, found.model, found.device_serial) == (
        "garmin", "vívoactive HR", "3937453043",
    )  # fmt: skip
    # 966.796 s + 145.539 s, 1000 m + 157.51 m and 426 + 65 steps, as tcxreader reads the laps
    assert bout["duration_s"] == pytest.approx(966.796 + 145.539, abs=1e-6)
    assert bout["distance_m"] == pytest.approx(1157.51, abs=1e-6)
    assert (bout["steps_n"], bout["hr_max_bpm"]) == (491, 108.0)
    assert bout["start_utc"] == dt.datetime(2022, 7, 16, 16, 8, 25)
    # the watch's own means of its two laps, by how long they lasted
    assert bout["hr_mean_bpm"] == pytest.approx((88 * 966.796 + 87 * 145.539) / 1112.335)
