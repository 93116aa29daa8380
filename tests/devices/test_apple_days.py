import datetime as dt

import polars as pl
import pytest

from pipelines.devices.apple_days import SCHEMA, day_slots
from pipelines.devices.apple_records import collect
from pipelines.devices.utc_slots import local_days
from pipelines.synthetic.apple_health_text import PHONE, WATCH, export_xml, record_xml

CET = dt.timezone(dt.timedelta(hours=1))
NINE = dt.datetime(2026, 3, 2, 9, 0, tzinfo=CET)


def at(minute: float) -> dt.datetime:
    return NINE + dt.timedelta(minutes=minute)


def utc(hour: int, minute: int) -> dt.datetime:
    return dt.datetime(2026, 3, 2, hour, minute)


def steps(begin: float, end: float, value: float, device=WATCH, name="Made-up") -> str:
    return record_xml("StepCount", at(begin), at(end), value, "count", device=device, name=name)


def days_of(*entries: str):
    xml = export_xml(entries, at(999), document_type="none")
    return day_slots(collect([xml[xml.index(b"<HealthData") :]], "x"))


def counted(frame) -> list[tuple]:
    return frame.select("slot_utc", "epochs_n", "steps_n").rows()


def test_a_record_is_spread_over_the_quarter_hours_it_touches():
    frame, model, findings = days_of(steps(10, 40, 300), steps(40, 40.2, 5))

    # 5, 15 and 10 of its 30 minutes; 12 s more are a fifth of a minute
    assert counted(frame) == [(utc(8, 0), 5, 50), (utc(8, 15), 15, 150), (utc(8, 30), 10, 105)]
    assert (model, findings, dict(frame.schema)) == ("Watch6,2", [], SCHEMA)


def test_shares_of_steps_stay_whole_and_lose_none():
    frame, _, _ = days_of(*[steps(15 * i + 10, 15 * i + 20, 7) for i in range(9)])

    assert frame["steps_n"].sum() == 63
    assert set(frame["steps_n"].to_list()[1:-1]) <= {6, 7, 8}


def test_watch_and_phone_are_not_added_up_and_the_phone_fills_in():
    frame, model, _ = days_of(
        steps(0, 10, 100, PHONE),
        steps(2, 9, 90),
        steps(14, 16, 40, PHONE),  # touches the watch's quarter hour
        steps(30, 35, 60, PHONE),
    )

    assert counted(frame) == [(utc(8, 0), 7, 90), (utc(8, 30), 5, 60)]
    assert model == "Watch6,2 + iPhone13,2"


def test_apps_repeat_what_a_watch_or_phone_has_counted():
    frame, model, findings = days_of(
        steps(60, 65, 70, None, "An app"), steps(0, 5, 50, PHONE), steps(90, 95, 70, None, "An app")
    )

    assert counted(frame) == [(utc(8, 0), 5, 50)]
    assert (model, findings) == ("iPhone13,2", [(1, "other_source")])


def test_without_watch_and_phone_the_app_with_most_records_is_used():
    frame, model, findings = days_of(
        steps(0, 5, 50, None, "One"), steps(0, 5, 60, None, "Two"), steps(30, 35, 61, None, "Two")
    )

    assert counted(frame) == [(utc(8, 0), 5, 60), (utc(8, 30), 5, 61)]
    assert (model, findings) == (None, [(1, "other_source")])


def test_a_record_that_came_before_counts_once():
    frame, _, findings = days_of(steps(0, 5, 50), steps(0, 5, 50))

    assert counted(frame) == [(utc(8, 0), 5, 50)]
    assert findings == [(2, "repeated_epoch")]


def test_distance_and_speed_stand_beside_the_steps():
    frame, _, _ = days_of(
        steps(0, 5, 400),
        record_xml("DistanceWalkingRunning", at(0), at(5), 0.3, "km"),
        record_xml("WalkingSpeed", at(0), at(1), 3.6, "km/hr", device=PHONE),
        record_xml("WalkingSpeed", at(2), at(5), 7.2, "km/hr", device=PHONE),
        record_xml("DistanceWalkingRunning", at(30), at(31), 50, "m"),
    )

    # a minute at 1 m/s and three at 2 m/s
    rows = frame.select("slot_utc", "steps_n", "distance_m", "speed_mean_mps", "speed_s").rows()
    assert rows[0] == (utc(8, 0), 400, pytest.approx(300), pytest.approx(1.75), 240.0)
    assert rows[1] == (utc(8, 30), None, 50.0, None, None)


def test_quarter_hours_are_days_of_the_clinics_zone():
    # 23:45 to 00:15 in Berlin, half of it in each day
    frame, _, _ = days_of(steps(14 * 60 + 45, 15 * 60 + 15, 200))

    days = local_days(frame, "Europe/Berlin")

    assert days.select("wear_date", "steps_n").rows() == [
        (dt.date(2026, 3, 2), 100), (dt.date(2026, 3, 3), 100),
    ]  # fmt: skip


def test_a_day_has_its_distance_and_the_mean_speed_of_its_minutes():
    records = pl.DataFrame({
        "row_no": [1, 2, 3], "slot_utc": [utc(8, 0), utc(8, 15), utc(8, 30)], "epoch_s": [60] * 3, "epochs_n": [15] * 3,
        "steps_n": [400, 100, None], "distance_m": [300.0, None, 50.0],
        "speed_mean_mps": [1.75, 1.0, None], "speed_s": [240.0, 120.0, None],
    })  # fmt: skip

    day = local_days(records, "Europe/Berlin").row(0, named=True)

    # 300 + 50 m; (4 min at 1.75 + 2 min at 1.0) / 6 min = 1.5 m/s
    assert (day["distance_m"], day["speed_mean_mps"], day["steps_n"]) == (350.0, 1.5, 500)


def test_an_export_without_steps_has_no_days():
    frame, model, findings = days_of(record_xml("HeartRate", at(0), at(0), 60, "count/min"))

    assert (len(frame), model, findings) == (0, None, [])
