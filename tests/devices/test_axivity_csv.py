"""Exports of Axivity samples as text: what a real one holds, own ones, and lines that are damaged."""

from pathlib import Path

import numpy as np
import pytest

from pipelines.devices import recognise
from pipelines.devices.axivity_csv import FORMAT, MAX_BYTES, read
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.axivity_text import axivity_csv_bytes

SAMPLE = (
    Path(__file__).resolve().parents[3]
    / "shared" / "samples" / "cwa_csv" / "ax3_testfile_unix_timestamps.csv"
)  # fmt: skip
START = 1_772_443_800_000_000  # 2026-03-02 09:30 on the wall


def moving(n: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal((0, 0, 1), 0.4, (n, 3))


def opened(path: Path, data: bytes):
    path.write_bytes(data)
    return read(path)


def everything(recording) -> tuple[np.ndarray, np.ndarray, list[tuple[int, str]]]:
    chunks = list(recording.chunks())
    return (
        np.concatenate([chunk.times_us() for chunk in chunks if len(chunk.acc_g)]),
        np.concatenate([chunk.acc_g for chunk in chunks]),
        [finding for chunk in chunks for finding in chunk.findings],
    )


def test_the_real_sample_gives_back_its_lines():
    if not SAMPLE.exists():
        pytest.skip("../shared/samples is not here")
    truth = np.array([line.split(",") for line in SAMPLE.read_text().split("\n")], np.float64)

    recording = read(SAMPLE)
    times, acc, findings = everything(recording)

    assert recognise(SAMPLE).name == "axivity_csv"
    assert (recording.maker, recording.device_serial, recording.is_utc) == ("axivity", None, False)
    assert recording.rate_hz == 100.0
    # the last line has no end, so it may have lost digits
    assert (len(truth), len(acc)) == (210, 209)
    assert findings == [(210, "truncated_end")]
    np.testing.assert_array_equal(acc, truth[:-1, 1:].astype(np.float32))
    # a line is absent once (20 ms); the rest is a straight line to a quarter of a millisecond
    np.testing.assert_allclose(times / 1e6, truth[:-1, 0], rtol=0, atol=0.001)


@pytest.mark.parametrize("rate_hz", [25.0, 98.85, 100.0, 30.0])
@pytest.mark.parametrize(
    "kind",
    [{}, {"stamps": True}, {"header": True, "stamps": True}, {"battery": True}, {"gyro_dps": True}],
)
def test_an_own_file_gives_back_its_samples_and_times(tmp_path, kind, rate_hz):
    acc = moving(1500)
    spin = np.random.default_rng(4).normal(0, 200, (1500, 3))
    kind = {**kind, "gyro_dps": spin} if "gyro_dps" in kind else kind

    recording = opened(tmp_path / "a.csv", axivity_csv_bytes(START, rate_hz, acc, **kind))
    times, got, findings = everything(recording)

    assert recognise(tmp_path / "a.csv").name == "axivity_csv"
    assert recording.rate_hz == {98.85: 100.0}.get(rate_hz, rate_hz)
    assert findings == []
    np.testing.assert_allclose(got, acc, rtol=0, atol=1e-6)
    np.testing.assert_allclose(times, START + np.arange(1500) * 1e6 / rate_hz, rtol=0, atol=1000)
    chunk = next(recording.chunks())
    if "gyro_dps" in kind:
        np.testing.assert_allclose(chunk.gyro_dps, spin, rtol=0, atol=1e-4)
    else:
        assert chunk.gyro_dps is None


def test_lines_are_written_as_the_real_sample_has_them():
    data = axivity_csv_bytes(1_551_178_506_000_000, 100, np.array([[0.328125, 0.984375, 0.203125]]))

    assert data == b"1551178506.0000,0.328125,0.984375,0.203125\n"


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    "line",
    [b"what,is,this,line", b"nan,0.1,0.1,0.1", b"1772443801.0000,,0.1,0.1",
     b"1772443801.0000,1e9,0.1,0.1", b"-5,0.1,0.1,0.1", b"9e300,0.1,0.1,0.1"],
)  # fmt: skip
def test_a_line_that_is_no_sample_is_left_out_and_named(tmp_path, line, newline):
    lines = axivity_csv_bytes(START, 100, moving(300)).splitlines()
    lines[100] = line

    times, acc, findings = everything(opened(tmp_path / "a.csv", newline.join(lines) + newline))

    kept = np.r_[0:100, 101:300]
    assert findings == [(101, "bad_block")]
    np.testing.assert_allclose(acc, moving(300)[kept], rtol=0, atol=1e-6)
    np.testing.assert_allclose(times, START + kept * 10_000, rtol=0, atol=1000)


@pytest.mark.parametrize(("by_s", "rule"), [(5, "gap"), (-3600, "clock_jump")])
def test_a_jump_of_time_breaks_the_recording(tmp_path, by_s, rule):
    later = START + 2_000_000 + by_s * 1_000_000
    data = axivity_csv_bytes(START, 100, moving(200)) + axivity_csv_bytes(later, 100, moving(200))

    times, acc, findings = everything(opened(tmp_path / "a.csv", data))

    assert (len(acc), findings) == (400, [(201, rule)])
    assert times[200] == later


def test_cut_at_many_lengths(tmp_path):
    data = axivity_csv_bytes(START, 100, moving(40))
    ends = np.cumsum([len(line) for line in data.splitlines(keepends=True)])
    for n in range(1, len(data), 3):
        whole = int((ends <= n).sum())
        n_timed = whole + (data[:n].rpartition(b"\n")[2].count(b",") == 3)
        if whole < 1 or n_timed < 2:  # two times at least make a rate
            with pytest.raises(DeliveryRefused) as refused:
                opened(tmp_path / "a.csv", data[:n])
            assert refused.value.reason in ("truncated", "unreadable")
        else:
            _, acc, findings = everything(opened(tmp_path / "a.csv", data[:n]))
            assert len(acc) == whole
            assert findings == ([] if n in ends else [(whole + 1, "truncated_end")])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"1,2,3\n", "unreadable"),
        (b"Time,Accel-X (g), Accel-Y (g), Accel-Z (g)\n", "truncated"),
        (b"Time,Accel-X (g), Accel-Y (g), Accel-Z (g)\n" + b"x,y,z,a\n" * 50, "truncated"),
        (b"1551178506.0000,0.328125,0.984375,0.203125\n" * 50, "truncated"),
        (b"1551178506.0000,0.328125,0.984375,0.203125" + b",1" * 90 + b"\n", "columns_missing"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, data, reason):
    with pytest.raises(DeliveryRefused) as refused:
        opened(tmp_path / "a.csv", data)

    assert refused.value.reason == reason
    assert refused.value.where == "a.csv" and refused.value.remedy


def test_a_file_without_end_is_refused_unread(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    with pytest.raises(DeliveryRefused) as refused:
        read(path)

    assert refused.value.reason == "too_large"


@pytest.mark.parametrize(
    "head",
    [b"1551178506.0000,0.3,0.9,0.2\n", b"1,2,3,4\n", b"time,x,y,z\n", b"", b"\xff" * 100,
     b"1551178506.0000,0.328125,0.984375,0.203125\nname,age\n"],
)  # fmt: skip
def test_other_tables_are_not_claimed(head):
    assert not FORMAT.recognise(head)
