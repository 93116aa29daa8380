"""Every measure against its worked vectors, its contract and its published thresholds."""

from __future__ import annotations

import itertools
from pathlib import Path

import polars as pl
import pytest
import yaml

from pipelines.measures import OUTCOME_SCHEMA, discovered, score_all, thresholds
from pipelines.measures.koos_ps import SCORE_OF_RAW
from tests.measures.cases import VISIT, answer_rows, frame, rows_of_case, scores

HERE = Path(__file__).parent
SCHEMAS = HERE.parent.parent / "schemas"
MEASURES = discovered()
VECTORS = [
    pytest.param(name, case, id=f"{name}: {case['name']}")
    for name, module in MEASURES.items()
    for case in yaml.safe_load((HERE / f"{module.__name__.split('.')[-1]}.yaml").read_text("utf-8"))
]


def in_band(baseline: float) -> pl.Expr:
    """Whether a baseline value lies in a threshold's band."""
    low, high = pl.col("baseline_low"), pl.col("baseline_high")
    above = (low < baseline) | ((low == baseline) & ~pl.col("baseline_low_open")) | low.is_null()
    below = (high > baseline) | ((high == baseline) & ~pl.col("baseline_high_open"))
    return above & (below | high.is_null())


@pytest.mark.parametrize(("measure", "case"), VECTORS)
def test_worked_vector(measure, case):
    found = scores(measure, rows_of_case(measure, case), **case.get("options", {}))

    assert found == {
        scale: pytest.approx(value, abs=1e-9) for scale, value in case["expect"].items()
    }


def test_all_are_discovered_and_each_has_vectors():
    assert list(MEASURES) == [
        "10mwt", "3mbwt", "6mwt", "abc", "berg", "cst30", "girth", "knee_load", "koos", "koos12", "koosps", "mini_bestest", "pain",
        "pga", "pgic", "rwg", "sls", "strength", "tug", "vas", "womac",
    ]  # fmt: skip


@pytest.mark.parametrize("measure", ["koos", "pain", "berg", "abc", "mini_bestest"])
def test_items_are_the_contracts(measure):
    table = yaml.safe_load((SCHEMAS / "tables" / f"{measure}.yaml").read_text("utf-8"))
    prefix = table["answers"]["items"]
    field = yaml.safe_load((SCHEMAS / "fields.yaml").read_text("utf-8"))[prefix + "{}"]
    scales = MEASURES[measure].MEASURE.scales.values()

    assert table["answers"]["measure"] == measure
    assert sorted(field["items"]) == sorted(item for scale in scales for item in scale.items)
    assert {scale.item_top for scale in scales} == {float(field["valid"][1])}


def test_score_all_joins_every_measure_with_unit_direction_and_source_row():
    frames = {
        "answer": frame(
            "answer",
            answer_rows("koos", {"q": [1, 1, 1, 1]}, row_no=5)
            + answer_rows("pain", {"now": 3}, row_no=7)
            + answer_rows("berg", {"": [4] * 14}, row_no=9),
        ),
        "walk_test": frame(
            "walk_test",
            [
                {
                    "walk_test_code": "10mwt",
                    "pace_code": "fast",
                    "timed_distance_m": 6.0,
                }
                | {"time_s": time_s, "trial_no": trial_no, "row_no": row_no}
                for time_s, trial_no, row_no in ((6.0, 2, 3), (4.0, 1, 4))
            ],
        ),
        "wear_window": frame("wear_window", []),
        "strength": frame("strength", []),
        "knee_load": frame("knee_load", []),
        "knee_girth": frame("knee_girth", []),
        "balance_test": frame(
            "balance_test",
            [
                {
                    "balance_test_code": "tug",
                    "time_s": 9.0,
                    "trial_no": 1,
                    "row_no": 11,
                },
                {
                    "balance_test_code": "sls",
                    "eyes_code": "open",
                    "cap_s": 45.0,
                    "time_s": 44.0,
                }
                | {"trial_no": 1, "row_no": 12},
            ],
        ),
    }

    outcomes = score_all(frames, {"sls": {"cap_s": 40.0}})

    assert outcomes.schema == OUTCOME_SCHEMA
    assert outcomes.select("measure", "scale", "value", "unit", "better", "row_no").rows() == [
        ("10mwt", "fast_speed", 1.25, "mps", "higher", 4),
        ("berg", "total", 56.0, "points", "higher", 9),
        ("koos", "qol", 75.0, "points", "higher", 5),
        ("koos12", "qol", 75.0, "points", "higher", 5),
        ("pain", "now", 3.0, "points", "lower", 7),
        ("sls", "at_cap", 1.0, "1", "higher", 12),
        ("sls", "best", 40.0, "s", "higher", 12),
        ("tug", "time", 9.0, "s", "lower", 11),
    ]
    assert set(outcomes["delivery_id"]) == {VISIT["delivery_id"]}


