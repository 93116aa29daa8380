"""A table of samples is declared whole or refused, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pipelines.contracts.dictionary import sending_guide
from pipelines.contracts.imu import ImuTable
from pipelines.contracts.load import load_contract
from pipelines.errors import ContractError

KIND = r"""
  lab_imu:
    name: 'imu_(?P<start>\d{8}T\d{6})_(?P<sent>\d{8})\.csv'
    format: device
    keyed: increment
    placement: lower_back
    layout: {preamble: {device: "Device:"}}
    imu:
      maker: Lab
      rate_hz: 100
      clock: local
      time: {column: samples, unit: samples}
      start: {file_name: true, written: YYYYMMDDThhmmss}
      acc: {columns: [acc_x, acc_y, acc_z], unit: g}
      gyro: {columns: [gyr_x, gyr_y, gyr_z], unit: deg/s}
      serial: {preamble: device}
"""


@pytest.fixture
def declared(schemas: Path) -> Path:
    """alder.yaml with a table of samples as its last file kind."""
    path = schemas / "clinics" / "alder.yaml"
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n") + KIND, encoding="utf-8")
    return path


def test_a_declared_table_is_part_of_the_contract(schemas, declared):
    contract = load_contract(schemas)

    kind = contract.clinics["alder"].files["lab_imu"]
    assert kind.placement == "lower_back"
    assert kind.imu.acc.unit == "g"
    assert kind.imu.columns == (
        "samples", "acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z",
    )  # fmt: skip
    guide = sending_guide(contract, contract.clinics["alder"])
    assert "`samples`, `acc_x`" in guide and "turning rate in deg/s" in guide


FAULTS = {
    "unknown key": ("      rate_hz: 100\n", "      rate_hz: 100\n      colour: blue\n", "not known here", "colour"),
    "unknown key of the axes": ("unit: g}", "unit: g, scale: 2}", "not known here", "acc:"),
    "unknown unit": ("unit: g}", "unit: gal}", "acc.unit", "acc:"),
    "unknown unit of turning": ("unit: deg/s", "unit: rpm", "gyro.unit", "gyro:"),
    "two axes": ("[acc_x, acc_y, acc_z]", "[acc_x, acc_y]", "acc.columns", "acc:"),
    "one column twice": ("[acc_x, acc_y, acc_z]", "[acc_x, acc_y, gyr_z]", "two things", "    imu:"),
    "no rate": ("      rate_hz: 100\n", "", "rate_hz", "    imu:"),
    "rate of zero": ("rate_hz: 100", "rate_hz: 0", "rate_hz", "rate_hz"),
    "no clock": ("      clock: local\n", "", "clock", "    imu:"),
    "counter without a start": (
        "      start: {file_name: true, written: YYYYMMDDThhmmss}\n", "", "with `start`", "    imu:"),
    "start that is not needed": (
        "unit: samples}", "unit: ms, since: epoch}", "second truth", "    imu:"),
    "number without its zero": ("unit: samples}", "unit: ms}", "`since`", "time:"),
    "time of two kinds": (
        "unit: samples}", "unit: samples, written: YYYY-MM-DD hh:mm:ss}", "either a `unit`", "time:"),
    "start in two places": ("{file_name: true,", "{file_name: true, column: t0,", "exactly one", "start:"),
    "start without its group": (r"imu_(?P<start>\d{8}T\d{6})_", "imu_", "group `start`", "lab_imu:"),
    "pattern without minutes": ("YYYYMMDDThhmmss", "YYYYMMDDThhss", "each once", "start:"),
    "pattern with words": ("YYYYMMDDThhmmss", "YYYYMMDD at hhmmss", "like YYYY-MM-DD", "start:"),
    "UTC on a local clock": ("YYYYMMDDThhmmss", "YYYYMMDDThhmmssZ", "clock: utc", "    imu:"),
    "serial in two places": ("{preamble: device}", "{preamble: device, constant: A1}", "exactly one", "serial:"),
    "preamble that is not laid out": ("{preamble: device}", "{preamble: tag}", "`tag` is not under", "lab_imu:"),
    "unknown placement": ("placement: lower_back", "placement: knee", "placement", "placement"),
    "declared and recognised": (
        "    placement:", "    devices: [fit]\n    placement:", "not both", "lab_imu:"),
    "table in a file of forms": ("    format: device", "    format: csv", "format: device", "lab_imu:"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_names_file_line_and_remedy(case, schemas, declared):
    old, new, said, near = FAULTS[case]
    text = declared.read_text(encoding="utf-8")
    above, _, below = text.partition("  lab_imu:")
    assert below.count(old) == 1
    declared.write_text(above + "  lab_imu:" + below.replace(old, new), encoding="utf-8")

    with pytest.raises(ContractError) as caught:
        load_contract(schemas)

    assert said in caught.value.what and caught.value.remedy
    file, _, line = caught.value.where.rpartition(":")
    lines = declared.read_text(encoding="utf-8").splitlines()
    start = next(i for i, text in enumerate(lines) if text == "  lab_imu:")
    wanted = next(i for i in range(start, len(lines)) if near in lines[i]) + 1
    assert file == "alder.yaml" and int(line) == wanted


@pytest.mark.parametrize(
    "written",
    ["YYYY-MM-DD hh:mm:ss", "DD.MM.YYYY hh:mm:ss.fff", "YYYY-MM-DDThh:mm:ss.ffffffZ", "hhmmss YYYYMMDD"],
)  # fmt: skip
def test_times_of_fixed_width_may_be_written_so(written):
    table = {
        "maker": "Lab", "rate_hz": 50, "clock": "utc", "time": {"column": "t", "written": written},
        "acc": {"columns": ("x", "y", "z"), "unit": "m/s2"},
    }  # fmt: skip

    assert ImuTable.model_validate(table).time.written == written


@pytest.mark.parametrize(
    "written", ["", "%Y-%m-%d", "YYYY-MM-DD hh:mm:ss.fffffff", "YYYY-MM-DD hh:mm:ssZZ"]
)
def test_other_patterns_are_refused(written):
    table = {
        "maker": "Lab", "rate_hz": 50, "clock": "utc", "time": {"column": "t", "written": written},
        "acc": {"columns": ("x", "y", "z"), "unit": "m/s2"},
    }  # fmt: skip

    with pytest.raises(ValidationError):
        ImuTable.model_validate(table)
