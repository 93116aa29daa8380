"""The mixed model against R, SAS and cases worked by hand; its invariances; when it declines."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from pipelines.analysis.ancova import adjusted_difference
from pipelines.analysis.mmrm import Fit, fit_mmrm
from pipelines.analysis.mmrm_contrasts import (
    arm_differences,
    coefficients,
    contrasts,
    joint_test,
    least_squares_means,
)
from pipelines.analysis.mmrm_design import ModelRefused

SAMPLES = Path(__file__).resolve().parents[3] / "shared/samples/mmrm"
needs_fev = pytest.mark.skipif(not SAMPLES.is_dir(), reason="no ../shared/samples/mmrm")

# Golden numbers from R 4.2.2 with mmrm 0.3.18 (optimizer BFGS, reltol 1e-15), over 60 made-up participants:
#   g <- expand.grid(j = 1:4, i = 1:60); i <- g$i; j <- g$j; arm <- i %% 2
#   clinic <- c("alder", "birch", "cedar")[1 + (i %/% 2) %% 3]; x <- 50 + 10 * sin(i)
#   y <- 20 + 0.5 * x + 0.8 * arm * j + 2 * (clinic == "birch") + 6 * sin(3.7 * i + 1) +
#        2 * j * sin(2.3 * i) + (3 + j) * cos(7.3 * i * j + i)
#   lost <- (7 * i + 5 * j * j) %% 9 == 0 | (i %% 13 == 0 & j > 1)
#   f <- mmrm(y ~ arm * v + x * v + clinic + us(v | id), d, vcov = ..., method = ...)
# -2 log L; the arm difference at visit 4: estimate, SE and df by Satterthwaite, then both by
# vcov "Kenward-Roger-Linear"; the test of arm by visit: F and df by either method.
R_REML = {
    "un": (1245.81404052, 4.1918873196, 2.24443693805, 51.5321773294, 2.2556762005,
           51.5321773294, 1.44865247689, 48.6063074503, 1.36766412199, 46.8480303729),
    "toeph": (1246.28006411, 4.18900723345, 2.2477691173, 52.1834537194, 2.2556132728,
              52.1834537194, 1.47345819745, 76.2618546661, 1.42436779319, 67.8769057745),
    "toep": (1262.67464343, 4.16796187897, 1.94341821844, 114.95060714, 1.94971899458,
             114.95060714, 1.54025471506, 80.8130966973, 1.50258870705, 82.2592250894),
    "adh": (1254.18374222, 4.16632757158, 2.25493469752, 51.1316782508, 2.25918849502,
            51.1316782508, 1.0209313215, 72.7198110682, 0.991433046207, 63.9782423113),
    "ar1h": (1254.20262945, 4.162633072, 2.24887967993, 53.9466624235, 2.25166942103,
             53.9466624235, 1.01692093252, 113.102769542, 1.00255450685, 90.8745194465),
    "ar1": (1268.35321265, 4.17255498896, 1.95413133658, 126.977003621, 1.95517022326,
            126.977003621, 1.09073885801, 133.251963306, 1.08878971452, 136.999285345),
    "csh": (1249.83571968, 4.17181665373, 2.28475646936, 51.0574407429, 2.28715598246,
            51.0574407429, 1.65437794575, 117.361926249, 1.63039899956, 93.4640385562),
    "cs": (1267.47239178, 4.1259960917, 1.93930101373, 115.898293047, 1.9399748956,
           115.898293047, 1.86234710725, 139.404493305, 1.86029921907, 139.414002225),
}  # fmt: skip
# the same with reml = FALSE: -2 log L, estimate, SE, df
R_ML = {
    "un": (1256.99189306, 4.19228324879, 2.16479041667, 54.7472820486),
    "toeph": (1257.49447879, 4.18894838706, 2.16709049116, 55.536512454),
    "ar1": (1281.05143602, 4.17072077839, 1.87882342784, 139.088889148),
    "cs": (1280.4709092, 4.12480389321, 1.86236656517, 127.969091713),
}
# the same with us(v | arm / id), ...: -2 log L, estimate, SE and df, SE and df
R_GROUPED = {
    "un": (1229.43561411, 4.44635656158, 2.26479684692, 49.1299453264, 2.28003675241, 49.1299453264),
    "ar1": (1267.29006055, 4.17953194849, 1.95302459301, 124.129289956, 1.95525088612, 124.129289956),
    "cs": (1266.64450831, 4.11409865376, 1.94219274044, 114.740711497, 1.94379466512, 114.740711497),
}  # fmt: skip
# emmeans(f, ~ arm | v): mean, SE, lower and upper
R_MEANS = {
    ("FW", 1): (45.6028996322, 1.01347947018, 43.5706111978, 47.6351880666),
    ("BW", 2): (46.7191126675, 1.25298410163, 44.2080815837, 49.2301437514),
    ("FW", 4): (44.7081637114, 1.60590884059, 41.4857467131, 47.9305807096),
    ("BW", 4): (48.9000510310, 1.56344586952, 45.7604879508, 52.0396141111),
}
# SAS PROC MIXED, ddfm=kenwardroger, FEV1 = ARMCD: SE and df of TRT - PBO, as printed in full by the
# tests of R package mmrm (openpharma/mmrm, tests/testthat/test-kenwardroger.R). SAS stops 1e-4 or so
# of a standard error before the top, and for each structure elsewhere: hence the tolerances.
SAS_KR = {
    "un": (0.66124382270307, 160.733266403768, 5e-4),
    "toeph": (0.72543828853831, 180.062730071701, 1e-5),
    "toep": (0.87839805519623, 160.027408337368, 1e-4),
    "adh": (0.66172017349971, 162.393385281755, 5e-4),
    "ar1h": (0.7590316099633, 188.225339095373, 1e-4),
    "ar1": (0.95865439662225, 188.46934887972, 2e-6),
    "csh": (0.67414806011886, 190.737701349941, 5e-4),
    "cs": (0.7964696053595, 177.038485931223, 1e-6),
}
TERMS = ["arm*visit", "x*visit", "clinic"]
LEVELS = {"arm": ("FW", "BW")}
ARMS = {"arm": "arm", "arms": ("FW", "BW")}


def trial() -> pl.DataFrame:
    i, j = (side.ravel() for side in np.mgrid[1:61, 1:5])
    arm, clinic, x = i % 2, (i // 2) % 3, 50 + 10 * np.sin(i)
    y = 20 + 0.5 * x + 0.8 * arm * j + 2 * (clinic == 1) + 6 * np.sin(3.7 * i + 1)
    y += 2 * j * np.sin(2.3 * i) + (3 + j) * np.cos(7.3 * i * j + i)
    lost = ((7 * i + 5 * j * j) % 9 == 0) | ((i % 13 == 0) & (j > 1))
    return pl.DataFrame({
        "id": i, "visit": j, "arm": np.array(["FW", "BW"])[arm],
        "clinic": np.array(["alder", "birch", "cedar"])[clinic], "x": x,
        "y": np.where(lost, np.nan, y),
    })  # fmt: skip


def fitted(frame: pl.DataFrame | None = None, **changed) -> Fit:
    model = {"response": "y", "terms": TERMS, "subject": "id", "visit": "visit", "levels": LEVELS}
    return fit_mmrm(trial() if frame is None else frame, **{**model, **changed})


@cache
def of_structure(name: str, reml: bool = True, group: str | None = None) -> Fit:
    return fitted(structures=[name], reml=reml, group=group)


def without_curvature(fit: Fit) -> Fit:
    """The fit whose Kenward-Roger covariance leaves second derivatives out ("linear")."""
    return replace(fit, model=replace(fit.model, second=None))


def at_visit_4(fit: Fit, df: str = "satterthwaite") -> dict[str, float]:
    return arm_differences(fit, **ARMS, df=df).row(3, named=True)


def arm_by_visit(fit: Fit) -> np.ndarray:
    return np.array([
        [float(name == f"arm[BW]:visit[{visit}]") for name in fit.design.columns]
        for visit in (2, 3, 4)
    ])  # fmt: skip


def fev() -> pl.DataFrame:
    return pl.read_csv(SAMPLES / "fev_data.csv")


def fev_fit(terms: list[str], **changed) -> Fit:
    levels = {"ARMCD": ("PBO", "TRT"), "SEX": ("Male", "Female")}
    return fit_mmrm(
        fev(), response="FEV1", terms=terms, subject="USUBJID", visit="AVISIT",
        levels={name: levels[name] for name in terms if name in levels}, **changed,
    )  # fmt: skip


@pytest.mark.parametrize("name", R_REML)
def test_agrees_with_r(name):
    fit = of_structure(name)

    sat, kr = at_visit_4(fit), at_visit_4(without_curvature(fit), "kenward-roger")
    f_sat = joint_test(fit, arm_by_visit(fit))
    f_kr = joint_test(without_curvature(fit), arm_by_visit(fit), df="kenward-roger")
    found = (
        fit.minus2_log_likelihood, sat["estimate"], sat["se"], sat["df"], kr["se"], kr["df"],
        f_sat["f"], f_sat["df_den"], f_kr["f"], f_kr["df_den"],
    )  # fmt: skip

    assert found == pytest.approx(R_REML[name], rel=1e-6)
    assert (fit.n_subjects, fit.n_rows, fit.n_left_out) == (59, 203, 37)
    assert f_sat["p"] == pytest.approx(stats.f.sf(f_sat["f"], 3, f_sat["df_den"]), rel=1e-12)


@pytest.mark.parametrize("name", R_ML)
def test_maximum_likelihood_agrees_with_r(name):
    fit = of_structure(name, reml=False)

    found = at_visit_4(fit)

    numbers = (fit.minus2_log_likelihood, found["estimate"], found["se"], found["df"])
    assert numbers == pytest.approx(R_ML[name], rel=1e-6)


@pytest.mark.parametrize("name", R_GROUPED)
def test_a_covariance_for_each_arm_agrees_with_r(name):
    fit = of_structure(name, group="arm")

    sat, kr = at_visit_4(fit), at_visit_4(without_curvature(fit), "kenward-roger")

    found = (fit.minus2_log_likelihood, sat["estimate"], sat["se"], sat["df"], kr["se"], kr["df"])
    assert found == pytest.approx(R_GROUPED[name], rel=1e-6)
    assert fit.sigma.shape == (2, 4, 4) and fit.groups == ("FW", "BW")


def test_means_agree_with_r():
    found = least_squares_means(of_structure("un"), ["arm", "visit"])

    assert found.height == 8
    for (arm, visit), golden in R_MEANS.items():
        row = found.filter(arm=arm, visit=visit).select("estimate", "se", "ci_low", "ci_high")
        assert row.row(0) == pytest.approx(golden, rel=1e-7)


@needs_fev
def test_stopped_as_sas_every_printed_digit_is_sas():
    fit = fev_fit(["ARMCD", "SEX"], structures=["un"], stop="sas")

    found = coefficients(fit).select("estimate", "se", "df", "t", "ci_low", "ci_high")

    # sas_coef_ci_reml_un.txt, "Solution for Fixed Effects", "Iteration History", "Cov Parm"
    assert [[round(value, 4) for value in row] for row in found.drop("df", "t").rows()] == [
        [41.0762, 0.5504, 39.9890, 42.1634],
        [3.8265, 0.6421, 2.5584, 5.0945],
        [-0.1404, 0.6434, -1.4108, 1.1301],
    ]
    assert [round(value) for value in found["df"]] == [156, 161, 161]
    assert [round(value, 2) for value in found["t"]] == [74.63, 5.96, -0.22]
    assert round(fit.minus2_log_likelihood, 8) == 3666.96698281
    assert [round(value, 4) for value in fit.theta.values()][3:6] == [-2.4314, 0.8698, 24.7713]


@needs_fev
def test_at_the_top_it_is_within_one_in_ten_thousand_of_sas():
    fit = fev_fit(["ARMCD", "SEX"])

    found = coefficients(fit)

    assert fit.minus2_log_likelihood < 3666.96698281  # SAS stopped a little before
    sas = [[41.0762, 0.5504, 39.9890, 42.1634], [3.8265, 0.6421, 2.5584, 5.0945],
           [-0.1404, 0.6434, -1.4108, 1.1301]]  # fmt: skip
    for row, printed in zip(
        found.select("estimate", "se", "ci_low", "ci_high").rows(), sas, strict=True
    ):
        np.testing.assert_allclose(row, printed, rtol=1e-4, atol=5e-5)  # half of the last digit
    assert (fit.n_rows, fit.n_subjects, fit.n_left_out) == (537, 197, 263)


@needs_fev
@pytest.mark.parametrize("name", SAS_KR)
def test_kenward_roger_agrees_with_sas(name):
    se, df, tolerance = SAS_KR[name]

    found = coefficients(fev_fit(["ARMCD"], structures=[name]), df="kenward-roger")

    assert found["se"][1] == pytest.approx(se, rel=tolerance)
    assert found["df"][1] == pytest.approx(df, rel=tolerance)


@needs_fev
def test_kenward_roger_stopped_as_sas_is_sas_to_every_digit():
    fit = fev_fit(["ARMCD"], structures=["un"], stop="sas")

    found = coefficients(fit, df="kenward-roger")

    assert (found["se"][1], found["df"][1]) == pytest.approx(SAS_KR["un"][:2], rel=1e-10)


def complete() -> pl.DataFrame:
    seen = trial().filter(pl.col("y").is_not_nan().all().over("id"))
    return seen.filter(pl.len().over("id") == 4)


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger"])
def test_without_gaps_it_is_the_t_test_of_every_visit(df):
    # With a mean for every arm and visit and nothing missing, the unstructured model is the
    # two-sample t-test at each visit, n - 2 degrees of freedom and all.
    rows = complete()
    fit = fitted(rows, terms=["arm*visit"])

    found = arm_differences(fit, **ARMS, df=df)

    for visit, row in zip((1, 2, 3, 4), found.iter_rows(named=True), strict=True):
        fw, bw = (rows.filter(visit=visit, arm=arm)["y"].to_numpy() for arm in ("FW", "BW"))
        test = stats.ttest_ind(bw, fw)
        assert row["estimate"] == pytest.approx(bw.mean() - fw.mean(), rel=1e-10)
        assert row["df"] == pytest.approx(len(fw) + len(bw) - 2, rel=1e-8)
        assert (row["t"], row["p"]) == pytest.approx((test.statistic, test.pvalue), rel=1e-8)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(
            tuple(test.confidence_interval(0.95)), rel=1e-8
        )


def test_without_gaps_the_matrix_is_that_of_the_residuals():
    rows = complete()
    fit = fitted(rows, terms=["arm*visit"])
    wide = rows.sort("id", "visit")["y"].to_numpy().reshape(-1, 4)
    arm = rows.sort("id", "visit")["arm"].to_numpy().reshape(-1, 4)[:, 0]
    products = sum(np.cov(wide[arm == a].T) * ((arm == a).sum() - 1) for a in ("FW", "BW"))

    assert fit.sigma == pytest.approx(products / (len(wide) - 2), rel=1e-7)


def test_one_visit_is_the_ancova():
    last = trial().filter(pl.col("visit") == 4)
    expected = adjusted_difference(
        last.rename({"id": "participant_id"}), outcome="y", baseline="x", clinic="clinic"
    )

    fit = fitted(last, terms=["arm", "x", "clinic"])
    found = coefficients(fit, df="kenward-roger").row(1, named=True)

    assert expected.estimate is not None
    for name in ("estimate", "se", "df", "ci_low", "ci_high", "p"):
        assert found[name] == pytest.approx(getattr(expected, name), rel=1e-8)


def test_singletons_count_at_their_visit_only():
    # A participant seen once changes the mean of that visit; one more row, one more participant.
    more = pl.concat([
        trial(),
        pl.DataFrame({"id": 99, "visit": 2, "arm": "BW", "clinic": "alder", "x": 50.0, "y": 60.0},
                     schema=trial().schema),
    ])  # fmt: skip

    fit, before = fitted(more), of_structure("un")

    assert (fit.n_subjects, fit.n_rows) == (60, 204)
    moved = arm_differences(fit, **ARMS)["estimate"] - arm_differences(before, **ARMS)["estimate"]
    assert moved[1] > 0.2 and moved.abs().arg_max() == 1


def test_missing_values_are_not_carried_forward():
    filled = (
        trial()
        .sort("id", "visit")
        .with_columns(pl.col("y").fill_nan(None).forward_fill().over("id"))
    )

    assert abs(at_visit_4(fitted(filled))["estimate"] - R_REML["un"][1]) > 0.1


@given(seed=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_the_order_of_rows_does_not_matter_to_the_last_bit(seed):
    shuffled = trial().sample(fraction=1, shuffle=True, seed=seed)

    assert coefficients(fitted(shuffled)).equals(coefficients(of_structure("un")))


@given(order=st.permutations([1, 2, 3, 4]))
@settings(max_examples=10, deadline=None)
def test_an_unstructured_model_does_not_care_how_visits_are_called(order):
    renamed = trial().with_columns(
        pl.col("visit").replace(dict(zip((1, 2, 3, 4), order, strict=True)))
    )

    fit = fitted(renamed, structures=["un"])

    assert fit.minus2_log_likelihood == pytest.approx(R_REML["un"][0], rel=1e-9)
    found = arm_differences(fit, **ARMS, df="kenward-roger").filter(visit=order[3])
    assert (found["se"][0], found["df"][0]) == pytest.approx(R_REML["un"][4:6], rel=1e-6)


@given(
    scale=st.floats(1e-4, 1e4), sign=st.sampled_from([1, -1]), shift=st.floats(-1e4, 1e4),
    name=st.sampled_from(["un", "toeph", "ar1", "cs"]),
)  # fmt: skip
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_units_scale_through(scale, sign, shift, name):
    factor = scale * sign

    fit = fitted(trial().with_columns(y=factor * (pl.col("y") + shift)), structures=[name])

    before = of_structure(name)
    one, other = at_visit_4(before, "kenward-roger"), at_visit_4(fit, "kenward-roger")
    assert other["estimate"] == pytest.approx(one["estimate"] * factor, rel=1e-6)
    assert other["se"] == pytest.approx(one["se"] * scale, rel=1e-6)
    assert (other["df"], abs(other["t"])) == pytest.approx((one["df"], abs(one["t"])), rel=1e-6)
    n, p = before.n_rows, len(before.coefficients)
    value = before.minus2_log_likelihood + 2 * (n - p) * math.log(scale)
    assert fit.minus2_log_likelihood == pytest.approx(value, rel=1e-8)
    assert fit.sigma == pytest.approx(before.sigma * scale**2, rel=1e-5)


@given(shift=st.floats(-1e3, 1e3), by=st.floats(0.01, 100))
@settings(max_examples=10, deadline=None)
def test_the_unit_of_a_covariate_does_not_matter(shift, by):
    found = at_visit_4(fitted(trial().with_columns(x=by * (pl.col("x") + shift))))

    assert (found["estimate"], found["se"], found["df"]) == pytest.approx(
        R_REML["un"][1:4], rel=1e-6
    )


def test_the_sign_follows_the_order_of_the_arms():
    swapped = arm_differences(of_structure("un"), arm="arm", arms=("BW", "FW")).row(3, named=True)

    assert swapped["estimate"] == pytest.approx(-R_REML["un"][1], rel=1e-7)
    assert swapped["ci_high"] == pytest.approx(-at_visit_4(of_structure("un"))["ci_low"], rel=1e-12)


def test_the_reference_level_does_not_matter_to_a_difference():
    other = fitted(levels={"arm": ("BW", "FW"), "clinic": ("cedar", "alder", "birch")})

    assert at_visit_4(other)["estimate"] == pytest.approx(R_REML["un"][1], rel=1e-7)
    assert other.minus2_log_likelihood == pytest.approx(R_REML["un"][0], rel=1e-10)


def test_visits_in_words_stand_in_the_order_of_their_numbers():
    words = trial().with_columns(visit="week " + (pl.col("visit") * 4).cast(pl.String))

    fit = fitted(words, structures=["ar1"])

    assert fit.visits == ("week 4", "week 8", "week 12", "week 16")
    assert fit.minus2_log_likelihood == pytest.approx(R_REML["ar1"][0], rel=1e-10)
    declared = fitted(
        words, levels={"visit": ("week 4", "week 12", "week 8", "week 16")}, structures=["ar1"]
    )
    assert abs(declared.minus2_log_likelihood - R_REML["ar1"][0]) > 1


def repeated_visit(noise: float) -> pl.DataFrame:
    """A fifth visit that repeats the fourth's values but for a little noise."""
    again = (
        trial()
        .filter(pl.col("visit") == 4)
        .with_columns(visit=pl.lit(5, pl.Int64), y=pl.col("y") + noise * np.cos(np.arange(60) ** 2))
    )
    return pl.concat([trial(), again])


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (repeated_visit(0.0), "the data do not determine all its parameters, with a covariance"),
        (trial().filter((pl.col("visit") != 2) | (pl.col("id") % 2 > 0))
                .filter((pl.col("visit") != 3) | (pl.col("id") % 2 < 1)),
         "1 pairs of visits were never seen in one participant"),
    ],
)  # fmt: skip
def test_falls_back_and_says_why(frame, reason):
    fit = fitted(frame, terms=["visit", "x"])

    assert fit.structure == "toeph"
    assert [name for name, _ in fit.tried] == ["un"]
    assert fit.tried[0][1].startswith(reason)
    assert fit.note.startswith("heterogeneous Toeplitz covariance, REML; unstructured not used: ")


