"""Every interval and test of the reports on made-up trials: does 95 % mean 95 %, and 5 % mean 5 %?

    python benchmarks/operating_characteristics.py [--trials 1000] [--write]

Prints the tables of docs/operating_characteristics.md, or with --write puts them there. Exits
non-zero where a method is off what it states by more than chance allows and the document does not
say so. Five to ten minutes on one core.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.simulated_trials import (  # noqa: E402
    ARMS,
    COURSE,
    GAIN,
    MISSING,
    MNAR_DELTA,
    RESPONSE,
    VISITS,
    Effect,
    Simulated,
    responders_share,
    simulate,
)  # fmt: skip
from pipelines.analysis.ancova import adjusted_difference, by_clinic  # noqa: E402
from pipelines.analysis.falls import rate_ratio  # noqa: E402
from pipelines.analysis.first_fall import hazard_ratio, survival_curve  # noqa: E402
from pipelines.analysis.mmrm import fit_mmrm  # noqa: E402
from pipelines.analysis.mmrm_contrasts import arm_differences  # noqa: E402
from pipelines.analysis.responders import compare  # noqa: E402
from pipelines.analysis.subgroups import subgroup_effects  # noqa: E402
from pipelines.analysis.summary import rate_of_people  # noqa: E402
from pipelines.analysis.tipping_point import tipping_point  # noqa: E402
from pipelines.reports.scales import mean_interval  # noqa: E402

DOCUMENT = ROOT / "docs" / "operating_characteristics.md"
TABLES_START = "<!-- written by benchmarks/operating_characteristics.py -->"
NULL, PLANTED = Effect(), Effect(points=6.0, group_a_more=6.0, falls_ratio=0.55)
SIZES = (120, 40)
STRATA = ("condition_code",)
# Standard errors. Of 150 shares that are as stated, one is this far off by chance in one run of fifteen.
FAR = 3.5


@dataclass(frozen=True)
class Answer:
    """One interval or test of one trial; None where it was not given or has no such part."""

    name: str
    inside: bool | None
    rejected: bool | None


def _answer(name: str, low, high, truth: float, null: float | None = None, p=None) -> Answer:
    """`null` is the value of no difference; the test is p where there is one, else the interval."""
    if low is None or high is None:
        return Answer(name, None, None)
    outside = None if null is None else not low <= null <= high
    return Answer(name, bool(low <= truth <= high), outside if p is None else bool(p < 0.05))


def judged(trial: Simulated, effect: Effect) -> Iterator[Answer]:
    """Every interval and test of the reports, from one trial."""
    yield from _differences(trial, effect)
    yield from _all_visits(trial, effect)
    yield from _shares(trial, effect)
    yield from _falls(trial, effect)
    yield from _means(trial, effect)


def _differences(trial: Simulated, effect: Effect) -> Iterator[Answer]:
    people = trial.people
    found = adjusted_difference(people, strata=STRATA)
    yield _answer("ANCOVA", found.ci_low, found.ci_high, effect.points, 0, found.p)
    # One clinic stands for all: intervals of one trial's clinics are no independent trials.
    largest = by_clinic(people)["a"]
    yield _answer("ANCOVA within one clinic", largest.ci_low, largest.ci_high, effect.points, 0)
    groups = subgroup_effects(people, ("a", "b"), outcome="value_by_group", strata=STRATA)
    for row, sign in zip(groups.effects.iter_rows(named=True), (0.5, -0.5), strict=True):
        truth = effect.points + sign * effect.group_a_more
        yield _answer(f"Subgroup {row['group']}", row["low"], row["high"], truth, 0)
    p = groups.interaction_p
    yield Answer("Interaction test of subgroups", None, None if p is None else p < 0.05)
    tipped = tipping_point(people, worst_delta=MNAR_DELTA, n_steps=2, arms=ARMS, strata=STRATA)
    for k, name in enumerate(("Imputed, missing at random", "Imputed, missing are worse")):
        if tipped.by_delta.is_empty():
            yield Answer(name, None, None)
            continue
        delta, _, low, high = tipped.by_delta.row(k)
        # Truth of the second: the missing of the test arm do lie that much lower.
        yield _answer(name, low, high, effect.points + delta * MISSING, None if k else 0)


def _all_visits(trial: Simulated, effect: Effect) -> Iterator[Answer]:
    fit = fit_mmrm(
        trial.visits, response="value", terms=["arm*visit_code", "baseline_value*visit_code", "clinic_id", *STRATA],
        subject="participant_id", visit="visit_code", levels={"visit_code": VISITS, "arm": ARMS},
    )  # fmt: skip
    for df, label in (("kenward-roger", "Kenward-Roger"), ("satterthwaite", "Satterthwaite")):
        found = arm_differences(fit, arm="arm", arms=ARMS, df=df)
        for row, share in zip(found.iter_rows(named=True), COURSE, strict=True):
            name, truth = f"MMRM, {label}, {row['visit_code']}", effect.points * share
            yield _answer(name, row["ci_low"], row["ci_high"], truth, 0, row["p"])


def _shares(trial: Simulated, effect: Effect) -> Iterator[Answer]:
    said = trial.people.select("participant_id", is_responder=pl.col("improvement") >= RESPONSE)
    for found in compare(trial.people.select("participant_id", "arm"), said, ARMS):
        kept = 1 - MISSING if found.missing == "missing as non-responder" else 1.0
        reference, test = (kept * responders_share(points) for points in (0.0, effect.points))
        share = found.share[ARMS[0]]
        if kept == 1:
            yield _answer("Share of responders, Wilson", share.low, share.high, reference)
        how = f"responders, {found.missing}"
        difference, ratio = found.difference, found.ratio
        yield _answer(
            f"Difference of {how}, Newcombe", difference.low, difference.high, test - reference, 0
        )
        yield _answer(f"Ratio of {how}, Katz", ratio.low, ratio.high, test / reference, 1)


def _falls(trial: Simulated, effect: Effect) -> Iterator[Answer]:
    people = trial.people
    rates = rate_ratio(people, arms=ARMS, strata=STRATA)
    yield _answer("Ratio of fall rates", rates.low, rates.high, effect.falls_ratio, 1, rates.p)
    hazard = hazard_ratio(people, arms=ARMS)
    yield _answer(
        "Hazard ratio of the first fall, Cox", hazard.low, hazard.high, effect.falls_ratio, 1
    )
    p = hazard.log_rank_p
    yield Answer("Log-rank test by clinic", None, None if p is None else p < 0.05)
    for clinic, truth in trial.rates.items():
        mine = people if clinic == "all" else people.filter(clinic_id="a")
        rate = rate_of_people(mine["falls_n"], mine["person_years"])
        yield _answer(f"Falls per person-year, {clinic}", rate.low, rate.high, truth)
    for name in ARMS:
        curve = survival_curve(people.filter(arm=name)).filter(pl.col("days") <= 90).tail(1)
        low, high = curve.select("low", "high").row(0)
        yield _answer(f"Kaplan-Meier band at day 90, {name}", low, high, trial.without_fall[name])


def _means(trial: Simulated, effect: Effect) -> Iterator[Answer]:
    for name, points in zip(ARMS, (0.0, effect.points), strict=True):
        mine = trial.people.filter(arm=name)
        change, level = mean_interval(mine["improvement"]), mean_interval(mine["value"])
        yield _answer(f"Mean change within {name}", change.low, change.high, GAIN + points)
        yield _answer(f"Mean at a visit, {name}", level.low, level.high, trial.mean_level[name])


def run(trials: int, n: int, effect: Effect, seed: int = 20250310) -> pl.DataFrame:
    """Per interval or test: answered, inside_n, inside_of, rejected_n, rejected_of."""
    rng = np.random.default_rng(seed)
    answers = [answer for _ in range(trials) for answer in judged(simulate(n, effect, rng), effect)]
    frame = pl.DataFrame(
        [(one.name, one.inside, one.rejected) for one in answers],
        schema={"name": pl.String, "inside": pl.Boolean, "rejected": pl.Boolean}, orient="row",
    )  # fmt: skip
    return frame.group_by("name", maintain_order=True).agg(
        answered=pl.max_horizontal(pl.col("inside").count(), pl.col("rejected").count()),
        inside_n=pl.col("inside").sum(), inside_of=pl.col("inside").count(),
        rejected_n=pl.col("rejected").sum(), rejected_of=pl.col("rejected").count(),
    )  # fmt: skip


def is_off(k: int, n: int, stated: float) -> bool:
    """Whether k of n is further from the stated share than chance explains."""
    return n > 0 and abs(k / n - stated) > FAR * math.sqrt(stated * (1 - stated) / n)


def _share(k: int, n: int, stated: float | None) -> str:
    if n == 0:
        return ""
    text = f"{100 * k / n:.1f}"
    return f"**{text}**" if stated is not None and is_off(k, n, stated) else text


def rows_of(null: pl.DataFrame, planted: pl.DataFrame) -> Iterator[tuple[list[str], bool]]:
    """The table's rows, and whether one of its shares is off what the method states."""
    for a, b in zip(null.iter_rows(named=True), planted.iter_rows(named=True), strict=True):
        if not a["answered"] + b["answered"]:
            yield [a["name"], "", "", "", "", "none: too few"], False
            continue
        cells = [
            a["name"],
            _share(a["inside_n"], a["inside_of"], 0.95),
            _share(a["rejected_n"], a["rejected_of"], 0.05),
            _share(b["inside_n"], b["inside_of"], 0.95),
            _share(b["rejected_n"], b["rejected_of"], None),
            f"{a['answered']} / {b['answered']}",
        ]
        yield cells, any("**" in cell for cell in cells)


