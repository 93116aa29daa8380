"""Days and visit windows from epochs and bouts, worked by hand."""

import datetime as dt

import polars as pl
import pytest

from pipelines.contracts.wear import WearDef
from pipelines.signals.activity import EPOCH_SCHEMA
from pipelines.signals.days import (
    NO_CUT_POINT,
    activity_days,
    dated,
    local_date,
    visit_windows,
    walking_days,
)
from tests.signals.made_up import US

RATE_HZ = 100.0
WEAR = WearDef.model_validate(
    {
        "valid_day": {"min_worn_h": 10},
        "valid_window": {"min_days": 2, "min_weekend_days": 1},
        "around_visit": {"from": -1, "to": 2},
        "owner": {"least_bouts": 5, "least_other_days": 3, "least_pooled_days": 20, "p": 0.001},
        "bout_classes_s": {
            "all": {"from": 0},
            "10_to_30": {"from": 10, "to": 30},
            "over_30": {"from": 30},
        },
    }
)


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * US


def epochs(*spells) -> pl.DataFrame:
    """Spells of epochs: (start, n epochs, worn, enmo_g, mad_g, n samples)."""
    rows = [
        (0, at(start) + 5 * US * k, n, enmo_g, mad_g, 0.0, 0.0, 0.0, worn)
        for start, count, worn, enmo_g, mad_g, n in spells
        for k in range(count)
    ]
    return pl.DataFrame(rows, schema=EPOCH_SCHEMA, orient="row")


def days_of(*spells, placement="hip", zone=None) -> list[dict]:
    return activity_days(epochs(*spells), RATE_HZ, placement, zone, WEAR).to_dicts()


def test_a_day_worked_by_hand():
    (day,) = days_of(
        ("2026-03-02T08:00", 12, True, 0.010, 0.050, 500),  # a minute
        ("2026-03-02T09:00", 24, True, 0.040, 0.091, 500),  # two minutes at the cut-point itself
        ("2026-03-02T10:00", 12, True, 0.100, 0.500, 500),  # a minute, vigorous
        ("2026-03-02T11:00", 36, False, 0.000, 0.001, 500),
        ("2026-03-02T12:00", 6, None, 0.000, 0.001, 500),
    )

    assert day["wear_date"] == dt.date(2026, 3, 2)
    assert (day["recorded_min"], day["wear_min"]) == (pytest.approx(7.5), pytest.approx(4))
    assert (day["nonwear_min"], day["unknown_min"]) == (pytest.approx(3), pytest.approx(0.5))
    assert day["enmo_mean_mg"] == pytest.approx((10 + 2 * 40 + 100) / 4)
    assert day["mad_mean_mg"] == pytest.approx((50 + 2 * 91 + 500) / 4)
    assert (day["mvpa_min"], day["vigorous_min"]) == (pytest.approx(3), pytest.approx(1))
    assert not day["is_valid"] and not day["is_weekend"] and day["abstained"] == []


def test_an_epoch_counts_by_the_samples_it_has():
    (day,) = days_of(
        ("2026-03-02T08:00", 12, True, 0.010, 0.1, 250),
        ("2026-03-02T09:00", 12, True, 0.040, 0.1, 500),
    )

    assert day["wear_min"] == pytest.approx(1.5)
    assert day["enmo_mean_mg"] == pytest.approx((0.5 * 10 + 40) / 1.5)


def test_a_day_not_worn_has_no_activity_rather_than_none():
    (day,) = days_of(("2026-03-02T08:00", 12, False, 0.0, 0.0, 500))

    assert day["wear_min"] == 0
    assert [day[n] for n in ("enmo_mean_mg", "mad_mean_mg", "mvpa_min", "vigorous_min")] == [
        None
    ] * 4


def test_epochs_whose_metrics_abstained_have_no_part_in_the_means():
    (day,) = days_of(
        ("2026-03-02T08:00", 12, True, None, None, 100),
        ("2026-03-02T09:00", 12, True, 0.03, 0.2, 500),
    )

    assert day["enmo_mean_mg"] == pytest.approx(30)
    assert day["mvpa_min"] == pytest.approx(1)


