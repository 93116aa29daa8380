"""The simulation behind docs/operating_characteristics.md: its truths are true and it leaves out no interval of a report."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import operating_characteristics as oc
from benchmarks.simulated_trials import ARMS, RESPONSE, Effect, responders_share, simulate

ROOT = Path(__file__).resolve().parents[2]
# Of pipelines/analysis, but neither interval nor test; central monitoring has a document of its own.
NO_INFERENCE = {"hidden_cells", "strata_of"}


def _imported(path: Path) -> set[str]:
    """The functions a module takes from pipelines.analysis."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipelines.analysis")
        for alias in node.names
        if alias.name[0].islower()
    }


def test_every_interval_and_test_of_a_report_is_simulated():
    reports = set().union(*(_imported(p) for p in (ROOT / "pipelines" / "reports").rglob("*.py")))

    assert {"adjusted_difference", "rate_ratio"} <= reports
    assert reports - NO_INFERENCE <= _imported(Path(oc.__file__))


def test_the_document_has_each_of_them():
    text = oc.DOCUMENT.read_text(encoding="utf-8")
    names = oc.run(1, 120, oc.PLANTED)["name"]

    assert len(names) > 25
    assert [name for name in names if text.count(f"| {name} |") != len(oc.SIZES)] == []


def test_what_the_document_prints_in_bold_it_explains():
    words, tables = oc.DOCUMENT.read_text(encoding="utf-8").split(oc.TABLES_START)
    bold = {row.split("|")[1].strip() for row in re.findall(r"^\|.*\*\*.*$", tables, re.M)}

    assert [name for name in bold if f"*{name}*" not in words] == []


def test_a_few_trials_hold_what_they_state():
    """25 trials: 18 of 25 is what an interval of 95 % falls below in one case of 50,000."""
    found = oc.run(25, 120, oc.PLANTED)

    assert found.filter(found["inside_of"] > 0)["inside_of"].min() >= 24
    low = found.filter((found["inside_of"] > 0) & (found["inside_n"] < 18))
    assert low["name"].to_list() == []


@pytest.mark.parametrize(
    ("k", "n", "stated", "off"),
    [
        (950, 1000, 0.95, False), (930, 1000, 0.95, False),  # 2.9 standard errors of 0.69 points
        (925, 1000, 0.95, True), (975, 1000, 0.95, True),  # 3.6
        (72, 1000, 0.05, False), (76, 1000, 0.05, True), (0, 0, 0.95, False),
    ],
)  # fmt: skip
def test_off_is_what_chance_does_not_explain(k, n, stated, off):
    assert oc.is_off(k, n, stated) is off


def test_the_truths_are_those_of_the_simulated_people():
    """A trial of 40,000: each mean is within four of its standard errors of the stated truth."""
    effect = Effect(points=6.0, group_a_more=6.0, falls_ratio=0.55)
    trial = simulate(40_000, effect, np.random.default_rng(3))
    for k, name in enumerate(ARMS):
        mine = trial.people.filter(arm=name)
        n = mine["value"].count()
        assert mine["value"].mean() == pytest.approx(trial.mean_level[name], abs=4 * 13 / n**0.5)
        share = (mine["improvement"].drop_nulls() >= RESPONSE).mean()
        assert share == pytest.approx(responders_share(6.0 * k), abs=4 * 0.5 / n**0.5)
        early = mine.filter((mine["days"] <= 90) & (mine["fell"] == 1)).height / mine.height
        # Some are watched for fewer than 90 days, which only hides falls.
        assert 1 - early >= trial.without_fall[name] - 4 * 0.5 / n**0.5
    rate = trial.people["falls_n"].sum() / trial.people["person_years"].sum()
    assert math.isclose(rate, trial.rates["all"], rel_tol=0.05)