def test_falls_back_as_far_as_it_has_to():
    fit = fitted(trial().filter(pl.col("id") <= 4), terms=["arm*visit"])

    assert fit.structure == "ar1"
    assert [name for name, _ in fit.tried] == ["un", "toeph", "toep"]


def test_a_nearly_repeated_visit_still_converges():
    fit = fitted(repeated_visit(0.1), structures=["un"])

    found = arm_differences(fit, **ARMS)
    assert found["estimate"][4] == pytest.approx(found["estimate"][3], abs=0.1)
    assert fit.sigma[3, 4] / math.sqrt(fit.sigma[3, 3] * fit.sigma[4, 4]) > 0.999


def test_where_nothing_converges_each_reason_is_told():
    with pytest.raises(ModelRefused, match="no covariance structure converged") as refusal:
        fitted(repeated_visit(0.0), structures=["un"])
    assert "unstructured: the data do not determine" in refusal.value.where


def test_aliased_columns_are_left_out_and_named():
    doubled = trial().with_columns(x_in_cm=100 * pl.col("x") - 7)

    fit = fitted(doubled, terms=[*TERMS, "x_in_cm"])

    assert fit.notes == ("column x_in_cm is explained by others and was left out",)
    assert at_visit_4(fit)["estimate"] == pytest.approx(R_REML["un"][1], rel=1e-7)
    assert fit.minus2_log_likelihood == pytest.approx(R_REML["un"][0], rel=1e-10)