@pytest.mark.parametrize("placement", ["wrist", None])
def test_mvpa_abstains_where_no_cut_point_holds(placement):
    (day,) = days_of(("2026-03-02T08:00", 12, True, 0.1, 0.2, 500), placement=placement)

    assert day["mvpa_min"] is None and day["abstained"] == [NO_CUT_POINT]
    assert day["enmo_mean_mg"] == pytest.approx(100)


@pytest.mark.parametrize(("n_epochs", "is_valid"), [(7200, True), (7199, False)])
def test_ten_hours_make_a_valid_day(n_epochs, is_valid):
    (day,) = days_of(("2026-03-07T06:00", n_epochs, True, 0.0, 0.0, 500))

    assert day["is_valid"] is is_valid
    assert day["is_weekend"]


def test_the_day_is_the_local_one():
    instants = pl.DataFrame(
        {"t": [at("2026-03-28T23:30"), at("2026-03-29T21:59"), at("2026-03-29T22:00")]}
    )

    wall = instants.select(local_date("t", None))["t"].to_list()
    berlin = instants.select(local_date("t", "Europe/Berlin"))[
        "t"
    ].to_list()  # +1, from 01:00 UTC on +2

    assert [d.day for d in wall] == [28, 29, 29]
    assert [d.day for d in berlin] == [29, 29, 30]


def bouts(*rows) -> pl.DataFrame:
    """(start, seconds, steps, speed, direction)."""
    table = pl.DataFrame(
        [(at(start), at(start) + round(s * US), steps, v, way) for start, s, steps, v, way in rows],
        schema={"start_us": pl.Int64, "end_us": pl.Int64, "steps_n": pl.Int64, "speed_mps": pl.Float64,
                "direction": pl.String}, orient="row",
    )  # fmt: skip
    return dated(table, None)


def day_rows(*rows) -> pl.DataFrame:
    """(date, minutes worn)."""
    table = pl.DataFrame(
        [(dt.date.fromisoformat(day), float(worn)) for day, worn in rows],
        schema={"wear_date": pl.Date, "wear_min": pl.Float64}, orient="row",
    )  # fmt: skip
    return table.with_columns(
        is_valid=pl.col("wear_min") >= 600,
        is_weekend=pl.col("wear_date").dt.weekday() >= 6,
        enmo_mean_mg=pl.col("wear_min") / 100,
        mad_mean_mg=pl.lit(None, dtype=pl.Float64),
        mvpa_min=pl.lit(30.0),
        vigorous_min=pl.lit(0.0),
    )


WALKED = (
    ("2026-03-02T08:00:00", 10, 16, 0.8, None),
    ("2026-03-02T09:00:00", 29, 50, 1.0, "forward"),
    ("2026-03-02T10:00:00", 30, 60, 1.2, None),
    ("2026-03-02T23:59:50", 60, 100, 0.4, "backward"),
)


def of_class(rows: pl.DataFrame, name: str) -> dict:
    (found,) = rows.filter(bout_class=name).to_dicts()
    return found


def test_bouts_by_length_worked_by_hand():
    rows = walking_days(bouts(*WALKED), day_rows(("2026-03-02", 700)), WEAR)

    short, long, every = (of_class(rows, name) for name in ("10_to_30", "over_30", "all"))
    assert (short["n_bouts"], short["steps_n"], short["walking_min"]) == (
        2,
        66,
        pytest.approx(39 / 60),
    )
    assert (long["n_bouts"], long["n_backward_bouts"], long["steps_n"]) == (2, 1, 160)
    assert (long["n_speeds"], long["speed_mean_mps"]) == (
        1,
        pytest.approx(1.2),
    )  # not the backward one
    assert (every["n_bouts"], every["n_speeds"]) == (4, 3)
    # 0.8, 1.0, 1.2: linear quantiles
    assert every["speed_p10_mps"] == pytest.approx(0.84)
    assert every["speed_p50_mps"] == pytest.approx(1.0)
    assert every["speed_p90_mps"] == pytest.approx(1.16)


