import numpy as np
import pytest

from pipelines import devices
from pipelines.devices import opensim_storage, visual3d_text
from pipelines.devices.lab_file import MAX_CELLS, LabColumn
from pipelines.errors import DeliveryRefused
from tests.devices.mutations import mutated

STO = (
    "Inverse Dynamics Generalized Forces\nversion=1\nnRows=3\nnColumns=3\ninDegrees=no\nendheader\n"
    "time\tknee_angle_r_moment\tknee_adduction_r_moment\n"
    "0.50\t-1.5\t-20.25\n0.51\t2\t-3.5e1\n0.52\t0.25\tNaN\n"
)
MOT = "name trial.mot\ndatacolumns 2\ndatarows 2\nrange 0 0.01\nendheader \n time  m \n 0.00  1.0\n 0.01  2.0\n"
V3D = (
    "\tC:\\lab\\one.c3d\tC:\\lab\\one.c3d\tC:\\lab\\two.c3d\n"
    "\tL_KNEE_MOMENT\tL_KNEE_MOMENT\tL_KNEE_MOMENT\n"
    "\tLINK_MODEL_BASED\tLINK_MODEL_BASED\tLINK_MODEL_BASED\n"
    "\tORIGINAL\tORIGINAL\tORIGINAL\n"
    "ITEM\tX\tY\tY\n"
    "1\t0.1\t0.2\t0.3\n2\t0.4\t0.5\t\n"
)
READERS = {
    "sto": (opensim_storage, STO),
    "mot": (opensim_storage, MOT),
    "v3d": (visual3d_text, V3D),
}


def written(tmp_path, text):
    path = tmp_path / "export.dat"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_storage_file_is_read_as_it_stands(tmp_path):
    found = opensim_storage.read(written(tmp_path, STO))
    assert [column.name for column in found.columns] == [
        "knee_angle_r_moment",
        "knee_adduction_r_moment",
    ]
    assert found.time_s.tolist() == [0.5, 0.51, 0.52]
    assert found.values[:2].tolist() == [[-1.5, -20.25], [2, -35]]
    assert found.values[2, 0] == 0.25 and np.isnan(found.values[2, 1])
    assert found.row_no.tolist() == [8, 9, 10] and found.findings == ()


def test_a_motion_file_of_old_is_set_with_blanks(tmp_path):
    found = opensim_storage.read(written(tmp_path, MOT))
    assert found.time_s.tolist() == [0, 0.01] and found.values.tolist() == [[1], [2]]


def test_a_text_export_keeps_recordings_apart_and_their_names_out(tmp_path):
    found = visual3d_text.read(written(tmp_path, V3D))
    name = "L_KNEE_MOMENT"
    assert found.columns == (
        LabColumn(name, "X", 1),
        LabColumn(name, "Y", 1),
        LabColumn(name, "Y", 2),
    )
    assert found.values[0].tolist() == [0.1, 0.2, 0.3] and np.isnan(found.values[1, 2])
    assert found.time_s is None and "one.c3d" not in repr(found)


def test_a_time_column_of_a_single_recording_is_the_time(tmp_path):
    text = (
        "\ta.c3d\ta.c3d\n\tTIME\tM\n\tFRAME_NUMBERS\tLINK_MODEL_BASED\n\tORIGINAL\tORIGINAL\n"
        "ITEM\tX\tX\n1\t0.00\t5\n2\t0.01\t6\n"
    )
    assert visual3d_text.read(written(tmp_path, text)).time_s.tolist() == [0, 0.01]


@pytest.mark.parametrize("name", READERS)
def test_each_is_recognised_by_its_own_reader_and_by_no_wearable(name, tmp_path):
    own, text = READERS[name]
    head = text.encode()[:4096]
    assert [m for m in (opensim_storage, visual3d_text) if m.recognise(head)] == [own]
    assert devices.recognise(written(tmp_path, text)) is None


