"""ActiLife's raw CSV: what was written is read; bad lines, gaps and cut ends are named."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from pipelines.devices import recognise
from pipelines.devices.actigraph_raw_csv import read
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.actigraph_raw_text import raw_csv_bytes

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "gt3x"
START = 1_772_443_800_000_000  # 2026-03-02 09:30 on the wall
SERIAL = "TAS1E42150038"


def moving(n: int, seed: int = 3) -> np.ndarray:
    return np.round(np.random.default_rng(seed).normal((0, 0, 1), 0.4, (n, 3)), 3)


def text(acc: np.ndarray, rate: float = 30, **style) -> bytes:
    return raw_csv_bytes(START, rate, acc, SERIAL, **style)


def opened(path: Path, data: bytes, **options):
    path.write_bytes(data)
    return read(path, **options)


def everything(recording) -> tuple[np.ndarray, np.ndarray, list[tuple[int, str]]]:
    chunks = list(recording.chunks())
    times = [chunk.times_us() for chunk in chunks if len(chunk.acc_g)]
    return (
        np.concatenate(times),
        np.concatenate([chunk.acc_g for chunk in chunks]),
        [finding for chunk in chunks for finding in chunk.findings],
    )


def grid(rows, rate: float = 30) -> np.ndarray:
    return START + np.round(np.asarray(rows) * (1e6 / rate)).astype(np.int64)


def without(data: bytes, *lines: int) -> bytes:
    """The text without these lines, counted from 1."""
    return b"\n".join(one for no, one in enumerate(data.split(b"\n"), 1) if no not in lines)


def test_a_real_export_and_its_gaps(tmp_path):
    path = SAMPLES / "TAS1H30182785_2019-09-17.csv.gz"
    if not path.exists():
        pytest.skip("../shared/samples is not here")

    recording = opened(tmp_path / "a", gzip.decompress(path.read_bytes()))
    times, acc, findings = everything(recording)

    assert (recording.device_serial, recording.rate_hz) == ("TAS1H30182785", 100.0)
    np.testing.assert_allclose(
        acc[:3], [[0, 0.008, 0.996], [0.016, 0, 1.008], [0.02, -0.008, 1.004]]
    )
    assert times[0] == 1_568_745_600_000_000  # 2019-09-17 18:40 on the wall
    # 240,500 lines, of which 25,200 are 0,0,0: six seconds, and 246 at the end
    assert len(acc) == 240_500 - 25_200
    assert [rule for _, rule in findings] == ["gap", "gap"]
    steps = np.diff(times)
    assert steps[steps != 10_000].tolist() == [6_010_000]


@pytest.mark.parametrize(
    "style",
    [
        {},
        {"header": False},
        {"timestamps": True},
        {"date_order": "DMY", "timestamps": True},
        {"date_order": "YMD", "timestamps": True, "name_date_order": False},
        {"delimiter": ";"},
        {"delimiter": ";", "timestamps": True},
    ],
)
@pytest.mark.parametrize("rate", [30, 100])
def test_what_was_written_is_read(tmp_path, style, rate):
    truth = moving(rate * 70)

    recording = opened(tmp_path / "a", text(truth, rate, **style))
    times, acc, findings = everything(recording)

    assert recognise(tmp_path / "a").name == "actigraph_raw_csv"
    assert (recording.device_serial, recording.rate_hz) == (SERIAL, rate)
    assert (recording.range_g, recording.is_utc, recording.model) == (8.0, False, "GT3X+")
    np.testing.assert_allclose(acc, truth, atol=1e-6)
    assert np.abs(times - grid(range(len(truth)), rate)).max() <= 1000
    assert findings == []


def test_twelve_hours_and_seconds_without_fractions(tmp_path):
    lines = text(moving(90), timestamps=True).decode().splitlines()
    stamped = [
        *lines[:11],
        *(f"3/2/2026 1:30:{k // 30:02d} PM,{k / 1000:.3f},0,1" for k in range(90)),
    ]
    data = "\n".join([*stamped, ""]).replace("09:30:00", "1:30:00 PM")

    times, acc, findings = everything(opened(tmp_path / "a", data.encode()))

    afternoon = 4 * 3_600_000_000
    assert np.abs(times - afternoon - grid(range(90))).max() <= 1
    assert (acc[1].tolist(), findings) == ([pytest.approx(0.001), 0, 1], [])


def test_columns_are_found_by_their_names(tmp_path):
    lines = text(moving(60), header=False).decode().splitlines()
    names = "Timestamp,Accelerometer Z,Accelerometer X,Accelerometer Y,Gyroscope X,Gyroscope Y,Gyroscope Z"
    rows = [f"2026-03-02T09:30:00.{k * 20:03d},1.5,{k},-2,10,20,-30.5" for k in range(40)]
    data = "\n".join([*lines[:10], names, *rows, ""]).replace("30 Hz", "50 Hz")

    (chunk,) = opened(tmp_path / "a", data.encode()).chunks()

    assert chunk.acc_g[7].tolist() == [7, -2, 1.5]
    assert chunk.gyro_dps[7].tolist() == [10, 20, -30.5]
    assert chunk.times_us()[[0, 39]].tolist() == [START, START + 780_000]


@pytest.mark.parametrize(
    "bad", [b"x,0,1", b"0,1", b"0,0,1,0", b"1e3,0,1", b"0,,1", b"\xff\xfe,0,1"]
)
def test_a_line_that_is_no_sample_is_left_out_and_named(tmp_path, bad):
    truth = moving(300)
    lines = text(truth).split(b"\r\n")
    lines[11 + 100] = bad

    times, acc, findings = everything(opened(tmp_path / "a", b"\r\n".join(lines)))

    there = np.delete(np.arange(300), 100)
    np.testing.assert_allclose(acc, truth[there], atol=1e-6)
    assert np.abs(times - grid(there)).max() <= 1
    assert findings == [(112, "bad_block")]


def test_a_second_of_zeros_is_a_gap_and_less_is_not(tmp_path):
    truth = moving(300)
    truth[30:60] = np.nan
    truth[100:129] = np.nan

    times, acc, findings = everything(opened(tmp_path / "a", text(truth)))

    there = np.delete(np.arange(300), np.arange(30, 60))
    assert np.abs(times - grid(there)).max() <= 1
    assert not acc[70:99].any()
    assert findings == [(12 + 30, "gap")]


def test_zeros_across_blocks_are_one_gap(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.devices.csv_samples._BLOCK_BYTES", 1000)
    truth = moving(3000)
    truth[500:1500] = np.nan
    truth[2000:2020] = np.nan

    times, acc, findings = everything(opened(tmp_path / "a", text(truth)))

    there = np.delete(np.arange(3000), np.arange(500, 1500))
    np.testing.assert_allclose(acc, np.nan_to_num(truth[there]), atol=1e-6)
    assert np.abs(times - grid(there)).max() <= 1
    assert findings == [(12 + 500, "gap")]


def test_time_stamps_show_what_lines_are_missing(tmp_path):
    truth = moving(300)
    # lines 50 to 59 (a third of a second) and 150 to 199 (5/3 s) of the samples
    data = without(text(truth, timestamps=True), *range(62, 72), *range(162, 212))

    times, acc, findings = everything(opened(tmp_path / "a", data))

    there = np.delete(np.arange(300), [*range(50, 60), *range(150, 200)])
    np.testing.assert_allclose(acc, truth[there], atol=1e-6)
    assert np.abs(times - grid(there)).max() <= 1000
    assert findings == [(12 + 50, "missing_block"), (12 + 140, "gap")]


def test_a_clock_set_back_is_a_jump(tmp_path):
    one = text(moving(60), timestamps=True)
    again = b"\n".join(one.split(b"\n")[11:])

    times, _, findings = everything(opened(tmp_path / "a", one + again))

    assert np.abs(times - grid([*range(60), *range(60)])).max() <= 1000
    assert findings == [(12 + 60, "clock_jump")]


@pytest.mark.parametrize("n_lost", [1, 3, 8])
def test_a_cut_last_line_is_not_taken(tmp_path, n_lost):
    data = text(moving(300))

    _, acc, findings = everything(opened(tmp_path / "a", data[:-n_lost]))

    assert len(acc) == 299
    assert findings == [(12 + 299, "truncated_end")]


def test_zero_bytes_at_the_end_are_named(tmp_path):
    _, acc, findings = everything(opened(tmp_path / "a", text(moving(300)) + bytes(30_000)))

    assert len(acc) == 300
    assert findings == [(12 + 300, "trailing_bytes")]


def test_samples_at_the_limit_are_named(tmp_path):
    truth = moving(300)
    truth[7, 0] = -7.996

    assert everything(opened(tmp_path / "a", text(truth)))[2] == [(12, "saturated")]


def test_chunks_are_hours(tmp_path):
    recording = opened(tmp_path / "a", text(moving(30 * 9000)))

    assert [len(chunk.acc_g) for chunk in recording.chunks()] == [108_000, 108_000, 54_000]
    assert [chunk.knot_us[0] for chunk in recording.chunks()] == [
        START + hour * 3_600_000_000 for hour in range(3)
    ]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b" at 30 Hz", b"", "bad_banner"),
        (b" at 30 Hz", b" at 9999 Hz", "bad_banner"),
        (b"Start Date 3/2/2026", b"Start Date 32/32/2026", "bad_banner"),
        (b" date format M/d/yyyy", b"", "ambiguous_date"),
        (b"Accelerometer X,", b"", "unknown_columns"),
        (b"\r\n0.", b"\r\nnull", "no_samples"),
    ],
)
def test_banners_and_columns_that_do_not_do(tmp_path, old, new, reason):
    data = text(np.full((30, 3), 0.5)).replace(old, new)

    with pytest.raises(DeliveryRefused) as refused:
        everything(opened(tmp_path / "a", data))

    assert refused.value.reason == reason


def test_an_order_that_the_file_leaves_open_may_be_declared(tmp_path):
    data = text(moving(30)).replace(b" date format M/d/yyyy", b"")

    assert everything(opened(tmp_path / "a", data, date_order="MDY"))[0][0] == START
    # 3 February instead of 2 March: 28 days earlier, less one
    february = everything(opened(tmp_path / "a", data, date_order="DMY"))[0][0]
    assert START - february == 27 * 86_400_000_000


def test_a_line_without_end_is_refused_in_little_memory(tmp_path):
    data = text(moving(30)).split(b"\r\n")
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.write(b"\r\n".join(data[:11]) + b"\r\n" + b"1")
        file.truncate(400 << 20)
    tracemalloc.start()

    with pytest.raises(DeliveryRefused) as refused:
        list(read(path).chunks())

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.reason == "no_samples"
    assert most < 64 << 20


def test_an_empty_file_is_refused(tmp_path):
    with pytest.raises(DeliveryRefused, match="0 bytes"):
        opened(tmp_path / "a", b"")
