"""Central monitoring on clean and on spoilt made-up trials: false alarms, and what is caught.

    python benchmarks/monitoring.py [--clean 200] [--planted 40] [--clinics 4] [--participants 120]

Prints the two tables of docs/central_monitoring.md. Exits non-zero when more clean trials have a
signal than a rate of 5 % allows for at 99 % confidence.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipelines.analysis.monitoring import FALSE_ALARM_RATE, monitored  # noqa: E402
from pipelines.analysis.monitoring_inputs import inputs_of  # noqa: E402
from pipelines.contracts.load import load_contract  # noqa: E402
from pipelines.contracts.model import Contract  # noqa: E402
from pipelines.synthetic.truth import make_trial  # noqa: E402

AS_OF = dt.date(2026, 3, 1)  # every visit of the made-up trial is over
MIDDLE = dt.date(2025, 7, 15)
Tables = dict[str, pl.DataFrame]
Spoil = Callable[[Tables, str, np.random.Generator], Tables]
NUMBER = pl.col("participant_id").str.slice(3, 3).cast(pl.Int64)
HEAD = ("clinic_id", "participant_id", "visit_code", "assessed_date", "assessor_code")


def with_clinics(contract: Contract, n: int) -> Contract:
    """The contract with `n` clinics: its own, and copies of them under other names and prefixes."""
    own = list(contract.clinics.values())
    taken = {clinic.prefix for clinic in own}
    free = (f"{number:02}" for number in range(10, 100) if f"{number:02}" not in taken)
    added = [
        own[k % len(own)].model_copy(update={"clinic_id": f"clinic{k:02}", "prefix": next(free)})
        for k in range(len(own), n)
    ]
    clinics = {clinic.clinic_id: clinic for clinic in [*own, *added][:n]}
    return contract.model_copy(update={"clinics": clinics})


def tables_of(contract: Contract, participants: int, seed: int) -> Tables:
    """A made-up trial's tables as the warehouse would hold them, questionnaires in long form."""
    records = make_trial(contract, participants=participants, seed=seed, as_of=AS_OF).records
    forms = [
        records[name].unpivot(
            [field for field in table.fields if field in records[name] and records[name].schema[field].is_numeric()],
            index=HEAD, variable_name="item", value_name="answer",
        ).with_columns(pl.col("answer").cast(pl.Float64), measure=pl.lit(name))
        for name, table in contract.tables.items() if table.answers is not None
    ]  # fmt: skip
    return records | {"answer": pl.concat(forms)}


def windows_of(contract: Contract) -> pl.DataFrame:
    return pl.DataFrame(
        [(code, v.target, v.from_, v.to) for code, v in contract.study.visits.items()],
        schema=["visit_code", "target_day", "from_day", "to_day"], orient="row",
    )  # fmt: skip


# --- what a clinic may do


def changed(table: str, column: str, new: pl.Expr, where: pl.Expr | bool = True) -> Spoil:
    def spoil(tables: Tables, clinic: str, draws: np.random.Generator) -> Tables:
        mine = (pl.col("clinic_id") == clinic) & where
        return tables | {
            table: tables[table].with_columns(pl.when(mine).then(new).otherwise(column).alias(column))
        }  # fmt: skip

    return spoil


def all_of(*steps: Spoil) -> Spoil:
    def spoil(tables: Tables, clinic: str, draws: np.random.Generator) -> Tables:
        for step in steps:
            tables = step(tables, clinic, draws)
        return tables

    return spoil


_TIMED = (("walk_test", ("walk_test_code", "pace_code", "trial_no")),
          ("balance_test", ("balance_test_code", "test_side_code", "trial_no")))  # fmt: skip


_MEASURED = (*((table, item, "time_s", 2) for table, item in _TIMED),
             ("strength", ("muscle_code", "test_side_code", "trial_no"), "force_n", 0))  # fmt: skip


def calm(share: float) -> Spoil:
    """Measured values keep only a share of their distance from the participant's own mean."""
    steps = []
    for table, item, column, digits in _MEASURED:
        own = pl.col(column).mean().over("participant_id", *item)
        steps.append(changed(table, column, (own + share * (pl.col(column) - own)).round(digits)))
    return all_of(*steps)


def alike(share: float) -> Spoil:
    """Participants differ by a share of what they do: invented around one typical person."""
    steps = []
    for table, item, column, digits in _MEASURED:
        own = pl.col(column).mean().over("participant_id", *item)
        typical = pl.col(column).mean().over("clinic_id", *item)
        new = pl.col(column) + (share - 1) * (own - typical)
        steps.append(changed(table, column, new.round(digits)))
    return all_of(*steps)


