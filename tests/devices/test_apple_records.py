import datetime as dt

import polars as pl
import pytest

from pipelines.devices.apple_records import OTHER, PHONE, WATCH, Source, collect, overlapped
from pipelines.errors import DeliveryRefused
from pipelines.synthetic import apple_health_text
from pipelines.synthetic.apple_health_text import export_xml, record_xml

CET = dt.timezone(dt.timedelta(hours=1))
NINE = dt.datetime(2026, 3, 2, 9, 0, tzinfo=CET)
EIGHT_S = 1_772_438_400  # 2026-03-02 08:00:00 UTC: 20514 days and 8 hours


def minute(i: int) -> dt.datetime:
    return NINE + dt.timedelta(minutes=i)


def steps(i: int = 0, value: float = 7, **kwargs) -> str:
    return record_xml("StepCount", minute(i), minute(i + 1), value, "count", **kwargs)


def collected(*entries: str):
    xml = export_xml(entries, minute(99), document_type="none")
    return collect([xml[xml.index(b"<HealthData") :]], "x")


def test_records_are_numbered_and_in_study_units():
    export = collected(
        steps(),
        record_xml("DistanceWalkingRunning", minute(0), minute(1), 0.5, "mi"),
        record_xml("WalkingSpeed", minute(0), minute(1), 3.6, "km/hr"),
        record_xml("HeartRate", minute(0), minute(0), 1.5, "count/s"),
        record_xml("Height", minute(0), minute(0), 180, "cm"),
        steps(1),
    )

    def rows(kind: str) -> list[tuple]:
        return export.records[kind].select("row_no", "start_s", "end_s", "value").rows()

    assert rows("steps") == [(1, EIGHT_S, EIGHT_S + 60, 7.0), (6, EIGHT_S + 60, EIGHT_S + 120, 7.0)]
    assert rows("distance") == [(2, EIGHT_S, EIGHT_S + 60, 804.672)]  # half of 1609.344
    assert rows("speed") == [(3, EIGHT_S, EIGHT_S + 60, pytest.approx(1.0))]
    assert rows("heart") == [(4, EIGHT_S, EIGHT_S, 90.0)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('startDate="2026-03-02 09:00:00 +0100"', 'startDate="2026-03-02 9:00:00 AM +0100"'),
        ('startDate="2026-03-02 09:00:00 +0100"', 'startDate="2026-03-02 09:00:00"'),
        ('startDate="2026-03-02 09:00:00 +0100"', 'startDate="2026-02-30 09:00:00 +0100"'),
        ('startDate="2026-03-02 09:00:00 +0100"', 'startDate="2026-03-02 09:05:00 +0100"'),
        ('startDate="2026-03-02 09:00:00 +0100"', ""),
        ('value="7"', 'value="-7"'),
        ('value="7"', 'value="7,5"'),
        ('value="7"', 'value="1e9"'),
        ('value="7"', 'value=""'),
        ('value="7"', ""),
        ('unit="count"', 'unit="km"'),
    ],
)
def test_a_record_that_cannot_be_read_is_named_and_not_used(old, new):
    assert old in steps()

    export = collected(steps().replace(old, new), steps(5))

    assert export.findings == [(1, "unreadable_epoch")]
    assert export.records["steps"]["row_no"].to_list() == [2]


def test_steps_that_were_typed_in_are_not_used():
    export = collected(steps(by_hand=True), steps(5))

    assert export.findings == [(1, "entered_by_hand")]
    assert export.records["steps"]["row_no"].to_list() == [2]


def test_the_same_hour_of_two_offsets_is_two_hours():
    # in the night of 2026-03-29 Europe's clocks go from 02:00 +0100 to 03:00 +0200
    before = steps().replace("2026-03-02 09:00:00 +0100", "2026-03-29 01:59:00 +0100")
    before = before.replace("2026-03-02 09:01:00 +0100", "2026-03-29 03:01:00 +0200")

    record = collected(before).records["steps"].row(0, named=True)

    assert record["end_s"] - record["start_s"] == 120


def test_what_stands_in_a_correlation_stands_outside_too():
    inside = " <Correlation>\n" + steps() + " </Correlation>\n"

    assert collected(inside, steps(1)).records["steps"]["start_s"].to_list() == [EIGHT_S + 60]


def test_sources_are_told_by_hardware_and_never_by_a_persons_name_for_it():
    said, _ = apple_health_text.WATCH
    export = collected(
        steps(name="Ada's"),
        steps(name="Ada's", device=apple_health_text.PHONE),
        steps(name="Ada's iPhone", device=None),
        steps(name="Steps app", device=None),
        steps(name="Sleep app", device=(said, "3.2")),  # an app that names the watch
    )

    assert export.sources == [
        Source(WATCH, "Watch6,2"),
        Source(PHONE, "iPhone13,2"),
        Source(PHONE, "iPhone"),
        Source(OTHER, "Steps app"),
        Source(OTHER, "Sleep app"),
    ]


def test_a_thousand_unreadable_addresses_do_not_make_sources():
    said, version = apple_health_text.WATCH
    entries = [
        steps(i % 60, device=(said.replace("0x281c9b8d0", f"0x{i:09x}"), version))
        for i in range(1000)
    ]

    assert collected(*entries).sources == [Source(WATCH, "Watch6,2")]


def test_markup_that_is_not_well_formed_is_refused():
    with pytest.raises(DeliveryRefused) as refused:
        collected(steps(), "<Record>", steps())

    assert refused.value.reason == "unreadable"


def test_shares_of_what_lies_partly_between():
    frame = pl.DataFrame({"start_s": [0, 100, 150, 200, 300], "end_s": [100, 200, 150, 300, 400]})

    rows, share = overlapped(frame, 125, 225)

    # three quarters of the second, the point in time, one quarter of the fourth
    assert rows.tolist() == [1, 2, 3]
    assert share.tolist() == [0.75, 1.0, 0.25]
