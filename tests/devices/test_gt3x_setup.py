import numpy as np
import pytest

from pipelines.devices.gt3x_records import Records
from pipelines.devices.gt3x_setup import (
    range_of,
    read_info,
    read_parameters,
    read_setup,
    ssp_float,
    ticks_us,
)
from pipelines.errors import DeliveryRefused


@pytest.mark.parametrize(
    ("bits", "value"),
    [
        # Parameters.md, example: ACCEL_SCALE 00 00 40 09, IMU_GYRO_SCALE 37 89 41 05, battery 81 95 41 03
        (0x09400000, 256.0),
        (0x0C400000, 2048.0),
        (0x05418937, 16.384),
        (0x03419581, 4.099),
        (0x09C00000, -256.0),
        (0xFF400000, 0.25),
        (0, 0.0),
    ],
)
def test_numbers_as_the_device_writes_them(bits, value):
    assert ssp_float(bits) == pytest.approx(value, rel=1e-4)


def test_parameters_are_pairs_of_eight_bytes_and_a_rest_is_dropped():
    payload = bytes.fromhex("000037000000400901000A001E0000000100")

    assert read_parameters(payload) == {(0, 55): 0x09400000, (1, 10): 30}


def test_info_is_keys_and_texts():
    text = "\ufeffSerial Number: TAS1\r\nBattery Voltage: 4,03\nno colon\nSerial Number: other\n"

    assert read_info(text.encode()) == {"serial number": "TAS1", "battery voltage": "4,03"}


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("637043424000000000", 1_568_745_600_000_000),  # 2019-09-17 18:40, as ActiLife shows it
        ("0", None),
        ("", None),
        (None, None),
        ("9" * 30, None),
        ("٣٧", None),
        ("-5", None),
    ],
)
def test_ticks(text, us):
    assert ticks_us(text) == us


def setup(info: dict[str, str], **changes):
    said = {"serial number": "TAS1", "sample rate": "30"} | info
    return read_setup(said, None, changes.get("seen"), "a.gt3x")


@pytest.mark.parametrize(
    ("info", "gain", "limit", "range_g"),
    [
        ({}, 1 / 256, 2047, 8.0),
        ({"serial number": "NEO1"}, 1 / 341, 2046, 6.0),
        ({"serial number": "MRA1"}, 1 / 341, 2046, 6.0),
        ({"acceleration scale": "300,0", "acceleration max": "6,0"}, 1 / 300, 1800, 6.0),
        ({"acceleration scale": "2048", "acceleration max": "16"}, 1 / 2048, 32767, 16.0),
        ({"acceleration scale": "0"}, 1 / 256, 2047, 8.0),
    ],
)
def test_scale_and_range(info, gain, limit, range_g):
    found = setup(info)

    assert (found.gains[0], found.limit, found.range_g) == (pytest.approx(gain), limit, range_g)


@pytest.mark.parametrize(
    ("info", "seen", "rate"), [({}, 30, 30), ({}, 100, 30), ({"sample rate": ""}, 100, 100)]
)
def test_the_rate_is_what_is_stated_or_else_seen(info, seen, rate):
    assert setup(info, seen=seen).rate_hz == rate


@pytest.mark.parametrize(
    "info", [{"serial number": "XYZ1"}, {"sample rate": "0"}, {"sample rate": "99999"}]
)
def test_what_says_neither_scale_nor_rate_is_refused(info):
    with pytest.raises(DeliveryRefused, match=r"a\.gt3x") as refused:
        setup(info)

    assert refused.value.reason == "unreadable"


@pytest.mark.parametrize(
    ("text", "is_utc"),
    [
        (b'{"MetadataType":"LocalTimeLog","UsedUtc":true}', True),
        (b'{"MetadataType":"LocalTimeLog","UsedUtc":false}', False),
        (b'{"UsedUtc":true', False),
        (b'["UsedUtc"]', False),
        (b'"UsedUtc"', False),
        (b'{"UsedUtc":' + b"[" * 5000, False),
    ],
)
def test_the_log_says_whether_its_clock_is_utc(text, is_utc):
    one = np.array([0])
    records = Records(np.array([6]), one, one, np.array([len(text)]), one)
    info = {"serial number": "TAS1", "sample rate": "30"}

    found = read_setup(info, (np.frombuffer(text, np.uint8), records), 30, "a.gt3x")

    assert found.is_utc is is_utc


def test_ranges_of_devices():
    assert [range_of(serial) for serial in ("CLE2A21", "MOS2", "?", None)] == [6.0, 8.0, None, None]
