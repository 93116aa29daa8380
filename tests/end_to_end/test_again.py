"""The same night again, at once or long after, gives the same bytes; a cut says when it no longer does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pipelines import stages
from pipelines.errors import StudyFileError
from pipelines.warehouse.freeze import freeze, verify
from tests.end_to_end.nights import NIGHT_1, NIGHT_2, exports, rows, run_night, tree_hash, twin

STAMP_1, STAMP_2 = "2025-11-04T031500Z", "2025-11-11T031500Z"


def _differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def test_a_second_run_of_a_night_changes_no_byte(faulty, tmp_path):
    home = twin(faulty.home, tmp_path)
    folders = ("reports", "letters", "data_docs", "core", "quarantine", "raw", "ledger")
    before = {folder: tree_hash(home / folder) for folder in folders}
    assert len(before["reports"]) >= 8
    names = {path.rsplit("/")[-1] for path in before["letters"]}
    assert {re.sub("_.*", "", name) for name in names} == {"letter.html", "held"}
    run_night(home, NIGHT_2, pages=True)
    changed = {folder: _differing(tree_hash(home / folder), before[folder]) for folder in folders}
    assert {folder for folder in folders if changed[folder]} == set()
    assert _differing(exports(home / "warehouse"), faulty.second) == []


def test_a_past_night_is_built_again_by_hand_exactly(clean, tmp_path, backstep):
    home = twin(clean.home, tmp_path)
    code, _ = backstep("build", "--home", str(home), "--cutoff", NIGHT_1)
    assert code == 0
    assert _differing(exports(home / "warehouse" / "past" / STAMP_1), clean.first) == []
    assert _differing(exports(home / "warehouse"), clean.second) == []


@pytest.mark.parametrize("study", [pytest.param("faulty", marks=pytest.mark.slow), "clean"])
def test_later_corrections_do_not_reach_an_earlier_night(
    request, schemas, study, tmp_path, monkeypatch
):
    """A correction decided after the first night, and the files of the second, are not in the first."""
    played = request.getfixturevalue(study)
    home = twin(played.home, tmp_path / "home")
    row = rows(
        home,
        "SELECT participant_id, clinic_id, height_cm FROM core_participant WHERE height_cm > 0 ORDER BY ALL",
    ).row(0, named=True)
    later = twin(schemas, tmp_path / "schemas")
    entry = {
        "table": "participant", "clinic_id": row["clinic_id"], "match": {"participant_id": row["participant_id"]},
        "field": "height_cm", "expect": row["height_cm"], "value": row["height_cm"] + 1,
        "reason": "measured again", "by": "Data manager", "decided_date": "2025-11-06",
    }  # fmt: skip
    (later / "corrections.yaml").write_text(yaml.safe_dump({"corrections": [entry]}))
    monkeypatch.setenv("BACKSTEP_SCHEMAS", str(later))
    stages.build_warehouse(str(home), NIGHT_1, past=True)
    stages.build_warehouse(str(home), NIGHT_2, past=True)
    past = home / "warehouse" / "past"
    # The contract's fingerprint says that its files have changed since.
    assert _differing(exports(past / STAMP_1), played.first) == [
        "closed.ref_build",
        "open.ref_build",
    ]
    changed = _differing(exports(past / STAMP_2), played.second)
    assert {"closed.core_participant", "closed.history_participant"} <= set(changed)
    monkeypatch.setenv("BACKSTEP_HOME", str(home))
    kept = rows(
        _as_home(past / STAMP_2, tmp_path),
        "SELECT height_cm, state, replaced_by, replaced_reason FROM history_participant WHERE state = 'corrected'",
    )
    assert kept.rows() == [(row["height_cm"], "corrected", "Data manager", "measured again")]


def _as_home(warehouse: Path, tmp_path: Path) -> Path:
    twin(warehouse, tmp_path / "past" / "warehouse")
    return tmp_path / "past"


def test_a_cut_is_verified_and_a_changed_one_is_told(clean, tmp_path, backstep):
    home = twin(clean.home, tmp_path)
    folder = home / "freezes" / "interim"
    freeze(home / "warehouse", folder)
    assert verify(folder) == sum(path.is_file() for path in folder.rglob("*")) - 1
    one, other = folder, home / "freezes" / "again"
    freeze(home / "warehouse", other)
    skipped = ("manifest.json",)
    assert _differing(tree_hash(one, skipped), tree_hash(other, skipped)) == []
    table = folder / "closed" / "core_session.parquet"
    table.chmod(0o644)
    data = bytearray(table.read_bytes())
    data[len(data) // 2] ^= 1
    table.write_bytes(data)
    with pytest.raises(StudyFileError, match=r"closed/core_session\.parquet"):
        verify(folder)
    code, said = backstep("freeze", "again", "--home", str(home), "--verify")
    assert code == 0 and "files and their contents" in said
