"""Strides of a leg, from its gyroscope."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.signals import limb

RATE_HZ = 50.0


def turning(strides_n: int, stride_s: float, swing_dps: float = 250.0) -> np.ndarray:
    """Per stride 0.4 of its time a swing, 0.6 a slow turn back by as much, about an oblique axis; 4 s of rest around."""
    part = np.arange(round(strides_n * stride_s * RATE_HZ)) / (stride_s * RATE_HZ) % 1
    swing = swing_dps * np.sin(np.pi * (part - 0.6) / 0.4)
    back = -swing_dps * 2 / np.pi * 0.4 / 0.6
    pitch = np.concatenate((np.zeros(200), np.where(part >= 0.6, swing, back), np.zeros(200)))
    return pitch[:, None] * np.array([0.6, 0.0, -0.8])


@pytest.mark.parametrize("stride_s", [0.9, 1.2, 2.2])
def test_strides_are_counted_and_timed(stride_s):
    (walk,) = limb.walks(turning(20, stride_s), RATE_HZ)
    assert len(walk.swings) == 20
    assert np.diff(walk.swings) / RATE_HZ == pytest.approx(stride_s, abs=0.041)


def test_walking_the_other_way_swings_the_other_way():
    (ahead,) = limb.walks(turning(20, 1.2), RATE_HZ)
    (back,) = limb.walks(-turning(20, 1.2), RATE_HZ)
    assert np.array(back.swing_way) == pytest.approx(-np.array(ahead.swing_way))
    # Along the axis the leg turns about, and nowhere else.
    way = np.array(ahead.swing_way)
    assert way / np.linalg.norm(way) == pytest.approx([0.6, 0.0, -0.8], abs=0.02)


def test_a_long_rest_parts_two_walks():
    both = np.concatenate((turning(8, 1.2), turning(10, 1.2)))
    assert [len(walk.swings) for walk in limb.walks(both, RATE_HZ)] == [8, 10]


def test_a_leg_that_hardly_turns_does_not_walk():
    assert limb.walks(turning(20, 1.2, swing_dps=40.0), RATE_HZ) == []
    assert limb.walks(turning(3, 1.2), RATE_HZ) == []


def test_pedalling_turns_a_leg_as_fast_to_either_side_and_is_no_walk():
    t = np.arange(12_000) / 100.0
    turn = np.column_stack((np.zeros_like(t), 150 * np.sin(2 * np.pi * t), np.zeros_like(t)))
    assert limb.walks(turn, 100.0) == []


def test_shaking_is_no_walk():
    shaken = np.random.default_rng(3).normal(0, 150, (12_000, 3))
    assert limb.walks(shaken, 100.0) == []
