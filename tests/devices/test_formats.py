import sys
import textwrap

import pytest

from pipelines import devices
from pipelines.errors import DeliveryRefused
from tests.devices.seeds import SEEDS

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
    """Files of each format, under names that say nothing."""
    found = {}
    for name in (format_.name for format_ in devices.formats()):
        found[name] = []
        for data in SEEDS[name]():
            path = tmp_path / f"{len(found)}-{len(found[name])}.dat"
            path.write_bytes(data)
            found[name].append(path)
    return found


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


def test_every_format_has_files_here():
    assert {format_.name for format_ in devices.formats()} <= set(SEEDS)


def test_exactly_one_format_recognises_each_file(fixtures):
    for name, paths in fixtures.items():
        assert paths
        for path in paths:
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
        devices.recognise(fixtures["fit"][0])

    assert refused.value.reason == "ambiguous_format"
