import datetime as dt

import pytest

from pipelines.devices.apple_records import collect
from pipelines.devices.apple_workouts import bouts_by_device
from pipelines.synthetic.apple_health_text import PHONE, WATCH, export_xml, record_xml, workout_xml

CET = dt.timezone(dt.timedelta(hours=1))
NINE = dt.datetime(2026, 3, 2, 9, 0, tzinfo=CET)
QUANTITY = "HKQuantityTypeIdentifier"


def at(minute: float) -> dt.datetime:
    return NINE + dt.timedelta(minutes=minute)


def utc(minute: float) -> dt.datetime:
    return dt.datetime(2026, 3, 2, 8, 0) + dt.timedelta(minutes=minute)


def bouts_of(*entries: str):
    xml = export_xml(entries, at(999), document_type="none")
    return bouts_by_device(collect([xml[xml.index(b"<HealthData") :]], "x"))


def bout_of(*entries: str) -> dict:
    ((_, _, rows, _),) = bouts_of(*entries)
    return rows.row(0, named=True)


def test_a_workout_with_its_own_statistics():
    bout = bout_of(
        workout_xml(
            "Walking", at(0), at(21), duration_min=20.0,
            statistics=[
                {"type": QUANTITY + "ActiveEnergyBurned", "sum": "99", "unit": "kcal"},
                {"type": QUANTITY + "DistanceWalkingRunning", "sum": "1.5", "unit": "km"},
                {"type": QUANTITY + "StepCount", "sum": "2000", "unit": "count"},
                {"type": QUANTITY + "HeartRate", "average": "96.5", "minimum": "70",
                 "maximum": "120", "unit": "count/min"},
            ],
        )
    )  # fmt: skip

    # 20 minutes without the pause: 1500 m in 1200 s, 2000 steps in 20 minutes
    assert bout == {
        "row_no": 1,
        "start_utc": utc(0),
        "end_utc": utc(21),
        "duration_s": 1200.0,
        "distance_m": 1500.0,
        "speed_mean_mps": pytest.approx(1.25),
        "hr_mean_bpm": 96.5,
        "hr_max_bpm": 120.0,
        "cadence_mean_spm": pytest.approx(100.0),
        "steps_n": 2000,
        "sport": "walking",
    }


def test_records_of_the_same_device_fill_in_what_an_older_export_leaves_out():
    bout = bout_of(
        record_xml("StepCount", at(-5), at(5), 1000, "count"),  # half of it is inside
        record_xml("StepCount", at(5), at(8), 300, "count"),
        record_xml("StepCount", at(0), at(10), 5000, "count", device=PHONE),
        record_xml("StepCount", at(10), at(11), 77, "count"),
        record_xml("HeartRate", at(2), at(2), 90, "count/min"),
        record_xml("HeartRate", at(2.25), at(2.25), 110, "count/min"),
        record_xml("HeartRate", at(5), at(5), 180, "count/min", device=PHONE),
        workout_xml("Walking", at(0), at(10), duration_min=10.0, distance=(0.5, "mi")),
    )

    assert (bout["steps_n"], bout["cadence_mean_spm"]) == (800, pytest.approx(80.0))
    assert (bout["hr_mean_bpm"], bout["hr_max_bpm"]) == (100.0, 110.0)
    assert bout["distance_m"] == pytest.approx(804.672)


def test_turns_of_a_bicycle_are_no_steps():
    bout = bout_of(
        record_xml("StepCount", at(0), at(5), 90, "count"),
        workout_xml("Cycling", at(0), at(10), duration_min=10.0),
    )

    assert (bout["sport"], bout["steps_n"], bout["cadence_mean_spm"]) == ("cycling", None, None)


def test_each_device_and_app_has_its_own_bouts():
    found = bouts_of(
        workout_xml("Walking", at(0), at(10), duration_min=10.0),
        workout_xml("Running", at(30), at(40), duration_min=10.0, device=PHONE),
        workout_xml("Walking", at(60), at(70), duration_min=10.0, device=None, name="An app"),
        workout_xml("Hiking", at(90), at(99), duration_min=9.0, by_hand=True),
    )

    assert [(maker, model, rows["row_no"].to_list(), noted) for maker, model, rows, noted in found] == [
        ("apple", "Watch6,2", [1, 4], [(4, "entered_by_hand")]),
        ("apple", "iPhone13,2", [2], []),
        ("unknown", None, [3], []),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('startDate="2026-03-02 09:00:00 +0100"', 'startDate="2 March"'),
        ('startDate="2026-03-02 09:00:00 +0100"', 'startDate="2026-03-02 09:30:00 +0100"'),
        ('endDate="2026-03-02 09:10:00 +0100"', ""),
    ],
)
def test_a_workout_whose_times_cannot_be_used_keeps_its_row(old, new):
    workout = workout_xml("Walking", at(0), at(10), duration_min=10.0, distance=(0.5, "km"))
    assert old in workout

    bout = bout_of(workout.replace(old, new))

    assert (bout["start_utc"], bout["end_utc"]) == (None, None)
    assert (bout["duration_s"], bout["distance_m"]) == (600.0, 500.0)


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ('totalDistanceUnit="km"', 'totalDistanceUnit="parsec"', "distance_m"),
        ('totalDistance="0.5"', 'totalDistance="half"', "distance_m"),
        ('totalDistance="0.5"', 'totalDistance="0"', "distance_m"),
        ('HKWorkoutActivityTypeWalking"', '"', "sport"),
    ],
)
def test_what_cannot_be_read_is_missing(old, new, name):
    workout = workout_xml("Walking", at(0), at(10), duration_min=10.0, distance=(0.5, "km"))
    assert old in workout and bout_of(workout)[name] is not None

    assert bout_of(workout.replace(old, new))[name] is None


def test_without_a_length_of_its_own_a_workout_is_as_long_as_its_times():
    workout = workout_xml("Walking", at(0), at(10), duration_min=10.0, device=WATCH)

    assert bout_of(workout.replace('durationUnit="min"', ""))["duration_s"] == 600.0
