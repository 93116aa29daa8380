"""The adjusted arm difference against R, its invariances, and when it declines to answer."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from pipelines.analysis.ancova import adjusted_difference, by_clinic

# Golden numbers from R 4.2.2, over 48 made-up participants:
#   i <- 1:48; arm <- i %% 2
#   clinic <- c("alder", "birch", "cedar")[1 + (i %/% 2) %% 3]
#   x <- 50 + 12 * sin(i)
#   y <- 10 + 0.6 * x + 4 * arm + 3 * (clinic == "birch") - 2 * (clinic == "cedar") + 5 * cos(7 * i)
#   f <- lm(y ~ arm + x + clinic)   # within a clinic: lm(y ~ arm + x, subset = clinic == ...)
#   summary(f)$coefficients["arm", ]; f$df.residual; confint(f)["arm", ]
WHOLE = (4.210529945801, 1.069959381971, 43, 2.052751206689, 6.368308684912, 2.9889717250e-04)
WITHIN = {
    "alder": (
        5.846530932098,
        2.540045602043,
        13,
        0.359096027457,
        11.333965836739,
        3.8534037950e-02,
    ),
    "birch": (
        3.568904953071,
        1.959107026794,
        13,
        -0.663488462271,
        7.801298368414,
        9.1581340723e-02,
    ),
    "cedar": (
        3.560748150982,
        2.389241158239,
        13,
        -1.600893560009,
        8.722389861973,
        1.5999779370e-01,
    ),
}
# clinic[i > 36] <- "dogwood"; clinic[i > 44] <- "elm": 4 + 4 and 2 + 2 participants, pooled
TWO_SMALL = (4.195522414568, 1.169962498376, 42, 1.834442503612, 6.556602325524, 8.6852793590e-04)
# clinic[i > 44] <- "elm": pooled with cedar, which has 14 where alder and birch have 15
ONE_SMALL = (4.276842704188, 1.109372221725, 43, 2.039580398596, 6.514105009780, 3.8133685740e-04)


def trial() -> pl.DataFrame:
    i = np.arange(1, 49)
    arm, clinic = i % 2, (i // 2) % 3
    x = 50 + 12 * np.sin(i)
    y = 10 + 0.6 * x + 4 * arm + 3 * (clinic == 1) - 2 * (clinic == 2) + 5 * np.cos(7 * i)
    return pl.DataFrame(
        {
            "participant_id": [f"01-{n:03d}" for n in i],
            "clinic_id": [("alder", "birch", "cedar")[c] for c in clinic],
            "arm": [("FW", "BW")[a] for a in arm],
            "baseline_value": x,
            "value": y,
        }
    )


def renamed(clinics: dict[int, str]) -> pl.DataFrame:
    """The trial with every participant after the given number moved to another clinic."""
    number = pl.int_range(1, pl.len() + 1)
    moved = pl.col("clinic_id")
    for after, name in clinics.items():
        moved = pl.when(number > after).then(pl.lit(name)).otherwise(moved)
    return trial().with_columns(clinic_id=moved)


def numbers(found) -> tuple:
    return (found.estimate, found.se, found.df, found.ci_low, found.ci_high, found.p)


def test_agrees_with_r():
    found = adjusted_difference(trial())

    assert numbers(found) == pytest.approx(WHOLE, rel=1e-9)
    assert found.n_by_arm == {"FW": 24, "BW": 24}
    assert (found.n_left_out, found.clinics_pooled, found.note) == (0, (), None)


def test_each_clinic_agrees_with_r():
    found = by_clinic(trial())

    assert list(found) == ["alder", "birch", "cedar"]
    for name, golden in WITHIN.items():
        assert numbers(found[name]) == pytest.approx(golden, rel=1e-9)


def test_small_clinics_are_pooled():
    found = adjusted_difference(renamed({36: "dogwood", 44: "elm"}))

    assert numbers(found) == pytest.approx(TWO_SMALL, rel=1e-9)
    assert found.clinics_pooled == ("dogwood", "elm")


def test_a_single_small_clinic_is_pooled_with_the_smallest_other():
    found = adjusted_difference(renamed({44: "elm"}))

    assert numbers(found) == pytest.approx(ONE_SMALL, rel=1e-9)
    assert found.clinics_pooled == ("cedar", "elm")


def test_change_from_baseline_gives_the_same_difference():
    change = trial().with_columns(value=pl.col("value") - pl.col("baseline_value"))

    assert adjusted_difference(change).estimate == pytest.approx(WHOLE[0], abs=1e-9)
    assert adjusted_difference(change).se == pytest.approx(WHOLE[1], abs=1e-9)


def test_without_the_baseline_it_is_another_number():
    # A baseline that says nothing stands for none; R's lm(y ~ arm + clinic) gives 4.462644587786.
    noise = trial().with_columns(baseline_value=(pl.int_range(pl.len()) // 6 % 2).cast(pl.Float64))

    assert abs(adjusted_difference(noise).estimate - WHOLE[0]) > 0.2


def test_without_the_clinic_it_is_another_number():
    one_clinic = trial().with_columns(clinic_id=pl.lit("alder"))

    assert adjusted_difference(one_clinic).se > WHOLE[1] * 1.1


def test_the_sign_follows_the_order_of_the_arms():
    swapped = adjusted_difference(trial(), arms=("BW", "FW"))

    assert swapped.estimate == pytest.approx(-WHOLE[0], rel=1e-9)
    assert swapped.p == pytest.approx(WHOLE[5], rel=1e-9)


def test_the_order_of_rows_does_not_matter_to_the_last_bit():
    shuffled = trial().sample(fraction=1, shuffle=True, seed=7)

    assert adjusted_difference(shuffled) == adjusted_difference(trial())


def test_units_scale_through():
    in_cm = trial().with_columns(pl.col("value", "baseline_value") * 100)

    assert adjusted_difference(in_cm).estimate == pytest.approx(WHOLE[0] * 100, rel=1e-9)
    assert adjusted_difference(in_cm).p == pytest.approx(WHOLE[5], rel=1e-9)


def test_incomplete_rows_are_counted_and_not_filled():
    number = pl.int_range(pl.len())
    gaps = pl.concat(
        [
            trial().with_columns(
                value=pl.when(number < 2)
                .then(None)
                .when(number == 2)
                .then(math.nan)
                .otherwise("value"),
                baseline_value=pl.when(number == 3).then(None).otherwise("baseline_value"),
            ),
            trial().head(1).with_columns(arm=pl.lit("usual"), participant_id=pl.lit("01-900")),
        ]
    )

    found = adjusted_difference(gaps)

    assert found.n_left_out == 4
    assert found.n_by_arm == {"FW": 22, "BW": 22}
    assert numbers(found) == numbers(adjusted_difference(trial().slice(4)))


@pytest.mark.parametrize(
    ("frame", "note"),
    [
        (trial().filter(arm="BW"), "too few participants: 0 in FW; at least 5 needed"),
        (trial().head(8), "too few participants: 4 in FW, 4 in BW; at least 5 needed"),
        (trial().clear(), "too few participants: 0 in FW, 0 in BW; at least 5 needed"),
        (trial().with_columns(baseline_value=pl.lit(3.0)), "all baseline values are the same"),
        (trial().with_columns(value=pl.lit(3.0)), "the outcome has no variation left"),
        (trial().with_columns(value=pl.col("baseline_value") * 2), "the outcome has no variation"),
        (
            trial().with_columns(baseline_value=(pl.col("arm") == "BW").cast(pl.Float64)),
            "arm, baseline and clinic cannot be told apart",
        ),
    ],
)
def test_declines_with_a_reason(frame, note):
    found = adjusted_difference(frame)

    assert numbers(found) == (None,) * 6
    assert found.note.startswith(note)


def test_a_clinic_too_small_for_its_own_interval_says_so():
    found = by_clinic(renamed({44: "elm"}))["elm"]

    assert numbers(found) == (None,) * 6
    assert found.n_by_arm == {"FW": 2, "BW": 2}
    assert found.note == "too few participants: 2 in FW, 2 in BW; at least 5 needed"


def test_a_participant_with_two_rows_is_refused():
    with pytest.raises(ValueError, match="several rows"):
        adjusted_difference(pl.concat([trial(), trial().head(1)]))


def test_an_outcome_without_a_baseline_is_compared_by_clinic_alone():
    """Within each clinic BW is 1.0 lower; the clinics differ by 2. By hand: estimate -1, 5 residual df."""
    rows = [
        (arm, clinic, level + (-1.0 if arm == "BW" else 0.0) + noise)
        for clinic, level in (("a", 3.0), ("b", 5.0))
        for arm in ("FW", "BW")
        for noise in (-0.5, 0.5)
    ]
    frame = pl.DataFrame(rows, schema=["arm", "clinic_id", "value"], orient="row")

    found = adjusted_difference(frame, baseline=None, min_per_cell=2)

    # SSR = 8 x 0.25 = 2; s2 = 2/5; se = sqrt(0.4 x (1/4 + 1/4))
    assert found.estimate == pytest.approx(-1.0, abs=1e-12)
    assert (found.df, found.n_left_out) == (5.0, 0)
    assert found.se == pytest.approx((0.4 * 0.5) ** 0.5, abs=1e-12)