def _table(trials: int, n: int) -> tuple[str, list[str]]:
    found = [run(trials, n, effect) for effect in (NULL, PLANTED)]
    error = 100 * math.sqrt(0.95 * 0.05 / trials)
    lines = [
        f"## {n} participants, {trials} trials without and {trials} with a difference",
        "",
        f"Monte Carlo error of a share near 95 or 5 %: {error:.2f} percentage points (one standard error).",
        "",
        "| interval or test | no difference: inside 95 % | no difference: rejected at 5 % "
        "| difference: inside 95 % | difference: rejected (power) | trials answered |",
        "|---|---|---|---|---|---|",
    ]
    off = []
    for cells, is_bad in rows_of(*found):
        lines.append(f"| {' | '.join(cells)} |")
        off += [cells[0]] * is_bad
    return "\n".join(lines), off


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--write", action="store_true", help=f"into {DOCUMENT.name}")
    asked = parser.parse_args()
    words = DOCUMENT.read_text(encoding="utf-8").split(TABLES_START)[0]
    tables, unsaid = [], []
    for n in SIZES:
        text, off = _table(asked.trials, n)
        tables.append(text)
        unsaid += [f"{name} ({n} participants)" for name in off if f"*{name}*" not in words]
    written = "\n\n".join(tables) + "\n"
    if asked.write:
        DOCUMENT.write_text(f"{words}{TABLES_START}\n\n{written}", encoding="utf-8")
    else:
        print(written)
    for name in unsaid:
        print(f"off what it states, and not explained in the document: {name}", file=sys.stderr)
    return bool(unsaid)


if __name__ == "__main__":
    sys.exit(main())
