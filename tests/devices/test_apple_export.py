import datetime as dt
import io
import zipfile
from pathlib import Path

import pytest

from pipelines.devices import gt3x
from pipelines.devices.apple_export import is_export, xml_pieces
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.apple_health_text import export_xml, export_zip, record_xml

AT = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.timezone(dt.timedelta(hours=-7)))
XML = export_xml(
    [record_xml("StepCount", AT, AT + dt.timedelta(minutes=i), i, "count") for i in range(200)], AT
)
ROOTED = XML[XML.index(b"<HealthData ") :]


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def xml_of(tmp_path: Path, data: bytes) -> bytes:
    path = tmp_path / "sent"
    path.write_bytes(data)
    return b"".join(xml_pieces(path))


def reason_of(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(DeliveryRefused) as refused:
        xml_of(tmp_path, data)
    assert refused.value.where == "sent" and refused.value.remedy
    return refused.value.reason


def test_what_stands_before_the_root_is_dropped(tmp_path):
    assert xml_of(tmp_path, XML) == ROOTED
    assert xml_of(tmp_path, export_xml([], AT, document_type="broken")).startswith(b"<HealthData ")


def test_control_characters_do_not_reach_the_parser(tmp_path):
    noisy = XML.replace(b"Made-up", b"M\x00ade\x0b-\x1fup")

    assert not any(code in xml_of(tmp_path, noisy) for code in (b"\x00", b"\x0b", b"\x1f"))


def test_the_export_is_found_by_its_content_in_an_archive(tmp_path):
    others = {
        "apple_health_export/export_cda.xml": b"<ClinicalDocument>" + b" " * 9000,
        "apple_health_export/workout-routes/a.gpx": b"<gpx/>",
    }

    assert xml_of(tmp_path, export_zip(XML)) == ROOTED
    assert xml_of(tmp_path, packed({**others, "apple_health_export/Exporter.xml": XML})) == ROOTED
    assert xml_of(tmp_path, packed({"export.xml": XML}, zipfile.ZIP_STORED)) == ROOTED


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<HealthData", "truncated"),
        (XML[: len(XML) // 2], "truncated"),
        (b"<Other></HealthData>", "unreadable"),
        (packed({"apple_health_export/a.txt": XML}), "unreadable"),
        (packed({"apple_health_export/export.xml": b"<ClinicalDocument/>"}), "unreadable"),
        (packed({"a/export.xml": XML, "b/export.xml": XML}), "ambiguous_format"),
        (packed({"../export.xml": XML}), "unreadable"),
        (packed({"/etc/export.xml": XML}), "unreadable"),
        (packed({"export.xml": XML}, zipfile.ZIP_BZIP2), "unreadable"),
        (packed({f"{i}.gpx": b"" for i in range(20_001)}), "too_large"),
    ],
    ids=range(11),
)
def test_what_holds_no_export_is_refused(tmp_path, data, reason):
    assert reason_of(tmp_path, data) == reason


def test_a_member_that_swells_is_not_unpacked(tmp_path):
    swollen = ROOTED.replace(b"</HealthData>", b" " * (64 << 20) + b"</HealthData>")
    data = packed({"apple_health_export/export.xml": swollen})

    assert len(data) < 1 << 20
    assert reason_of(tmp_path, data) == "too_large"


def test_a_member_that_lies_about_its_size_is_not_read_past_it(tmp_path):
    swollen = ROOTED.replace(b"</HealthData>", b" " * (64 << 20) + b"</HealthData>")
    data = bytearray(packed({"apple_health_export/export.xml": swollen}))
    for mark, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = data.rindex(mark) + place
        data[at : at + 4] = (100_000).to_bytes(4, "little")

    assert reason_of(tmp_path, bytes(data)) in ("bad_checksum", "truncated", "unreadable")


def test_a_wrong_byte_in_an_archive_is_not_used(tmp_path):
    data = bytearray(packed({"export.xml": XML}, zipfile.ZIP_STORED))
    at = data.index(b'value="7"') + 7
    data[at : at + 1] = b"8"

    assert reason_of(tmp_path, bytes(data)) == "bad_checksum"


def test_a_cut_archive_is_refused_at_every_length(tmp_path):
    data = export_zip(XML)

    reasons = {reason_of(tmp_path, data[:n_bytes]) for n_bytes in range(4, len(data) - 1, 41)}

    assert reasons == {"truncated"}


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (XML[:4096], True),
        (ROOTED[:4096], True),
        (export_zip(XML)[:4096], True),
        (export_zip(XML, n_routes=0, name="exportar.xml")[:4096], True),
        (packed({"export.xml": XML})[:4096], True),
        (packed({"log.bin": b"", "info.txt": b""})[:4096], False),
        (packed({"report.docx": XML})[:4096], False),
        (b"<gpx></gpx>", False),
        (b"PK\x03\x04", False),
        (b"", False),
    ],
)
def test_an_export_is_told_by_its_first_bytes(head, known):
    assert is_export(head) is known
    assert not (known and gt3x.recognise(head))
