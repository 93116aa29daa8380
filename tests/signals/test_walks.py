"""Stretches that may be walking: where they are, and that exactly their samples are gathered."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.signals import walks as module
from pipelines.signals.calibrate import AS_SENT, Calibration
from pipelines.signals.grid import parts
from pipelines.signals.nonwear import WEAR_SCHEMA
from pipelines.signals.walks import SPAN_SCHEMA, spans, walks
from pipelines.signals.windows import move_tally
from tests.signals.made_up import T0_S, US, chunk, split


def moving(sd_1s, n_1s):
    """A stand-in for the gait chain's: seconds in a row of more than 0.05 g."""
    edges = np.diff(np.concatenate(([0], (sd_1s > 0.05).astype(int), [0])))
    return np.column_stack((np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)))


def frame(*rows, schema=SPAN_SCHEMA) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=schema, orient="row")


def swing(*seconds) -> np.ndarray:
    """(n, 3) at 100 Hz: (length in s, does it move) in a row; z numbers the samples in micro-g where it moves."""
    still, step = np.array([0, 0, 1.0]), np.array([0, 0, 0.3])
    blocks = [
        still + (np.tile([[1], [-1]], (50 * s, 1)) * step if moves else np.zeros((100 * s, 3)))
        for s, moves in seconds
    ]
    return np.concatenate(blocks)


def found_in(*chunks, wear=None):
    tally = move_tally(100.0)
    for part, one in parts(chunks):
        tally.add(part, one)
    off = frame(schema=WEAR_SCHEMA) if wear is None else wear
    return spans(tally.frame(), off, moving)


def gathered(*chunks, found, calibration=AS_SENT):
    return list(walks(parts(chunks), found, 100.0, calibration))


def test_spans_are_seconds_of_the_clock():
    found = found_in(chunk(swing((10, False), (20, True), (5, False), (3, True))))

    assert found.rows() == [(0, T0_S + 10, T0_S + 30), (0, T0_S + 35, T0_S + 38)]


def test_candidates_see_a_short_gap_as_seconds_without_samples_and_no_long_one():
    seen = []
    tally = move_tally(100.0)
    one = swing((2, True))
    for part, each in parts(
        [chunk(one), chunk(one, T0_S + 5), chunk(one, T0_S + 500), chunk(one, T0_S)]
    ):
        tally.add(part, each)

    spans(
        tally.frame(),
        frame(schema=WEAR_SCHEMA),
        lambda sd, n: seen.append((sd > 0, n.tolist())) or [],
    )

    assert [n for _, n in seen] == [[100, 100, 0, 0, 0, 100, 100], [100, 100], [100, 100]]
    assert seen[0][0].tolist() == [True, True, False, False, False, True, True]


def test_the_spread_of_a_second_is_the_standard_deviation_of_its_length():
    seen = []
    tally = move_tally(100.0)
    tally.add(0, chunk(np.tile([[0, 0, 0.9], [0, 0, 1.1]], (50, 1))))

    spans(tally.frame(), frame(schema=WEAR_SCHEMA), lambda sd, n: seen.append(sd[0]) or [])

    assert seen == [pytest.approx(0.1 * np.sqrt(100 / 99), abs=1e-6)]


def test_what_begins_in_non_wear_is_left_out():
    wear = frame((0, T0_S // 900, False), (0, T0_S // 900 + 1, True), schema=WEAR_SCHEMA)

    found = found_in(chunk(swing((890, False), (5, True), (10, False), (5, True))), wear=wear)

    assert found["start_s"].to_list() == [T0_S + 905]


def test_exactly_the_samples_of_a_span_are_gathered():
    acc = np.column_stack((np.arange(1000.0), np.zeros(1000), np.ones(1000)))

    (one,) = gathered(chunk(acc), found=frame((0, T0_S + 2, T0_S + 5)))

    assert one.acc_g[:, 0].tolist() == list(range(200, 500))
    assert one.acc_g.dtype == np.float64 and one.acc_g.flags.c_contiguous
    assert one.start_us == (T0_S + 2) * US
    assert one.rate_hz == pytest.approx(100.0)
    assert one.gyro_dps is None


def test_the_rate_is_that_of_the_devices_clock():
    slow = chunk(np.ones((991, 3)), rate_hz=99.0)

    (one,) = gathered(slow, found=frame((0, T0_S, T0_S + 20)))

    assert one.rate_hz == pytest.approx(99.0)


def test_samples_are_calibrated_and_turning_comes_along():
    calibration = Calibration(np.full(3, 2.0), np.zeros(3), np.array([0.1, 0, 0]), 20.0)
    warm = chunk(
        np.ones((200, 3)),
        gyro_dps=np.full((200, 3), 7, np.float32),
        temperature_c=np.array([21.0, 21.0]),
    )

    (one,) = gathered(warm, found=frame((0, T0_S, T0_S + 1)), calibration=calibration)

    assert one.acc_g[0].tolist() == pytest.approx([2.1, 2.0, 2.0])
    assert one.gyro_dps.shape == (100, 3) and (one.gyro_dps == 7).all()


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(1, 2999), max_size=10))
def test_any_cut_into_chunks_gives_the_same_stretches(cuts):
    rng = np.random.default_rng(1)
    whole = chunk(
        rng.normal(size=(3000, 3)), gyro_dps=rng.normal(size=(3000, 3)).astype(np.float32)
    )
    found = frame((0, T0_S + 1, T0_S + 4), (0, T0_S + 4, T0_S + 20), (0, T0_S + 29, T0_S + 40))

    together = gathered(whole, found=found)
    apart = gathered(*split(whole, cuts), found=found)

    assert [len(one.acc_g) for one in together] == [300, 1600, 100]
    for one, other in zip(together, apart, strict=True):
        assert (one.acc_g == other.acc_g).all() and (one.gyro_dps == other.gyro_dps).all()
        assert (one.start_us, one.rate_hz) == (other.start_us, other.rate_hz)


@pytest.mark.parametrize(("later_s", "n_stretches"), [(5.0, 1), (5.09, 1), (5.2, 2), (7.0, 2)])
def test_a_gap_ends_a_stretch(later_s, n_stretches):
    chunks = chunk(np.ones((500, 3))), chunk(np.ones((500, 3)), T0_S + later_s)

    found = gathered(*chunks, found=frame((0, T0_S, T0_S + 60)))

    assert len(found) == n_stretches
    assert sum(len(one.acc_g) for one in found) == 1000


def test_a_span_is_of_its_own_part_of_a_clock_set_back():
    chunks = chunk(np.zeros((500, 3))), chunk(np.ones((300, 3)))

    (one,) = gathered(*chunks, found=frame((1, T0_S, T0_S + 10)))

    assert one.part == 1 and (one.acc_g == 1).all()


def test_a_long_stretch_is_handed_on_in_pieces(monkeypatch):
    monkeypatch.setattr(module, "MOST_SAMPLES", 400)
    whole = chunk(np.column_stack([np.arange(1000.0)] * 3))

    found = gathered(*split(whole, [300, 700]), found=frame((0, T0_S, T0_S + 10)))

    assert max(len(one.acc_g) for one in found) < 2 * 400
    assert np.concatenate([one.acc_g[:, 0] for one in found]).tolist() == list(range(1000))
    assert found[0].start_us == T0_S * US