def test_an_empty_cell_has_no_difference_and_the_others_have():
    gap = trial().filter((pl.col("visit") != 3) | (pl.col("arm") != "BW"))

    fit = fitted(gap)
    found = arm_differences(fit, **ARMS)

    assert fit.notes == ("column arm[BW]:visit[3] is explained by others and was left out",)
    assert found["estimate"].is_null().to_list() == [False, False, True, False]
    assert found["ci_low"].is_null().to_list() == [False, False, True, False]
    with pytest.raises(ModelRefused, match="cannot tell"):
        joint_test(fit, arm_by_visit(fit))


def test_rows_that_repeat_others_test_nothing_more():
    fit = of_structure("un")
    rows = arm_by_visit(fit)

    twice = joint_test(fit, np.vstack([rows, rows[:1] + rows[1:2]]), df="kenward-roger")

    assert twice == pytest.approx(joint_test(fit, rows, df="kenward-roger"), rel=1e-9)


def test_one_row_tested_jointly_is_its_t_test():
    fit = of_structure("un")
    row = arm_by_visit(fit)[:1]

    for df in ("satterthwaite", "kenward-roger"):
        alone = contrasts(fit, row, ["one"], df=df).row(0, named=True)
        joint = joint_test(fit, row, df=df)
        assert joint["f"] == pytest.approx(alone["t"] ** 2, rel=1e-8)
        assert (joint["df_den"], joint["p"]) == pytest.approx((alone["df"], alone["p"]), rel=1e-8)


