"""The responder table of a closed report."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl

from pipelines.reports.responder_table import responders
from pipelines.reports.scales import scale_of

SCALE = scale_of("koos.pain")


def source(due: pl.DataFrame):
    study = SimpleNamespace(arms={"reference": "FW", "test": "BW"}, primary_visit="W6")
    return SimpleNamespace(contract=SimpleNamespace(study=study), rows=lambda *_: due)


def rows(mcid: float | None) -> pl.DataFrame:
    return pl.DataFrame({
        "participant_id": ["a", "b", "c"], "is_primary": [True] * 3, "measure": ["koos"] * 3, "scale": ["pain"] * 3,
        "mcid": [mcid] * 3, "is_important_improvement": [True, False, True],
    }, schema_overrides={"mcid": pl.Float64})  # fmt: skip


def test_both_ways_to_count_the_missing_stand_side_by_side():
    """FW: a yes, d never came; BW: b no, c yes. Missing as no: 1/2 and 1/2; observed: 1/1 and 1/2."""
    due = pl.DataFrame({"participant_id": ["a", "b", "c", "d"], "arm": ["FW", "BW", "BW", "FW"]})
    listed = responders(source(due), rows(15.0), SCALE, "koos")
    assert listed.by_arm
    assert "missing as non-responder" in listed.html and "observed cases" in listed.html
    assert "\N{MINUS SIGN}50.0" in listed.html  # observed: 50 % minus 100 %


def test_without_a_threshold_nobody_is_called_a_responder():
    due = pl.DataFrame({"participant_id": ["a"], "arm": ["FW"]})
    assert "No minimal important change" in responders(source(due), rows(None), SCALE, "koos").text


def test_trap_mdc_used_as_mcid():
    """KOOS pain, MCID 15 and MDC95 20.2: improvements of 16, 18 and 21 are three responders, not one.

    A version that asks for more than the detectable change, or counts a change of that size either
    way, finds 1 of 4 and 2 of 4; the page says 3 of 4, 75 %.
    """
    improvement = pl.Series([16.0, 18.0, 21.0, -20.5])
    due = pl.DataFrame({"participant_id": list("abcd"), "arm": ["BW"] * 4})
    made = pl.DataFrame({
        "participant_id": list("abcd"), "is_primary": [True] * 4, "measure": ["koos"] * 4, "scale": ["pain"] * 4,
        "mcid": [15.0] * 4, "mdc95": [20.2] * 4, "improvement": improvement,
        "is_important_improvement": improvement >= 15.0, "is_real_change": improvement.abs() >= 20.2,
    })  # fmt: skip
    naive = (improvement >= 20.2).sum(), (improvement.abs() >= 20.2).sum()

    listed = responders(source(due), made, SCALE, "koos")

    assert naive == (1, 2)
    assert listed.html.count("75") == 2  # missing as non-responder, and observed cases
    assert "MDC" not in listed.html
