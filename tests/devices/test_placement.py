import pytest

from pipelines.devices.placement import placement_of


@pytest.mark.parametrize(
    ("text", "placement"),
    [
        ("Pelvis", "lower_back"), ("lower back", "lower_back"), ("LowerBack", "lower_back"),
        ("LOW_BACK", "lower_back"), ("lumbar L5", "lower_back"), ("L5", "lower_back"),
        ("left wrist", "wrist"), ("RightWrist", "wrist"), ("R-Wrist", "wrist"),
        ("LTibia", "shank"), ("tibia_r", "shank"), ("left ankle", "shank"), ("Shank2", "shank"),
        ("RFemur", "thigh"), ("upper leg", "thigh"), ("hip", "hip"), ("FootL", "foot"),
    ],
)  # fmt: skip
def test_words_that_name_one_placement(text, placement):
    assert placement_of(text) == placement


@pytest.mark.parametrize(
    "text",
    [None, "", "back", "waist", "chest", "Xsens DOT", "Yao", "upper back", "1", "ship", "football",
     "thigh or shank", "L1", "chip"],
)  # fmt: skip
def test_other_words_name_none(text):
    assert placement_of(text) is None
