"""The same bytes under several names: which name counts does not depend on the order they came in."""

from __future__ import annotations

import itertools

import pytest

from pipelines.contracts.model import Contract
from pipelines.errors import DeliveryRefused
from pipelines.receive.copies import read_as, refuse_two_participants, speaking
from pipelines.receive.ledger import Receipt

SHA = "cd" * 32


def receipt(
    clinic_id: str, name: str, number: int, received: str = "2025-11-20T03:15:00"
) -> Receipt:
    return Receipt(
        receipt_id=f"20251120T031500-{SHA[:12]}-{number}", delivery_id=f"{clinic_id}-{SHA[:12]}", clinic_id=clinic_id,
        file_name=name, sha256=SHA, n_bytes=1, mtime_ns=0, received_utc=received, status="received",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("clinic_id", "names", "counts"),
    [
        ("alder", ["koos_20251103.csv", "koos_20251110.csv"], "koos_20251103.csv"),  # an increment: the first
        ("cedro", ["cedro_redcap_20251103.csv", "cedro_redcap_20251110.csv"], "cedro_redcap_20251110.csv"),
        ("birke", ["teilnehmer_2025W45_20251103.csv", "teilnehmer_2025W45_20251103_rev2.csv"],
         "teilnehmer_2025W45_20251103_rev2.csv"),
        ("alder", ["Kopie von koos.csv", "koos_20251110.csv"], "koos_20251110.csv"),
        ("cedro", ["cedro_redcap_20351103.csv", "cedro_redcap_20251103.csv"], "cedro_redcap_20251103.csv"),
    ],
)  # fmt: skip
def test_the_name_that_counts_is_the_same_in_every_order(
    contract: Contract, clinic_id: str, names: list[str], counts: str
) -> None:
    for order in itertools.permutations(names):
        copies = [receipt(clinic_id, name, n) for n, name in enumerate(order, start=1)]

        assert speaking(contract.clinics[clinic_id], copies).file_name == counts


def test_how_a_file_is_read_follows_its_name(contract: Contract) -> None:
    alder = contract.clinics["alder"]

    assert read_as(alder, receipt("alder", "koos_20251103.csv", 1)) == {
        "kind": "koos",
        "participant": None,
    }
    assert read_as(alder, receipt("alder", "01-023-7_20251103_1.fit", 1)) == {
        "kind": "watch",
        "participant": "01-023-7",
    }
    assert read_as(alder, receipt("alder", "koos.csv", 1)) is None
    assert (
        read_as(alder, receipt("alder", "koos_20351103.csv", 1)) is None
    )  # dated ahead of its arrival


def test_a_recording_under_two_participants_names_is_refused_in_every_order(
    contract: Contract,
) -> None:
    alder = contract.clinics["alder"]
    names = ["01-023-7_20251103_1.fit", "01-031-0_20251103_1.fit", "no such name.fit"]
    for order in itertools.permutations(names):
        copies = [receipt("alder", name, n) for n, name in enumerate(order, start=1)]
        chosen = speaking(alder, copies)

        how = read_as(alder, chosen, copies)

        assert how == {"kind": "watch", "participant": ["01-023-7", "01-031-0"]}
        with pytest.raises(DeliveryRefused, match="2 participants") as refused:
            refuse_two_participants(how, chosen)
        assert refused.value.reason == "two_participants"
        assert "01-023-7" not in str(refused.value)


def test_a_recording_sent_twice_for_one_participant_is_read(contract: Contract) -> None:
    alder = contract.clinics["alder"]
    names = ["01-023-7_20251103_1.fit", "01-023-7_20251110_1.fit"]
    copies = [receipt("alder", name, n) for n, name in enumerate(names, start=1)]

    how = read_as(alder, speaking(alder, copies), copies)

    assert how == {"kind": "watch", "participant": "01-023-7"}
    refuse_two_participants(how, copies[0])
