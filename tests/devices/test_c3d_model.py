import re

import numpy as np
import pytest

from pipelines import devices
from pipelines.devices import c3d_model, opensim_storage, visual3d_text
from pipelines.devices.lab_file import LabColumn
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.c3d_bytes import c3d_bytes
from tests.devices.mutations import mutated

LABELS = ["LKneeMoment", "RKneeMoment", "LASI"]
POINTS = np.arange(5 * 3 * 4).reshape(5, 3, 4) * 0.5  # residuals are the 4th of each, none below 0
EVENTS = [("Right", "Foot Off", 60.75), ("Left", "Foot Strike", 0.25), ("General", "Event", 0.3)]


def written(tmp_path, data):
    path = tmp_path / "trial.dat"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("n_analog", [0, 7])
def test_points_are_read_by_label_component_and_frame(order, n_analog, tmp_path):
    data = c3d_bytes(POINTS, LABELS, order=order, n_analog=n_analog, first=11, rate_hz=200.0)
    found = c3d_model.read(written(tmp_path, data), re.compile("KneeMoment$"))
    assert found.columns[:4] == (*(LabColumn("LKneeMoment", c) for c in "XYZ"),
                                 LabColumn("RKneeMoment", "X"))  # fmt: skip
    assert found.values[0].tolist() == [0, 0.5, 1, 2, 2.5, 3]
    assert found.values[4, 1] == POINTS[4, 0, 1]
    assert found.time_s.tolist() == [0, 0.005, 0.01, 0.015, 0.02]
    assert found.row_no.tolist() == [11, 12, 13, 14, 15]
    assert found.unit_said == "Nmm" and found.findings == ()


def test_integers_are_scaled(tmp_path):
    data = c3d_bytes(np.full((2, 1, 4), 40), ["M"], scale=0.25)
    assert c3d_model.read(written(tmp_path, data)).values.tolist() == [[10, 10, 10]] * 2


def test_a_point_that_was_not_computed_is_no_zero(tmp_path):
    points = POINTS.copy()
    points[2, 0] = (0, 0, 0, -1)
    found = c3d_model.read(written(tmp_path, c3d_bytes(points, LABELS)))
    assert np.isnan(found.values[2, :3]).all() and np.isfinite(found.values[2, 3:]).all()


def test_events_are_in_seconds_of_the_trial_and_of_a_side(tmp_path):
    data = c3d_bytes(POINTS, LABELS, first=11, events=EVENTS)  # frame 11 at 100 Hz is 0.10 s
    found = c3d_model.read(written(tmp_path, data))
    assert found.events == (("left", "foot strike", 0.15), ("right", "foot off", 60.65))


def test_frames_that_are_not_there_are_a_finding(tmp_path):
    found = c3d_model.read(written(tmp_path, c3d_bytes(POINTS, LABELS)[:-50]))  # 48 bytes a frame
    assert len(found.values) == 3 and found.findings == ((3, "truncated_end"),)


def test_it_is_recognised_by_its_own_reader_and_by_no_wearable(tmp_path):
    data = c3d_bytes(POINTS, LABELS)
    assert c3d_model.recognise(data[:4096])
    assert not opensim_storage.recognise(data[:4096]) and not visual3d_text.recognise(data[:4096])
    assert devices.recognise(written(tmp_path, data)) is None


def with_bytes(at, new):
    data = c3d_bytes(POINTS, LABELS)
    return data[:at] + new + data[at + len(new) :]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\x02\x50", "unknown_format"),
        (c3d_bytes(POINTS, LABELS)[:700], "truncated"),
        (c3d_bytes(POINTS, LABELS)[:1030], "no_samples"),
        (with_bytes(0, b"\xff"), "truncated"),
        (with_bytes(512 + 3, b"\x55"), "unknown_format"),
        (with_bytes(512 + 3, b"\x00"), "unknown_format"),
        (with_bytes(2, b"\xff\xff"), "wrong_columns"),
        (with_bytes(12, b"\0\0\0\0"), "broken_structure"),
        (c3d_bytes(POINTS, ["M", "M", "N"]), "wrong_columns"),
        (c3d_bytes(POINTS, LABELS, rate_hz=float("nan")), "broken_structure"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(data, reason, tmp_path):
    with pytest.raises(DeliveryRefused) as held:
        c3d_model.read(written(tmp_path, data))
    assert held.value.reason == reason


def test_no_point_of_the_label_looked_for_is_refused(tmp_path):
    with pytest.raises(DeliveryRefused, match="no point has the label"):
        c3d_model.read(written(tmp_path, c3d_bytes(POINTS, LABELS)), re.compile("Hip"))


def test_mutated_files_are_read_or_refused(tmp_path):
    seed = c3d_bytes(POINTS, LABELS, events=EVENTS, n_analog=2)
    rng, n_refused = np.random.default_rng(3), 0
    for _ in range(3000):
        try:
            found = c3d_model.read(written(tmp_path, mutated(seed, seed, rng)))
        except DeliveryRefused:
            n_refused += 1
        else:
            assert found.values.shape == (len(found.row_no), len(found.columns))
            assert not np.isinf(found.values).any()
    assert 0 < n_refused < 3000
