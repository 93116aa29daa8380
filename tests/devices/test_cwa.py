"""Axivity files: what real ones hold, what own ones give back, and when a sample was taken."""

from pathlib import Path

import numpy as np
import pytest

from pipelines.devices import recognise
from pipelines.devices.cwa import read
from pipelines.synthetic.cwa_bytes import cwa_bytes

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "cwa"
START = 1_772_443_800_000_000  # 2026-03-02 09:30 on the wall
TICK_US = 31  # times are stored in steps of 1/32768 s
HALF_STEP = 0.5 / 256 + 1e-6


def sample(name: str) -> Path:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip("../shared/samples is not here")
    return path


def moving(n: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal((0, 0, 1), 0.2, (n, 3)).clip(-1.9, 1.9)


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


def with_sums(blocks: np.ndarray) -> np.ndarray:
    """The blocks with their checksums made right again."""
    words = blocks.reshape(-1, 512).view("<u2")
    words[:, 255] = -words[:, :255].sum(axis=1, dtype=np.int64) & 0xFFFF
    return blocks


def test_the_real_sample_agrees_with_its_decoded_array():
    path = sample("ax3_sample.cwa")
    truth = np.load(SAMPLES / "ax3_data.npz")

    recording = read(path)
    times, acc, findings = everything(recording)

    assert recognise(path).name == "cwa"
    assert (recording.maker, recording.model, recording.device_serial) == (
        "axivity",
        "AX3",
        "51888",
    )
    assert (recording.rate_hz, recording.range_g, recording.is_utc) == (200.0, 8.0, False)
    assert findings == []
    np.testing.assert_array_equal(acc, truth["accel"].astype(np.float32))
    # the array leaves out the fraction of the time stamps and takes 5 ms per sample from the stamp
    # to the first one; the device took 5.073 ms, so 0.073 ms * 104 = 7.6 ms less one sample of 5 ms
    assert np.abs(times / 1e6 - truth["time"]).max() < 0.0076


def test_times_of_the_real_sample_are_those_of_its_stamps():
    # read off the file by hand: whole second, fraction / 32768, samples on from the first one,
    # which are the offset of the stamp and the whole samples in the fraction, at 200 Hz
    stamps = [
        (1_581_498_218, 0x0DAC, 104 + 21),  # 0x0DAC / 32768 * 200 = 21.4
        (1_581_498_218, 0x5ED9, -18 + 148),
        (1_581_498_219, 0x3007, 60 + 75),
        (1_581_498_220, 0x0131, 139 + 1),
        (1_581_498_220, 0x421F, 17 + 103),
    ]

    times, _, _ = everything(read(sample("ax3_sample.cwa")))

    for block, (second, fraction, ahead) in enumerate(stamps):
        expected = second * 1_000_000 + round(fraction * 1e6 / 32768)
        assert abs(times[120 * block + ahead] - expected) <= 1
    # 120 samples in 0.6088 s, the mean of the file; the first one lies 125 of them before its stamp
    steps = np.diff(times)
    assert steps.min() >= 5063 and steps.max() <= 5077


def test_the_second_real_sample():
    recording = read(sample("ax3_testfile.cwa"))
    times, acc, findings = everything(recording)

    assert (recording.device_serial, recording.rate_hz) == ("39434", 100.0)
    assert recording.placement == "wrist"
    assert (len(acc), findings) == (145 * 120, [])
    # blocks follow each other after 1.2646 and 1.0117 s of 125 and 100 samples: 98.85 Hz
    assert (len(times) - 1) * 1e6 / (times[-1] - times[0]) == pytest.approx(98.85, abs=0.03)
    # the first lines that OmGui wrote of this file
    np.testing.assert_array_equal(acc[0], np.float32([0.328125, 0.984375, 0.203125]))
    np.testing.assert_array_equal(acc[1], np.float32([0.828125, -0.359375, -0.375]))


KINDS = {
    "packed": {},
    "unpacked": {"packed": False},
    "ax6": {"gyro_dps": True},
    "ax6 2 g": {"gyro_dps": True, "range_g": 2},
}


@pytest.mark.parametrize("rate_hz", [12.5, 25.0, 50.0, 98.85, 100.0, 200.0])
@pytest.mark.parametrize("kind", KINDS)
def test_an_own_file_gives_back_its_samples_and_times(tmp_path, rate_hz, kind):
    acc = moving(1500)
    spin = np.random.default_rng(4).normal(0, 200, (1500, 3)).clip(-1999, 1999)
    options = {**KINDS[kind]}
    if "gyro_dps" in options:
        options["gyro_dps"] = spin

    data = cwa_bytes(START, rate_hz, acc, 6_014_664, placement="lower back", **options)
    recording = opened(tmp_path / "a.cwa", data)
    times, got, findings = everything(recording)

    assert (recording.device_serial, recording.placement) == ("6014664", "lower_back")
    assert recording.model == ("AX6" if "gyro_dps" in options else "AX3")
    assert recording.rate_hz == {98.85: 100.0}.get(rate_hz, rate_hz)
    assert findings == []
    np.testing.assert_allclose(got, acc, rtol=0, atol=HALF_STEP)
    expected = START + np.arange(1500) * 1e6 / rate_hz
    # the last block may be short, and beyond the last stamp the mean rate holds
    np.testing.assert_allclose(times, expected, rtol=0, atol=4 * TICK_US)
    chunk = next(recording.chunks())
    if "gyro_dps" in options:
        np.testing.assert_allclose(chunk.gyro_dps, spin, rtol=0, atol=0.5 * 2000 / 32768 + 1e-4)
    else:
        assert chunk.gyro_dps is None
    # 25 degrees are (25 + 50) * 256 / 75 = 256 steps
    assert len(chunk.temperature_c) == len(chunk.knot_index)
    assert set(chunk.temperature_c.tolist()) == {25.0}


def test_large_values_are_stored_in_steps_of_up_to_eight(tmp_path):
    acc = np.zeros((240, 3))
    acc[0] = [15.5, -15.5, 0.0]  # 3968 = 496 * 8
    acc[1] = [1.5, -1.5, 0.5]  # 384
    acc[2] = [3.5, 0.0078125, -3.0]  # 896 = 448 * 2; 2 = 1 * 2

    _, got, _ = everything(opened(tmp_path / "a.cwa", cwa_bytes(START, 100, acc, 1, range_g=16)))

    np.testing.assert_array_equal(got, acc.astype(np.float32))


def test_a_packed_word_by_hand(tmp_path):
    data = bytearray(cwa_bytes(START, 100, moving(120), 1))
    # e = 2, z = 1, y = -1, x = 256 -> x = 1024 / 256 g, y = -4 / 256 g, z = 4 / 256 g
    data[1054:1058] = (2 << 30 | 1 << 20 | 0x3FF << 10 | 256).to_bytes(4, "little")
    blocks = with_sums(np.frombuffer(bytes(data[1024:]), np.uint8).copy())

    _, acc, _ = everything(opened(tmp_path / "a.cwa", bytes(data[:1024]) + blocks.tobytes()))

    assert acc[0].tolist() == [4.0, -0.015625, 0.015625]


def test_times_without_a_fraction_are_right_to_a_sample(tmp_path):
    data = bytearray(cwa_bytes(START, 100, moving(6000), 777, fraction=False))
    data[5:7], data[11:13] = b"\0\0", b"\0\0"  # the header does not say the device, the blocks do

    recording = opened(tmp_path / "a.cwa", bytes(data))
    times, _, findings = everything(recording)

    assert recording.device_serial == "777"
    assert findings == []
    np.testing.assert_allclose(times, START + np.arange(6000) * 10_000, rtol=0, atol=10_000)


def test_hours_come_one_after_the_other_and_fit_without_a_seam(tmp_path):
    n = 25 * 3600 * 3
    acc = np.tile(moving(300), (n // 300, 1))
    recording = opened(tmp_path / "a.cwa", cwa_bytes(START, 24.7, acc, 1))

    chunks = list(recording.chunks())
    times, got, findings = everything(recording)

    assert 3 <= len(chunks) <= 4
    assert max(len(chunk.acc_g) for chunk in chunks) <= 25 * 3600 + 240
    assert findings == []
    np.testing.assert_allclose(times, START + np.arange(n) * 1e6 / 24.7, rtol=0, atol=2 * TICK_US)
    np.testing.assert_allclose(got, acc, rtol=0, atol=HALF_STEP)


def test_knots_are_ordered_and_reach_from_the_first_to_the_last_sample(tmp_path):
    recording = opened(tmp_path / "a.cwa", cwa_bytes(START, 100, moving(1000), 1))

    (chunk,) = recording.chunks()

    assert (chunk.knot_index[0], chunk.knot_index[-1]) == (0, 999)
    assert (np.diff(chunk.knot_index) > 0).all() and (np.diff(chunk.knot_us) > 0).all()


def test_a_rate_three_percent_off_is_named(tmp_path):
    times, _, findings = everything(
        opened(tmp_path / "a.cwa", cwa_bytes(START, 97, moving(3000), 1))
    )

    assert findings == [(1, "rate_off_nominal")]
    np.testing.assert_allclose(times, START + np.arange(3000) * 1e6 / 97, rtol=0, atol=2 * TICK_US)


@pytest.mark.parametrize(("n_limit", "is_named"), [(1, False), (3, True)])
def test_saturation_is_named_from_a_thousandth_on(tmp_path, n_limit, is_named):
    acc = moving(3000)
    acc[500 : 500 + n_limit] = [0, 9, 0]  # the range ends at 8 g

    _, got, findings = everything(opened(tmp_path / "a.cwa", cwa_bytes(START, 100, acc, 1)))

    assert findings == ([(1, "saturated")] if is_named else [])
    assert got.max() == pytest.approx(8, abs=0.02)


def test_blocks_of_another_session_are_left_out(tmp_path):
    one = cwa_bytes(START, 100, moving(600), 1, session=9)
    old = cwa_bytes(START - 10**12, 100, moving(240), 1, session=8)

    _, acc, findings = everything(opened(tmp_path / "a.cwa", one + old[1024:]))

    assert len(acc) == 600
    assert findings == [(6, "bad_block"), (7, "bad_block")]
