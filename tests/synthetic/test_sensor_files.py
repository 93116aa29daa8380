"""Recordings hold what was planted, in every sensor's format, and do not tell the arm."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import numpy as np
import pytest

from pipelines import devices
from pipelines.contracts.model import Contract
from pipelines.synthetic import people, sensor_files
from pipelines.synthetic.effects import Effects
from pipelines.synthetic.given import SENSORS
from pipelines.synthetic.truth import make_trial
from pipelines.synthetic.wear_formats import sensor_bytes
from pipelines.synthetic.worn_day import RATE_HZ, own_gait, script

TWO_HOURS_S = 7_200
START = dt.datetime(2025, 5, 6, 7)


def _chosen(contract: Contract) -> list[sensor_files.SensorFile]:
    trial = make_trial(
        contract, participants=40, seed=3, effects=Effects.none(), as_of=dt.date(2025, 11, 2)
    )
    return sensor_files.chosen(contract, trial, TWO_HOURS_S)


def test_a_recording_is_the_same_whoever_walks_backward(contract, monkeypatch):
    drawn = _chosen(contract)
    allocate = people._allocate
    monkeypatch.setattr(people, "_allocate", lambda stratum, rng: ~allocate(stratum, rng))
    swapped = _chosen(contract)
    assert len(drawn) == len(swapped) >= 3
    for one, other in zip(drawn, swapped, strict=True):
        assert (one.participant_id, one.start_local) == (other.participant_id, other.start_local)
        assert np.array_equal(one.day.acc_g, other.day.acc_g)
        assert Counter(one.day.walks["direction"])["backward"] == 1


def test_a_script_has_one_walk_backward_and_none_overlap():
    rng = np.random.default_rng(2)
    walks = script(14 * 3600, own_gait(rng), rng)
    ends = [walk.start_s + 1.2 * walk.steps_n * 60 / walk.cadence_spm for walk in walks]
    assert all(end < walk.start_s for end, walk in zip(ends, walks[1:], strict=False))
    assert sum(walk.backward for walk in walks) == 1
    assert ends[-1] < 14 * 3600


@pytest.mark.parametrize("device", SENSORS)
def test_a_sensors_file_leaves_out_its_gap_and_nothing_else(device, tmp_path):
    n_s, gap_s = 600, (120, 210)
    acc_g = np.zeros((int(n_s * RATE_HZ), 3))
    acc_g[:, 2] = np.repeat(np.arange(n_s) / n_s, int(RATE_HZ))  # a step a second tells the time
    path = tmp_path / "recording"
    path.write_bytes(sensor_bytes(device, START, acc_g, "60001", (gap_s,)))
    found = devices.recognise(path)
    assert found.name == device
    read = found.read(path)
    assert (read.device_serial, read.rate_hz) == ("60001", RATE_HZ)
    start_us = int((START - dt.datetime(1970, 1, 1)).total_seconds() * 1e6)
    chunks = [chunk for chunk in read.chunks() if len(chunk.acc_g)]
    at_s = np.concatenate([(chunk.times_us() - start_us) / 1e6 for chunk in chunks])
    up_g = np.concatenate([chunk.acc_g[:, 2] for chunk in chunks])
    second = np.floor(at_s + 0.001).astype(int)
    assert set(range(n_s)) - set(second) == set(range(*gap_s))
    # half a step of the coarsest device, which keeps 12 bits of 16 g
    assert np.abs(up_g - second / n_s).max() < 0.003
