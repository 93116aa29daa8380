"""The mixed model's section of a closed report."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from pipelines.reports import visit_model
from pipelines.reports.scales import scale_of

SCALE = scale_of("koos.pain")


def source():
    study = SimpleNamespace(
        arms={"reference": "FW", "test": "BW"},
        visits={"BL": None, "W3": None, "W6": None},
        analysis=SimpleNamespace(smallest_clinic_cell=5, strata=("condition_code",)),
    )
    people = pl.DataFrame({
        "participant_id": [f"{person:03}" for person in range(80)],
        "condition_code": [("knee", "stroke", None)[person // 4 % 3] for person in range(80)],
    })  # fmt: skip
    return SimpleNamespace(contract=SimpleNamespace(study=study), rows=lambda query: people)


def rows(n: int, difference: float) -> pl.DataFrame:
    draw = np.random.default_rng(4)
    made = []
    for person in range(n):
        base, own = draw.normal(50, 10), draw.normal(0, 5)
        arm = ("FW", "BW")[person % 2]
        for order, visit in enumerate(("BL", "W3", "W6")):
            change = 0 if visit == "BL" else 3 * order + difference * (arm == "BW") + own + draw.normal(0, 2)  # fmt: skip
            made.append({
                "participant_id": f"{person:03}", "clinic_id": ("alder", "birke")[person // 2 % 2], "arm": arm,
                "visit_code": visit, "visit_order": order, "measure": "koos", "scale": "pain", "is_baseline": visit == "BL",
                "value": base + change, "baseline_value": base,
            })  # fmt: skip
    return pl.DataFrame(made)


def test_the_planted_difference_stands_at_each_visit_after_baseline():
    (listed,) = visit_model.section(source(), rows(80, 8.0), SCALE).blocks
    assert "unstructured covariance, REML" in listed.note
    assert "clinic and condition" in listed.note
    assert (
        re.findall(r">(40)<", listed.html) == ["40"] * 4
    )  # nobody is lost for an unknown condition
    assert listed.by_arm
    assert listed.html.count("<tr") >= 3  # head, W3, W6; baseline is no outcome
    assert "BL" not in listed.html


def test_too_few_people_are_said_and_no_model_is_fitted():
    (told,) = visit_model.section(source(), rows(6, 8.0), SCALE).blocks
    assert "too few participants" in told.text


@pytest.mark.parametrize("missing", ["value", "baseline_value"])
def test_rows_without_value_or_baseline_do_not_count_towards_enough(missing):
    made = rows(80, 0.0).with_columns(pl.lit(None, pl.Float64).alias(missing))
    (told,) = visit_model.section(source(), made, SCALE).blocks
    assert "too few participants" in told.text