def test_none_walked_none_seen_and_not_known():
    days = day_rows(("2026-03-02", 700), ("2026-03-03", 0))

    rows = walking_days(bouts(), days, WEAR)
    abstained = walking_days(bouts(), days, WEAR, is_told=False)

    of_all = rows.filter(bout_class="all")
    assert of_all["n_bouts"].to_list() == [0, None]
    assert of_all["steps_n"].to_list() == [0, None]
    assert of_all["speed_p50_mps"].to_list() == [None, None]
    assert abstained["n_bouts"].null_count() == 6


def test_steps_that_are_unknown_in_one_bout_are_unknown_in_the_sum():
    two = bouts(("2026-03-02T08:00", 20, 30, 1.0, None), ("2026-03-02T09:00", 20, None, 1.0, None))

    row = of_class(walking_days(two, day_rows(("2026-03-02", 700)), WEAR), "all")

    assert (row["n_bouts"], row["steps_n"]) == (2, None)


def test_bouts_without_speed_still_count():
    bare = dated(
        pl.DataFrame({"start_us": [at("2026-03-02T08:00")], "end_us": [at("2026-03-02T08:01")]}),
        None,
    )

    row = of_class(walking_days(bare, day_rows(("2026-03-02", 700)), WEAR), "over_30")

    assert (row["n_bouts"], row["n_speeds"], row["steps_n"]) == (1, 0, None)


VISITS = pl.DataFrame(
    {"visit_code": ["BL", "W6"], "visit_date": [dt.date(2026, 3, 6), dt.date(2026, 4, 20)]}
)


def test_a_visits_window_worked_by_hand():
    # Friday 6 March: the 5th to the 8th are near it, the 4th and the 9th are not; the 5th was not worn enough
    worn = {
        "2026-03-04": 900,
        "2026-03-05": 599,
        "2026-03-06": 600,
        "2026-03-07": 800,
        "2026-03-09": 900,
    }
    walked = bouts(
        ("2026-03-05T08:00", 40, 70, 3.0, None),
        ("2026-03-06T08:00", 40, 70, 1.0, None),
        ("2026-03-06T09:00", 20, 30, 0.8, None),
        ("2026-03-07T08:00", 40, 90, 1.2, None),
    )

    activity, walking = visit_windows(day_rows(*worn.items()), walked, VISITS, WEAR)

    first, second = activity.to_dicts()
    assert (first["n_days"], first["n_valid_days"], first["n_valid_weekend_days"]) == (3, 2, 1)
    assert (
        first["is_valid"] and first["wear_min"] == 700 and first["enmo_mean_mg"] == pytest.approx(7)
    )
    assert (second["n_valid_days"], second["is_valid"], second["wear_min"]) == (0, False, None)
    near = walking.filter(visit_code="BL")
    long = of_class(near, "over_30")
    assert (long["n_bouts_per_day"], long["steps_n_per_day"]) == (1, 80)
    assert long["speed_p50_mps"] == pytest.approx(1.1)
    assert of_class(near, "10_to_30")["walking_min_per_day"] == pytest.approx(20 / 60 / 2)
    assert walking.filter(visit_code="W6")["n_bouts_per_day"].null_count() == 3


@pytest.mark.parametrize("worn", [{"2026-03-07": 800}, {"2026-03-05": 800, "2026-03-06": 800}])
def test_too_few_days_or_no_weekend_give_no_window(worn):
    walked = bouts(("2026-03-06T08:00", 40, 70, 1.0, None), ("2026-03-07T08:00", 40, 70, 1.0, None))

    activity, walking = visit_windows(day_rows(*worn.items()), walked, VISITS[:1], WEAR)

    assert activity["is_valid"].to_list() == [False]
    assert activity["enmo_mean_mg"].to_list() == [None]
    assert walking["n_bouts_per_day"].null_count() == walking["speed_p50_mps"].null_count() == 3
