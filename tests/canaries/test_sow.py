"""Laying out the night's canaries: the same for the same cut-off, and nothing of another night's beside them."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from pipelines.canaries.sow import clear, counts_path, expected_path, sow
from pipelines.contracts.model import Contract
from pipelines.receive.identify import named

CUTOFF = dt.datetime(2025, 11, 4, 3, 15)


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_the_same_cutoff_gives_the_same_files(contract: Contract, tmp_path: Path) -> None:
    first = contents(sow(tmp_path / "one", contract, CUTOFF))
    again = contents(sow(tmp_path / "two", contract, CUTOFF))

    assert len(first) == 4
    assert first == again
    assert contents(sow(tmp_path / "one", contract, CUTOFF)) == first


def test_every_file_has_a_name_of_the_reserved_clinic_and_the_nights_date(
    contract: Contract, tmp_path: Path
) -> None:
    names = list(contents(sow(tmp_path, contract, CUTOFF)))
    said = [named(contract.clinics["canary"], name) for name in names]

    assert {one["sent"] for one in said} == {CUTOFF.date()}
    assert sorted(one["revision"] or "" for one in said) == ["", "", "1", "1"]
    others = [clinic for name, clinic in contract.clinics.items() if name != "canary"]
    assert not any(named(clinic, name) for clinic in others for name in names)


def test_the_note_says_on_which_line_each_stands(contract: Contract, tmp_path: Path) -> None:
    landing = sow(tmp_path, contract, CUTOFF)
    (text,) = landing.glob("*20251104.csv")
    lines = text.read_text().splitlines()

    noted = {
        one["fault"]: lines[one["row_no"] - 1]
        for one in json.loads(expected_path(tmp_path).read_text()) if one["file_name"] == text.name
    }  # fmt: skip
    assert "1O" in noted["unreadable_number"]
    assert "03/04/25" in noted["ambiguous_date"]
    assert noted["repeated_row"] == noted["clean_row"]


def test_what_a_killed_night_left_is_gone_and_what_clinics_have_stays(
    contract: Contract, tmp_path: Path
) -> None:
    ours = [
        "raw/canary/abc",
        "core/pain/canary/x.parquet",
        "ledger/receipts/canary/x.json",
        "quarantine/pain/canary/x",
    ]
    theirs = [
        "raw/alder/abc",
        "core/pain/alder/x.parquet",
        "ledger/receipts/alder/x.json",
        "ledger/canaries/then.json",
    ]
    for name in (*ours, *theirs):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    clear(tmp_path)

    assert sorted(
        p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()
    ) == sorted(theirs)


def test_sowing_takes_back_the_nights_earlier_counts(contract: Contract, tmp_path: Path) -> None:
    path = counts_path(tmp_path, CUTOFF)
    path.parent.mkdir(parents=True)
    path.write_text("{}")

    sow(tmp_path, contract, CUTOFF)

    assert not path.exists()
