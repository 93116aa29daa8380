"""Filters that delay nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from pipelines.signals.zero_phase import filtered


@pytest.mark.parametrize(
    ("kind", "cut_hz", "order"),
    [("lowpass", 0.25, 2), ("bandpass", (0.5, 4.0), 2), ("highpass", 0.1, 4)],
)
@pytest.mark.parametrize("n", [40, 150, 3000])
def test_the_same_as_scipy(kind, cut_hz, order, n):
    x = np.random.default_rng(1).normal(0, 1, (n, 3)).cumsum(axis=0)
    sos = signal.butter(order, cut_hz, kind, fs=50.0, output="sos")
    expected = signal.sosfiltfilt(sos, x, axis=0, padlen=min(n - 1, 150))
    found = filtered(x, kind, cut_hz, 50.0, order=order, settle_s=3.0)
    np.testing.assert_allclose(found, expected, atol=1e-8 * np.abs(x).max())


def test_one_column_is_filtered_like_many():
    x = np.random.default_rng(2).normal(0, 1, 500)
    alone = filtered(x, "lowpass", 3.0, 50.0, order=2, settle_s=1.0)
    beside = filtered(np.column_stack((x, x)), "lowpass", 3.0, 50.0, order=2, settle_s=1.0)
    np.testing.assert_allclose(beside[:, 1], alone)
