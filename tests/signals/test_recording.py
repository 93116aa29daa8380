"""A whole recording: planted calibration, wear, gap, walks and faults are told; any cut into chunks tells the same."""

import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.contracts.shapes import SignalChunk, SignalFile
from pipelines.signals.activity import EPOCH_SCHEMA
from pipelines.signals.recording import BOUT_SCHEMA, FINDING_SCHEMA, Recording, analyse
from tests.signals.made_up import T0_S, US, chunk, directions, signal_file, split

RATE_HZ = 25.0
GAIN, OFFSET_G = np.array([1.04, 0.97, 1.02]), np.array([0.03, -0.02, 0.04])
HOUR = round(3600 * RATE_HZ)


@dataclass(frozen=True)
class Answer:
    bouts: pl.DataFrame
    abstained: tuple[str, ...] = ()


def moving(sd_1s, n_1s):
    """A stand-in for the gait chain's: seconds in a row of more than 0.2 g."""
    edges = np.diff(np.concatenate(([0], (sd_1s > 0.2).astype(int), [0])))
    return np.column_stack((np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)))


def whole_stretch(acc_g, rate_hz, placement, gyro_dps):
    """A stand-in for the gait chain: one bout that leaves out the first second; says what it was given."""
    rows = {"start_s": [1.0], "end_s": [len(acc_g) / rate_hz], "z_mean_g": [acc_g[:, 2].mean()]}
    return Answer(pl.DataFrame(rows), () if placement == "lower_back" else ("placement",))


def told(file: SignalFile, placement: str | None = "lower_back") -> Recording:
    return analyse(file, placement, candidates=moving, gait=whole_stretch)


def day(hours: int = 6, seed: int = 5) -> np.ndarray:
    """True acceleration: a new still position every half minute with a small wobble in between."""
    rng = np.random.default_rng(seed)
    n = round(hours * 3600 * RATE_HZ)
    positions = directions(hours * 120, seed)
    true_g = np.repeat(positions, round(30 * RATE_HZ), axis=0)[:n]
    return true_g + rng.normal(0, 0.002, true_g.shape)


def with_walk(true_g: np.ndarray, start_s: int, length_s: int) -> np.ndarray:
    """The same with |a| swinging by 0.5 g about 1 g on z, at 2 Hz."""
    a, n = round(start_s * RATE_HZ), round(length_s * RATE_HZ)
    out = true_g.copy()
    out[a : a + n] = 0
    out[a : a + n, 2] = 1 + 0.5 * np.sin(2 * np.pi * 2 * np.arange(n) / RATE_HZ)
    return out


def sent(true_g: np.ndarray) -> np.ndarray:
    return (true_g - OFFSET_G) / GAIN


def hours(acc_g: np.ndarray, start_s: int = T0_S) -> list[SignalChunk]:
    return split(
        chunk(acc_g, start_s, RATE_HZ), list(range(HOUR, len(acc_g), HOUR)), period_us=40_000
    )


@pytest.fixture(scope="module")
def walked() -> Recording:
    true_g = with_walk(with_walk(day(), 4000, 20), 10_790, 40)
    return told(signal_file(*hours(sent(true_g)), rate_hz=RATE_HZ))


def quality(recording: Recording) -> dict:
    return recording.quality.row(0, named=True)


def test_the_planted_calibration_is_told_and_applied(walked):
    said = quality(walked)

    assert said["gain"] == pytest.approx(GAIN, abs=0.002)
    assert said["offset_g"] == pytest.approx(OFFSET_G, abs=0.002)
    assert said["calibration_before_mg"] > 20 > 2 > said["calibration_after_mg"]
    assert said["abstained"] == []
    # half a minute of stillness is 1 g with 2 mg of noise on each axis: |a| is as often over as under it
    calm = walked.epochs.filter(pl.col("mad_g") < 0.01)["enmo_g"].median()
    assert calm == pytest.approx(0.0008, abs=0.0008)


def test_each_walk_is_told_at_its_time_also_over_a_chunk_border(walked):
    assert walked.bouts["start_us"].to_list() == [(T0_S + 4001) * US, (T0_S + 10_791) * US]
    assert walked.bouts["end_us"].to_list() == [(T0_S + 4020) * US, (T0_S + 10_830) * US]
    assert walked.bouts["z_mean_g"].to_list() == pytest.approx([1.0, 1.0], abs=0.01)


def test_walking_epochs_have_the_deviation_of_a_sine(walked):
    # mean |0.5 sin| is 0.5 * 2 / pi = 0.318 g; ENMO is half of it
    row = walked.epochs.filter(time_us=(T0_S + 4005) * US).row(0, named=True)

    assert row["mad_g"] == pytest.approx(0.318, abs=0.01)
    assert row["enmo_g"] == pytest.approx(0.159, abs=0.01)


