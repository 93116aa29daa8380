import dataclasses

import numpy as np
import pytest

from pipelines.devices import csv_samples
from pipelines.devices.csv_lines import LineStyle
from pipelines.devices.csv_samples import Layout, sample_chunks
from pipelines.errors import DeliveryRefused

START = 1_772_443_800_000_000
PLAIN = Layout(
    begins_at=5,
    first_line=2,
    style=LineStyle(",", ".", False, "MDY", 3),
    axes=[0, 1, 2],
    gyro=None,
    start_us=START,
    rate_hz=10,
    tolerance_us=1500,
    range_g=None,
)


def chunks(tmp_path, rows: list[str], layout: Layout = PLAIN):
    path = tmp_path / "a"
    path.write_text("head\n" + "".join(f"{row}\n" for row in rows))
    return list(sample_chunks(path, layout))


@pytest.mark.parametrize("block_bytes", [1, 7, 64, 1 << 20])
def test_how_the_blocks_fall_makes_no_difference(tmp_path, monkeypatch, block_bytes):
    monkeypatch.setattr(csv_samples, "_BLOCK_BYTES", block_bytes)
    rows = [f"{k},1,-1" for k in range(40)]
    rows[10] = "bad"
    rows[15:18] = [""] * 3  # blank lines are no lines
    rows[20:30] = ["0,0,0"] * 10
    rows[32:36] = ["0,0,0"] * 4

    found = chunks(tmp_path, rows)

    assert [chunk.acc_g[:, 0].tolist() for chunk in found] == [
        list(range(10)),
        [11, 12, 13, 14, 18, 19],
        [30, 31, 0, 0, 0, 0, 36, 37, 38, 39],
    ]
    assert [chunk.knot_us.tolist() for chunk in found] == [
        [START, START + 900_000],
        [START + 1_100_000, START + 1_600_000],
        [START + 2_700_000, START + 3_600_000],
    ]
    assert [chunk.findings for chunk in found] == [(), ((12, "bad_block"),), ((22, "gap"),)]


def test_time_stamps_that_are_rounded_keep_to_the_grid(tmp_path):
    style = dataclasses.replace(PLAIN.style, has_stamp=True)
    layout = dataclasses.replace(PLAIN, style=style, rate_hz=30)
    us = np.arange(300) * 1_000_000 // 30 // 1000  # milliseconds, cut
    rows = [f"2026-03-02 09:30:{ms // 1000:02d}.{ms % 1000:03d},1,2,3" for ms in us]

    (chunk,) = chunks(tmp_path, rows, layout)

    assert np.abs(chunk.times_us() - START - np.arange(300) * 1e6 / 30).max() <= 1
    assert chunk.findings == ()


def test_what_breaks_without_end_is_no_recording(tmp_path):
    with pytest.raises(DeliveryRefused) as refused:
        chunks(tmp_path, ["1,2,3", "bad"] * 30_000)

    assert refused.value.reason == "unreadable"
