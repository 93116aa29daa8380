import numpy as np
import pytest

from pipelines.devices.time_means import heart_rate, time_mean


def test_the_mean_is_over_time_and_leaves_pauses_out():
    # 80 for 1 s on average, 110 for 10 s; the 60 s behind are a pause
    values, at_s = np.array([60, 100, 120, 200]), np.array([0, 1, 11, 71])

    assert time_mean(values, at_s) == pytest.approx((80 + 1100) / 11)


def test_values_apart_from_each_other_count_alike():
    assert time_mean(np.array([60.0, np.nan, 90.0]), np.array([0.0, 50.0, 100.0])) == 75


def test_no_value_has_no_mean():
    assert np.isnan(time_mean(np.array([]), np.array([])))


def test_zero_and_255_are_no_heart_rate():
    np.testing.assert_array_equal(heart_rate(np.array([0, 61, 255])), [np.nan, 61, np.nan])
