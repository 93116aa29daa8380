"""DOT exports: the app's own file, the counter that wraps, lost packets, and files that are none."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.devices import recognise
from pipelines.devices.xsens_dot import read
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.xsens_dot_text import xsens_dot_text

SAMPLE = (
    Path(__file__).resolve().parents[3] / "shared/samples/xsens_dot/Pelvis_20210820_202113_836.csv"
)
START = 1_772_443_800_125_000  # 2026-03-02 09:30:00.125
ABOUT_G = 2e-6  # six decimals of m/s2 and float32


def moving(n: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    return random.normal((0, 0, 1), 0.3, (n, 3)), random.normal(0, 90, (n, 3))


def opened(path: Path, data: bytes):
    path.write_bytes(data)
    return read(path)


def everything(recording):
    chunks = list(recording.chunks())
    return (
        np.concatenate([chunk.times_us() for chunk in chunks if len(chunk.acc_g)]),
        np.concatenate([chunk.acc_g for chunk in chunks]),
        [finding for chunk in chunks for finding in chunk.findings],
    )


def test_the_apps_own_file_is_read_whole():
    if not SAMPLE.exists():
        pytest.skip("../shared/samples is not here")

    recording = read(SAMPLE)
    times, acc, findings = everything(recording)

    assert recognise(SAMPLE).name == "xsens_dot"
    assert (recording.maker, recording.model, recording.rate_hz) == ("movella", "DOT", 60.0)
    assert recording.is_utc
    assert recording.placement is None  # its tag is "Yao"; the file's name is not asked
    assert len(acc) == 382 and findings == []
    # 20:21:13.835 at GMT+8; the counter runs from 3,343,427,885 to 3,349,778,012 us
    begin = dt.datetime(2021, 8, 20, 12, 21, 13, 835_000, tzinfo=dt.UTC)
    assert times[0] == int(begin.timestamp() * 1000) * 1000
    assert times[-1] - times[0] == 3_349_778_012 - 3_343_427_885
    assert np.abs(np.diff(times) - 16_667).max() <= 1
    # before the person moves, what the sensor feels is gravity
    assert np.linalg.norm(acc[:100], axis=1) == pytest.approx(1.0, abs=0.02)


def test_free_acceleration_is_turned_back_into_the_sensors_axes(tmp_path):
    half = 0.5**0.5
    rows = [
        "1,0,1,0,0,0,0,0,0,0",  # flat: the earth's axes are the sensor's
        f"2,16667,{half},{half},0,0,0,0,0,0",  # turned by 90 degrees about x: its y looks up
        f"3,33334,{half},0,{half},0,0,0,9.80665,0",  # about y: its x looks down; 1 g up besides
        "4,50001,0,0,0,1,9.80665,0,0,0",  # turned around: east is its -x
        "5,66668,0,1,0,0,0,0,0,0",  # upside down
    ]
    text = "StartTime:,2026-03-02_09:30:00_125\nOutputRate:,60Hz\nPacketCounter,SampleTimeFine," \
        "Quat_W,Quat_X,Quat_Y,Quat_Z,FreeAcc_X,FreeAcc_Y,FreeAcc_Z,Status\n"  # fmt: skip

    recording = opened(tmp_path / "a.csv", (text + "\n".join(rows) + "\n").encode())
    _, acc, _ = everything(recording)

    expected = [(0, 0, 1), (0, 1, 0), (-2, 0, 0), (-1, 0, 1), (0, 0, -1)]
    np.testing.assert_allclose(acc, expected, atol=1e-6)
    assert not recording.is_utc


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("rate_hz", [12, 60, 120])
def test_an_own_file_gives_back_its_samples_and_times(tmp_path, rate_hz, newline):
    acc, gyro = moving(700)
    data = xsens_dot_text(START, rate_hz, acc, gyro, "Right Shank", newline=newline, offset_h=-5)

    recording = opened(tmp_path / "a.csv", data)
    times, got, findings = everything(recording)

    assert recognise(tmp_path / "a.csv").name == "xsens_dot"
    assert (recording.rate_hz, recording.placement, recording.is_utc) == (rate_hz, "shank", True)
    assert recording.device_serial is None
    assert findings == []
    np.testing.assert_allclose(got, acc, atol=ABOUT_G)
    turned = np.concatenate([chunk.gyro_dps for chunk in recording.chunks()])
    np.testing.assert_allclose(turned, gyro, atol=3e-5)
    np.testing.assert_allclose(times, START + np.arange(700) * 1e6 / rate_hz, atol=2)


def test_the_counter_starts_again_after_71_minutes_and_the_time_goes_on(tmp_path):
    n = 60 * 60 * 150  # two and a half hours: it wraps twice
    acc, gyro = np.tile((0.0, 0.0, 1.0), (n, 1)), np.zeros((n, 3))
    data = xsens_dot_text(START, 60, acc, gyro, "Pelvis", first_fine=(1 << 32) - 50_000)

    recording = opened(tmp_path / "a.csv", data)
    times, _, findings = everything(recording)

    assert findings == []
    assert len(list(recording.chunks())) <= 4
    np.testing.assert_allclose(times, START + np.arange(n) * 1e6 / 60, atol=500)


def test_lost_packets_are_named_and_no_time_is_lost(tmp_path):
    acc, gyro = moving(600)
    packets = np.delete(np.arange(1, 801), np.r_[100:101, 300:499])  # 1 after 100, 199 after 300
    data = xsens_dot_text(START, 60, acc, gyro, "", packets=packets)

    recording = opened(tmp_path / "a.csv", data)
    times, _, findings = everything(recording)

    header = data[: data.index(b"PacketCounter")].count(b"\n") + 1
    assert findings == [(header + 101, "missing_block"), (header + 300, "missing_block")]
    np.testing.assert_allclose(times, START + (packets - 1) * 1e6 / 60, atol=2)
    # a single lost packet is bridged, three seconds are not
    assert [len(chunk.acc_g) for chunk in recording.chunks()] == [299, 301]


def test_the_packet_counter_starts_again_at_65536(tmp_path):
    acc, gyro = moving(600)
    data = xsens_dot_text(START, 60, acc, gyro, "", packets=np.arange(65_300, 65_900))
    lines = data.split(b"\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(b"65536,"))
    for i in range(at, len(lines) - 1):
        number, rest = lines[i].split(b",", 1)
        lines[i] = b"%d,%s" % (int(number) - 65_536, rest)

    _, acc_back, findings = everything(opened(tmp_path / "a.csv", b"\n".join(lines)))

    assert (len(acc_back), findings) == (600, [])


def test_a_packet_sent_twice_counts_once(tmp_path):
    acc, gyro = moving(100)
    lines = xsens_dot_text(START, 60, acc, gyro, "").split(b"\n")
    first = next(i for i, line in enumerate(lines) if line.startswith(b"1,"))
    lines.insert(first + 50, lines[first + 49])

    times, got, findings = everything(opened(tmp_path / "a.csv", b"\n".join(lines)))

    assert findings == [(first + 51, "bad_block")]  # lines count from 1
    np.testing.assert_allclose(got, acc, atol=ABOUT_G)
    np.testing.assert_allclose(times, START + np.arange(100) * 1e6 / 60, atol=2)


@pytest.mark.parametrize("cell", [b"", b"abc", b"nan", b"inf", b"1e30"])
def test_a_cell_that_is_no_number_costs_its_line_only(tmp_path, cell):
    acc, gyro = moving(100)
    lines = xsens_dot_text(START, 60, acc, gyro, "").split(b"\n")
    first = next(i for i, line in enumerate(lines) if line.startswith(b"1,"))
    cells = lines[first + 50].split(b",")
    lines[first + 50] = b",".join([*cells[:3], cell, *cells[4:]])

    times, got, findings = everything(opened(tmp_path / "a.csv", b"\n".join(lines)))

    kept = np.delete(np.arange(100), 50)
    assert findings == [(first + 51, "bad_block"), (first + 52, "missing_block")]
    np.testing.assert_allclose(got, acc[kept], atol=ABOUT_G)
    np.testing.assert_allclose(times, START + kept * 1e6 / 60, atol=2)


def test_samples_at_16_g_are_saturated(tmp_path):
    acc, gyro = moving(1000)
    acc[500, 2] = -16

    _, _, findings = everything(
        opened(tmp_path / "a.csv", xsens_dot_text(START, 60, acc, gyro, ""))
    )

    assert [rule for _, rule in findings] == ["saturated"]


def test_a_file_cut_anywhere_keeps_its_whole_lines(tmp_path):
    acc, gyro = moving(40)
    data = xsens_dot_text(START, 60, acc, gyro, "")
    begin = data.index(b"\n", data.index(b"PacketCounter")) + 1
    second = data.index(b"\n", begin) + 1
    for cut in range(second, len(data) - 1, 7):
        rows = data[begin:cut].split(b"\n")
        # the last column is Status, which is not used: a row cut there has lost nothing that counts
        is_whole = rows[-1].count(b",") == 8
        n = len(rows) - 1 + is_whole

        _, got, findings = everything(opened(tmp_path / "a.csv", data[:cut]))

        assert len(got) == n
        has_cut = bool(rows[-1]) and not is_whole
        assert [rule for _, rule in findings] == ["truncated_end"] * has_cut


def test_the_rate_follows_from_the_counter_where_the_header_has_none(tmp_path):
    acc, gyro = moving(100)
    data = xsens_dot_text(START, 30, acc, gyro, "", says_rate=False, says_sep=False)

    assert opened(tmp_path / "a.csv", data).rate_hz == 30


@pytest.mark.parametrize(
    ("zone", "hours"),
    [(b"GMT+8", 8), (b"GMT-5", -5), (b"GMT+5:30", 5.5), (b"GMT", 0), (b"UTC+01:00", 1)],
)
def test_the_zone_in_the_header_makes_utc(tmp_path, zone, hours):
    data = xsens_dot_text(START, 60, *moving(50), "", offset_h=0).replace(b"GMT+0", zone)

    recording = opened(tmp_path / "a.csv", data)
    times, _, _ = everything(recording)

    assert recording.is_utc
    assert times[0] == START - int(hours * 3_600_000_000)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"StartTime", b"Stop", "no_start_time"),
        (b"2026-03-02_10", b"2026-02-30_10", "no_start_time"),
        (b"2026-03-02_10", b"2026-03-02_29", "no_start_time"),
        (b"GMT+1", b"GMT+99", "no_start_time"),
        (b"2026-03-02_10", b"0001-01-01_00", "no_start_time"),
        (b"Acc_X", b"Mag_X", "columns_missing"),
        (b"PacketCounter", b"Counter", "columns_missing"),
    ],
)
def test_a_header_that_lacks_what_is_needed_is_refused(tmp_path, old, new, reason):
    data = xsens_dot_text(START, 60, *moving(50), "", offset_h=1)
    assert old in data

    with pytest.raises(DeliveryRefused) as refused:
        opened(tmp_path / "a.csv", data.replace(old, new))

    assert refused.value.reason == reason and "a.csv" in str(refused.value)


def test_files_without_a_sample_are_refused(tmp_path):
    data = xsens_dot_text(START, 60, *moving(50), "")
    head = data[: data.index(b"\n", data.index(b"PacketCounter")) + 1]
    for body, reason in [
        (b"", "empty"), (head, "truncated"), (head + b"1,2,3", "truncated"),
        (head + b"a,b,c,d\n" * 500_000, "truncated"), (head + b"9" * (30 << 20), "line_too_long"),
    ]:  # fmt: skip
        with pytest.raises(DeliveryRefused) as refused:
            opened(tmp_path / "a.csv", body)
        assert refused.value.reason == reason


def test_a_text_of_the_mt_manager_is_not_claimed(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(
        b"// Start Time: Unknown\r\nPacketCounter,SampleTimeFine,Acc_X,Acc_Y,Acc_Z\r\n"
    )

    assert recognise(path) is None


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 1 << 16), st.binary(max_size=5), st.integers(0, 40)),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_mutated_files_are_read_or_refused(tmp_path, edits):
    data = bytearray(xsens_dot_text(START, 60, *moving(60), "Pelvis", offset_h=1))
    for at, new, n_gone in edits:
        at %= len(data) + 1
        data[at : at + n_gone] = new
    path = tmp_path / "a.csv"
    path.write_bytes(bytes(data))

    try:
        chunks = list(read(path).chunks())
    except DeliveryRefused:
        return

    for chunk in chunks:
        assert np.isfinite(chunk.acc_g).all()
        if len(chunk.acc_g):
            assert chunk.knot_index[0] == 0 and chunk.knot_index[-1] == len(chunk.acc_g) - 1
            assert (np.diff(chunk.knot_us) > 0).all()
