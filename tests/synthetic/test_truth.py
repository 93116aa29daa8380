"""The made-up trial obeys the contract, finds its planted effects again, and keeps the arm hidden."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from pipelines import clock
from pipelines.contracts import predicates
from pipelines.contracts.model import Contract, Table
from pipelines.contracts.tables import local_date_name
from pipelines.synthetic import people
from pipelines.synthetic.effects import SCALES, Effects, planted
from pipelines.synthetic.truth import Trial, make_trial

ROOT = Path(__file__).resolve().parents[2]
ALL_OVER = dt.date(2026, 6, 1)
MID_STUDY = dt.date(2025, 11, 3)
KOOS_PAIN = [f"koos_p{item}" for item in range(1, 10)]


@pytest.fixture(scope="module", params=[dt.date(2025, 4, 20), MID_STUDY, ALL_OVER])
def trial(request, four_clinics: Contract) -> Trial:
    return make_trial(four_clinics, participants=400, seed=3, as_of=request.param)


def _made(contract: Contract) -> dict[str, Table]:
    """Every table but the one whose rows follow from the samples of a file."""
    return {
        name: table
        for name, table in contract.tables.items()
        if name not in ("recording", "knee_moment")
    }


def test_every_table_has_records_in_contract_order_and_type(four_clinics, trial):
    assert trial.records.keys() == _made(four_clinics).keys()
    for name, table in _made(four_clinics).items():
        assert trial.records[name].columns == ["clinic_id", "_uid", *table.fields]
        assert trial.records[name].height > 0
        assert trial.records[name]["_uid"].is_unique().all()


def test_no_row_rule_is_broken(four_clinics, trial):
    broken = {}
    with duckdb.connect() as con:
        for name, table in _made(four_clinics).items():
            con.register(name, trial.records[name])
            for rule, body in table.rules.items():
                holds = predicates.parse(body.holds, set(table.fields))
                found = con.execute(f"SELECT count(*) FROM {name} WHERE NOT ({holds})").fetchone()
                if found != (0,):
                    broken[name, rule] = found
    assert broken == {}


def test_no_row_lacks_its_partner_in_another_table(four_clinics, trial):
    broken = {}
    with duckdb.connect() as con:
        for name, frame in trial.records.items():
            con.register(name, _with_local_dates(four_clinics, frame))
        for name, table in _made(four_clinics).items():
            for rule, body in table.across.items():
                match = [f"o.{theirs} = t.{ours}" for theirs, ours in body.exists.match.items()]
                if body.exists.where:
                    match.append(f"({predicates.prefixed(body.exists.where, 't', 'o')})")
                when = predicates.prefixed(body.when, "t") if body.when else "TRUE"
                found = con.execute(
                    f"SELECT count(*) FROM {name} t WHERE ({when}) AND NOT EXISTS "
                    f"(FROM {body.exists.table} o WHERE {' AND '.join(match)})"
                ).fetchone()
                if found != (0,):
                    broken[name, rule] = found
    assert broken == {}


def _with_local_dates(contract: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the clinic's calendar date beside every instant."""
    instants = [name for name in frame.columns if frame.schema[name] == pl.Datetime("us")]
    return pl.concat(
        rows.with_columns(
            clock.local_date(pl.col(name), contract.clinics[clinic].time_zone).alias(
                local_date_name(name)
            )
            for name in instants
        )
        for (clinic,), rows in frame.group_by("clinic_id", maintain_order=True)
    )


def test_values_are_given_valid_plausible_and_coded(four_clinics, trial):
    faults = []
    for name, table in _made(four_clinics).items():
        frame = trial.records[name]
        if not frame.select(table.key).is_unique().all():
            faults.append((name, "key"))
        faults += [(name, field) for field in table.required if frame[field].null_count()]
        for field in table.fields:
            body, values = four_clinics.fields[field], frame[field].drop_nulls()
            if body.codes and not values.is_in(list(four_clinics.codes[body.codes])).all():
                faults.append((name, field, "codes"))
            for span in filter(None, (body.valid, body.plausible)):
                low, high = map(dt.date.fromisoformat, span) if body.type == "date" else span
                if not values.is_between(low, high).all():
                    faults.append((name, field, low, high))
    assert faults == []


def test_visits_lie_in_their_windows_and_nothing_comes_from_the_future(four_clinics, trial):
    enrolled = trial.records["participant"].select("participant_id", "randomised_date")
    for form in four_clinics.study.expected_forms:
        rows = trial.records[form].join(enrolled, on="participant_id", how="left")
        assert rows["assessed_date"].max() <= trial.as_of
        day = (pl.col("assessed_date") - pl.col("randomised_date")).dt.total_days()
        for code, window in four_clinics.study.visits.items():
            days = rows.filter(pl.col("visit_code") == code).select(day).to_series()
            assert days.is_between(window.from_, window.to).all()


def test_a_later_look_only_adds_rows_and_ends(four_clinics):
    """What was known earlier is still there, but for things that have ended since."""
    early, late = (
        make_trial(four_clinics, participants=120, seed=5, as_of=day)
        for day in (MID_STUDY, MID_STUDY + dt.timedelta(days=7))
    )
    open_ended = {"withdrawn_date", "withdrawn_reason", "to_date", "end_date", "ae_outcome_code"}
    grown = 0
    for name, rows in early.records.items():
        fields = [column for column in rows.columns if column not in open_ended]
        again = late.records[name].filter(pl.col("_uid").is_in(rows["_uid"].implode()))
        assert again.select(fields).equals(rows.select(fields))
        grown += late.records[name].height - rows.height
    assert grown > 0