def test_the_lines_that_came_of_a_truncated_file_are_kept_and_the_rest_named(tmp_path):
    found = opensim_storage.read(written(tmp_path, STO[: STO.index("\t0.25\tNaN") + 4]))
    assert found.time_s.tolist() == [0.5, 0.51]
    assert found.findings == ((10, "truncated_end"),)


def test_a_last_number_cut_in_half_is_not_taken_for_a_number(tmp_path):
    found = opensim_storage.read(written(tmp_path, STO.replace("NaN\n", "-12.7")))
    assert len(found.values) == 2 and found.findings == ((10, "truncated_end"),)


def test_whole_lines_that_are_fewer_than_the_header_says_are_truncated_too(tmp_path):
    found = opensim_storage.read(written(tmp_path, STO.replace("nRows=3", "nRows=300")))
    assert len(found.values) == 3 and found.findings == ((10, "truncated_end"),)


def test_a_line_with_a_cell_too_many_is_named_and_left_out(tmp_path):
    found = opensim_storage.read(written(tmp_path, STO.replace("0.51\t2\t", "0.51\t2\t2\t")))
    assert found.row_no.tolist() == [8, 10]
    assert found.findings[0] == (9, "unreadable_line")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (STO[: STO.index("time\t")], "truncated"),
        (STO.replace("nColumns=3", "nColumns=4"), "wrong_columns"),
        (STO.replace("angle", "adduction"), "wrong_columns"),
        (STO.replace("time\t", "frame\t"), "wrong_columns"),
        (STO.replace("0.51\t", "0.50\t"), "time_disordered"),
        (STO.replace("0.51\t", "x\t"), "time_disordered"),
        (STO[: STO.index("0.51")], "no_samples"),
        (STO.replace("2\t", "2\0\t"), "unknown_format"),
    ],
)
def test_a_storage_file_that_cannot_be_read_says_why(text, reason, tmp_path):
    with pytest.raises(DeliveryRefused) as held:
        opensim_storage.read(written(tmp_path, text))
    assert held.value.reason == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (V3D[: V3D.index("1\t0.1")], "truncated"),
        (V3D.replace("ITEM", "FRAME"), "wrong_columns"),
        (V3D.replace("\tX\tY\tY", "\tX\tY"), "wrong_columns"),
        (V3D.replace("\tX\tY\tY", "\tY\tY\tY"), "wrong_columns"),
        (V3D.replace("2\t0.4", "3\t0.4"), "rows_missing"),
        (V3D[: V3D.index("2\t0.4")], "no_samples"),
    ],
)
def test_a_text_export_that_cannot_be_read_says_why(text, reason, tmp_path):
    with pytest.raises(DeliveryRefused) as held:
        visual3d_text.read(written(tmp_path, text))
    assert held.value.reason == reason


def test_more_numbers_than_a_trial_can_have_are_refused_before_they_are_split(tmp_path):
    rows = "0\t0\t0\n" * (MAX_CELLS // 3 + 1)
    with pytest.raises(DeliveryRefused) as held:
        opensim_storage.read(written(tmp_path, STO.replace("0.50\t-1.5\t-20.25\n", rows)))
    assert held.value.reason == "too_large"


@pytest.mark.parametrize("more", ["\n" * 500_000, "a " * 200_000, "\r" * 300_000])
def test_lines_without_end_are_refused(more, tmp_path):
    with pytest.raises(DeliveryRefused) as held:
        opensim_storage.read(written(tmp_path, STO.replace("0.50\t", more + "0.50\t")))
    assert held.value.reason == "too_large"


@pytest.mark.parametrize("name", READERS)
def test_mutated_files_are_read_or_refused(name, tmp_path):
    reader, text = READERS[name]
    rng, n_refused = np.random.default_rng(11), 0
    for _ in range(300):
        path = written(tmp_path, mutated(text.encode(), STO.encode(), rng))
        try:
            found = reader.read(path)
        except DeliveryRefused:
            n_refused += 1
        else:
            assert found.values.shape == (len(found.row_no), len(found.columns))
            assert not np.isinf(found.values).any()
    assert 0 < n_refused < 300
