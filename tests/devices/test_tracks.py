import math

import numpy as np
import pytest

from pipelines.devices.tracks import (
    EARTH_M,
    RawPoints,
    bout_frame,
    bout_row,
    cadence_spm,
    numbers,
    path_m,
    points_of,
    seconds,
    travelled_m,
)

START_S = 1_772_438_400.0  # 2026-03-02 08:00:00 UTC: 20514 days and 8 hours


def points(lat: list[str | None], lon: list[str | None], part: list[int], distance=None):
    n = len(lat)
    raw = RawPoints(
        time=[f"2026-03-02T08:00:{second:02d}Z" for second in range(n)],
        lat=lat,
        lon=lon,
        distance=distance or [None] * n,
        hr=[None] * n,
        strides=[None] * n,
        part=part,
    )
    return points_of(raw, no_zone_is_utc=False)


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("2026-03-02T08:00:00Z", 0.0),
        (" 2026-03-02T08:00:00.250Z\n", 0.25),
        ("2026-03-02T09:30:00+01:30", 0.0),
        ("2026-03-02T01:00:00-0700", 0.0),
        ("2026-03-02T08:00:00", np.nan),
        ("2026-02-30T08:00:00Z", np.nan),
        ("0000-03-02T08:00:00Z", np.nan),
        ("2026-03-02T08:00:00+1", np.nan),
        ("", np.nan),
        (None, np.nan),
    ],
)
def test_times_are_seconds_in_utc(text, second):
    assert seconds([text], no_zone_is_utc=False) == pytest.approx([START_S + second], nan_ok=True)


def test_a_time_without_a_zone_is_utc_where_the_format_says_so():
    assert seconds(["2026-03-02T08:00:00"], no_zone_is_utc=True).tolist() == [START_S]


def test_numbers_are_plain_and_in_range():
    texts = ["1.5", " 90 ", "-90", "90.1", "NaN", "inf", "1e999", "0x1", "1,5", "", None, "\u0663"]

    found = numbers(texts, -90, 90)

    assert found[:3].tolist() == [1.5, 90.0, -90.0]
    assert np.isnan(found[3:]).all()


def test_a_quarter_of_the_earth_is_a_quarter_of_its_round():
    assert path_m(points(["0", "90"], ["0", "0"], [0, 0])) == pytest.approx(EARTH_M * math.pi / 2)
    assert path_m(points(["0", "0"], ["-179", "179"], [0, 0])) == pytest.approx(
        EARTH_M * math.radians(2)
    )


def test_pauses_are_not_bridged_and_lost_positions_are():
    # a degree, a pause of a degree, a degree in whose middle a position is missing
    lat = ["0", "1", "2", None, "3"]

    assert path_m(points(lat, ["0"] * 5, [0, 0, 1, 1, 1])) == pytest.approx(
        2 * EARTH_M * math.radians(1)
    )
    assert np.isnan(path_m(points(["0", "1"], ["0", "0"], [0, 1])))


def test_the_files_own_distance_comes_before_positions():
    told = points(["0", "1", "2"], ["0"] * 3, [0, 0, 0], ["5", None, "12.5"])

    assert travelled_m(told) == 7.5


def test_a_clock_goes_back_within_a_part_only():
    raw = RawPoints(
        time=["2026-03-02T08:00:10Z", "2026-03-02T08:00:00Z", "x"],
        lat=[None] * 3, lon=[None] * 3, distance=[None] * 3, hr=["0", "255", "80"],
        strides=[None] * 3, part=[0, 1, 1],
    )  # fmt: skip

    apart = points_of(raw, no_zone_is_utc=False)
    raw.part = [0, 0, 0]
    together = points_of(raw, no_zone_is_utc=False)

    assert (apart.goes_back, together.goes_back, apart.n_unreadable) == (False, True, 1)
    assert np.isnan(apart.hr_bpm).all()  # no contact, and no value


def test_strides_are_doubled_unless_they_are_of_both_legs():
    assert cadence_spm(55.0) == (110.0, False)
    steps, in_doubt = cadence_spm(115.0)
    assert np.isnan(steps) and in_doubt


def test_what_is_not_known_is_missing_in_a_bout():
    bout = bout_frame([bout_row(3, START_S, 1e12, 0.0, 5.0, steps_n=None, hr_mean_bpm=np.nan)])

    row = bout.row(0, named=True)
    assert (row["row_no"], row["distance_m"], row["duration_s"]) == (3, 5.0, 0.0)
    assert str(row["start_utc"]) == "2026-03-02 08:00:00"
    assert [row[name] for name in ("end_utc", "speed_mean_mps", "hr_mean_bpm")] == [None] * 3
