"""Epochs from their sums, worked by hand, and on a recording from a real device."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.contracts.shapes import SignalChunk
from pipelines.signals.activity import METRICS, epochs
from pipelines.signals.calibrate import AS_SENT
from pipelines.signals.nonwear import WEAR_SCHEMA
from pipelines.signals.windows import epoch_tally
from tests.signals.made_up import T0_S

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "samples" / "cwa" / "ax3_data.npz"


def sums(*rows) -> pl.DataFrame:
    names = ("part", "window", "n", "x", "y", "z", "over", "mad")
    whole = {"part": pl.Int32, "window": pl.Int64, "n": pl.Int64}
    return pl.DataFrame(rows, schema=names, orient="row").cast(
        whole | dict.fromkeys(names[3:], pl.Float64)
    )


def wear(*rows) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=WEAR_SCHEMA, orient="row")


W0 = T0_S // 5


def test_an_epoch_worked_by_hand():
    # mean acceleration (0.6, 0, 0.8): x stands 36.87 degrees over the horizontal, z 53.13
    row = epochs(
        sums((0, W0, 500, 300, 0, 400, 25, 0.06)), wear((0, T0_S // 900, True)), 100.0
    ).row(0, named=True)

    assert row["time_us"] == T0_S * 1_000_000
    assert row["enmo_g"] == pytest.approx(0.05)
    assert row["mad_g"] == 0.06
    assert row["angle_x_deg"] == pytest.approx(36.8699, abs=1e-4)
    assert row["angle_y_deg"] == pytest.approx(0)
    assert row["angle_z_deg"] == pytest.approx(53.1301, abs=1e-4)
    assert row["worn"] is True


@pytest.mark.parametrize(
    ("n", "rate_hz", "is_told"),
    [(250, 100.0, True), (249, 100.0, False), (95, 19.0, False), (100, 20.0, True)],
)
def test_metrics_abstain_without_samples_enough(n, rate_hz, is_told):
    row = epochs(sums((0, W0, n, 0, 0, n, 1, 0.1)), wear(), rate_hz).row(0, named=True)

    assert [row[metric] is not None for metric in METRICS] == [is_told] * 5
    assert row["n"] == n
    assert row["worn"] is None


def test_no_amplitude_deviation_is_null_and_not_nan():
    assert epochs(sums((0, W0, 500, 0, 0, 500, 1, np.nan)), wear(), 100.0)["mad_g"].to_list() == [
        None
    ]


def test_wear_is_that_of_the_epochs_own_quarter_and_part():
    rows = [
        (0, W0 + 179),
        (0, W0 + 180),
        (1, W0),
    ]  # the last epoch of a quarter hour, the first of the next
    three = sums(*[(part, window, 500, 0, 0, 500, 0, 0) for part, window in rows])
    told = wear((0, T0_S // 900, True), (0, T0_S // 900 + 1, False), (1, T0_S // 900, False))

    assert epochs(three, told, 100.0)["worn"].to_list() == [True, False, False]


@pytest.mark.skipif(not SAMPLE.exists(), reason="the AX3 sample is not beside the repository")
def test_a_real_recording_agrees_with_plain_formulas():
    with np.load(SAMPLE) as data:
        acc_g, time_s = data["accel"], data["time"]
    step = np.arange(0, len(acc_g), 200)
    index = np.append(step, len(acc_g) - 1)
    one = SignalChunk(
        index, np.round(time_s[index] * 1e6).astype(np.int64), acc_g.astype(np.float32)
    )
    tally = epoch_tally(200.0, AS_SENT)
    tally.add(0, one)

    found = epochs(tally.frame(), wear(), 200.0)

    number = one.times_us() // 5_000_000
    assert found["time_us"].to_list() == (np.unique(number) * 5_000_000).tolist()
    for row, window in zip(found.iter_rows(named=True), np.unique(number), strict=True):
        length = np.linalg.norm(acc_g[number == window], axis=1)
        assert row["n"] == len(length)
        if len(length) >= 500:
            assert row["enmo_g"] == pytest.approx(np.maximum(length - 1, 0).mean(), abs=1e-7)
            assert row["mad_g"] == pytest.approx(np.abs(length - length.mean()).mean(), abs=1e-7)
