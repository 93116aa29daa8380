"""Every finding that a reader may make is a rule of its table: else the night could not say what it means."""

from __future__ import annotations

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


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_findings_of_whole_and_cut_files_are_rules(name, tmp_path):
    found = set()
    for data in SEEDS[name]():
        for length in (len(data), len(data) * 2 // 3, len(data) - 5):
            path = tmp_path / "file"
            path.write_bytes(data[:length])
            try:
                form = devices.recognise(path)
                found |= noted(form.read(path, date_order="MDY")) if form else set()
            except DeliveryRefused:
                continue
    assert {(table, rule) for table, rule in found if rule not in _DEVICE_NOTES[table]} == set()
