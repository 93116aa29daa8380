"""What a file's name says of it, and what its content must be."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import re
import zipfile
from pathlib import Path

import pytest

from pipelines import devices
from pipelines.contracts.model import Contract, FileKind
from pipelines.contracts.shapes import Delivery
from pipelines.errors import DeliveryRefused
from pipelines.receive.identify import identify, look_inside, named
from pipelines.receive.ledger import Receipt

SHA = "ab" * 32


def receipt(clinic_id: str, name: str, received: str = "2025-11-04T03:15:00") -> Receipt:
    return Receipt(
        receipt_id=f"20251104T031500-{SHA[:12]}-1", delivery_id=f"{clinic_id}-{SHA[:12]}", clinic_id=clinic_id,
        file_name=name, sha256=SHA, n_bytes=10, mtime_ns=0, received_utc=received, status="received",
    )  # fmt: skip


def refused(contract: Contract, clinic_id: str, name: str, **more: str) -> DeliveryRefused:
    with pytest.raises(DeliveryRefused) as caught:
        identify(Path("home"), contract, receipt(clinic_id, name, **more))
    assert caught.value.remedy
    return caught.value


def test_the_groups_of_a_name_become_the_delivery(contract: Contract) -> None:
    found = identify(
        Path("home"), contract, receipt("birke", "teilnehmer_2025W45_20251103_rev12.csv")
    )

    assert found.file_kind == "participants"
    assert found.sent_date == dt.date(2025, 11, 3)
    assert found.revision == 12
    assert found.scope_key == "birke/participants/2025W45"
    assert found.participant_id is None
    assert found.raw_path == Path("home") / "raw" / "birke" / SHA
    assert found.received_utc == dt.datetime(2025, 11, 4, 3, 15)


def test_a_name_without_revision_is_revision_zero(contract: Contract) -> None:
    found = identify(Path("home"), contract, receipt("birke", "teilnehmer_2025W45_20251103.csv"))

    assert found.revision == 0


def test_a_wearable_file_names_its_participant(contract: Contract) -> None:
    found = identify(Path("home"), contract, receipt("alder", "01-023-7_20251103_1.fit"))

    assert (found.file_kind, found.participant_id) == ("watch", "01-023-7")


def test_the_scope_follows_how_the_file_is_keyed(contract: Contract) -> None:
    def scope(clinic: str, name: str) -> str:
        return identify(Path("home"), contract, receipt(clinic, name)).scope_key

    assert (
        scope("alder", "koos_20251103.csv") == f"alder-{SHA[:12]}"
    )  # an increment is its own scope
    assert (
        scope("cedro", "cedro_redcap_20251103.csv") == "cedro/redcap"
    )  # a snapshot replaces its kind
    week = scope("birke", "teilnehmer_2025W45_20251103.csv")  # a resend replaces its batch
    assert scope("birke", "teilnehmer_2025W45_20251104_rev1.csv") == week
    assert scope("birke", "teilnehmer_2025W44_20251104.csv") != week


@pytest.mark.parametrize(
    "name",
    ["koos.csv", "koos_2025113.csv", "koos_20251103.CSV", "koos_20251103.csv.bak", "xkoos_20251103.csv",
     "koos_20251103.csv\n", "", "koos_2025-11-03.csv"],
)  # fmt: skip
def test_a_name_that_is_not_declared_is_refused(contract: Contract, name: str) -> None:
    assert refused(contract, "alder", name).reason == "unknown_file_name"


@pytest.mark.parametrize(
    "day", ["20251301", "20250230", "20251131", "00000000", "20250229", "99999999"]
)
def test_an_impossible_date_in_the_name_is_refused(contract: Contract, day: str) -> None:
    assert refused(contract, "alder", f"koos_{day}.csv").reason == "unknown_file_name"


def test_another_clinics_file_is_sent_to_that_clinic(contract: Contract) -> None:
    fault = refused(contract, "alder", "teilnehmer_2025W45_20251103.csv")

    assert fault.reason == "wrong_clinic"
    assert "Birke-Klinik" in fault.what


def test_another_clinics_participant_in_the_name_is_sent_there_too(contract: Contract) -> None:
    other = next(
        p
        for p in contract.clinics
        if p != "alder" and named(contract.clinics[p], "02-023-7_20251103_1.fit")
    )

    assert refused(contract, "alder", "02-023-7_20251103_1.fit").reason == "wrong_clinic"
    assert contract.clinics[other].prefix == "02"


@pytest.mark.parametrize(
    ("received", "accepted"),
    [("2025-11-03T00:00:00", True), ("2025-11-02T10:00:00", True),  # it is the 3rd already at UTC+14
     ("2025-11-02T09:59:59", False), ("2025-10-01T00:00:00", False)],
)  # fmt: skip
def test_a_date_ahead_of_every_calendar_is_refused(
    contract: Contract, received: str, accepted: bool
) -> None:
    if accepted:
        assert identify(
            Path("home"), contract, receipt("alder", "koos_20251103.csv", received)
        ).sent_date
    else:
        assert (
            refused(contract, "alder", "koos_20251103.csv", received=received).reason
            == "sent_in_future"
        )


def test_every_declared_name_fits_one_kind_of_one_clinic_only(contract: Contract) -> None:
    """A made-up name of each kind, by filling its pattern's groups, is claimed once in the whole study."""
    fill = {
        r"(?P<sent>\d{8})": "20251103",
        r"(?P<assessed>\d{8})": "20251020",
        r"(?P<batch>[0-9]{4}W[0-9]{2})": "2025W45",
    }
    for clinic in contract.clinics.values():
        for kind, file in clinic.files.items():
            name = file.name
            for group, text in fill.items():
                name = name.replace(group, text)
            name = name.replace(r"(?:_rev(?P<revision>\d+))?", "").replace(r"\.", ".")
            name = name.replace(
                rf"(?P<participant>{clinic.prefix}-\d{{3}}-\d)", f"{clinic.prefix}-001-9"
            )
            name = re.sub(r"\(\?P<trial>[^)]*\)", "1", name)
            name = name.replace("(?P<side>left|right)", "left")
            name = name.replace(r"\d+", "1")
            claims = [
                (other.clinic_id, found["kind"])
                for other in contract.clinics.values()
                if (found := named(other, name))
            ]
            assert claims == [(clinic.clinic_id, kind)], name


