"""Apple Health exports: the XML and the zip, with what phones get wrong in them."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path

import polars as pl
import pytest

from pipelines import devices
from pipelines.devices import utc_slots
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.apple_health_text import (
    PHONE,
    WATCH,
    export_xml,
    export_zip,
    record_xml,
    workout_xml,
)

BERLIN = dt.timezone(dt.timedelta(hours=1))
AT = dt.datetime(2026, 3, 2, 23, 50, tzinfo=BERLIN)
SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "apple_health"


def steps(minute: int, n: int, device=WATCH) -> str:
    start = AT + dt.timedelta(minutes=minute)
    return record_xml("StepCount", start, start + dt.timedelta(minutes=1), n, "count", device=device, name=device[0][-20:])  # fmt: skip


def read(tmp_path: Path, data: bytes) -> dict[str, list]:
    path = tmp_path / "whatever.bin"
    path.write_bytes(data)
    form = devices.recognise(path)
    assert form is not None and form.name == "apple_health"
    found = form.read(path)
    by_table: dict[str, list] = {}
    for one in found if isinstance(found, tuple) else (found,):
        by_table.setdefault(one.table, []).append(one)
    return by_table


def steps_by_day(files: list) -> dict[dt.date, int]:
    days = pl.concat([utc_slots.local_days(one.records, "Europe/Berlin") for one in files])
    return dict(days.select("wear_date", "steps_n").iter_rows())


@pytest.mark.parametrize("document_type", ["whole", "broken", "none"])
@pytest.mark.parametrize("zipped", [False, True])
def test_steps_fall_on_the_local_day_whatever_the_document_type(tmp_path, document_type, zipped):
    """100 steps before midnight in Berlin and 40 after it; the document type of iOS 16 is broken."""
    xml = export_xml([steps(0, 100), steps(12, 40)], AT, document_type=document_type)
    found = read(tmp_path, export_zip(xml) if zipped else xml)
    assert steps_by_day(found["wear_day"]) == {dt.date(2026, 3, 2): 100, dt.date(2026, 3, 3): 40}


def test_a_phone_and_a_watch_on_one_walk_are_not_added_up(tmp_path):
    xml = export_xml([steps(12, 100), steps(12, 90, PHONE)], AT)
    (total,) = steps_by_day(read(tmp_path, xml)["wear_day"]).values()
    assert total in (90, 100)


def test_a_walking_workout_is_a_bout_with_its_times_in_utc(tmp_path):
    walk = workout_xml(
        "Walking", AT, AT + dt.timedelta(minutes=20), duration_min=20.0, distance=(1.5, "km")
    )
    (bouts,) = read(tmp_path, export_xml([walk], AT))["wear_bout"]
    (bout,) = bouts.records.to_dicts()
    assert bout["start_utc"] == dt.datetime(2026, 3, 2, 22, 50)
    assert (bout["duration_s"], bout["distance_m"], bout["sport"]) == (1200.0, 1500.0, "walking")
    assert bout["speed_mean_mps"] == pytest.approx(1.25)


def test_a_control_character_in_free_text_harms_nobody(tmp_path):
    xml = export_xml([steps(12, 40)], AT).replace(b'locale="en_DE"', b'locale="en\x0b_DE"')
    assert sum(steps_by_day(read(tmp_path, xml)["wear_day"]).values()) == 40


@pytest.mark.parametrize(
    "harm",
    [
        b'<!DOCTYPE HealthData [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>',
        b'<!DOCTYPE HealthData [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    ],
)
def test_entities_are_never_resolved(tmp_path, harm):
    xml = export_xml([steps(12, 40)], AT, document_type="none")
    xml = xml.replace(b"<HealthData", harm + b"\n<HealthData", 1).replace(
        b"Made-up", b"&b;&x;Made-up"
    )
    path = tmp_path / "export.xml"
    path.write_bytes(xml)
    form = devices.recognise(path)
    try:
        found = form.read(path) if form else ()
    except DeliveryRefused:
        return
    assert "root:" not in repr(found)


def test_a_zip_bomb_is_refused(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("apple_health_export/export.xml", export_xml([], AT) + b" " * (300 << 20))
    path = tmp_path / "export.zip"
    path.write_bytes(out.getvalue())
    form = devices.recognise(path)
    with pytest.raises(DeliveryRefused):
        form.read(path)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_truncated_export_is_read_in_part_or_refused_in_words(tmp_path, share):
    xml = export_xml([steps(k, 10) for k in range(60)], AT)
    path = tmp_path / "export.xml"
    path.write_bytes(xml[: int(len(xml) * share)])
    form = devices.recognise(path)
    with pytest.raises(DeliveryRefused):
        form.read(path)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="../shared/samples is not here")
@pytest.mark.parametrize("name", ["export.xml", "export_zipcontents.xml"])
def test_the_sample_of_others_has_one_run(name):
    """Its workout, as the file's own attributes say: 2016-11-14 06:25:41 -0800, 5.19 min, 0.497 mi."""
    path = SAMPLES / name
    found = devices.recognise(path).read(path)
    bouts = [one for one in (found if isinstance(found, tuple) else (found,)) if one.table == "wear_bout"]  # fmt: skip
    (bout,) = bouts[0].records.to_dicts()
    assert bout["start_utc"] == dt.datetime(2016, 11, 14, 14, 25, 41)
    assert bout["distance_m"] == pytest.approx(800.1, abs=0.1)
