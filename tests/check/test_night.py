"""A night's check as a whole: several deliveries of one table, read from disk where they are large."""

from __future__ import annotations

import pytest

from pipelines import stages
from pipelines.check import night
from pipelines.identity import make_id

HEADER = (
    "Subject ID,Consented,Randomized,Arm,Condition,Sex,Birth Year,Height,Weight (lb),Index Knee,"
    "KL Grade,Beta Blocker,Withdrawn,Withdrawal Reason"
)


def row(number: int, sex: str = "Female") -> str:
    return (
        f"{make_id('01', number)},03/01/2025,03/10/2025,Backward,Knee OA KL1-2,{sex},1960,5'9\",176,"
        "Left,1,No,,"
    )


@pytest.mark.parametrize("large_bytes", [0, 64 * 2**20], ids=["on disk", "in memory"])
def test_every_delivery_of_a_table_is_written_whole(tmp_path, monkeypatch, large_bytes):
    monkeypatch.setattr(night, "_LARGE_BYTES", large_bytes)
    monkeypatch.setenv("BACKSTEP_SETTLE_SECONDS", "0")
    landing = tmp_path / "landing" / "alder"
    landing.mkdir(parents=True)
    for day, rows in {
        "03": [row(1), row(2), row(2)],  # a row twice, word for word
        "04": [row(3), row(4, sex="?")],  # a word that was never declared
        "05": [row(5)],
    }.items():
        name = f"participants_202511{day}.csv"
        (landing / name).write_text("\n".join([HEADER, *rows]) + "\n")
        (landing / f"{name}.done").touch()

    due = stages.receive_clinic(str(tmp_path), "alder", "2025-11-06T03:15:00Z")
    for delivery in due:
        stages.standardise_delivery(str(tmp_path), delivery, "2025-11-06T03:15:00Z")
    checked = stages.check_night(str(tmp_path), due, "2025-11-06T03:15:00Z")["deliveries"]

    counted = {
        delivery["file_name"][-6:-4]: [
            checked[delivery["delivery_id"]][f"n_{part}"]
            for part in ("received", "accepted", "quarantined", "duplicate")
        ]
        for delivery in due
    }
    assert counted == {"03": [3, 2, 0, 1], "04": [2, 1, 1, 0], "05": [1, 1, 0, 0]}
    assert not list((tmp_path / "staging").rglob("*.parquet"))
    assert not list((tmp_path / "staging" / "read").iterdir())
