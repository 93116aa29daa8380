import io
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from pipelines.devices.zip_members import members, pieces
from pipelines.errors import DeliveryRefused

NOISE = np.random.default_rng(5).bytes(100_000)
LIMITS = (64 << 20, 200)


def zipped(*files: tuple[str, bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


@pytest.fixture
def at(tmp_path):
    def write(data: bytes):
        path = tmp_path / "a.zip"
        path.write_bytes(data)
        return path

    return write


def unpacked(path, member) -> tuple[bytes, str | None]:
    all_of_it = list(pieces(path, member, LIMITS[0]))
    assert [piece.end for piece in all_of_it[:-1]] == [None] * (len(all_of_it) - 1)
    return b"".join(piece.data for piece in all_of_it), all_of_it[-1].end


def patched(data: bytes, mark: bytes, offset: int, value: int) -> bytes:
    """A number of four bytes changed behind each such mark."""
    out, at = bytearray(data), data.find(mark)
    while at >= 0:
        struct.pack_into("<I", out, at + offset, value)
        at = data.find(mark, at + 1)
    return bytes(out)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_the_standard_library_writes_is_read(at, method):
    path = at(zipped(("b", b"short"), ("a", NOISE * 60), ("empty", b""), method=method))

    found = {one.name: unpacked(path, one) for one in members(path, *LIMITS)}

    assert found == {"b": (b"short", "whole"), "a": (NOISE * 60, "whole"), "empty": (b"", "whole")}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_of_a_cut_archive_the_beginning_is_read(at, method):
    whole = zipped(("b", b"short" * 20), ("a", NOISE), method=method)
    path = at(whole[:60_000])

    short, long = members(path, *LIMITS)

    assert unpacked(path, short) == (b"short" * 20, "whole")
    data, end = unpacked(path, long)
    assert (end, NOISE.startswith(data), len(data) > 50_000) == ("cut", True, True)


def test_a_stream_that_breaks_gives_what_came_before(at):
    truth = b"".join(f"{k} ".encode() for k in range(1_000_000))
    packed = zlib.compressobj(wbits=-15)
    front = packed.compress(truth) + packed.flush(zlib.Z_FULL_FLUSH)
    # a block of the kind that does not exist follows
    whole = zipped(("a", truth + b"rest"))
    header = patched(whole[:31], b"PK\x03\x04", 18, len(front) + 9)
    path = at(header + front + b"\x07" + bytes(8))

    data, end = unpacked(path, members(path, *LIMITS)[0])

    assert (end, truth.startswith(data)) == ("cut", True)
    assert len(truth) - len(data) <= 2048  # the last small step


def test_a_wrong_checksum_is_said(at):
    path = at(patched(zipped(("a", NOISE)), b"PK\x01\x02", 16, 7))

    assert unpacked(path, members(path, *LIMITS)[0]) == (NOISE, "bad_checksum")


def test_a_member_is_never_longer_than_it_says(at):
    # says 1000 bytes, unpacks to 50 MB
    path = at(patched(zipped(("a", bytes(50 << 20))), b"PK\x01\x02", 24, 1000))
    member = members(path, *LIMITS)[0]
    tracemalloc.start()

    data, end = unpacked(path, member)

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (data, end) == (bytes(1000), "longer")
    assert most < 16 << 20


def test_without_a_directory_the_limit_holds_too(at):
    whole = patched(zipped(("a", bytes(90 << 20))), b"PK\x03\x04", 22, 0xFFFFFFFF)
    path = at(whole[: whole.find(b"PK\x01\x02")])
    member = members(path, *LIMITS)[0]

    data, end = unpacked(path, member)

    assert (len(data), end) == (LIMITS[0], "longer")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (zipped(("a", bytes(20 << 20))), "too_large"),  # a thousand to one
        (patched(zipped(("a", NOISE)), b"PK\x01\x02", 24, 1 << 30), "too_large"),
        (patched(zipped(("a", NOISE)), b"PK\x01\x02", 20, 0xFFFFFFFF), "unreadable"),
        (patched(zipped(("a", NOISE)), b"PK\x01\x02", 8, 1 | 8 << 16), "unreadable"),  # encrypted
        (zipped(("a", NOISE), method=zipfile.ZIP_LZMA), "unreadable"),
        (zipped(*((f"{k}", b"") for k in range(100))), "unreadable"),
    ],
)
def test_archives_that_are_refused(at, data, reason):
    with pytest.raises(DeliveryRefused, match=r"a\.zip") as refused:
        members(at(data), *LIMITS)

    assert refused.value.reason == reason


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x03\x04" + bytes(10), NOISE])
def test_what_is_no_archive_has_no_members(at, data):
    assert members(at(data), *LIMITS) == ()


def test_a_member_without_a_size_ends_where_its_stream_does(at):
    out = io.BytesIO()
    out.seekable = lambda: False  # sizes then follow the data
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", NOISE)
    whole = out.getvalue()
    path = at(whole[: whole.find(b"PK\x01\x02")])

    assert unpacked(path, members(path, *LIMITS)[0]) == (NOISE, "whole")