def copied(from_another: bool) -> Spoil:
    """A third of the participants' timed tests at a visit are their last ones, or a neighbour's."""

    def spoil(tables: Tables, clinic: str, draws: np.random.Generator) -> Tables:
        people = tables["participant"].filter(clinic_id=clinic)["participant_id"].to_list()
        order = draws.permutation(len(people))
        chosen = [people[k] for k in order[: max(2, len(people) // 3)]]
        spared = [people[k] for k in order[len(chosen) : 2 * len(chosen)]]
        givers = spared if from_another else chosen
        pairs = pl.DataFrame({"participant_id": chosen, "giver": givers})
        made = dict(tables)
        for table, item in _TIMED:
            what = [
                name for name in ("time_s", "timed_distance_m") if name in tables[table].columns
            ]
            given = tables[table].filter(visit_code="W6" if from_another else "BL").select(
                *item, pl.col("participant_id").alias("giver"),
                *(pl.col(name).alias(f"copy_{name}") for name in what),
            )  # fmt: skip
            to = "W3" if table == "walk_test" and not from_another else "W6"
            joined = (
                tables[table].join(pairs, on="participant_id", how="left", maintain_order="left")
                .join(given, on=["giver", *item], how="left", maintain_order="left", nulls_equal=True)
            )  # fmt: skip
            is_copy = (pl.col("visit_code") == to) & pl.col("giver").is_not_null()
            made[table] = joined.with_columns(
                pl.when(is_copy).then(pl.coalesce(f"copy_{name}", name)).otherwise(name).alias(name) for name in what
            ).select(tables[table].columns)  # fmt: skip
        return made

    return spoil


def dated(new: Callable[[pl.Expr], pl.Expr]) -> Spoil:
    """Every visit's date moved; `new` takes the due date."""

    def spoil(tables: Tables, clinic: str, draws: np.random.Generator) -> Tables:
        due = {code: v.target for code, v in CONTRACT.study.visits.items()}
        people = tables["participant"].select("participant_id", "randomised_date")
        days = pl.col("visit_code").replace_strict(due, return_dtype=pl.Int64)
        target = pl.col("randomised_date") + pl.duration(days=days)
        moved = pl.when(pl.col("clinic_id") == clinic).then(new(target)).otherwise("assessed_date")
        return tables | {
            name: tables[name].join(people, on="participant_id", maintain_order="left")
            .with_columns(assessed_date=moved).drop("randomised_date")
            for name in ("walk_test", "balance_test", "strength", "knee_girth", "answer")
        }  # fmt: skip

    return spoil


def silent(table: str, kept: float) -> Spoil:
    def spoil(tables: Tables, clinic: str, draws: np.random.Generator) -> Tables:
        lost = pl.Series(draws.random(tables[table].height) >= kept)
        return tables | {table: tables[table].filter(~((pl.col("clinic_id") == clinic) & lost))}

    return spoil


def _diaries(kept: float) -> Spoil:
    def spoil(tables: Tables, clinic: str, draws: np.random.Generator) -> Tables:
        diary = tables["fall_diary"]
        left = pl.Series(draws.binomial(diary["diary_falls_n"].to_numpy(), kept))
        mine = pl.col("clinic_id") == clinic
        return tables | {"fall_diary": diary.with_columns(
            diary_falls_n=pl.when(mine).then(left).otherwise("diary_falls_n"))}  # fmt: skip

    return spoil


_LATE = pl.col("assessed_date") >= MIDDLE
_DAYS = (pl.col("assessed_date") - dt.date(2025, 3, 1)).dt.total_days()
_FORTNIGHT = pl.duration(days=14)


def _mondays(due: pl.Expr) -> pl.Expr:
    """The nearest of every second Monday."""
    since = (due.cast(pl.Date) - dt.date(2025, 1, 6)).dt.total_days()
    return pl.lit(dt.date(2025, 1, 6)) + pl.duration(days=((since / 14).round() * 14).cast(pl.Int64))  # fmt: skip


def _saturdays(due: pl.Expr) -> pl.Expr:
    on = pl.col("assessed_date") + pl.duration(days=6 - pl.col("assessed_date").dt.weekday().cast(pl.Int64))  # fmt: skip
    return pl.when(NUMBER % 3 == 0).then(on).otherwise("assessed_date")


PLANTED: Mapping[str, tuple[str, Spoil]] = {
    "half of the timed tests rounded to 0.5 s": ("digit_preference", all_of(*(
        changed(table, "time_s", (pl.col("time_s") * 2).round() / 2, NUMBER % 2 == 0)
        for table, _ in _TIMED))),
    "one assessor rounds to 0.1 s": ("digit_preference", all_of(*(
        changed(table, "time_s", pl.col("time_s").round(1), pl.col("assessor_code") == "E02") for table, _ in _TIMED))),
    "invented: changes from visit to visit halved": ("variance_within", calm(0.5)),
    "invented: participants a third as different": ("variance_between", alike(0.33)),
    "a third copied forward from the visit before": ("copied_on", copied(False)),
    "a third copied from another participant": ("near_duplicates", copied(True)),
    "a third of participants seen on Saturdays": ("weekend_visits", dated(_saturdays)),
    "all visits on the nearest second Monday": ("visits_on_one_day", dated(_mondays)),
    "all visits on the very day they were due": ("visits_too_regular", dated(lambda due: due.cast(pl.Date))),
    "no adverse events reported": ("events_few", silent("adverse_event", 0.0)),
    "one adverse event in four reported": ("events_few", silent("adverse_event", 0.25)),
    "no falls in diaries": ("falls_few", _diaries(0.0)),
    "walking in km/h read as m/s, from July": ("unit_change", changed("walk_test", "time_s", (pl.col("time_s") / 3.6).round(2), _LATE)),
    "timed up and go in ms read as s, from July": ("unit_change", changed("balance_test", "time_s", pl.col("time_s") * 1000, _LATE)),
    "strength in pounds-force read as N, from July": ("unit_change", changed("strength", "force_n", (pl.col("force_n") / 4.4482216).round(0), _LATE)),
    "girth in inches read as cm, from July": ("unit_change", changed("knee_girth", "girth_cm", (pl.col("girth_cm") / 2.54).round(1), _LATE)),
    "force sensor slides by 10 % in 100 days": ("slow_drift", changed("strength", "force_n", (pl.col("force_n") * (0.001 * _DAYS).exp()).round(0))),
    "stopwatch habit slides by 5 % in 100 days": ("slow_drift", changed("walk_test", "time_s", (pl.col("time_s") * (0.0005 * _DAYS).exp()).round(2))),
}  # fmt: skip
FAMILY = {"digit_preference": ("digit_preference", "digit_preference_assessor"), "unit_change": ("unit_change", "slow_drift"),
          "slow_drift": ("slow_drift", "unit_change")}  # fmt: skip
CONTRACT = load_contract(ROOT / "schemas")


def judged(tables: Tables) -> pl.DataFrame:
    return monitored(inputs_of(tables, windows_of(CONTRACT), AS_OF))


def share(k: int, n: int) -> str:
    low, high = proportion_confint(k, n, method="wilson")
    return f"{k}/{n} ({100 * k / n:.1f} %; {100 * low:.1f} to {100 * high:.1f})"


def clean(contract: Contract, n: int, participants: int) -> bool:
    """Prints the false alarms of `n` clean trials; whether they are as few as is stated."""
    rows = pl.concat([
        judged(tables_of(contract, participants, seed)).with_columns(seed=pl.lit(seed)) for seed in range(1, n + 1)
    ])  # fmt: skip
    told = rows.drop_nulls("p")
    alarms = told.group_by("seed").agg(pl.col("is_signal").any())["is_signal"].sum()
    print(f"\n{n} clean trials, {len(contract.clinics)} clinics, {participants} participants, "
          f"{told.height / n:.0f} tests a trial\nTrials with any signal: {share(alarms, n)}; stated: at most 5 %\n")  # fmt: skip
    print("| test | tests | p under 0.05 | p under 0.01 | signals |\n|---|---|---|---|---|")
    for (test,), one in told.group_by("test", maintain_order=True):
        p = one["p"]
        print(f"| `{test}` | {one.height} | {100 * (p < 0.05).mean():.1f} % | {100 * (p < 0.01).mean():.1f} % | {one['is_signal'].sum()} |")  # fmt: skip
    return bool(alarms <= binom.ppf(0.99, n, FALSE_ALARM_RATE))


def planted(contract: Contract, n: int, participants: int, only: str) -> None:
    """Prints how often each spoilt clinic is caught by its own test, by any, and others are named."""
    print(f"\n{n} trials for each kind, {len(contract.clinics)} clinics, {participants} participants\n")  # fmt: skip
    print("| what one clinic does | its test | caught by it | caught by any | another clinic named |\n|---|---|---|---|---|")  # fmt: skip
    clinics = list(contract.clinics)
    trials = {seed: tables_of(contract, participants, seed) for seed in range(1001, 1001 + n)}
    for words, (test, spoil) in PLANTED.items():
        if only not in test:
            continue
        by_own = by_any = others = 0
        for seed, tables in trials.items():
            clinic = clinics[seed % len(clinics)]
            rows = judged(spoil(tables, clinic, np.random.default_rng(seed))).filter("is_signal")
            mine = rows.filter(clinic_id=clinic)
            by_own += mine["test"].is_in(list(FAMILY.get(test, (test,)))).any()
            by_any += mine.height > 0
            others += rows.height > mine.height
        print(f"| {words} | `{test}` | {by_own}/{n} | {by_any}/{n} | {others}/{n} |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clean", type=int, default=200)
    parser.add_argument("--planted", type=int, default=40)
    parser.add_argument("--clinics", type=int, default=4)
    parser.add_argument("--participants", type=int, default=120)
    parser.add_argument("--only", default="", help="part of a test's name")
    asked = parser.parse_args()
    contract = with_clinics(CONTRACT, asked.clinics)
    is_kept = clean(contract, asked.clean, asked.participants) if asked.clean else True
    if asked.planted:
        planted(contract, asked.planted, asked.participants, asked.only)
    return 0 if is_kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
