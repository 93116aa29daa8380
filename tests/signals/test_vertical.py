"""Acceleration along gravity, however the device leans."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.signals import vertical


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 60.0, 100.0, 102.4, 128.0])
def test_a_wave_keeps_its_size_at_the_working_rate(rate_hz):
    t = np.arange(round(20 * rate_hz)) / rate_hz
    found = vertical.at_working_rate(np.sin(2 * np.pi * 2 * t)[:, None], rate_hz)[:, 0]
    at_s = np.arange(len(found)) / vertical.WORKING_HZ * vertical.stretched(rate_hz)
    expected = np.sin(2 * np.pi * 2 * at_s)
    assert len(found) == pytest.approx(1000, abs=1)
    assert np.abs(found - expected)[50:-50].max() < 0.01


def test_what_is_too_fast_is_not_folded_back():
    t = np.arange(2000) / 100.0
    found = vertical.at_working_rate(np.sin(2 * np.pi * 40 * t)[:, None], 100.0)
    assert np.abs(found[50:-50]).max() < 0.01


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, -1, 0), (0.6, 0.0, 0.8)])
def test_a_rise_is_felt_on_any_axis(axis):
    up = 0.2 * np.cos(2 * np.pi * 1.8 * np.arange(1000) / 50.0)
    acc_g = (1 + up)[:, None] * np.array(axis)
    found = vertical.vertical_g(acc_g, vertical.gravity(acc_g, 50.0))
    assert np.abs(found - up)[100:-100].max() < 0.005
