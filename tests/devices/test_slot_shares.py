import numpy as np

from pipelines.devices.slot_shares import shares, whole_counts


def test_an_interval_is_cut_at_every_quarter_hour():
    start_s, end_s = np.array([800, 900, 1000, 1800]), np.array([2000, 1800, 1000, 1800])

    which, slot, seconds = shares(start_s, end_s)

    assert list(zip(which.tolist(), slot.tolist(), seconds.tolist(), strict=True)) == [
        (0, 0, 100), (0, 1, 900), (0, 2, 200),
        (1, 1, 900),  # it ends on the quarter hour, so it has no part in the next
        (2, 1, 0), (3, 2, 0),  # moments
    ]  # fmt: skip


def test_no_interval_has_no_share():
    assert [len(part) for part in shares(np.array([], int), np.array([], int))] == [0, 0, 0]


def test_rounded_counts_keep_their_sum():
    # 0.4, 0.8, 1.2, 1.6, 2.0 rounded are 0, 1, 1, 2, 2
    assert whole_counts(np.full(5, 0.4)).tolist() == [0, 1, 0, 1, 0]
    assert whole_counts(np.array([10.0, 0.3, 20.0])).tolist() == [10, 0, 20]