def test_a_wider_level_gives_a_wider_interval():
    fit = of_structure("un")

    found = arm_differences(fit, **ARMS, level=0.99).row(3, named=True)

    half = stats.t.ppf(0.995, found["df"]) * found["se"]
    assert found["ci_high"] - found["estimate"] == pytest.approx(half, rel=1e-12)


def test_rows_left_out_are_counted():
    gaps = trial().with_columns(
        x=pl.when(pl.col("id") == 1).then(None).when(pl.col("id") == 2).then(math.inf).otherwise("x"),
        clinic=pl.when(pl.col("id") == 3).then(None).otherwise("clinic"),
    )  # fmt: skip

    fit = fitted(gaps)

    assert fit.n_rows + fit.n_left_out == 240
    assert (fit.n_subjects, fit.n_rows) == (56, fitted(trial().filter(pl.col("id") > 3)).n_rows)


@pytest.mark.parametrize(
    ("frame", "changed", "what"),
    [
        (trial(), {"terms": ["arms"]}, "no column 'arms'"),
        (trial(), {"group": "sex"}, "no column 'sex'"),
        (trial(), {"terms": ["arm**visit"]}, "the term 'arm\\*\\*visit' cannot be read"),
        (trial(), {"terms": ["arm", "y"]}, "the response 'y' must be a number and in no term"),
        (trial(), {"response": "clinic", "terms": ["arm"]}, "the response 'clinic' must be a number"),
        (trial(), {"structures": ["huge"]}, "no covariance structure huge"),
        (trial(), {"structures": []}, "no covariance structure was named"),
        (trial(), {"levels": {"arm": ("FW",)}}, "column 'arm' has 1 values that are not among"),
        (trial(), {"group": "visit"}, "a participant stands in several groups of 'visit'"),
        (pl.concat([trial(), trial().head(2)]), {}, "2 rows repeat a participant and visit"),
        (trial().with_columns(id=pl.when(pl.col("id") > 1).then("id")), {}, "4 rows have no 'id'"),
        (trial().with_columns(visit=pl.when(pl.col("visit") > 1).then("visit")), {},
         "60 rows have no 'visit'"),
        (trial().with_columns(y=pl.lit(math.nan)), {}, "no row has the response and every term"),
        (trial().clear(), {}, "no row has the response and every term"),
        (trial().filter(pl.col("id") == 1), {"terms": ["visit"]}, "3 complete rows are too few"),
        (trial().with_columns(y=pl.lit(3.0)), {}, "the response has no variation left"),
        (trial().with_columns(y=2 * pl.col("x") + pl.col("visit")), {}, "no variation left"),
        (trial().with_columns(day=pl.lit("2031-01-01").str.to_date()), {"terms": ["day"]},
         "column 'day' is neither number nor text"),
    ],
)  # fmt: skip
def test_declines_with_a_reason(frame, changed, what):
    with pytest.raises(ModelRefused, match=what):
        fitted(frame, **changed)


@pytest.mark.parametrize(
    ("question", "what"),
    [
        (lambda fit: arm_differences(fit, arm="arm", arms=("FW", "UC")), "no arm 'UC'"),
        (lambda fit: arm_differences(fit, arm="x", arms=("FW", "BW")), "'x' is no factor"),
        (lambda fit: least_squares_means(fit, ["sex"]), "'sex' is no factor of the model"),
        (lambda fit: coefficients(fit, df="residual"), "no method 'residual'"),
        (lambda fit: coefficients(fit, level=95), "between 0 and 1, not 95"),
        (lambda fit: contrasts(fit, np.ones((1, 3)), ["odd"]), "has 3 numbers and the design 14"),
        (lambda fit: joint_test(fit, np.zeros((1, 14))), "every row is zero"),
        (lambda fit: coefficients(of_structure("un", reml=False), df="kenward-roger"), "REML only"),
    ],
)
def test_declines_a_question_with_a_reason(question, what):
    with pytest.raises(ModelRefused, match=what):
        question(of_structure("un"))


def test_an_error_holds_no_value_of_a_participant():
    with pytest.raises(ModelRefused) as refusal:
        fitted(trial().with_columns(arm=pl.lit("secret arm")))
    assert "secret" not in str(refusal.value)
