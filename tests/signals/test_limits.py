"""Published ranges and cut-points are rows with a source, and are applied as they stand."""

import polars as pl

from pipelines.signals.limits import cut_points, implausible, limits


def test_every_row_has_a_source_and_an_order():
    rows = limits()

    assert rows.height == 7 * 4
    assert (rows["low"] < rows["high"]).all()
    assert rows["source"].str.contains("mobgap").all()
    assert rows.select("quantity", "cohort").is_unique().all()


def test_healthy_adults_walk_between_0_097_and_1_966():
    row = limits().filter(quantity="speed_mps", cohort="HA").row(0, named=True)

    assert (row["low"], row["high"], row["unit"]) == (0.097, 1.966, "mps")


def test_the_cut_point_is_91_mg_and_says_where_it_was_tried():
    moderate = cut_points().filter(intensity="moderate")

    assert moderate["value"].unique().to_list() == [0.091]
    assert dict(moderate.select("placement", "verified").iter_rows()) == {
        "hip": True,
        "lower_back": False,
    }


def test_what_is_out_of_range_is_named():
    bouts = pl.DataFrame(
        {"speed_mps": [1.0, 2.0, None, 2.3], "cadence_spm": [100.0, 39.0, 100.0, 180.0]}
    )

    assert implausible(bouts).rows() == [(1, "cadence_spm"), (3, "cadence_spm"), (3, "speed_mps")]
    assert implausible(bouts, "HA").rows() == [
        (1, "speed_mps"),
        (3, "cadence_spm"),
        (3, "speed_mps"),
    ]


def test_without_those_quantities_nothing_is_out_of_range():
    assert implausible(pl.DataFrame({"start_us": [1]})).is_empty()