def test_every_declared_device_format_exists(contract: Contract) -> None:
    known = {form.name for form in devices.formats()}

    for clinic in contract.clinics.values():
        for file in clinic.files.values():
            assert set(file.devices) <= known
            assert bool(file.devices or file.lab) == (file.format == "device")


# --- content

CSV = FileKind(name=r"(?P<sent>\d{8})", format="csv", keyed="increment")
XLSX = CSV.model_copy(update={"format": "xlsx"})
FIT = CSV.model_copy(update={"format": "device", "devices": ("fit",)})


def delivery(tmp_path: Path, content: bytes, n_bytes: int | None = None) -> Delivery:
    path = tmp_path / "raw"
    path.write_bytes(content)
    return Delivery(
        delivery_id="alder-1", clinic_id="alder", file_name="x.csv", file_kind="k", sha256=SHA,
        n_bytes=len(content) if n_bytes is None else n_bytes, received_utc=dt.datetime(2025, 11, 4), sent_date=None,
        revision=0, scope_key="s", raw_path=path,
    )  # fmt: skip


def workbook() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


REFUSED = {
    "nothing at all": (CSV, b"", "empty"),
    "nothing at all from a watch": (FIT, b"", "empty"),
    "only blanks": (CSV, b" \r\n\r\n", "empty"),
    "a workbook for text": (CSV, workbook(), "unknown_format"),
    "text for a workbook": (XLSX, b"a,b\n1,2\n", "unknown_format"),
    "a picture for text": (CSV, b"\x89PNG\r\n\x1a\n" + bytes(200), "unknown_format"),
    "text for a watch": (FIT, b"a,b\n1,2\n", "unknown_format"),
    "old Excel": (XLSX, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "Workbook".encode("utf-16-le"), "old_xls"),
    "an encrypted message": (CSV, b"-----BEGIN PGP MESSAGE-----\n\nhQEM\n", "encrypted"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_content_that_is_not_the_declared_format_is_refused(case: str, tmp_path: Path) -> None:
    kind, content, reason = REFUSED[case]

    with pytest.raises(DeliveryRefused) as caught:
        look_inside(kind, delivery(tmp_path, content))

    assert caught.value.reason == reason
    assert caught.value.remedy


@pytest.mark.parametrize(("kind", "content"), [(CSV, b"a,b\n1,2\n"), (XLSX, workbook())])
def test_content_of_the_declared_format_passes(
    kind: FileKind, content: bytes, tmp_path: Path
) -> None:
    assert look_inside(kind, delivery(tmp_path, content)) is None


def test_a_file_beyond_all_measure_is_refused_unread(tmp_path: Path) -> None:
    huge = dataclasses.replace(
        delivery(tmp_path, b"a"), n_bytes=4 * 2**30 + 1, raw_path=Path("nowhere")
    )

    with pytest.raises(DeliveryRefused) as caught:
        look_inside(CSV, huge)

    assert caught.value.reason == "too_large"
