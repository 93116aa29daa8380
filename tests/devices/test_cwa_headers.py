"""What the heads of CWA blocks and the header of the file say, written down by hand."""

import struct

import numpy as np
import pytest

from pipelines.devices.cwa_headers import read_device, read_heads
from pipelines.errors import DeliveryRefused


def header(kind=0x17, low=0xCAB0, high=0xFFFF, note=b"") -> bytes:
    head = b"MD\xfc\x03" + struct.pack("<BHIH", kind, low, 7, high)
    return head.ljust(64, b"\xff") + note.ljust(448) + b"\xff" * 512


def head(
    fraction=0, time=(20, 2, 29, 23, 59, 58), light=0, rate=0x4A, packing=0x30, offset=0, n=120
):
    year, month, day, hour, minute, second = time
    packed = year << 26 | month << 22 | day << 17 | hour << 12 | minute << 6 | second
    return struct.pack(
        "<4sHIIIHHBBBBhH", b"AX\xfc\x01", fraction, 7, 5, packed, light, 0xFC00 | 256, 0, 190, rate,
        packing, offset, n,
    )  # fmt: skip


def one(**said):
    return read_heads(np.frombuffer(head(**said), np.uint8), np.array([0]))


@pytest.mark.parametrize(
    ("said", "model", "number"),
    [
        ({}, "AX3", 0xCAB0),
        ({"kind": 0x64, "low": 1, "high": 0x5B}, "AX6", 0x5B0001),
        ({"kind": 0xFF, "low": 0xFFFF}, "AX3", 0),
        ({"kind": 0x01}, None, 0xCAB0),
    ],
)
def test_a_device_is_named_by_both_words_of_its_number(said, model, number):
    device = read_device(header(**said), "x")

    assert (device.model, device.number) == (model, number)


@pytest.mark.parametrize(
    ("note", "placement"),
    [(b"_p=right+wrist&_sc=26", "wrist"), (b"_sc=26&_p=lower%20back", "lower_back"),
     (b"_p=waist", None), (b"_n=wrist", None), (b"\xff\xfe&&=%zz", None), (b"", None)],
)  # fmt: skip
def test_the_note_says_where_it_was_worn(note, placement):
    assert read_device(header(note=note), "x").placement == placement


def test_what_is_no_header_is_refused():
    for data, reason in ((b"MD", "truncated"), (b"X" + header()[1:], "unreadable")):
        with pytest.raises(DeliveryRefused) as refused:
            read_device(data, "x")
        assert refused.value.reason == reason


def test_a_stamp_is_the_time_of_one_sample():
    # 2020-02-29 23:59:58 UTC is 1,583,020,798; half a second is 16384 of 32768, and at 100 Hz it
    # holds 50 whole samples that the device took off the offset
    heads = one(fraction=0x8000 | 16384, offset=70)

    assert heads.time_us.tolist() == [1_583_020_798_500_000]
    assert heads.anchor.tolist() == [120]
    assert heads.device_number.tolist() == [0]


def test_without_a_fraction_the_word_is_the_device():
    heads = one(fraction=777, offset=-20)

    assert (heads.time_us[0], heads.anchor[0]) == (1_583_020_798_000_000, -20)
    assert heads.device_number.tolist() == [777]


@pytest.mark.parametrize(
    ("light", "packing", "rate", "n", "per_g", "range_g", "hz", "dps", "limit"),
    [
        (0, 0x30, 0x4A, 120, 256, 8, 100, 8000, 2044),
        (0, 0x30, 0x0F, 120, 256, 16, 3200, 8000, 4088),
        (0, 0x32, 0x89, 80, 256, 4, 50, 8000, 1023),
        (4 << 13 | 2 << 10, 0x62, 0x4A, 40, 4096, 8, 100, 2000, 32767),
        (6 << 13 | 6 << 10 | 1023, 0x62, 0xC7, 40, 16384, 2, 12.5, 125, 32767),
        (3 << 13, 0x92, 0x06, 26, 2048, 16, 6.25, 8000, 32767),
    ],
)
def test_units_and_rate(light, packing, rate, n, per_g, range_g, hz, dps, limit):
    heads = one(light=light, packing=packing, rate=rate, n=n)

    assert heads.is_readable.tolist() == [True]
    assert (heads.acc_unit[0], heads.range_g[0], heads.rate_hz[0]) == (1 / per_g, range_g, hz)
    assert heads.gyro_unit[0] == dps / 32768
    assert heads.limit[0] == limit
    assert heads.temperature_c[0] == 25.0  # 256 * 75 / 256 - 50


@pytest.mark.parametrize(
    ("time", "is_time"),
    [((20, 2, 29, 0, 0, 0), True), ((21, 2, 29, 0, 0, 0), False), ((21, 0, 1, 0, 0, 0), False),
     ((21, 13, 1, 0, 0, 0), False), ((21, 12, 31, 23, 59, 59), True), ((21, 12, 0, 0, 0, 0), False),
     ((21, 4, 31, 0, 0, 0), False), ((21, 4, 1, 24, 0, 0), False), ((21, 4, 1, 0, 60, 0), False),
     ((21, 4, 1, 0, 0, 60), False), ((63, 1, 1, 0, 0, 0), True)],
)  # fmt: skip
def test_a_time_is_one_of_the_calendar(time, is_time):
    assert one(time=time).is_readable.tolist() == [is_time]
