"""Every finding that a reader may make is a rule of its table: else the night could not say what it means."""

from __future__ import annotations

import ast
import datetime as dt
import importlib
from pathlib import Path

import numpy as np
import pytest

from pipelines import devices
from pipelines.contracts.rule_list import _DEVICE_NOTES
from pipelines.contracts.shapes import DeviceFile, SignalFile
from pipelines.errors import DeliveryRefused
from tests.devices.seeds import SEEDS


def noted(read: DeviceFile | tuple[DeviceFile, ...] | SignalFile) -> set[tuple[str, str]]:
    if isinstance(read, SignalFile):
        return {("recording", rule) for chunk in read.chunks() for _, rule in chunk.findings}
    files = read if isinstance(read, tuple) else (read,)
    return {(one.table, rule) for one in files for _, rule in one.findings}


def said_by(value: ast.expr) -> set[str]:
    """The words an expression may come to: a constant, or either side of a condition."""
    if isinstance(value, ast.IfExp):
        return said_by(value.body) | said_by(value.orelse)
    is_word = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return {value.value} if is_word else set()


def test_every_finding_written_in_the_readers_code_is_a_rule():
    """A finding is a pair of a place and a name; words without an underscore are other pairs."""
    written = set()
    for module in Path(devices.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Tuple) and len(node.elts) == 2 and not said_by(node.elts[0]):
                written |= {name for name in said_by(node.elts[1]) if "_" in name}
    assert {"bad_block", "clock_jump", "trailing_bytes", "other_source"} <= written
    assert written - {name for names in _DEVICE_NOTES.values() for name in names} == set()


def odd_files() -> dict[str, list[bytes]]:
    """Files of the account exports and watches whose oddities the plain ones do not have."""
    fit, apple = (
        importlib.import_module(f"pipelines.synthetic.{name}")
        for name in ("fit_bytes", "apple_health_text")
    )
    day_s = 1_140_000_000  # seconds since 1989-12-31, as watches count
    file_id = fit.messages(0, 0, [(0, fit.ENUM, 1, 32), (3, fit.U32, 1, 77)])

    def counted(*rows: tuple[int, int]) -> bytes:
        at_s, steps = np.array(rows).T
        fields = [(253, fit.U32, 1, at_s), (5, fit.ENUM, 1, 6), (3, fit.U32, 1, steps)]
        return fit.fit_file(file_id + fit.messages(2, 55, fields))

    at = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
    minutes = [at + dt.timedelta(minutes=i) for i in range(3)]
    records = [
        apple.record_xml("StepCount", *minutes[:2], 9, "count", device=apple.WATCH, by_hand=True),
        apple.record_xml("StepCount", *minutes[1:], 9, "count", device=apple.WATCH),
    ]
    return {
        "fit": [
            counted((day_s, 10), (day_s + 900, 40)) + b"stray",
            counted((5000, 10), (day_s + 900, 40)),
            counted((day_s + 7200, 10), (day_s + 900, 40)),
        ],
        "apple_health": [apple.export_xml(records, minutes[-1])],
    }


def test_the_odd_files_are_odd(tmp_path):
    found = set()
    for name, files in odd_files().items():
        for data in files:
            found |= noted_in(tmp_path / "file", data, name)
    assert {("wear_day", rule) for rule in (
        "trailing_bytes", "clock_not_set", "clock_jump", "entered_by_hand")} <= found  # fmt: skip


def noted_in(path, data: bytes, name: str) -> set[tuple[str, str]]:
    path.write_bytes(data)
    form = devices.recognise(path)
    assert form is not None and form.name == name
    return noted(form.read(path, date_order="MDY"))


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_findings_of_whole_and_cut_files_are_rules(name, tmp_path):
    found = set()
    for data in SEEDS[name]() + odd_files().get(name, []):
        for length in (len(data), len(data) * 2 // 3, len(data) - 5):
            path = tmp_path / "file"
            path.write_bytes(data[:length])
            try:
                form = devices.recognise(path)
                found |= noted(form.read(path, date_order="MDY")) if form else set()
            except DeliveryRefused:
                continue
    assert {(table, rule) for table, rule in found if rule not in _DEVICE_NOTES[table]} == set()
