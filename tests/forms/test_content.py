"""A file is what its bytes say; what must not be opened is refused before it is."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import openpyxl
import pytest

from pipelines.errors import DeliveryRefused
from pipelines.forms import archive, recognise

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"


def workbook() -> bytes:
    out = io.BytesIO()
    book = openpyxl.Workbook()
    book.active["A1"] = "id"
    book.save(out)
    return out.getvalue()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


def with_declared_size(content: bytes, true_size: int, stated: int) -> bytes:
    """The archive with another inflated size in its local header and its central directory."""
    assert content.count(struct.pack("<I", true_size)) == 2
    return content.replace(struct.pack("<I", true_size), struct.pack("<I", stated))


def with_encrypted_flag(content: bytes) -> bytes:
    """Sets bit 0 of the general purpose flag in the central directory. Source: APPNOTE 4.4.4."""
    at = content.index(b"PK\x01\x02") + 8
    return content[:at] + b"\x01" + content[at + 1 :]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"id,pain\n1,2\n", "text"),
        ("Gr\u00f6\u00dfe;1\r\n".encode("cp1252"), "text"),
        ("Gr\u00f6\u00dfe;1\r\n".encode("utf-16"), "text"),
        (b"\xef\xbb\xbfid\n", "text"),
        (workbook(), "xlsx"),
        (zipped({"log.bin": b"abc"}), "unknown"),
        (b"\x0e\x10\x00\x00\x00\x00\x00\x00.FIT", "unknown"),
        (b"%PDF-1.7\n%text", "unknown"),
        (bytes(range(1, 256)) * 4, "unknown"),
        (b"\0" * 100, "unknown"),
    ],
)
def test_the_format_is_in_the_content(send, content, expected):
    assert recognise(send(content, "named.wrongly")) == expected


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\t\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        ("\r\n \n".encode("utf-16"), "empty"),
        (OLE + "EncryptedPackage".encode("utf-16-le") + b"\0" * 100, "encrypted"),
        (OLE + "Workbook".encode("utf-16-le") + b"\0" * 100, "old_xls"),
        (b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n", "encrypted"),
        (b"\x85\x01\x0c\x03" + b"\xaa" * 8 + b"\x01" + b"\xbb" * 20, "encrypted"),
        (b"\x8c\x0d\x04\x09\x03\x02" + b"\xaa" * 20, "encrypted"),
        (b"age-encryption.org/v1\n-> X25519 abc\n", "encrypted"),
        (with_encrypted_flag(zipped({"a.csv": b"id,pain\n"})), "encrypted"),
        (workbook()[:-100], "truncated"),
        (workbook()[: len(workbook()) // 2], "truncated"),
        (b"PK\x03\x04" + b"\0" * 40, "truncated"),
        (zipped({"a": b"\0" * (20 << 20)}), "archive_bomb"),
        (with_declared_size(zipped({"a": b"\0" * 123_456}), 123_456, 12), "archive_bomb"),
    ],
)
def test_what_must_not_be_opened_is_refused(send, content, reason):
    with pytest.raises(DeliveryRefused) as refused:
        recognise(send(content))
    assert refused.value.reason == reason
    assert refused.value.remedy


def test_an_archive_may_not_inflate_beyond_the_cap(send, monkeypatch):
    monkeypatch.setattr(archive, "MAX_INFLATED_BYTES", 1000)
    with pytest.raises(DeliveryRefused) as refused:
        recognise(send(zipped({"a": bytes(600), "b": bytes(600)})))
    assert refused.value.reason == "archive_bomb"


def test_an_archive_may_not_have_endless_members(send, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    with pytest.raises(DeliveryRefused) as refused:
        recognise(send(zipped({str(n): b"x" for n in range(4)})))
    assert refused.value.reason == "archive_bomb"


def test_members_that_share_their_bytes_are_a_bomb(send):
    """Two entries of the list of contents that point to one member, as in overlapping zip bombs."""
    content = zipped({"a": bytes(range(256)) * 40}, zipfile.ZIP_STORED)
    start = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    entry = content[start:end]
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 2, 2, 2 * len(entry), start, 0)
    with pytest.raises(DeliveryRefused) as refused:
        recognise(send(content[:start] + entry * 2 + tail))
    assert refused.value.reason == "archive_bomb"


def test_a_member_with_a_wrong_checksum_is_damaged(send):
    content = zipped({"a.txt": b"id,pain\n" * 100})
    crc = struct.pack("<I", zlib.crc32(b"id,pain\n" * 100))
    with pytest.raises(DeliveryRefused) as refused:
        recognise(send(content.replace(crc, b"\0\0\0\0")))
    assert refused.value.reason == "damaged"


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="../shared/samples is not here")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("redcap/longitudinal/data.csv", "text"),
        ("gpx/unicode_with_bom.gpx", "text"),
        ("fit/Activity.fit", "unknown"),
        ("gt3x/actigraph_testfile.gt3x", "unknown"),
        ("cwa/ax3_testfile.cwa", "unknown"),
    ],
)
def test_real_files_are_told_apart(name, expected):
    assert recognise(SAMPLES / name) == expected
