"""GENEActiv pages: what a real file holds, what own files give back, and every way to lose a page."""

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.devices import recognise
from pipelines.devices.geneactiv import read
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.geneactiv_bytes import geneactiv_bytes

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "geneactiv"
START = 1_772_443_800_000_000  # 2026-03-02 09:30 on the wall
STEP = 0.00411  # the coarsest axis of the encoder: 100 / 24,829 = 0.00403 g
MARK = b"Recorded Data"


def moving(n: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal((0, 0, 1), 0.4, (n, 3))


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


def pages_of(data: bytes) -> tuple[bytes, list[bytes]]:
    head, *pages = data.split(MARK)
    return head, [MARK + page for page in pages]


@pytest.fixture
def ten_pages() -> tuple[bytes, list[bytes]]:
    """Header and pages of 30 s at 100 Hz: page k holds the samples of the seconds 3k to 3k + 3."""
    return pages_of(geneactiv_bytes(START, 100, moving(3000), "051386"))


def test_the_real_sample_agrees_with_its_decoded_array():
    path = SAMPLES / "gnactv_sample.bin"
    if not path.exists():
        pytest.skip("../shared/samples is not here")
    truth = np.load(SAMPLES / "gnactv_data.npz")

    recording = read(path)
    times, acc, findings = everything(recording)

    assert recognise(path).name == "geneactiv"
    assert (recording.maker, recording.model) == ("activinsights", "GENEActiv 1.1")
    assert recording.device_serial == "051386"
    assert (recording.rate_hz, recording.range_g, recording.is_utc) == (50.0, 8.0, False)
    assert recording.clock_offset_s == -1.459
    assert recording.placement is None  # "back" may be the upper one
    assert findings == []
    np.testing.assert_allclose(acc, truth["accel"], rtol=0, atol=5.1e-5)  # it has 4 decimals
    np.testing.assert_allclose(times / 1e6, truth["time"], rtol=0, atol=1e-6)
    # the first page lasts 6.0 s and the second begins 6.5 s after it: a break of half a second
    chunks = list(recording.chunks())
    assert [len(chunk.acc_g) for chunk in chunks] == [300, 600]
    assert chunks[0].temperature_c.tolist() == [28.2, 28.2]
    assert chunks[1].temperature_c.tolist() == [28.1, 29.1, 29.1]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("rate_hz", [10.0, 50.0, 85.7, 100.0])
def test_an_own_file_gives_back_its_samples_and_times(tmp_path, rate_hz, newline):
    acc = moving(1500)
    data = geneactiv_bytes(
        START, rate_hz, acc, "012345", location="right wrist", drift_s=2.5, newline=newline
    )

    recording = opened(tmp_path / "a.bin", data)
    times, got, findings = everything(recording)

    assert (recording.device_serial, recording.placement) == ("012345", "wrist")
    assert (recording.rate_hz, recording.clock_offset_s) == (rate_hz, 2.5)
    assert findings == []
    np.testing.assert_allclose(got, acc, rtol=0, atol=STEP / 2)
    np.testing.assert_allclose(times, START + np.arange(1500) * 1e6 / rate_hz, atol=1000)


def test_hours_come_one_after_the_other_and_fit_without_a_seam(tmp_path):
    n = 25 * 3600 * 3  # three hours at 25 Hz are 900 pages
    acc = np.tile(moving(300), (n // 300, 1))
    recording = opened(tmp_path / "a.bin", geneactiv_bytes(START, 25, acc, "1"))

    chunks = list(recording.chunks())
    times, got, findings = everything(recording)

    assert 3 <= len(chunks) <= 5
    assert findings == []
    np.testing.assert_array_equal(times, START + np.arange(n) * 40_000)
    np.testing.assert_allclose(got, acc, rtol=0, atol=STEP / 2)


def test_the_raw_values_mean_what_the_makers_formula_says(tmp_path, ten_pages):
    head, pages = ten_pages
    at = pages[0].index(b"100.0\r\n") + 7  # 7FF, 800, 001 -> 2047, -2048, 1
    pages[0] = pages[0][:at] + b"7FF800001ABC" + pages[0][at + 12 :]

    _, acc, _ = everything(opened(tmp_path / "a.bin", head + b"".join(pages)))

    # (raw * 100 - offset) / gain: (204,700 - 272) / 25,522; (-204,800 + 1,129) / 25,457; -1 / 24,829
    np.testing.assert_allclose(acc[0], [8.009874, -8.000589, -0.0000403], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("location", "placement"),
    [("left ankle", "shank"), ("right thigh", "thigh"), ("left hip", "hip"), ("sacrum", "lower_back"),
     ("lower back", "lower_back"), ("waist", None), ("chest", None), ("", None)],
)  # fmt: skip
def test_a_location_is_a_placement_only_where_it_names_one(tmp_path, location, placement):
    data = geneactiv_bytes(START, 100, moving(300), "1", location=location)

    assert opened(tmp_path / "a.bin", data).placement == placement


def test_a_page_that_is_no_hex_is_left_out_and_named(tmp_path, ten_pages):
    head, pages = ten_pages
    pages[4] = pages[4][:2000] + b"!" + pages[4][2001:]

    times, acc, findings = everything(opened(tmp_path / "a.bin", head + b"".join(pages)))

    assert findings == [(5, "bad_block")]
    kept = np.r_[0:1200, 1500:3000]
    np.testing.assert_array_equal(times, START + kept * 10_000)
    np.testing.assert_allclose(acc, moving(3000)[kept], rtol=0, atol=STEP / 2)


def test_a_page_that_is_cut_inside_the_file_is_left_out(tmp_path, ten_pages):
    head, pages = ten_pages
    pages[4] = pages[4][:2000] + b"\r\n"

    times, _, findings = everything(opened(tmp_path / "a.bin", head + b"".join(pages)))

    assert findings == [(5, "bad_block")]
    np.testing.assert_array_equal(times, START + np.r_[0:1200, 1500:3000] * 10_000)


def test_pages_that_are_not_there_are_missing_and_the_clock_goes_on(tmp_path, ten_pages):
    head, pages = ten_pages
    del pages[4:6]

    times, _, findings = everything(opened(tmp_path / "a.bin", head + b"".join(pages)))

    assert findings == [(5, "missing_block")]  # the fifth page in the file is number 6
    np.testing.assert_array_equal(times, START + np.r_[0:1200, 1800:3000] * 10_000)


def test_a_first_page_that_is_not_there_is_missing(tmp_path, ten_pages):
    head, pages = ten_pages

    _, acc, findings = everything(opened(tmp_path / "a.bin", head + b"".join(pages[1:])))

    assert findings == [(1, "missing_block")]
    assert len(acc) == 2700


@pytest.mark.parametrize(
    ("shift_s", "rule"), [(60.0, "gap"), (1.5, "gap"), (0.5, None), (-1.5, "clock_jump")]
)
def test_a_clock_that_leaps_begins_a_chunk(tmp_path, shift_s, rule):
    starts = START + np.arange(20) * 3_000_000
    starts[10:] += int(shift_s * 1e6)
    data = geneactiv_bytes(START, 100, moving(6000), "1", page_start_us=starts)

    recording = opened(tmp_path / "a.bin", data)
    times, _, findings = everything(recording)

    assert findings == ([] if rule is None else [(11, rule)])
    assert [len(chunk.acc_g) for chunk in recording.chunks()] == [3000, 3000]
    np.testing.assert_array_equal(
        times, np.repeat(starts, 300) + np.tile(np.arange(300), 20) * 10_000
    )


def test_a_page_whose_time_fits_neither_neighbour_is_left_out(tmp_path, ten_pages):
    head, pages = ten_pages
    pages[4] = pages[4].replace(b"2026-03-02", b"2096-03-02")

    times, _, findings = everything(opened(tmp_path / "a.bin", head + b"".join(pages)))

    assert findings == [(5, "bad_block")]
    np.testing.assert_array_equal(times, START + np.r_[0:1200, 1500:3000] * 10_000)


def test_a_clock_that_runs_slow_is_followed_and_named_when_it_is_far_off(tmp_path):
    starts = START + np.arange(20) * 3_150_000  # 95.24 samples a second where 100 are set
    data = geneactiv_bytes(START, 100, moving(6000), "1", page_start_us=starts)

    times, _, findings = everything(opened(tmp_path / "a.bin", data))

    assert findings == [(1, "rate_off_nominal")]
    np.testing.assert_allclose(times, START + np.arange(6000) * 10_500, atol=1)


def test_bytes_between_pages_are_named_and_the_next_page_is_found(tmp_path, ten_pages):
    head, pages = ten_pages
    data = head + b"".join(pages[:4]) + b"\x00\x17 noise" * 3000 + b"".join(pages[4:])

    times, _, findings = everything(opened(tmp_path / "a.bin", data))

    assert findings == [(5, "bad_block")]
    np.testing.assert_array_equal(times, START + np.arange(3000) * 10_000)


def test_samples_at_the_limit_are_saturated(tmp_path):
    acc = moving(3000)
    acc[1000:1003, 1] = 9  # 3 of 3,000: one in a thousand
    data = geneactiv_bytes(START, 100, acc, "1")

    _, got, findings = everything(opened(tmp_path / "a.bin", data))

    assert findings == [(1, "saturated")]
    assert got[:, 1].max() == pytest.approx((204_700 + 1129) / 25_457)


def test_bytes_behind_the_last_page_are_named(tmp_path, ten_pages):
    head, pages = ten_pages

    _, acc, findings = everything(
        opened(tmp_path / "a.bin", head + b"".join(pages) + b"\xff" * 9000)
    )

    assert findings == [(10, "trailing_bytes")]
    assert len(acc) == 3000


@pytest.mark.parametrize("announced", [b"17", b"999999999999"])
def test_a_header_that_announces_more_pages_means_a_cut_end(tmp_path, ten_pages, announced):
    head, pages = ten_pages
    head = head.replace(b"Number of Pages:10", b"Number of Pages:" + announced)

    _, acc, findings = everything(opened(tmp_path / "a.bin", head + b"".join(pages)))

    assert findings == [(10, "truncated_end")]
    assert len(acc) == 3000


@pytest.mark.parametrize("announced", [b"3", b"", b"-1"])
def test_a_header_that_announces_fewer_pages_loses_none(tmp_path, ten_pages, announced):
    head, pages = ten_pages
    head = head.replace(b"Number of Pages:10", b"Number of Pages:" + announced)

    _, acc, findings = everything(opened(tmp_path / "a.bin", head + b"".join(pages)))

    assert (findings, len(acc)) == ([], 3000)


def test_a_file_cut_anywhere_keeps_every_whole_sample_before_the_cut(tmp_path, ten_pages):
    head, pages = ten_pages
    data = head + b"".join(pages)
    ends = np.cumsum([len(head)] + [len(page) for page in pages])
    text = pages[0].index(b"100.0\r\n") + 7
    for cut in [
        *range(len(head) + text + 12, len(data) - 2, 1237),
        ends[3] + 5,
        ends[3] + text - 1,
    ]:
        page = int(np.searchsorted(ends, cut, side="right")) - 1
        in_page = min(max((cut - ends[page] - text) // 12, 0), 300)
        whole = page * 300 + in_page

        times, acc, findings = everything(opened(tmp_path / "a.bin", data[:cut]))

        assert len(acc) == whole
        assert [rule for _, rule in findings] == ["truncated_end"]
        np.testing.assert_array_equal(times, START + np.arange(whole) * 10_000)


def test_a_file_cut_above_its_first_sample_is_refused(tmp_path, ten_pages):
    head, pages = ten_pages
    data = head + pages[0]
    text = data.index(b"100.0\r\n") + 7
    for cut in [1, 20, 500, len(head), len(head) + 5, text - 1, text + 11]:
        with pytest.raises(DeliveryRefused) as refused:
            opened(tmp_path / "a.bin", data[:cut])
        assert refused.value.reason == "truncated"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"Measurement Frequency:100 Hz", b"Measurement Frequency:0 Hz", "unreadable"),
        (b"Measurement Frequency:100 Hz", b"Measurement Frequency:999999999 Hz", "unreadable"),
        (b"Measurement Frequency:100 Hz", b"Measurement Frequency: Hz", "unreadable"),
        (b"x gain:25522", b"x gain:0", "unreadable"),
        (b"x gain:25522", b"x gain:1", "unreadable"),
        (b"x gain:25522", b"x gain:99999999999999", "unreadable"),
        (b"y gain:25457", b"", "unreadable"),
        (b"z offset:101", b"z offset:nan", "unreadable"),
        (b"z offset:101", b"z offset:99999999", "unreadable"),
    ],
)
def test_a_header_that_cannot_be_right_is_refused(tmp_path, ten_pages, old, new, reason):
    head, pages = ten_pages
    assert head.count(old) == 1

    with pytest.raises(DeliveryRefused) as refused:
        opened(tmp_path / "a.bin", head.replace(old, new) + b"".join(pages))

    assert refused.value.reason == reason
    assert "a.bin" in str(refused.value)


def test_an_empty_file_is_refused(tmp_path):
    with pytest.raises(DeliveryRefused) as refused:
        opened(tmp_path / "a.bin", b"")

    assert refused.value.reason == "empty"


@pytest.mark.parametrize(
    "body",
    [
        MARK * 6_000_000,
        (MARK + b"\r\n" + b"A" * 12) * 3_000_000,
        MARK + b"A" * 30_000_000,
        MARK + b"\r\nSequence Number:" + b"9" * 30_000_000,
        MARK + b"\r\n" * 15_000_000,
        MARK + bytes(30_000_000),
    ],
    ids=["marks", "marks and samples", "one line", "one number", "empty lines", "zero bytes"],
)
def test_hostile_bodies_are_refused_soon_and_in_little_memory(tmp_path, ten_pages, body):
    path = tmp_path / "a.bin"
    path.write_bytes(ten_pages[0] + body)
    tracemalloc.start()
    begun = time.perf_counter()

    with pytest.raises(DeliveryRefused) as refused:
        read(path)

    seconds, (_, peak) = time.perf_counter() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.reason == "truncated"
    assert seconds < 5
    assert peak < 256 << 20


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 1 << 16), st.binary(max_size=6), st.integers(0, 40)),
        min_size=1, max_size=6,
    ),
    keep=st.integers(0, 1 << 16),
)  # fmt: skip
def test_mutated_files_are_read_or_refused(tmp_path, ten_pages, edits, keep):
    head, pages = ten_pages
    data = bytearray(head + b"".join(pages[:4]))
    for at, new, n_gone in edits:
        at %= len(data) + 1
        data[at : at + n_gone] = new
    data = bytes(data[: max(keep % (2 * len(data) + 1), 1)])
    path = tmp_path / "a.bin"
    path.write_bytes(data)

    try:
        chunks = list(read(path).chunks())
    except DeliveryRefused:
        return

    assert sum(len(chunk.acc_g) for chunk in chunks) <= 4 * 300
    for chunk in chunks:
        assert np.isfinite(chunk.acc_g).all()
        if len(chunk.acc_g):
            assert chunk.knot_index[0] == 0 and chunk.knot_index[-1] == len(chunk.acc_g) - 1
            assert (np.diff(chunk.knot_us) > 0).all()