def test_two_dates_of_one_visit_stay_two_rows():
    later = VISIT["assessed_date"].replace(day=28)
    rows = answer_rows("pain", {"now": 3}) + answer_rows("pain", {"now": 4}, assessed_date=later)

    outcomes = MEASURES["pain"].score(frame("answer", rows)).collect().sort("assessed_date")

    assert outcomes["value"].to_list() == [3.0, 4.0]


def test_the_index_knees_form_beats_the_form_for_both():
    rows = answer_rows("koos", {"q": [4, 4, 4, 4]}, knee_side="both")
    rows += answer_rows("koos", {"q": [0, 0, 0, 0]}, knee_side="right")
    rows += answer_rows("koos", {"q": [2, 2, 2, 2]}, knee_side="left")

    assert scores("koos", rows) == {"qol": 100.0}


def test_thresholds_name_real_scales_and_their_source():
    known = {(name, scale) for name, m in MEASURES.items() for scale in m.MEASURE.scales}
    found = thresholds()

    assert set(found.select("measure", "scale").rows()) <= known
    assert found.filter(pl.col("source").str.len_chars() < 10).is_empty()
    assert found.filter(pl.col("value") <= 0).is_empty()
    key = ["measure", "scale", "purpose", "population", "baseline_low"]
    assert found.select(key).is_unique().all()
    assert found.filter(pl.col("relative") != (pl.col("unit") == "pct")).is_empty()


@pytest.mark.parametrize(
    ("measure", "scale", "purpose", "population", "value", "verified"),
    [
        ("koos", "pain", "mdc95", "awaiting knee replacement", 20.2, True),
        (
            "koos",
            "sport_rec",
            "mcid",
            "knee osteoarthritis, 4 weeks of physiotherapy",
            17.5,
            True,
        ),
        ("koos", "adl", "mcid", "any, lower end", 8.0, False),
        ("pain", "average_7d", "mcid", "chronic musculoskeletal pain", 2.0, True),
        ("tug", "time", "mdc95", "knee osteoarthritis KL 1-3", 1.10, True),
        ("tug", "time", "cutoff", "older adults, fall risk", 12.0, True),
        ("tug", "time", "mdc95", "awaiting knee replacement", 36.7, True),
        ("10mwt", "self_selected_speed", "mcid", "stroke", 0.16, False),
        ("3mbwt", "backward_speed", "mdc95", "chronic stroke", 0.11, True),
        ("3mbwt", "time", "cutoff", "nursing home, later falls", 8.15, True),
        ("sls", "best", "cutoff", "fall risk", 5.0, True),
    ],
)
def test_published_numbers(measure, scale, purpose, population, value, verified):
    key = {
        "measure": measure,
        "scale": scale,
        "purpose": purpose,
        "population": population,
    }

    found = thresholds().filter(**key)

    assert found.select("value", "verified").rows() == [(value, verified)]


@pytest.mark.parametrize(
    ("baseline", "mdc"),
    [(0, 5), (24, 5), (25, 7), (34, 7), (35, 5), (44, 5), (45, 4), (56, 4)],
)
def test_bergs_detectable_change_depends_on_where_one_starts(baseline, mdc):
    bands = thresholds().filter(measure="berg", purpose="mdc95", population="older adults")

    assert bands.filter(in_band(baseline))["value"].to_list() == [mdc]


def test_four_points_on_the_berg_are_true_change_from_45_but_not_from_44():
    bands = thresholds().filter(measure="berg", purpose="mdc95", population="older adults")
    true_change = pl.col("value") <= 4  # every change threshold is reached with >=

    assert set(bands["op"]) == {">="}
    assert bands.filter(in_band(44)).select(true_change).item() is False
    assert bands.filter(in_band(45)).select(true_change).item() is True


@pytest.mark.parametrize(
    ("speed", "mdc"), [(0.3999, 0.05), (0.4, 0.11), (0.8, 0.11), (0.8001, 0.21)]
)
def test_strokes_speed_bands_meet_without_overlap(speed, mdc):
    bands = thresholds().filter(
        measure="10mwt",
        scale="self_selected_speed",
        purpose="mdc95",
        population="stroke",
    )

    assert bands.filter(in_band(speed))["value"].to_list() == [mdc]


def test_exactly_0_8_metres_per_second_is_not_yet_a_community_walker():
    cutoffs = thresholds().filter(measure="10mwt", purpose="cutoff", value=0.8)

    assert dict(cutoffs.select("population", "op").rows()) == {
        "community walker": ">",
        "at most limited community walker": "<=",
    }


def test_the_table_of_koos_ps_has_29_rows_and_falls_strictly():
    assert len(SCORE_OF_RAW) == 29
    assert all(high > low for high, low in itertools.pairwise(SCORE_OF_RAW))


def test_an_impression_of_change_at_baseline_is_no_value_and_so_no_baseline():
    rows = answer_rows("patient_rating", {"change": 4}, visit_code="BL")
    assert scores("pgic", rows) == {}
    assert scores("pgic", [row | {"visit_code": "W6"} for row in rows]) == {"change": 4.0}
