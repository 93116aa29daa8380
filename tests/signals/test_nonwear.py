"""Wear by quarter hours, on rows of 10 s windows whose spread is planted."""

import numpy as np
import polars as pl
import pytest

from pipelines.signals.nonwear import blocks, runs
from tests.signals.made_up import T0_S

N = 1000  # samples of a 10 s window at 100 Hz
STILL, MOVING = (0.002,) * 3, (0.1,) * 3


def rest(*spells, start_s=T0_S, part=0) -> pl.DataFrame:
    """Windows of spells: (hours, standard deviation per axis), or (hours, None) for a gap; range is 6 sd."""
    rows, window = [], start_s // 10
    for hours, sd_g in spells:
        n = round(hours * 360)
        if sd_g is not None:
            sd = np.asarray(sd_g)
            mean = np.array([0.0, 0.0, 1.0])
            sums = np.concatenate((N * mean, N * (mean**2 + sd**2), mean - 3 * sd, mean + 3 * sd))
            keys = np.column_stack((np.full(n, part), np.arange(window, window + n), np.full(n, N)))
            rows.append(np.column_stack((keys, np.tile(sums, (n, 1)))))
        window += n
    names = ["part", "window", "n", "x", "y", "z", "xx", "yy", "zz"]
    names += [f"{axis}_{end}" for end in ("low", "high") for axis in "xyz"]
    whole = {"part": pl.Int32, "window": pl.Int64, "n": pl.Int64}
    return pl.DataFrame(np.concatenate(rows), schema=names).cast(whole)


def told(*spells, **more) -> list[tuple[bool | None, float]]:
    """(worn, hours) of each run of quarter hours."""
    worn = blocks(rest(*spells, **more), 100.0)["worn"]
    starts, ends = runs(worn.cast(pl.Int8).fill_null(-1).to_numpy())
    return [(worn[int(a)], (b - a) / 4) for a, b in zip(starts, ends, strict=True)]


@pytest.mark.parametrize(
    ("spells", "expected"),
    [
        ([(24, MOVING)], [(True, 24)]),
        # the hour about a quarter must lie in the still spell: half an hour is lost on either side
        ([(10, MOVING), (5, STILL), (10, MOVING)], [(True, 10.5), (False, 4), (True, 10.5)]),
        # an hour and a quarter of stillness between movement holds the hour of no quarter: 22.5 + 15 + 22.5 min
        # starts at a quarter's middle; an hour and a half holds one's
        ([(10, MOVING), (1, STILL), (10, MOVING)], [(True, 21)]),
        ([(10, MOVING), (1.25, STILL), (10, MOVING)], [(True, 10.5), (False, 0.25), (True, 10.5)]),
        # at the ends the hour moves inward: the last quarters lie in the last hour
        ([(10, MOVING), (2, STILL)], [(True, 10.5), (False, 1.5)]),
        # one axis may move
        ([(8, (0.002, 0.1, 0.002))], [(False, 8)]),
        ([(8, (0.002, 0.1, 0.1))], [(True, 8)]),
        # 13 mg and 50 mg are limits that must not be reached: 6 sd are 50.4 mg, and 48 mg
        ([(8, (0.0084,) * 3)], [(True, 8)]),
        ([(8, (0.008,) * 3)], [(False, 8)]),
        # no movement in 45 of 60 minutes is enough; in less nothing can be said
        ([(0.75, STILL)], [(False, 0.75)]),
        ([(0.5, STILL)], [(None, 0.5)]),
        ([(0.5, MOVING)], [(True, 0.5)]),
    ],
)
def test_quarter_hours(spells, expected):
    assert told(*spells) == expected


def test_a_spike_in_the_hour_is_wear():
    windows = rest((8, STILL))
    hit = windows.with_columns(
        x_high=pl.when(pl.int_range(pl.len()) == 4 * 360).then(0.5).otherwise("x_high"),
        y_high=pl.when(pl.int_range(pl.len()) == 4 * 360).then(0.5).otherwise("y_high"),
    )

    worn = blocks(hit, 100.0)["worn"]

    # the spike 4 h in falls into the hours of quarters 14 to 17 (those within 22.5 min of it), which a day's rules
    # then take for carrying: 1 h is less than 80 % of the 7 h beside it
    assert worn.to_list() == [False] * 32


def test_short_wear_between_non_wear_is_carrying():
    # 2 h of wear and an hour lost to it: 3 h is no longer "under 3 h", yet under 6 h and 30 % of 2 x 9.5 h
    assert told((10, STILL), (2, MOVING), (10, STILL)) == [(False, 22)]
    # 5 h + 1 h = 6 h is not under 6 h
    assert told((10, STILL), (5, MOVING), (10, STILL)) == [(False, 9.5), (True, 6), (False, 9.5)]
    # 4.75 h + 1 h = 5.75 h, and 30 % of 19 h are 5.7 h
    assert told((10, STILL), (4.75, MOVING), (10, STILL)) == [
        (False, 9.5),
        (True, 5.75),
        (False, 9.5),
    ]
    assert told((11, STILL), (4.75, MOVING), (10, STILL)) == [(False, 25.75)]


def test_edges_of_a_recording_of_a_day_or_more():
    # 2 h worn, then off: set up and posted; and the same before the end
    assert told((2, MOVING), (4, STILL), (24, MOVING)) == [(False, 5.5), (True, 24.5)]
    assert told((24, MOVING), (4, STILL), (2, MOVING)) == [(True, 24.5), (False, 5.5)]


def test_a_visit_to_the_laboratory_stays_wear():
    assert told((1, MOVING), (2, STILL), (1, MOVING)) == [(True, 1.5), (False, 1), (True, 1.5)]


def test_a_gap_is_neither_wear_nor_non_wear():
    found = blocks(rest((3, MOVING), (4, None), (3, MOVING)), 100.0)

    assert found.height == 24
    assert found["worn"].all()
    assert found["block"].to_list() == [*range(T0_S // 900, T0_S // 900 + 12),
                                        *range(T0_S // 900 + 28, T0_S // 900 + 40)]  # fmt: skip


def test_stillness_between_sleep_gaps_is_unknown():
    # 20 s of samples in every 5 minutes: still, but 4 minutes of the hour are nothing to judge by
    windows = rest((6, STILL)).filter(pl.col("window") % 30 < 2)

    assert blocks(windows, 100.0)["worn"].null_count() == 24


def test_wear_beside_a_gap_is_not_between_non_wear():
    # the gap stands between the second spell of wear and the non-wear after it
    found = told((12, STILL), (1, MOVING), (5, None), (12, STILL))

    assert found == [(False, 11.5), (True, 1.5), (False, 12)]


def test_each_part_of_a_clock_set_back_is_judged_by_itself():
    both = pl.concat([rest((2, STILL)), rest((2, MOVING), part=1)])

    found = blocks(both, 100.0)

    assert found.filter(part=0)["worn"].to_list() == [False] * 8
    assert found.filter(part=1)["worn"].to_list() == [True] * 8


def test_no_windows_give_no_blocks():
    assert blocks(rest((1, MOVING)).clear(), 100.0).is_empty()
