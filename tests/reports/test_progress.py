"""The progress page: a flow whose sums hold, and a baseline table of those known."""

from __future__ import annotations

import polars as pl
import pytest

from pipelines.errors import BackstepError
from pipelines.reports.progress import baseline, flow


def standing(*states: str) -> pl.DataFrame:
    return pl.DataFrame({
        "participant_id": [f"P{i}" for i in range(len(states))], "arm": ["BW", "FW"] * (len(states) // 2),
        "visit_code": "W6", "visit_order": 3, "state": list(states),
    })  # fmt: skip


def test_every_state_is_counted_once_and_by_arm():
    people = standing("seen", "missed", "left", "not_due", "seen", "seen")
    assert flow(people, None).rows() == [(3, "W6", 6, 3, 1, 1, 1)]
    assert flow(people, "arm").rows() == [
        (3, "W6", "BW", 3, 2, 0, 1, 0),
        (3, "W6", "FW", 3, 1, 1, 0, 1),
    ]


@pytest.mark.parametrize("spoilt", ["twice", "unknown state"])
def test_a_flow_that_does_not_add_up_is_refused(spoilt):
    people = standing("seen", "missed")
    if spoilt == "twice":
        people = pl.concat([people, people.head(1)])
    else:
        people = standing("seen", "elsewhere")
    with pytest.raises(BackstepError, match="does not add up") as told:
        flow(people, None)
    assert "W6" in str(told.value) and "P0" not in str(told.value)


def test_baseline_counts_only_what_is_known():
    people = pl.DataFrame({
        "arm": ["BW", "BW", "FW", "FW"], "age_years": [60, 70, 50, None], "height_cm": [None] * 4,
        "weight_kg": [80.0, 80.0, 70.0, 90.0], "sex_code": ["female", "male", "female", None],
        "condition_code": ["knee_oa_kl3"] * 4, "kl_grade": [3, 3, 3, 3], "beta_blocker": [True, False, None, False],
    }, schema_overrides={"height_cm": pl.Float64})  # fmt: skip

    shown = baseline(people, "arm")

    rows = {(what, level): (bw, fw) for what, level, bw, fw in shown.iter_rows()}
    # 60 and 70: mean 65, standard deviation 7.07; one value has no deviation.
    assert rows["Age, years", "mean (SD), known in"] == ("65.0 (7.1), 2", "50.0 (\N{EN DASH}), 1")
    assert not [what for what, _ in rows if what.startswith("Height")]
    assert rows["Sex", "female"][0].startswith("1/2") and rows["Sex", "female"][1].startswith("1/1")
    assert rows["Takes a beta-blocker", "yes"][1].startswith("0/1")
    assert rows["Condition", "knee oa kl3"][0].startswith("2/2")
