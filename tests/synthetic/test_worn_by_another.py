"""A swapped day holds the other person's walking in the owner's file, and the same bytes whatever the arms are."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl
import pytest

from pipelines.synthetic import people, worn_by_another
from pipelines.synthetic.effects import Effects
from pipelines.synthetic.expected import Truth
from pipelines.synthetic.nights import NIGHTS
from pipelines.synthetic.truth import make_trial


def _written(contract, folder):
    trial = make_trial(
        contract, participants=40, seed=3, effects=Effects.none(), as_of=NIGHTS[0].as_of
    )
    work = SimpleNamespace(
        contract=contract, trials=(trial,), truth=Truth(),
        folder=lambda number, clinic: folder / clinic,
    )  # fmt: skip
    worn_by_another.write(work)
    return work


@pytest.fixture(scope="module")
def written(contract, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exchanged")
    return folder, _written(contract, folder)


def test_two_wearers_exchange_two_days_and_two_others_none(written):
    _, work = written
    events = pl.DataFrame(work.truth.events)
    assert events["event"].to_list() == ["worn_by_another"] * 4
    assert events.group_by("participant_id").len()["len"].to_list() == [2, 2]
    assert events["clinic_id"].n_unique() == 1
    walks = pl.concat(work.truth.walks)
    assert walks["file_name"].n_unique() == 24
    assert walks["participant_id"].n_unique() == 4


def test_on_a_swapped_day_the_walks_have_the_other_persons_pace(written):
    _, work = written
    swapped = pl.DataFrame(work.truth.events).select("file_name", other=pl.lit(True))
    day = (
        pl.concat(work.truth.walks).filter(direction="forward").join(swapped, on="file_name", how="left")
        .group_by("participant_id", "file_name", pl.col("other").fill_null(False))
        .agg(pl.col("speed_mps").median())
    )  # fmt: skip
    usual = dict(
        day.filter(~pl.col("other")).group_by("participant_id").agg(pl.col("speed_mps").median()).rows()
    )  # fmt: skip
    one, two = pl.DataFrame(work.truth.events)["participant_id"].unique().to_list()
    apart = abs(usual[one] - usual[two])
    assert apart > 0.1
    for who, _, other, speed in day.rows():
        if who in (one, two):
            worn_by = {one: two, two: one}[who] if other else who
            assert speed == pytest.approx(usual[worn_by], abs=apart / 2)


def test_nothing_looks_at_the_arm(contract, written, tmp_path, monkeypatch):
    folder, _ = written
    allocate = people._allocate
    monkeypatch.setattr(people, "_allocate", lambda stratum, rng: ~allocate(stratum, rng))
    _written(contract, tmp_path)
    first = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    again = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert len(first) == 24
    assert first == again
