"""GT3X archives: what real recordings hold, what own files give back, and every way to lose a second."""

import datetime as dt
import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.devices import recognise
from pipelines.devices.gt3x import read
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.gt3x_bytes import gt3x_bytes, packed, record, zip_bytes

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "gt3x"
START = 1_772_443_800_000_000  # 2026-03-02 09:30 on the wall
STEP = {256.0: 1 / 256, 341.0: 1 / 341}
PER_S = 30


def moving(n_s: int, rate: int = PER_S, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal((0, 0, 1), 0.4, (n_s * rate, 3))


def opened(path: Path, data: bytes):
    path.write_bytes(data)
    return read(path)


def everything(recording) -> tuple[np.ndarray, np.ndarray, list[tuple[int, str]]]:
    chunks = list(recording.chunks())
    times = [chunk.times_us() for chunk in chunks if len(chunk.acc_g)]
    return (
        np.concatenate(times),
        np.concatenate([chunk.acc_g for chunk in chunks]),
        [finding for chunk in chunks for finding in chunk.findings],
    )


def rules(recording) -> list[str]:
    return [rule for _, rule in everything(recording)[2]]


def grid(seconds: list[int] | range, rate: int = PER_S) -> np.ndarray:
    """The times of all samples of these seconds after the start."""
    steps = np.asarray(list(seconds))[:, None] * 1_000_000 + np.arange(rate) * 1e6 / rate
    return START + np.round(steps.ravel()).astype(np.int64)


def log_of(data: bytes) -> tuple[bytes, bytes]:
    """log.bin and info.txt of an own archive, taken apart by the standard library."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read("log.bin"), archive.read("info.txt")


def rezipped(log: bytes, info: bytes) -> bytes:
    return zip_bytes({"log.bin": log, "info.txt": info})


@pytest.fixture
def minute() -> tuple[bytes, bytes, bytes]:
    """Head, seconds and info of 60 s at 30 Hz: second k holds the samples 30 k to 30 k + 29."""
    log, info = log_of(gt3x_bytes(START, PER_S, moving(60), "TAS1E42150038"))
    size = 9 + 6 * PER_S
    return log[: -60 * size], log[-60 * size :], info


def second(seconds: bytes, k: int) -> bytes:
    size = len(seconds) // 60
    return seconds[k * size : (k + 1) * size]


# --- real recordings


def test_a_link_recording_agrees_with_what_actilife_exported_of_it():
    path = SAMPLES / "TAS1H30182785_2019-09-17.gt3x"
    if not path.exists():
        pytest.skip("../shared/samples is not here")
    csv = pl.read_csv(path.with_suffix(".csv.gz"), skip_rows=11, has_header=False).to_numpy()
    start = int(dt.datetime(2019, 9, 17, 18, 40, tzinfo=dt.UTC).timestamp()) * 1_000_000

    recording = read(path)
    times, acc, findings = everything(recording)

    assert (recording.device_serial, recording.model) == ("TAS1H30182785", "Link")
    assert (recording.rate_hz, recording.range_g, recording.is_utc) == (100.0, 8.0, False)
    assert len(csv) == 240_500 and len(acc) == 33_000
    row, rest = np.divmod(times - start, 10_000)
    assert not rest.any()
    assert np.abs(csv[row] - acc).max() <= 0.001
    # seconds that the log leaves out: five sleeps, and the docking to the computer
    assert [rule for _, rule in findings if rule != "saturated"] == ["sleep_gap"] * 5 + ["gap"]
    steps = np.diff(times)
    assert (steps[steps > 10_000] // 1_000_000).tolist() == [4, 105, 554, 1126, 33, 7]


def test_a_waist_recording_in_packed_records():
    path = SAMPLES / "actigraph_testfile.gt3x"
    if not path.exists():
        pytest.skip("../shared/samples is not here")

    recording = read(path)
    times, acc, findings = everything(recording)

    assert (recording.device_serial, recording.model) == ("MOS2E39180594", "wGT3XBT")
    assert (recording.rate_hz, recording.placement) == (30.0, None)  # the waist is no one place
    assert len(acc) == 588 * 30  # records of activity in the log
    assert times[0] == 1_598_436_540_000_000  # start of the first: its TARGET_START_TIME
    assert {rule for _, rule in findings} == {"sleep_gap"} and len(findings) == 23
    still = np.median(np.linalg.norm(acc, axis=1))
    assert still == pytest.approx(1, abs=0.03)


# --- the published example, by hand


def test_the_published_example_of_packed_samples(tmp_path):
    # github.com/actigraph/NHANES-GT3X-File-Format, activity.bin.md: 14 bytes, x and y as printed
    data = bytes.fromhex("006008EBD007009EBF007008EBF0")
    info = (
        b"Serial Number: NEO1C1\nFirmware: 2.5.0\nSample Rate: 30\nStart Date: 633423888000000000\n"
    )
    archive = zip_bytes({"activity.bin": data, "lux.bin": b"\0\0", "info.txt": info})

    recording = opened(tmp_path / "a", archive)
    times, acc, findings = everything(recording)

    printed = [[0.023, 0.018, -0.947], [0.026, 0.021, -0.941], [0.023, 0.021, -0.941]]
    np.testing.assert_allclose(acc, printed, atol=0.0005)
    assert times[0] == 1_206_792_000_000_000  # 2008-03-29 12:00
    assert np.abs(times - (times[0] + np.array([0, 33_333, 66_667]))).max() <= 1
    assert findings == []
    assert packed(np.array([[8, 6, -323], [9, 7, -321], [8, 7, -321]])).tobytes() == data


def test_the_published_example_of_a_record():
    # README.md: a METADATA record of 124 bytes with checksum 0xF8
    text = (
        b'{"MetadataType":"Bio","SubjectName":"CLE2A14151617","Race":"","Limb":"","Side":"",'
        b'"Dominance":"","Parsed":false,"JSON":null}'
    )

    assert record(6, 1_421_142_129, text)[:8].hex() == "1e0671e8b4547c00"
    assert record(6, 1_421_142_129, text)[-1] == 0xF8


# --- round trips


@pytest.mark.parametrize(
    ("kind", "scale", "range_g", "serial", "rate"),
    [
        ("int16", 256.0, 8.0, "TAS1E42150038", 100),
        ("int16", 256.0, 8.0, "TAS1E42150038", 30),
        ("packed", 256.0, 8.0, "MOS2E39180594", 100),
        ("packed", 341.0, 6.0, "CLE2A2123456", 30),
        ("packed", 256.0, 8.0, "MOS2E39180594", 75),  # an odd number a second
        ("stream", 341.0, 6.0, "NEO1C04110003", 80),
    ],
)
def test_what_was_written_is_read(tmp_path, kind, scale, range_g, serial, rate):
    truth = np.clip(moving(100, rate), -5.9, 5.9)
    data = gt3x_bytes(
        START, rate, truth, serial, kind=kind, scale=scale, range_g=range_g, limb="Wrist"
    )

    recording = opened(tmp_path / "a", data)
    times, acc, findings = everything(recording)

    assert recognise(tmp_path / "a").name == "gt3x"
    assert (recording.device_serial, recording.rate_hz) == (serial, rate)
    assert (recording.range_g, recording.is_utc, recording.placement) == (range_g, False, "wrist")
    assert np.abs(acc - truth).max() <= STEP[scale] / 2 + 1e-6
    assert np.abs(times - grid(range(100), rate)).max() <= 1
    assert findings == []


@pytest.mark.parametrize("kind", ["int16", "stream"])
def test_chunks_are_hours_and_begin_anew(tmp_path, kind):
    scale, range_g, serial = (256.0, 8.0, "TAS1") if kind == "int16" else (341.0, 6.0, "NEO1")
    data = gt3x_bytes(START, PER_S, moving(9000), serial, kind=kind, scale=scale, range_g=range_g)
    recording = opened(tmp_path / "a", data)

    sizes = [len(chunk.acc_g) for chunk in recording.chunks()]

    assert sizes == [3600 * PER_S, 3600 * PER_S, 1800 * PER_S]
    assert [len(chunk.acc_g) for chunk in recording.chunks()] == sizes
    assert [chunk.times_us()[0] for chunk in recording.chunks()] == [
        START + hour * 3_600_000_000 for hour in range(3)
    ]


def test_the_scale_of_the_log_goes_before_that_of_the_device(tmp_path):
    data = gt3x_bytes(START, PER_S, moving(5), "TAS1", scale=300.0, range_g=6.0)
    log, info = log_of(data)
    lied = info.replace(b"Acceleration Scale: 300.0", b"Acceleration Scale: 256.0")

    _, acc, _ = everything(opened(tmp_path / "a", rezipped(log, lied)))

    np.testing.assert_allclose(acc, moving(5), atol=1 / 600 + 1e-6)


def test_firmware_that_turned_the_axes_is_put_right(tmp_path):
    # Activity.md: x is what it calls y, y is minus what it calls x
    truth = moving(3)
    turned = np.column_stack((-truth[:, 1], truth[:, 0], truth[:, 2]))
    data = gt3x_bytes(START, PER_S, turned, "MOS2D1", kind="packed", firmware="1.6.0")

    _, acc, _ = everything(opened(tmp_path / "a", data))

    np.testing.assert_allclose(acc, truth, atol=1 / 512 + 1e-6)


def test_a_clock_in_utc_is_said_to_be_one(tmp_path):
    data = gt3x_bytes(START, PER_S, moving(3), "TAS1", is_utc=True)

    assert opened(tmp_path / "a", data).is_utc


def test_samples_at_the_limit_are_named(tmp_path):
    truth = moving(10)
    truth[40, 1] = 9.0  # one of 300, out of range

    assert rules(opened(tmp_path / "a", gt3x_bytes(START, PER_S, truth, "TAS1"))) == ["saturated"]


# --- what is missing


@pytest.mark.parametrize("kind", ["int16", "packed"])
def test_seconds_asleep_and_lost_stay_gaps(tmp_path, kind):
    truth = moving(60)
    data = gt3x_bytes(
        START, PER_S, truth, "TAS1", kind=kind, asleep=((10, 20), (50, 60)), lost=((30, 33),)
    )

    recording = opened(tmp_path / "a", data)
    times, acc, findings = everything(recording)

    there = [*range(10), *range(20, 30), *range(33, 50)]
    assert np.abs(times - grid(there)).max() <= 1
    rows = np.concatenate([np.arange(k * PER_S, (k + 1) * PER_S) for k in there])
    np.testing.assert_allclose(acc, truth[rows], atol=1 / 512 + 1e-6)
    # the last sleep lasts until the end
    assert [rule for _, rule in findings] == ["sleep_gap", "gap", "sleep_gap"]
    by_chunk = [[rule for _, rule in chunk.findings] for chunk in recording.chunks()]
    assert by_chunk == [[], ["sleep_gap"], ["gap"], ["sleep_gap"]]


def test_a_damaged_second_is_left_out_and_named(tmp_path, minute):
    head, seconds, info = minute
    bad = bytearray(seconds)
    bad[20 * 189 + 50] ^= 0x10  # in the payload of second 20

    times, _, findings = everything(opened(tmp_path / "a", rezipped(head + bad, info)))

    there = [k for k in range(60) if k != 20]
    assert np.abs(times - grid(there)).max() <= 1
    # four records stand before the first second
    assert findings == [(4 + 21, "bad_block")]


@pytest.mark.parametrize("n_lost", [1, 8, 50, 188])
def test_bytes_lost_cost_the_second_they_are_lost_from(tmp_path, minute, n_lost):
    head, seconds, info = minute
    cut = seconds[: 20 * 189] + seconds[20 * 189 + n_lost :]

    times, _, findings = everything(opened(tmp_path / "a", rezipped(head + cut, info)))

    assert np.abs(times - grid([k for k in range(60) if k != 20])).max() <= 1
    assert findings == [(4 + 21, "bad_block")]


def test_a_lying_length_costs_its_own_second_only(tmp_path, minute):
    head, seconds, info = minute
    bad = bytearray(seconds)
    bad[20 * 189 + 6 : 20 * 189 + 8] = b"\xff\xff"

    times, _, findings = everything(opened(tmp_path / "a", rezipped(head + bad, info)))

    assert len(times) == 59 * PER_S
    assert [rule for _, rule in findings] == ["bad_block"]


def test_zero_bytes_between_records_do_no_harm(tmp_path, minute):
    head, seconds, info = minute
    padded = seconds[: 20 * 189] + bytes(5) + seconds[20 * 189 :] + bytes(700)

    times, _, findings = everything(opened(tmp_path / "a", rezipped(head + padded, info)))

    assert len(times) == 60 * PER_S and findings == []


def test_records_of_a_docked_device_are_no_samples(tmp_path, minute):
    head, seconds, info = minute
    at_s = START // 1_000_000 + 60
    docked = head + seconds + record(26, at_s, b"Z") + record(0, at_s, b"Z")

    times, _, findings = everything(opened(tmp_path / "a", rezipped(docked, info)))

    assert len(times) == 60 * PER_S and findings == []


def test_a_clock_set_back_is_a_jump(tmp_path, minute):
    head, seconds, info = minute
    jumped = seconds[: 30 * 189] + seconds[: 30 * 189]

    times, _, findings = everything(opened(tmp_path / "a", rezipped(head + jumped, info)))

    assert np.abs(times - grid([*range(30), *range(30)])).max() <= 1
    assert findings == [(4 + 31, "clock_jump")]


def test_a_second_with_fewer_samples_ends_early(tmp_path, minute):
    head, seconds, info = minute
    short = record(26, START // 1_000_000 + 20, second(seconds, 20)[8 : 8 + 20 * 6])
    log = head + seconds[: 20 * 189] + short + seconds[21 * 189 :]

    times, _, findings = everything(opened(tmp_path / "a", rezipped(log, info)))

    expected = np.delete(grid(range(60)), np.s_[20 * 30 + 20 : 21 * 30])
    assert np.abs(times - expected).max() <= 1
    assert findings == [(4 + 21, "rate_off_nominal")]


def test_a_rate_that_the_samples_belie_is_named_and_the_samples_are_right(tmp_path, minute):
    _, log, info = minute  # without the record of parameters
    lied = info.replace(b"Sample Rate: 30", b"Sample Rate: 100")

    recording = opened(tmp_path / "a", rezipped(log, lied))
    times, _, findings = everything(recording)

    assert recording.rate_hz == 100.0
    assert np.abs(times - grid(range(60))).max() <= 1
    assert findings == [(1, "rate_off_nominal")]


@pytest.mark.parametrize(
    ("tail", "rule"),
    [
        (b"\x1e\x1a", "truncated_end"),
        (record(26, 1_772_443_860, bytes(180))[:100], "truncated_end"),
        (b"\xff" * 3000, "trailing_bytes"),
        (b"<html>", "trailing_bytes"),
        (record(26, 1_772_443_860, bytes(180))[:-1] + b"\0", "bad_block"),
    ],
)
def test_what_follows_the_last_record_is_named(tmp_path, minute, tail, rule):
    head, seconds, info = minute

    times, _, findings = everything(opened(tmp_path / "a", rezipped(head + seconds + tail, info)))

    assert len(times) == 60 * PER_S
    assert findings == [(4 + 61, rule)]


# --- archives cut, lying or hostile


def test_a_cut_archive_gives_what_is_left(tmp_path):
    truth = moving(60)
    data = gt3x_bytes(START, PER_S, truth, "TAS1E42150038")
    outcomes = set()
    for n_bytes in range(1, len(data), 157):
        try:
            times, acc, findings = everything(opened(tmp_path / "a", data[:n_bytes]))
        except DeliveryRefused as refused:
            outcomes.add(refused.reason)
            continue
        outcomes.add("read")
        assert np.abs(times - grid(range(60))[: len(times)]).max() <= 1
        np.testing.assert_allclose(acc, truth[: len(acc)], atol=1 / 512 + 1e-6)
        assert len(acc) == len(truth) or findings[-1][1] == "truncated_end"
    assert outcomes == {"read", "truncated"}


def test_the_log_of_a_cut_archive_says_what_info_would_have(tmp_path):
    data = gt3x_bytes(START, PER_S, moving(60), "TAS1E42150038")

    recording = opened(tmp_path / "a", data[: len(data) * 2 // 3])

    assert (recording.rate_hz, recording.device_serial) == (30.0, None)
    assert rules(recording) == ["truncated_end"]


def test_older_samples_are_refused_where_the_archive_belies_them(tmp_path):
    data = bytearray(gt3x_bytes(START, 30, moving(5), "NEO1", kind="stream", scale=341.0))
    at = data.find(b"PK\x01\x02") + 16  # the checksum in the directory
    data[at] ^= 1

    with pytest.raises(DeliveryRefused) as refused:
        opened(tmp_path / "a", bytes(data))

    assert refused.value.reason == "bad_checksum"


def test_a_log_that_the_archive_belies_is_kept_and_named(tmp_path):
    data = bytearray(gt3x_bytes(START, 30, moving(5), "TAS1"))
    data[data.find(b"PK\x01\x02") + 16] ^= 1

    times, _, findings = everything(opened(tmp_path / "a", bytes(data)))

    assert len(times) == 150
    assert findings == [(4 + 5, "bad_block")]


INFO = b"Serial Number: TAS1\nSample Rate: 30\nAcceleration Scale: 256.0\n"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "truncated"),
        ({"info.txt": INFO}, "no_samples"),
        ({"log.bin": b"", "info.txt": INFO}, "no_samples"),
        ({"log.bin": b"\x1e" * 5000, "info.txt": INFO}, "no_samples"),
        ({"log.bin": record(26, 1_772_443_800, bytes(180)), "info.txt": b""}, "unreadable"),
        ({"activity.bin": bytes(90), "info.txt": INFO.replace(b"30", b"0")}, "unreadable"),
        ({"activity.bin": bytes(90), "info.txt": INFO}, "unreadable"),  # no start
        (
            {"log.bin": record(26, 1_772_443_800, bytes(180)), "info.txt": INFO,
             "calibration.json": b'{"isCalibrated":false}'},
            "unreadable",
        ),
        ({"log.bin": bytes(300 << 20), "info.txt": INFO}, "too_large"),
    ],
)  # fmt: skip
def test_archives_without_usable_samples_are_refused(tmp_path, members, reason):
    with pytest.raises(DeliveryRefused) as refused:
        everything(opened(tmp_path / "a", zip_bytes(members)))

    assert refused.value.reason == reason
    assert "a" in refused.value.where


def test_memory_does_not_grow_with_the_recording(tmp_path):
    def peak(n_s: int) -> int:
        recording = opened(tmp_path / "a", gt3x_bytes(START, 100, moving(n_s, 100), "TAS1"))
        for _ in recording.chunks():  # compiled code is loaded outside of the measure
            break
        tracemalloc.start()
        n = sum(len(chunk.acc_g) for chunk in recording.chunks())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert n == n_s * 100
        return most

    short, long = peak(8_000), peak(24_000)

    assert long < 1.3 * short < 100 << 20


def test_a_log_that_breaks_without_end_is_refused(tmp_path):
    payload = bytes(180)
    one = b"".join(record(26, 1_772_443_800 + 5 * (k % 2), payload) for k in range(1000))
    noise = np.random.default_rng(1).bytes(1 << 20)  # so that the archive is no bomb

    with pytest.raises(DeliveryRefused) as refused:
        everything(opened(tmp_path / "a", rezipped(one * 51 + noise, INFO)))

    assert refused.value.reason in ("unreadable", "too_large")


def test_a_week_of_light_in_the_dark_is_no_bomb(tmp_path):
    data = gt3x_bytes(START, 30, moving(20), "NEO1", kind="stream", scale=341.0, range_g=6.0)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        kept = {name: archive.read(name) for name in ("activity.bin", "info.txt")}
    dark = bytes(2 * 7 * 86_400)  # two bytes a second, packed a thousand to one

    times, acc, _ = everything(opened(tmp_path / "a", zip_bytes({**kept, "lux.bin": dark})))

    assert len(times) == len(acc) == 20 * 30
