"""YAML's traps: what looks like a truth value, a date or an octal number stays what was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.contracts.yaml_lines import line_of, load
from pipelines.errors import ContractError


def read(tmp_path: Path, text: str):
    path = tmp_path / "some.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


@pytest.mark.parametrize(
    "text",
    ["Yes", "No", "yes", "no", "on", "off", "Y", "N", "True", "FALSE", "2025-03-10", "2025-03-10T02:30:00",
     "012", "0x1F", "1_000", "12:30", "0o17", "1e3", ".inf", ".nan", "~x", "=", "<<x"],
)  # fmt: skip
def test_a_plain_scalar_that_others_guess_at_stays_text(text: str, tmp_path: Path) -> None:
    body, _ = read(tmp_path, f"value: {text}\nlist: [{text}]\n{{key}}: 1\n".replace("{key}", "k"))

    assert body["value"] == text
    assert body["list"] == [text]


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("false", False), ("12", 12), ("-9", -9), ("0", 0), ("1.5", 1.5), ("-.5", -0.5),
     ("1.5e3", 1500.0), ("null", None), ("~", None), ('"12"', "12"), ("'true'", "true")],
)  # fmt: skip
def test_the_core_of_yaml_is_read_as_such(text: str, value: object, tmp_path: Path) -> None:
    body, _ = read(tmp_path, f"value: {text}\n")

    assert body["value"] == value
    assert type(body["value"]) is type(value)


def test_yes_and_no_are_keys_as_a_clinic_writes_them(tmp_path: Path) -> None:
    body, _ = read(tmp_path, "boolean: {Yes: true, No: false, on: true, off: false}\n")

    assert body["boolean"] == {"Yes": True, "No": False, "on": True, "off": False}


def test_every_key_and_item_has_its_line(tmp_path: Path) -> None:
    _, lines = read(tmp_path, "a: 1\nb:\n  c: 2\n  d:\n    - x\n    - {e: 5}\n")

    assert lines[("a",)] == 1
    assert lines[("b", "c")] == 3
    assert lines[("b", "d", 1)] == 6
    assert lines[("b", "d", 1, "e")] == 6
    assert line_of(lines, ("b", "d", 7, "zz")) == 4  # the nearest key above
    assert line_of(lines, ("nowhere",)) == 1


def test_a_duplicate_deep_inside_is_refused_at_its_second_line(tmp_path: Path) -> None:
    with pytest.raises(ContractError) as caught:
        read(tmp_path, "a:\n  b:\n    c: 1\n    d: 2\n    c: 3\n")

    assert caught.value.where == "some.yaml:5"


@pytest.mark.parametrize("text", ["", "\n\n", "# only a remark\n"])
def test_an_empty_file_is_an_empty_mapping(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, text)[0] == {}


def test_bytes_that_are_no_text_are_a_contract_fault(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_bytes(b"name: caf\xe9\n")

    with pytest.raises(ContractError) as caught:
        load(path)

    assert "some.yaml" in caught.value.where
