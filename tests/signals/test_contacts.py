"""Contacts, one per step."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.signals import contacts

RATE_HZ = 50.0


def up_g(steps_hz: float, size_g: float = 0.2, seconds: float = 20.0) -> np.ndarray:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return size_g * np.cos(2 * np.pi * steps_hz * t)


@pytest.mark.parametrize("steps_hz", [0.7, 1.0, 1.5, 2.0, 2.5])
def test_a_wave_has_one_contact_where_it_rises_most(steps_hz):
    at, _ = contacts.contacts(up_g(steps_hz), RATE_HZ, np.full(1000, steps_hz))
    inner = at[2:-2]
    assert np.diff(inner) / RATE_HZ == pytest.approx(1 / steps_hz, abs=0.021)
    # A cosine rises most a quarter of its period before its top.
    assert (inner / RATE_HZ * steps_hz) % 1 == pytest.approx(0.75, abs=0.06)


def test_the_rate_may_change_within_a_stretch():
    signal = np.concatenate((up_g(1.0), up_g(2.0)))
    steps_hz = np.repeat([1.0, 2.0], 1000)
    at, _ = contacts.contacts(signal, RATE_HZ, steps_hz)
    assert (at < 1000).sum() == pytest.approx(20, abs=1)
    assert (at >= 1000).sum() == pytest.approx(40, abs=1)


def test_of_contacts_too_close_the_sharper_one_stays():
    peaks = contacts._apart(
        np.array([10, 14, 40, 60, 63, 66]), np.array([1, 2, 3, 5, 1, 4.0]), np.full(6, 10.0)
    )
    assert peaks.tolist() == [14, 40, 60]


def test_sway_is_no_contact():
    at, rise_g = contacts.contacts(up_g(1.0, 0.005), RATE_HZ, np.full(1000, 1.0))
    assert not len(at) and not len(rise_g)
