import datetime as dt
import sys
import textwrap

import numpy as np
import pytest

from pipelines import devices
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.actigraph_text import write_counts
from pipelines.synthetic.fit_bytes import write_activity

ONE_MORE = """
    from pathlib import Path
    from pipelines.contracts.shapes import DeviceFile
    from pipelines.devices.format import Format

    def read(path: Path, *, date_order=None) -> DeviceFile:
        raise AssertionError("not read in this test")

    FORMAT = Format("dropped_in", ("Nobody",), lambda head: head.startswith(b"DROP"), read)
"""


@pytest.fixture
def fixtures(tmp_path):
    """One file of each format, under names that say nothing."""
    start = dt.datetime(2026, 3, 2, 9, 0)
    write_activity(
        tmp_path / "a.dat",
        serial=1,
        start_utc=start,
        records=[(0, 0, 1, 80, 50), (9, 9, 1, 80, 50)],
    )
    write_counts(
        tmp_path / "b.dat", serial="MOS2D1", start_local=start, epoch_s=60,
        counts=np.ones((3, 3), int), steps=None, date_order="MDY",
    )  # fmt: skip
    return {"fit": tmp_path / "a.dat", "actigraph_counts": tmp_path / "b.dat"}


@pytest.fixture
def dropped_in(tmp_path, monkeypatch):
    """The package as it is with one more module in it."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "dropped_in.py").write_text(textwrap.dedent(ONE_MORE), encoding="utf-8")
    monkeypatch.setattr(devices, "__path__", [*devices.__path__, str(folder)])
    yield
    sys.modules.pop("pipelines.devices.dropped_in", None)
    monkeypatch.delattr(devices, "dropped_in", raising=False)


def test_every_format_has_a_fixture_here(fixtures):
    assert {format_.name for format_ in devices.formats()} == set(fixtures)


def test_exactly_one_format_recognises_each_fixture(fixtures):
    for name, path in fixtures.items():
        head = path.read_bytes()[:4096]
        assert [each.name for each in devices.formats() if each.recognise(head)] == [name]
        assert devices.recognise(path).name == name


def test_a_new_format_is_one_new_module(tmp_path, dropped_in):
    path = tmp_path / "new.bin"
    path.write_bytes(b"DROP and more")

    assert "dropped_in" in {format_.name for format_ in devices.formats()}
    assert devices.recognise(path).name == "dropped_in"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x0e",
        b"PK\x03\x04" + bytes(100),
        b"participant_id,visit\n01-001-4,V1\n",
        b"\x0e\x10\x00\x00\x00\x00\x00\x00.FAT",
        b"------------ Data File Created By ActiGraph GT3X+ ActiLife v6.13.3 Firmware v1.7.2 "
        b"date format M/d/yyyy at 100 Hz  Filter Normal -----------\n"
        b"Serial Number: TAS1\nEpoch Period (hh:mm:ss) 00:00:00\n",
    ],
)
def test_other_content_is_recognised_by_nobody(tmp_path, content):
    path = tmp_path / "walk.fit"
    path.write_bytes(content)

    assert devices.recognise(path) is None


def test_two_claims_are_refused_by_name(tmp_path, fixtures, dropped_in, monkeypatch):
    greedy = devices.Format("greedy", (), lambda head: True, lambda path: None)
    own = devices.formats()
    monkeypatch.setattr(devices, "formats", lambda: (*own, greedy))

    with pytest.raises(DeliveryRefused, match="fit and greedy") as refused:
        devices.recognise(fixtures["fit"])

    assert refused.value.reason == "ambiguous_format"
