"""A clinic that nobody thought of: one YAML file and a folder of its files, no code."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines import stages
from pipelines.contracts.load import load_contract
from pipelines.synthetic.study import deliver, write_study
from tests.end_to_end.nights import NIGHT_1, NIGHT_2, rows, run_night, take_in

CLINIC = "kowhai"


@pytest.fixture(scope="module")
def study(schemas, tmp_path_factory) -> tuple[Path, Path]:
    """The study's schemas with a fifth clinic, and the made-up files of all five."""
    place = tmp_path_factory.mktemp("five")
    shutil.copytree(schemas, place / "schemas")
    shutil.copy(Path(__file__).with_name(f"{CLINIC}.yaml"), place / "schemas" / "clinics")
    write_study(
        load_contract(place / "schemas"), place / "home", participants=40, seed=2, faults=False
    )
    return place / "schemas", place / "home"


@pytest.fixture
def rehearse(study, tmp_path, monkeypatch, backstep):
    """`backstep rehearse` of the clinic on a folder: its exit code and what it printed."""
    monkeypatch.setenv("BACKSTEP_SCHEMAS", str(study[0]))
    monkeypatch.setenv("BACKSTEP_HOME", str(tmp_path / "none"))
    return lambda folder: backstep("rehearse", CLINIC, str(folder))


def test_its_samples_are_rehearsed(study, rehearse, tmp_path):
    code, said = rehearse(study[1] / "synthetic" / "night_1" / CLINIC)
    assert code == 0
    rows_said = [line for line in said.splitlines() if "accepted" in line]
    assert any("hikoi-20251103.xlsx" in line for line in rows_said)
    assert any("tangata-20251103.tsv" in line for line in rows_said)
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_a_wrong_sample_is_told_by_line_and_rule(study, rehearse, tmp_path):
    _, home = study
    samples = home / "synthetic" / "night_1" / CLINIC
    folder = tmp_path / "samples"
    shutil.copytree(samples, folder)
    (pain,) = folder.glob("mamae-*")
    text = pain.read_text(encoding="utf-16").split("\n")
    cells = text[1].split("\t")
    text[1] = "\t".join([cells[0], "V99", *cells[2:]])
    pain.write_text("\n".join(text), encoding="utf-16")
    (tests,) = folder.glob("hikoi-*")
    tests.write_bytes(tests.read_bytes()[:2000])
    code, said = rehearse(folder)
    assert code == 10
    assert "unknown_code" in said and "refused (truncated)" in said


def test_its_night_goes_like_any_other(study, monkeypatch):
    schemas, home = study
    monkeypatch.setenv("BACKSTEP_SCHEMAS", str(schemas))
    deliver(home, 1)
    # The others' files are not needed here; what they give is shown elsewhere.
    for other in ("alder", "birke", "cedro", "deodar"):
        shutil.rmtree(home / "landing" / other)
    take_in(home, NIGHT_1)
    for path in sorted((home / "synthetic" / "night_2" / CLINIC).iterdir()):
        shutil.copy2(path, home / "landing" / CLINIC)
    run_night(home, NIGHT_2)
    stages.render_letters(str(home), NIGHT_2)
    ledger = rows(home, "SELECT * FROM ledger_delivery")
    assert set(ledger["clinic_id"]) == {CLINIC}
    # The second snapshot of its people has the bytes of the first, and is the one that counts.
    assert ledger.filter(status="duplicate")["file_name"].to_list() == ["tangata-20251103.tsv"]
    assert set(ledger["status"]) == {"accepted", "duplicate"}
    assert ledger["n_quarantined"].sum() == 0
    assert {"people", "training", "pain", "tests", "devices", "watch"} <= set(ledger["file_kind"])
    truth = rows(
        home,
        """SELECT count(*) AS n, count(height_cm) AS tall, min(height_cm) AS low, max(height_cm) AS high,
        min(weight_kg) AS light, max(weight_kg) AS heavy FROM core_participant""",
    ).row(0, named=True)
    assert truth["n"] == truth["tall"] > 5
    # Metres and pounds as sent; centimetres and kilograms as kept.
    assert 140 < truth["low"] < truth["high"] < 210
    assert 40 < truth["light"] < truth["heavy"] < 160
    assert rows(home, "SELECT count(*) FROM mart_knee_pain", "open").item() > 20
    assert rows(home, "SELECT count(*) FROM mart_gait_speed", "open").item() > 20
    # Its clock is 12 h 45 min ahead of UTC, 13 h 45 min in summer: 8.00 to 15.45 there is 18.15 to 3.00 here.
    starts = rows(
        home,
        "SELECT strftime(min(t), '%H:%M'), strftime(max(t), '%H:%M') FROM "
        "(SELECT DATE '2000-01-01' + CAST(start_utc - INTERVAL 12 HOUR AS TIME) AS t FROM core_session)",
    )
    ((earliest, latest),) = starts.rows()
    assert "06:15" <= earliest < "07:30" and "14:00" < latest <= "15:00"
    letter = home / "letters" / "2025-11-11T031500Z" / CLINIC / "letter.html"
    assert "Kowhai Clinic" in letter.read_text()
