import datetime as dt

import pytest

from pipelines.devices.samsung_csv import FORMAT, MAX_BYTES, read
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.samsung_text import day_summary_csv

D2, D3 = dt.date(2026, 3, 2), dt.date(2026, 3, 3)
DAYS = [(D3, 8410, "watch"), (D2, 5000, "watch"), (D3, 8231, "phone")]


def read_text(tmp_path, data: bytes):
    path = tmp_path / "x"
    path.write_bytes(data)
    return read(path)


def reason_of(tmp_path, data: bytes) -> str:
    with pytest.raises(DeliveryRefused) as refused:
        read_text(tmp_path, data)
    assert refused.value.where == "x" and refused.value.remedy
    return refused.value.reason


@pytest.mark.parametrize("milliseconds", [False, True])
def test_each_device_has_its_own_days(tmp_path, milliseconds):
    phone, watch = read_text(tmp_path, day_summary_csv(DAYS, milliseconds=milliseconds))

    assert (phone.table, phone.maker, phone.device_serial) == ("wear_day", "samsung", "phone")
    assert phone.records.rows() == [(5, D3, None, None, 8231)]
    assert watch.device_serial == "watch"
    assert watch.records.rows() == [(3, D3, None, None, 8410), (4, D2, None, None, 5000)]


def test_columns_with_long_names(tmp_path):
    header = (
        "create_sh_ver,com.samsung.health.step_count,source_info,active_time,deviceuuid,distance,"
        "com.samsung.health.day_time"
    )

    found = read_text(tmp_path, day_summary_csv(DAYS[:1], header=header))

    assert found.records["steps_n"].to_list() == [8410]


def test_bad_lines_are_findings(tmp_path):
    data = day_summary_csv([(D2, 5000, "watch"), (D3, 8410, "watch"), (D3, 9, "watch")]).decode()
    data += ",x,,0,watch,1,2026-03-04 00:00:00.000,\n,5,,0,watch,1,2026-03-04 08:00:00.000,\n"

    found = read_text(tmp_path, data.encode())

    assert found.records["steps_n"].to_list() == [5000, 8410]
    assert found.findings == (
        (5, "repeated_epoch"), (6, "unreadable_epoch"), (7, "unreadable_epoch"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "day",
    [
        "1785627000000",
        "9" * 30,
        "-1785542400000",
        "2026-02-30 00:00:00.000",
        "0000-03-02 00:00:00.000",
        "NaN",
        "\u202e",
        "٣" * 13,
    ],
)
def test_days_that_are_none_are_refused(tmp_path, day):
    data = day_summary_csv(DAYS[:1]).decode().replace("2026-03-03 00:00:00.000", day)

    assert reason_of(tmp_path, data.encode()) == "no_epochs"


def test_cut_at_every_byte_is_read_or_refused(tmp_path):
    data = day_summary_csv(DAYS)
    for n in range(1, len(data)):
        try:
            found = read_text(tmp_path, data[:n])
        except DeliveryRefused:
            continue
        files = found if isinstance(found, tuple) else (found,)
        read = {(f.device_serial, *row[1::3]) for f in files for row in f.records.rows()}
        assert read <= {(device, day, steps) for day, steps, device in DAYS}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"com.samsung.shealth.tracker.pedometer_day_summary,7006003,7\r\n", "unknown_columns"),
        (day_summary_csv([]), "no_epochs"),
        (day_summary_csv(DAYS).replace(b"step_count", b"steps"), "unknown_columns"),
        (day_summary_csv(DAYS) + b"\xff", "unreadable"),
        (day_summary_csv(DAYS) + b'"open', "unreadable"),
        (day_summary_csv(DAYS) + b"," * MAX_BYTES, "too_large"),
        (day_summary_csv(DAYS) + b"1\n" * 70_000, "too_large"),
        (b"com.samsung.shealth.stress,7006003,7\n", "unknown_columns"),
    ],
)
def test_files_that_are_refused(tmp_path, data, reason):
    assert reason_of(tmp_path, data) == reason


@pytest.mark.parametrize(
    "head", [b"", b"com.samsung.shealth.tracker.heart_rate,7,1\n", b"day_time,step_count\n"]
)
def test_other_content_is_not_recognised(head):
    assert not FORMAT.recognise(head)