def test_samples_and_clock_are_accounted_for(walked):
    said = quality(walked)

    assert walked.epochs["n"].sum() == said["n_samples"] == 6 * HOUR
    assert said["measured_rate_hz"] == pytest.approx(RATE_HZ)
    assert said["drift_s_per_day"] == pytest.approx(0, abs=1e-6)
    assert (said["n_gaps"], said["gap_s"], said["n_saturated"]) == (0, 0.0, 0)


def test_any_cut_into_chunks_tells_the_same(walked):
    true_g = with_walk(with_walk(day(), 4000, 20), 10_790, 40)
    whole = chunk(sent(true_g), T0_S, RATE_HZ)
    cuts = np.random.default_rng(8).integers(1, len(true_g), 40).tolist()

    other = told(signal_file(*split(whole, cuts, period_us=40_000), rate_hz=RATE_HZ))

    for name in ("epochs", "bouts", "wear", "quality"):
        assert_frame_equal(getattr(walked, name), getattr(other, name), check_exact=True)


def test_a_gap_is_counted_and_parts_a_walk():
    true_g = with_walk(day(2), 3600, 60)
    cut = round(3630 * RATE_HZ)
    file = signal_file(*hours(true_g[:cut]), *hours(true_g[cut:], T0_S + 3630 + 3), rate_hz=RATE_HZ)

    found = told(file)

    assert quality(found)["n_gaps"] == 1
    assert quality(found)["gap_s"] == pytest.approx(3.0)
    assert found.bouts["start_us"].to_list() == [(T0_S + 3601) * US, (T0_S + 3634) * US]
    assert (T0_S + 3630) * US in found.epochs["time_us"].to_list()
    assert found.epochs.filter(time_us=(T0_S + 3630) * US)["n"].to_list() == [
        50
    ]  # 3 of 5 s are missing


def test_a_clock_set_back_keeps_both_hours_apart():
    true_g = with_walk(day(1), 600, 20)

    found = told(signal_file(*hours(true_g), *hours(true_g), rate_hz=RATE_HZ))

    assert found.bouts["part"].to_list() == [0, 1]
    assert found.bouts["start_us"].n_unique() == 1
    assert found.epochs["n"].sum() == 2 * HOUR
    assert quality(found)["n_gaps"] == 0


def test_a_device_on_the_table_is_not_worn_and_not_walked_with():
    still_g = np.tile([0, 0, 1.0], (30 * HOUR, 1))
    carried = with_walk(still_g, 15 * 3600, 30)

    found = told(signal_file(*hours(carried), rate_hz=RATE_HZ))

    assert found.wear["worn"].to_list() == [False] * 120
    assert found.bouts.is_empty()
    assert quality(found)["abstained"] == ["calibration:sphere_not_covered"]


def test_saturation_drift_findings_and_reasons_are_told():
    # 25 Hz as set up, 24.9 Hz by the device's clock: 0.4 % slow, 345.6 s in a day
    acc = with_walk(day(1), 600, 20)
    acc[1000:1010, 1] = 7.99
    slow = chunk(acc, T0_S, 24.9, findings=((3, "bad_block"),))
    last = SignalChunk(
        np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 3)), findings=((9, "gap"),)
    )

    found = told(signal_file(slow, last, rate_hz=RATE_HZ, clock_offset_s=-1.5), "wrist")

    said = quality(found)
    assert said["n_saturated"] == 10
    assert said["drift_s_per_day"] == pytest.approx(-345.6, abs=0.01)
    assert said["clock_offset_s"] == -1.5
    assert said["abstained"] == ["walking:placement"]
    assert found.findings.rows() == [(3, "bad_block"), (9, "gap")]


def test_a_rate_too_low_is_said():
    found = told(signal_file(chunk(directions(5000), T0_S, 10.0), rate_hz=10.0))

    assert {"enmo:rate_below_20_hz", "mad:rate_below_20_hz"} <= set(quality(found)["abstained"])
    assert found.epochs["enmo_g"].null_count() == found.epochs.height == 100


def test_a_file_without_samples_gives_empty_frames_and_says_so():
    found = told(signal_file())

    assert found.epochs.schema == EPOCH_SCHEMA and found.epochs.is_empty()
    assert found.bouts.schema == BOUT_SCHEMA and found.findings.schema == FINDING_SCHEMA
    assert quality(found)["abstained"] == [
        "calibration:too_few_still_windows",
        "recording:no_samples",
    ]
    assert quality(found)["measured_rate_hz"] is None


def test_memory_does_not_grow_with_the_recording_but_for_its_rows():
    """Samples come in hours of 1.1 MB each; an hour's rows of all windows are 0.5 MB."""
    acc_g = day(1).astype(np.float32)

    def peak_bytes(n_hours: int) -> int:
        def lazily():
            for hour in range(n_hours):
                yield chunk(acc_g.copy(), T0_S + hour * 3600, RATE_HZ)

        file = replace(signal_file(rate_hz=RATE_HZ), chunks=lazily)
        tracemalloc.start()
        told(file)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(1)  # what is compiled and imported once
    short, long = peak_bytes(2), peak_bytes(26)

    assert long - short < 24 * 600_000 < 24 * acc_g.nbytes