def test_same_seed_gives_the_same_trial_in_another_process():
    code = (
        "import datetime as dt, hashlib; from pathlib import Path;"
        "from pipelines.contracts.load import load_contract;"
        "from pipelines.synthetic.truth import make_trial;"
        "c = load_contract(Path('schemas'));"
        "t = make_trial(c, participants=60, seed=11, as_of=dt.date(2025, 11, 3));"
        "print(hashlib.sha256(''.join(f.write_csv() for f in t.records.values()).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(digests) == 1


def test_another_seed_gives_another_trial(contract):
    one, two = (make_trial(contract, participants=40, seed=s, as_of=MID_STUDY) for s in (1, 2))
    assert not one.records["koos"].equals(two.records["koos"])


def test_arms_are_balanced_within_clinic_and_condition(four_clinics):
    """Permuted blocks of at most six: a stratum is never more than three apart."""
    rows = make_trial(four_clinics, participants=400, seed=1, as_of=ALL_OVER).records["participant"]
    apart = rows.group_by("clinic_id", "condition_code").agg(
        ((pl.col("arm") == "BW").sum().cast(int) - (pl.col("arm") == "FW").sum().cast(int))
        .abs()
        .alias("apart")
    )
    assert apart["apart"].max() <= 3
    assert rows["clinic_id"].n_unique() == 4


def _koos_pain(trial: Trial) -> pl.DataFrame:
    return trial.records["koos"].select(
        "participant_id", "visit_code", score=100 - pl.mean_horizontal(KOOS_PAIN) * 25
    )


def _ancova(trial: Trial, scores: pl.DataFrame) -> float:
    """The arm's coefficient in outcome ~ arm + baseline + clinic, by least squares."""
    who = trial.records["participant"].select("participant_id", "clinic_id", "arm")
    base = scores.filter(pl.col("visit_code") == "BL").select("participant_id", base="score")
    rows = scores.filter(pl.col("visit_code") == "W6").join(base, on="participant_id")
    rows = rows.join(who, on="participant_id", maintain_order="left").drop_nulls()
    design = np.column_stack(
        [rows["arm"] == "BW", rows["base"], rows["clinic_id"].to_dummies().to_numpy()]
    ).astype(float)
    return float(np.linalg.lstsq(design, rows["score"].to_numpy(), rcond=None)[0][0])


@pytest.mark.parametrize("effects", [Effects(), Effects.none()], ids=["planted", "none"])
def test_planted_difference_is_found_without_bias(four_clinics, effects):
    """Mean estimate over seeds within 3 Monte-Carlo standard errors of the planted KOOS pain difference."""
    estimates = np.array([
        _ancova(trial, _koos_pain(trial))
        for trial in (
            make_trial(four_clinics, participants=300, seed=seed, effects=effects, as_of=ALL_OVER)
            for seed in range(25)
        )
    ])  # fmt: skip
    error = estimates.std(ddof=1) / np.sqrt(len(estimates))
    assert abs(estimates.mean() - effects.arm.get("koos.pain", 0.0)) < 3 * error
    assert error < 0.35


def test_with_no_effect_every_open_field_is_the_same_whoever_walks_backward(
    four_clinics, monkeypatch
):
    """Swapping all arms must change nothing outside the fields marked as revealing them."""
    args = {"participants": 150, "seed": 8, "effects": Effects.none(), "as_of": MID_STUDY}
    drawn = make_trial(four_clinics, **args)
    allocate = people._allocate
    monkeypatch.setattr(people, "_allocate", lambda stratum, rng: ~allocate(stratum, rng))
    swapped = make_trial(four_clinics, **args)
    assert (drawn.records["participant"]["arm"] != swapped.records["participant"]["arm"]).all()
    for name, table in _made(four_clinics).items():
        open_fields = [field for field in table.fields if not four_clinics.fields[field].reveals]
        columns = ["clinic_id", "_uid", *open_fields]
        assert drawn.records[name].select(columns).equals(swapped.records[name].select(columns)), (
            name
        )


def test_walking_backward_shows_in_revealing_fields(four_clinics):
    """The same swap must be visible where the contract says so, or the test above proves nothing."""
    rows = make_trial(
        four_clinics, participants=100, seed=8, effects=Effects.none(), as_of=MID_STUDY
    )
    speed = (
        rows.records["treadmill"]
        .group_by("belt_direction_code")
        .agg(pl.col("speed_mean_mps").mean())
    )
    by_arm = dict(speed.iter_rows())
    assert by_arm["FW"] - by_arm["BW"] > 0.2


def test_planted_truth_names_every_scale_visit_and_clinic(four_clinics):
    rows = planted(four_clinics, Effects())
    arm = rows.filter(pl.col("kind") == "arm", pl.col("visit_code").is_not_null())
    assert arm.height == len(SCALES) * len(four_clinics.study.visits)
    primary = arm.filter(pl.col("scale") == "koos.pain", pl.col("visit_code") == "W6")
    assert primary["value"].to_list() == [6.0]
    assert arm.filter(pl.col("visit_code") == "BL")["value"].sum() == 0
    assert rows.filter(pl.col("kind") == "clinic").height == 4 * len(SCALES)
