import datetime as dt
import struct
import time
import tracemalloc

import numpy as np
import pytest
from fitdecode import CrcCheck, FitReader

from pipelines.devices import fit_frames
from pipelines.devices.fit import read, recognise
from pipelines.devices.fit_frames import crc16
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.fit_bytes import U8, U32, activity_bytes, fit_file, messages

START = dt.datetime(2026, 3, 2, 8, 30)
ROWS = [(t, 1.2 * t, 1.2, 90 + t % 9, 52.5) for t in range(40)]
GOOD = activity_bytes(3945849289, START, ROWS)


def reason_of(path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(DeliveryRefused) as refused:
        read(path)
    assert path.name in str(refused.value)
    return refused.value.reason


def with_size(claimed: int) -> bytes:
    header = GOOD[:4] + struct.pack("<I", claimed) + GOOD[8:12]
    return header + struct.pack("<H", crc16(header)) + GOOD[14:]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (GOOD[:5], "truncated"),
        (GOOD[:13], "truncated"),
        (GOOD[:-1], "truncated"),
        (GOOD[: len(GOOD) // 2], "truncated"),
        (GOOD[:-1] + bytes([GOOD[-1] ^ 1]), "crc_fault"),
        (GOOD[:100] + bytes([GOOD[100] ^ 0x10]) + GOOD[101:], "crc_fault"),
        (GOOD[:2] + bytes([GOOD[2] ^ 1]) + GOOD[3:], "crc_fault"),  # in the header
        (with_size(0), "truncated"),  # the watch stopped before it filled the header in
        (with_size(0xFFFFFFFF), "truncated"),
        (b"PK\x03\x04" * 99, "bad_structure"),
        (GOOD + GOOD[:200], "truncated"),  # the second of two chained files is cut
        (fit_file(b"\x01\x02\x03"), "bad_structure"),  # data before its definition
        (fit_file(messages(0, 20, [(253, U32, 1, 1)])[:-1]), "bad_structure"),
        (fit_file(b"\x40\x00\x00\x14\x00\xff\x01"), "bad_structure"),  # 255 fields announced
        (fit_file(b"\x40\x00\x00\x14\x00\x01\x03\x00\x02" + b"\0" * 9), "bad_structure"),
        (fit_file(messages(0, 0, [(0, U8, 1, 4)])), "no_activity"),
    ],
)  # fmt: skip
def test_bad_bytes_are_refused_with_a_reason(tmp_path, data, reason):
    assert reason_of(tmp_path / "a.fit", data) == reason


@pytest.mark.parametrize(
    "body",
    [
        messages(0, 18, [(2, U32, 1, np.full(501, 10**9))]),
        messages(0, 20, [(3, U8, 1, np.full(400_001, 80))]),
        # 255 fields of one byte in 16,000 messages: four million values
        b"\x40\0\0\x14\0\xff"
        + bytes(b for i in range(255) for b in (i, 1, 2))
        + bytes(256 * 16_000),
    ],
    ids=["sessions", "messages", "fields"],
)
def test_more_than_an_activity_can_have_is_refused_quickly(tmp_path, body):
    started = time.process_time()

    assert reason_of(tmp_path / "a.fit", fit_file(body)) == "too_large"

    assert time.process_time() - started < 5


def test_lying_sizes_do_not_allocate():
    data = with_size(0xFFFFFFF0)
    tracemalloc.start()
    with pytest.raises(DeliveryRefused):
        fit_frames.walk(data, "a.fit")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 1 << 20


def test_a_file_over_the_limit_is_not_read(tmp_path):
    path = tmp_path / "a.fit"
    with path.open("wb") as file:
        file.truncate((32 << 20) + 1)  # sparse: no byte is written

    with pytest.raises(DeliveryRefused) as refused:
        read(path)

    assert refused.value.reason == "too_large"


def test_largest_numbers_of_every_field_do_not_break_the_reader(tmp_path):
    path = tmp_path / "a.fit"
    body = bytes([0x40, 0, 0, 18, 0, 7]) + bytes(
        b for number in (2, 253, 7, 8, 9, 10, 14) for b in (number, 4, 0x86)
    )
    path.write_bytes(fit_file(body + b"\0" + struct.pack("<7I", *[0xFFFFFFFE] * 7)))

    bout = read(path).records.row(0, named=True)

    # 2^32 - 2 seconds after 1989-12-31, plus 2^32 - 2 ms
    assert bout["start_utc"] == dt.datetime(1989, 12, 31) + dt.timedelta(seconds=0xFFFFFFFE)
    assert bout["duration_s"] == pytest.approx(4294967.294)


def test_the_checksum_is_the_published_one():
    # CRC-16/ARC check value of the catalogue of parametrised CRC algorithms
    assert crc16(b"123456789") == 0xBB3D
    assert crc16(b"") == 0


@pytest.mark.parametrize("n_bytes", [1, 15, 16, 17, 255, 1000, 4099])
def test_the_checksum_equals_a_loop_over_bytes(n_bytes):
    data = np.random.default_rng(n_bytes).bytes(n_bytes)
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1

    assert crc16(data) == crc


def test_the_writers_checksums_satisfy_the_tolerant_decoder(tmp_path):
    with FitReader(GOOD, check_crc=CrcCheck.RAISE) as reader:
        names = [frame.name for frame in reader if hasattr(frame, "fields")]

    assert names == ["file_id", "device_info", *["record"] * 40, "lap", "session", "activity"]


def test_random_bytes_behind_a_signature_are_refused(tmp_path):
    rng = np.random.default_rng(20260302)
    for _ in range(100):
        data = b"\x0e\x20" + rng.bytes(6) + b".FIT" + rng.bytes(200)
        assert recognise(data[:4096])
        assert reason_of(tmp_path / "a.fit", data) in ("truncated", "crc_fault", "bad_structure")


def mutated(rng: np.random.Generator) -> bytes:
    """The body of a good file with a few bytes changed, lost, added or doubled."""
    body = bytearray(GOOD[14:-2])
    for _ in range(rng.integers(1, 12)):
        at, n = int(rng.integers(len(body))), int(rng.integers(1, 40))
        match rng.integers(4):
            case 0:
                body[at] = int(rng.integers(256))
            case 1:
                del body[at : at + n]
            case 2:
                body[at:at] = rng.bytes(n)
            case _:
                body[at:at] = body[at // 2 : at // 2 + n]
    return bytes(body)


def test_hundreds_of_mutations_are_read_or_refused_and_nothing_else(tmp_path, capfd):
    rng = np.random.default_rng(1989)
    path = tmp_path / "a.fit"
    reasons = []
    for _ in range(500):
        path.write_bytes(fit_file(mutated(rng)))  # checksums put right, so that decoders see it
        try:
            found = read(path)
            reasons.append("read")
            assert found.table == "wear_bout" and len(found.records) > 0
        except DeliveryRefused as refused:
            reasons.append(refused.reason)

    assert {"read", "bad_structure"} <= set(reasons)
    assert "crc_fault" not in reasons
    assert "panicked" not in capfd.readouterr().err
