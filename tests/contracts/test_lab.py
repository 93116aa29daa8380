"""The declaration of a gait lab's file: what fits together and what does not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipelines.contracts.lab import KneeLab
from pipelines.contracts.model import FileKind

LAB = {
    "maker": "opensim", "left": "l", "right": "r", "unit": "nm", "positive": "internal_adduction", "stance": "file",
}  # fmt: skip
NAME = r"(?P<participant>01-\d{3}-\d)_(?P<assessed>\d{8})_t(?P<trial>\d+)_(?P<side>left|right)_(?P<sent>\d{8})\.sto"


def kind(name: str = NAME, **more) -> FileKind:
    return FileKind.model_validate(
        {"name": name, "format": "device", "keyed": "increment", "lab": LAB} | more
    )


def test_an_internal_moment_is_the_external_one_turned_round():
    assert KneeLab.model_validate(LAB).sign == -1
    assert KneeLab.model_validate(LAB | {"positive": "external_adduction"}).sign == 1
    assert KneeLab.model_validate(LAB | {"positive": "internal_abduction"}).sign == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"left": "r"}, "both knees"),
        ({"unit": "Nm"}, "unit"),
        ({"sampling": 3}, "sampling"),
        ({"divided_by": 0}, "divided_by"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(change, said):
    with pytest.raises(ValidationError, match=said):
        KneeLab.model_validate(LAB | change)


@pytest.mark.parametrize(
    ("name", "lab", "group"),
    [
        (NAME.replace("(?P<trial>", "(?:"), LAB, "trial"),
        (NAME.replace("(?P<side>", "(?:"), LAB, "side"),
        (NAME.replace("(?P<trial>", "(?:"), LAB | {"maker": "c3d", "stance": "events"}, "trial"),
        (NAME.replace("(?P<sent>", "(?:"), LAB | {"stance": "percent"}, "sent"),
        (NAME.replace("(?P<assessed>", "(?:"), LAB | {"stance": "percent"}, "assessed"),
    ],
)
def test_what_only_the_name_can_say_must_be_in_it(name, lab, group):
    with pytest.raises(ValidationError, match=f"needs a group `{group}`"):
        kind(name, lab=lab)


def test_a_lab_stands_alone():
    assert kind().lab is not None
    with pytest.raises(ValidationError, match="stands alone"):
        kind(devices=("fit",))
    with pytest.raises(ValidationError, match="stands alone"):
        kind(format="csv")
