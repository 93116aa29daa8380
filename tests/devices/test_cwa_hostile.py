"""Axivity files that are cut, lie, or have lost blocks: the good part stays, the rest is named."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.devices.cwa import MAX_BYTES, read
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.cwa_bytes import cwa_bytes
from tests.devices.test_cwa import START, everything, moving, opened, sample, with_sums

TEN = cwa_bytes(START, 100, moving(1200), 39434)  # ten blocks of 1.2 s, none of them short
HEAD, BLOCKS = TEN[:1024], [TEN[at : at + 512] for at in range(1024, len(TEN), 512)]


def reason_of(path, data: bytes) -> str:
    with pytest.raises(DeliveryRefused) as refused:
        opened(path, data)
    assert refused.value.where == path.name and refused.value.remedy
    return refused.value.reason


def changed(block: bytes, at: int, content: bytes, *, has_right_sum: bool = True) -> bytes:
    out = np.frombuffer(block[:at] + content + block[at + len(content) :], np.uint8).copy()
    return (with_sums(out) if has_right_sum else out).tobytes()


def check(path, blocks: list[bytes], kept: list[int], findings, tail: bytes = b""):
    """The samples of the blocks in `kept` (from 0) are there at their times, and so are findings."""
    times, acc, found = everything(opened(path, HEAD + b"".join(blocks) + tail))
    samples = np.concatenate([np.arange(120 * k, 120 * k + 120) for k in kept])
    assert found == findings
    np.testing.assert_allclose(times, START + samples * 10_000, rtol=0, atol=100)
    np.testing.assert_allclose(acc, moving(1200)[samples], rtol=0, atol=0.00196)


ALL = list(range(10))


def without(*blocks: int) -> list[int]:
    return [k for k in ALL if k not in blocks]


def test_a_block_with_a_wrong_checksum_is_left_out_and_named(tmp_path):
    blocks = [*BLOCKS]
    blocks[4] = changed(blocks[4], 100, b"\x55\xaa", has_right_sum=False)

    check(tmp_path / "a", blocks, without(4), [(5, "bad_block")])


def test_the_blocks_of_a_real_file_that_were_made_wrong(tmp_path):
    # as in the published corrupt version of this file: 0, 13, 14, 142, 143, 144 of its 145 blocks
    data = bytearray(sample("ax3_testfile.cwa").read_bytes())
    wrong = [0, 13, 14, 142, 143, 144]
    for k in wrong:
        data[1024 + 512 * k + 40] ^= 0x10
    whole_times, whole_acc, _ = everything(read(sample("ax3_testfile.cwa")))

    times, acc, findings = everything(opened(tmp_path / "a", bytes(data)))

    kept = np.repeat([k not in wrong for k in range(145)], 120)
    # the first block is the first that has a number, so nothing is missing before it
    assert findings == [(k + 1, "bad_block") for k in wrong]
    np.testing.assert_array_equal(acc, whole_acc[kept])
    np.testing.assert_allclose(times, whole_times[kept], rtol=0, atol=1000)


@pytest.mark.parametrize(
    ("at", "content"),
    [
        (14, b"\0\0\0\0"),  # time unknown
        (14, b"\xff\xff\xff\xff"),
        (14, (26 << 26 | 2 << 22 | 30 << 17).to_bytes(4, "little")),  # 30 February
        (24, b"\x00"),  # rate of 0.1 Hz
        (25, b"\x00"),  # no axes
        (25, b"\x31"),  # a packing that does not exist
        (26, b"\x00\x80"),  # stamped 327 s away
        (28, b"\x00\x00"),
        (28, b"\x79\x00"),  # 121 samples in a block of 120
        (28, b"\xff\xff"),
        (6, b"\x08\x00\x00\x00"),  # another recording
    ],
)
def test_a_block_that_lies_is_left_out_and_named(tmp_path, at, content):
    blocks = [*BLOCKS]
    blocks[4] = changed(blocks[4], at, content)

    check(tmp_path / "a", blocks, without(4), [(5, "bad_block")])


def test_a_single_time_that_fits_no_neighbour_is_a_bad_block(tmp_path):
    blocks = [*BLOCKS]
    hour_on = int.from_bytes(blocks[4][14:18], "little") + (1 << 12)
    blocks[4] = changed(blocks[4], 14, hour_on.to_bytes(4, "little"))

    check(tmp_path / "a", blocks, without(4), [(5, "bad_block")])


def test_blocks_that_are_absent_are_missing_and_no_gap(tmp_path):
    check(tmp_path / "a", BLOCKS[:3] + BLOCKS[5:], without(3, 4), [(4, "missing_block")])


def test_blocks_that_are_absent_at_the_start_are_missing(tmp_path):
    check(tmp_path / "a", BLOCKS[2:], without(0, 1), [(1, "missing_block")])


def test_a_block_that_stands_twice_counts_once(tmp_path):
    check(tmp_path / "a", BLOCKS[:5] + BLOCKS[4:], ALL, [(6, "bad_block")])


@pytest.mark.parametrize("n_bytes", [1, 10, 511, 512, 700, 5000])
def test_bytes_that_are_no_block_are_passed_over(tmp_path, n_bytes):
    junk = np.random.default_rng(1).bytes(n_bytes)

    check(tmp_path / "a", [*BLOCKS[:3], junk, *BLOCKS[3:]], ALL, [(4, "bad_block")])


@pytest.mark.parametrize("n_bytes", [1, 10, 101, 400])
def test_bytes_that_are_lost_cost_their_block(tmp_path, n_bytes):
    blocks = [*BLOCKS]
    blocks[4] = blocks[4][:50] + blocks[4][50 + n_bytes :]

    check(tmp_path / "a", blocks, without(4), [(5, "bad_block")])


@pytest.mark.parametrize("n_bytes", [7, 512, 20_000, 3_000_000])
def test_an_erased_tail_is_named(tmp_path, n_bytes):
    check(tmp_path / "a", BLOCKS, ALL, [(11, "trailing_bytes")], tail=b"\xff" * n_bytes)


def test_a_last_block_of_zeros_is_named(tmp_path):
    check(tmp_path / "a", [*BLOCKS[:9], bytes(512)], without(9), [(10, "bad_block")])


def test_an_erased_block_within_the_file_is_named(tmp_path):
    blocks = [*BLOCKS[:4], b"\xff" * 512, *BLOCKS[5:]]

    check(tmp_path / "a", blocks, without(4), [(5, "bad_block")])


@pytest.mark.parametrize("by_s", [2, 3600, -3600, -2])
def test_a_jump_of_the_clock_breaks_the_recording(tmp_path, by_s):
    data = cwa_bytes(START, 100, moving(2400), 1, breaks=((1200, by_s * 1_000_000),))

    recording = opened(tmp_path / "a", data)
    times, _, findings = everything(recording)

    assert findings == [(11, "gap" if by_s > 0 else "clock_jump")]
    assert [len(chunk.acc_g) for chunk in recording.chunks()] == [1200, 1200]
    expected = START + np.arange(2400) * 10_000 + (np.arange(2400) >= 1200) * by_s * 1_000_000
    np.testing.assert_allclose(times, expected, rtol=0, atol=100)


def test_a_pause_of_half_a_second_breaks_without_a_word(tmp_path):
    data = cwa_bytes(START, 100, moving(2400), 1, breaks=((1200, 500_000),))

    recording = opened(tmp_path / "a", data)

    assert [len(chunk.acc_g) for chunk in recording.chunks()] == [1200, 1200]
    assert everything(recording)[2] == []


def test_a_change_of_range_begins_a_chunk(tmp_path):
    other = cwa_bytes(START, 100, moving(1200), 39434, range_g=4)

    recording = opened(tmp_path / "a", TEN[: 1024 + 5 * 512] + other[1024 + 5 * 512 :])
    times, acc, findings = everything(recording)

    assert [len(chunk.acc_g) for chunk in recording.chunks()] == [600, 600]
    assert findings == []
    np.testing.assert_allclose(acc, moving(1200), rtol=0, atol=0.00196)
    np.testing.assert_allclose(times, START + np.arange(1200) * 10_000, rtol=0, atol=100)


def test_a_gyroscope_that_is_switched_on_midway(tmp_path):
    spin = np.full((1200, 3), 100.0)
    other = cwa_bytes(START, 100, moving(1200), 39434, gyro_dps=spin)

    recording = opened(tmp_path / "a", TEN[: 1024 + 5 * 512] + other[1024 + 15 * 512 :])
    chunks = list(recording.chunks())

    assert [chunk.gyro_dps is not None for chunk in chunks] == [False, True]
    np.testing.assert_allclose(chunks[1].gyro_dps, 100, rtol=0, atol=0.04)


def test_cut_at_many_lengths(tmp_path):
    path = tmp_path / "a"
    for n in [*range(0, 1024, 37), 1023]:
        assert reason_of(path, TEN[:n]) == ("truncated" if n else "empty")
    for n in [*range(1024, 1536, 13), 1535]:  # the first block is not whole
        assert reason_of(path, TEN[:n]) == "truncated"
    for n in [*range(1536, len(TEN), 7), *range(1536, len(TEN), 512)]:
        whole, over = divmod(n - 1024, 512)
        _, acc, findings = everything(opened(path, TEN[:n]))
        assert len(acc) == 120 * whole
        assert findings == ([(whole + 1, "truncated_end")] if over else [])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"MD\xfc\x03" + bytes(2000), "truncated"),
        (b"XX" + TEN[2:], "unreadable"),
        (HEAD + b"\xff" * 100_000, "truncated"),
        (HEAD + BLOCKS[0][:510] * 40, "truncated"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, data, reason):
    assert reason_of(tmp_path / "a", data) == reason


def test_a_file_without_end_is_refused_unread(tmp_path):
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.write(TEN)
        file.truncate(MAX_BYTES + 1)

    with pytest.raises(DeliveryRefused) as refused:
        read(path)

    assert refused.value.reason == "too_large"


@pytest.mark.parametrize(
    "filling", [bytes(16), b"AX\xfc\x01", b"\xff" * 16, b"AX\xfc\x01" + bytes(28)]
)
def test_gigabytes_without_a_block_are_refused_soon_and_in_little_memory(tmp_path, filling):
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.write(HEAD)
        for _ in range(66):
            file.write(filling * ((1 << 20) // len(filling)))
        file.truncate(4 << 30)
    opened(tmp_path / "b", TEN)  # compiled code is warm

    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(DeliveryRefused) as refused:
        read(path)
    took = time.process_time() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert refused.value.reason == "truncated"
    assert took < 5
    assert peak < 64 << 20


def test_a_note_of_thousands_of_fields_is_no_hindrance(tmp_path):
    head = HEAD[:64] + (b"a&" * 224) + HEAD[512:]

    assert opened(tmp_path / "a", head + b"".join(BLOCKS)).placement is None


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_happens_to_the_bytes_they_are_read_or_refused(tmp_path, data):
    kind = data.draw(st.sampled_from(["packed", "unpacked", "ax6"]))
    acc = moving(900)
    content = bytearray(
        cwa_bytes(
            START, 100, acc, 1, packed=kind == "packed", gyro_dps=acc if kind == "ax6" else None
        )
    )
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content)))
        n = data.draw(st.integers(0, 600))
        new = data.draw(
            st.one_of(st.binary(max_size=40), st.just(b"\xff" * 512), st.just(b"AX\xfc\x01"))
        )
        content[at : at + n] = new
    if data.draw(st.booleans()):  # so that what the heads say is looked at
        for at in range(1024, len(content) - 511, 512):
            content[at : at + 512] = changed(bytes(content[at : at + 512]), 0, b"")

    try:
        chunks = list(opened(tmp_path / "a", bytes(content)).chunks())
    except DeliveryRefused:
        return

    n = 0
    for chunk in chunks:
        n += len(chunk.acc_g)
        if len(chunk.acc_g):
            assert chunk.knot_index[0] == 0 and chunk.knot_index[-1] == len(chunk.acc_g) - 1
            assert (np.diff(chunk.knot_index) > 0).all() and (np.diff(chunk.knot_us) >= 0).all()
            assert len(chunk.times_us()) == len(chunk.acc_g)
    assert 0 < n <= len(content) // 512 * 120
